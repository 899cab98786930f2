"""How many labels? Learning curves as a report tells them: curves, crossings in sentences, what more labels bring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._format import difference_text, is_share, missing, names_text, plural, score_text
from ._plain import plain

if TYPE_CHECKING:
    import pandas as pd

    from eyecraft.pipelines.learning_curves import LearningCurves

_MOST_SENTENCES = 4
_MOST_OF_A_KIND = 4  # so many of the best of each are set against each other
_MOST_OF_ONE_KIND = 6
_LEVELLED = 0.01  # one point: less than this is said to change little


def collect_curves(curves: LearningCurves, metric: str) -> dict[str, Any] | None:
    """Gather learning curves; None where no pipeline has a score.

    Returns
    -------
    dict
        ``metric, sizes, n_splits, how, lead`` (sentences), ``lines`` (best at the largest size first: ``name, kind,
        points`` of ``size, mean, sd, low, high``), ``crossings`` (``sentence, leader, size, low, high``), of which the
        first ``n_shown`` are to be seen at once, and ``failed`` (``name, error``).
    """
    asked = list(curves.protocol["metrics"])
    metric = metric if metric in asked else "balanced_accuracy" if "balanced_accuracy" in asked else asked[0]
    frame = curves.frame(metric)
    if frame.empty:
        return None
    lines = _lines(frame)
    found = _crossings(curves, metric, lines)
    sizes = sorted({point["size"] for line in lines for point in line["points"]})
    n_splits = int(curves.protocol["n_splits"])
    drawn = "drawn once" if n_splits == 1 else f"drawn {n_splits} times"
    each = "training images" if sizes[-1] > 1 else "training image"
    return {
        "metric": metric,
        "sizes": sizes,
        "n_splits": n_splits,
        "how": f"Trained on {names_text([str(size) for size in sizes], 20)} {each} per class, {drawn}; all pipelines "
        "and sizes of a draw are tested on the same images.",
        "lead": _lead(lines, sizes, metric),
        "lines": lines,
        "crossings": found,
        "n_shown": min(len(found), max(1, sum(one["size"] is not None for one in found)), _MOST_SENTENCES),
        "failed": [
            {"name": str(name), "error": str(error)}
            for name, error in zip(curves.pipelines["name"], curves.pipelines["error"], strict=True)
            if not missing(error)
        ],
    }


def _lines(frame: pd.DataFrame) -> list[dict[str, Any]]:
    lines = []
    for name, found in frame.groupby("pipeline", sort=False):
        points = [
            {key: plain(row[key]) for key in ("size", "mean", "sd", "low", "high")} for row in found.to_dict("records")
        ]
        lines.append({"name": str(name), "kind": str(found["kind"].iloc[0]), "points": points})
    return sorted(lines, key=lambda line: (-line["points"][-1]["size"], -line["points"][-1]["mean"]))


def _lead(lines: list[dict[str, Any]], sizes: list[int], metric: str) -> str:
    """Say who is best with few and with many labels, and whether more labels would help."""
    few, many = _best_at(lines, sizes[0]), _best_at(lines, sizes[-1])
    scores = [score_text(_mean_at(line, size), metric) for line, size in ((few, sizes[0]), (many, sizes[-1]))]
    at = plural(sizes[0], "image") + " per class"
    if len(sizes) == 1:
        return f"With {at} {few['name']} is best ({scores[0]})."
    if few is many:
        text = f"{few['name']} is best with {at} ({scores[0]}) and with {sizes[-1]:,} ({scores[1]})."
    else:
        text = f"With {at} {few['name']} is best ({scores[0]}), with {sizes[-1]:,} {many['name']} ({scores[1]})."
    last, before = _mean_at(many, sizes[-1]), _mean_at(many, sizes[-2])
    if last is None or before is None or not is_share(metric):
        return text
    step, gain = f"From {sizes[-2]:,} to {sizes[-1]:,}", last - before
    if gain >= _LEVELLED:
        return f"{text} {step} it still gains {difference_text(gain, metric)}: more labels would help."
    return f"{text} {step} it gains less than a point: more labels of this kind would change little."


def _mean_at(line: dict[str, Any], size: int) -> float | None:
    return next((point["mean"] for point in line["points"] if point["size"] == size), None)


def _best_at(lines: list[dict[str, Any]], size: int) -> dict[str, Any]:
    there = [line for line in lines if _mean_at(line, size) is not None]
    return max(there, key=lambda line: _mean_at(line, size) or 0.0)


def _crossings(curves: LearningCurves, metric: str, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the pairs worth a sentence: the best of each kind, then the curves that cross, then the others.

    Where all are of one kind, the best at the largest size is set against the following ones.
    """
    kinds = {line["name"]: line["kind"] for line in lines}
    crafted, learned = (
        [name for name in kinds if kinds[name] == kind][:_MOST_OF_A_KIND] for kind in ("hand-crafted", "learned")
    )
    pairs = [(one, other) for one in crafted for other in learned]
    if not pairs:
        names = list(kinds)
        pairs = [(names[0], other) for other in names[1 : 1 + _MOST_OF_ONE_KIND]]
    if not pairs:
        return []
    rows = curves.crossings(metric, pairs=pairs).to_dict("records")
    first, rest = rows[:1], rows[1:]
    rest.sort(key=lambda row: missing(row["size"]))
    keys = ("sentence", "leader", "size", "low", "high")
    infinite = float("inf")
    return [{key: None if row[key] == infinite else plain(row[key]) for key in keys} for row in first + rest]
