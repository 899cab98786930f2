"""What each pipeline answered: confusion counts, per-class scores, and which images are right for whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ._answer import HAND_CRAFTED, LEARNED

if TYPE_CHECKING:
    from eyecraft.pipelines.comparison import Comparison


def class_list(comparison: Comparison) -> list[str]:
    """Return the class names of the data set, then any further label that was met, as strings."""
    names = [str(name) for name in comparison.dataset.get("class_names") or []]
    found = pd.unique(pd.concat([comparison.predictions["label"], comparison.predictions["predicted"]]).dropna())
    return names + sorted({str(name) for name in found} - set(names))


def collect_confusion(comparison: Comparison, order: list[str] | None = None) -> dict[str, Any]:
    """Count the answers of every pipeline, summed over all splits.

    Parameters
    ----------
    comparison : Comparison
    order : list of str, optional
        Names of the pipelines, in the order wanted; that of the predictions unless told.

    Returns
    -------
    dict
        ``classes`` (list of str) and ``counts``: pipeline name -> ``(n_classes, n_classes)`` nested list, rows the
        true class and columns the answer. A pipeline without predictions is left out.
    """
    classes = class_list(comparison)
    codes = {name: code for code, name in enumerate(classes)}
    counts = {}
    by_pipeline = dict(list(comparison.predictions.dropna(subset=["predicted"]).groupby("pipeline", sort=False)))
    for name in order or list(by_pipeline):
        if name not in by_pipeline:
            continue
        found = by_pipeline[name]
        true = found["label"].astype(str).map(codes).to_numpy()
        answer = found["predicted"].astype(str).map(codes).to_numpy()
        n = len(classes)
        counts[name] = np.bincount(true * n + answer, minlength=n * n).reshape(n, n).tolist()
    return {"classes": classes, "counts": counts}


def most_confused(counts: list[list[int]], classes: list[str], most: int = 8) -> list[dict[str, Any]]:
    """List the mistakes made most often: true class, answer, how many of how many tests.

    Examples
    --------
    >>> most_confused([[8, 2], [0, 5]], ["cat", "dog"])
    [{'label': 'cat', 'predicted': 'dog', 'count': 2, 'of': 10}]
    """
    table = np.array(counts)
    totals = table.sum(axis=1)
    wrong = table - np.diag(np.diag(table))
    shares = wrong / np.maximum(totals, 1)[:, None]
    order = np.lexsort((-shares.ravel(), -wrong.ravel()))[:most]
    pairs = [divmod(int(cell), len(classes)) for cell in order]
    return [
        {"label": classes[row], "predicted": classes[col], "count": int(wrong[row, col]), "of": int(totals[row])}
        for row, col in pairs
        if wrong[row, col]
    ]


def collect_per_class(comparison: Comparison, confusion: dict[str, Any] | None = None) -> dict[str, Any]:
    """Collect the share of each class's test images that each pipeline got right, pooled over splits.

    Returns
    -------
    dict
        ``classes``; ``support`` (test answers per class, all splits together); ``scores``: pipeline name -> one number
        per class, None for a class that was never tested; ``absent``: splits whose test set lacks a class, with the
        names of those classes.
    """
    confusion = confusion or collect_confusion(comparison)
    support = np.zeros(len(confusion["classes"]), dtype=int)
    scores = {}
    for name, counts in confusion["counts"].items():
        table = np.array(counts)
        totals = table.sum(axis=1)
        support = np.maximum(support, totals)
        right = np.diag(table)
        scores[name] = [float(r / n) if n else None for r, n in zip(right, totals, strict=True)]
    return {
        "classes": confusion["classes"],
        "support": support.tolist(),
        "scores": scores,
        "absent": _absent(comparison, confusion["classes"]),
    }


def _absent(comparison: Comparison, classes: list[str]) -> list[dict[str, Any]]:
    tested = comparison.predictions.groupby("split")["label"].unique()
    missing = [(int(split), set(classes) - {str(label) for label in labels}) for split, labels in tested.items()]
    return [{"split": split, "classes": [name for name in classes if name in gone]} for split, gone in missing if gone]


def collect_examples(
    comparison: Comparison, rows: list[dict[str, Any]], *, n_samples: int = 9, n_each: int = 9, random_state: int = 0
) -> dict[str, Any]:
    """Pick the test images worth looking at. Each image counts once, in the first split that tests it.

    Parameters
    ----------
    comparison : Comparison
    rows : list of dict
        As `collect_rows` returns them; only pipelines that finished every split are asked.
    n_samples, n_each : int
        How many images to show at random, and in each of the other galleries.
    random_state : int
        Seed of the random sample.

    Returns
    -------
    dict
        ``pipelines``, ``n_images``, ``right_by`` (how many images 0, 1, ... pipelines got right), ``samples``,
        ``all_wrong``, ``n_all_wrong``, ``duel`` (two pipelines image by image, or None) and ``by_class`` (class ->
        positions of test images). An example is ``index, split, label, answers`` (pipeline -> answer), ``n_right``.
    """
    names = [row["name"] for row in rows if row["complete"]]
    tests = _first_tests(comparison)
    answers = _answers(comparison, tests, names)
    labels = tests["label"].to_numpy(dtype=object)
    right = answers == labels[:, None]
    n_right = right.sum(axis=1)

    def examples(mask: np.ndarray, most: int, order: np.ndarray | None = None) -> list[dict[str, Any]]:
        return [
            {
                "index": int(tests["index"].iloc[pick]),
                "split": int(tests["split"].iloc[pick]),
                "label": str(labels[pick]),
                "answers": {name: str(answer) for name, answer in zip(names, answers[pick], strict=True)},
                "n_right": int(n_right[pick]),
            }
            for pick in _spread(np.flatnonzero(mask), labels, most, order)
        ]

    shuffled = np.random.default_rng(random_state).permutation(len(tests))
    nobody = (n_right == 0) & bool(names)
    return {
        "pipelines": names,
        "n_images": len(tests),
        "right_by": [int((n_right == k).sum()) for k in range(len(names) + 1)] if names else [],
        "samples": examples(np.ones(len(tests), dtype=bool), n_samples, shuffled),
        "all_wrong": examples(nobody, n_each, -_agreement(answers)),
        "n_all_wrong": int(nobody.sum()),
        "duel": _duel(rows, names, right, examples, n_each),
        "by_class": {
            str(label): found["index"].astype(int).tolist() for label, found in tests.groupby("label", sort=False)
        },
    }


def _first_tests(comparison: Comparison) -> pd.DataFrame:
    """Return one row per tested image: the first split that tests it."""
    tests = comparison.predictions[["split", "index", "label"]].drop_duplicates(["split", "index"])
    tests = tests.sort_values(["split", "index"], kind="stable").drop_duplicates("index")
    return tests.assign(label=tests["label"].astype(str)).sort_values("index").reset_index(drop=True)


def _answers(comparison: Comparison, tests: pd.DataFrame, names: list[str]) -> np.ndarray:
    """Return the answers to `tests` as strings, ``(n_tests, n_pipelines)``."""
    answers = np.full((len(tests), len(names)), "", dtype=object)
    keys = pd.MultiIndex.from_frame(tests[["split", "index"]])
    for column, name in enumerate(names):
        found = comparison.predictions[comparison.predictions["pipeline"] == name]
        answers[:, column] = found.set_index(["split", "index"])["predicted"].astype(str).reindex(keys).to_numpy()
    return answers


def _spread(found: np.ndarray, labels: np.ndarray, most: int, order: np.ndarray | None) -> list[int]:
    """Take `most` of `found`, lowest `order` first, one per class before a second of any class."""
    ranked = found if order is None else found[np.argsort(order[found], kind="stable")]
    rounds: dict[str, int] = {}
    turn = []
    for pick in ranked:
        turn.append(rounds.get(labels[pick], 0))
        rounds[labels[pick]] = turn[-1] + 1
    return [int(pick) for pick in ranked[np.argsort(turn, kind="stable")][:most]]


def _agreement(answers: np.ndarray) -> np.ndarray:
    """Count how many pipelines give the commonest answer: where all are wrong, agreement hints at a wrong label."""
    same = [(answers == answers[:, [column]]).sum(axis=1) for column in range(answers.shape[1])]
    return np.max(same, axis=0) if same else np.zeros(len(answers), dtype=int)


def _duel(
    rows: list[dict[str, Any]], names: list[str], right: np.ndarray, examples: Callable[..., Any], n_each: int
) -> dict[str, Any] | None:
    """Set the best hand-crafted against the best learned pipeline, or the first two where one kind is missing."""
    done = [row for row in rows if row["name"] in names]
    if len(done) < 2:
        return None
    hand = next((row for row in done if row["kind"] == HAND_CRAFTED), None)
    learned = next((row for row in done if row["kind"] == LEARNED), None)
    one, other = (hand, learned) if hand and learned else done[:2]
    a, b = right[:, names.index(one["name"])], right[:, names.index(other["name"])]
    votes = np.array([1 if row["kind"] == one["kind"] else -1 for row in done]) * (one["kind"] != other["kind"])
    lead = right @ votes  # how many more of the one kind than of the other got the image right
    return {
        "left": one["name"],
        "left_kind": one["kind"],
        "right": other["name"],
        "right_kind": other["kind"],
        "both_right": int((a & b).sum()),
        "both_wrong": int((~a & ~b).sum()),
        "only_left": int((a & ~b).sum()),
        "only_right": int((~a & b).sum()),
        "left_examples": examples(a & ~b, n_each, -lead),
        "right_examples": examples(~a & b, n_each, lead),
    }
