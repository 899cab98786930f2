"""Everything a report shows, gathered before anything is drawn.

`collect` turns a comparison into one plain dictionary of strings, numbers, lists and data URIs. HTML, Markdown and the
terminal only lay it out; the figures give back the same numbers as data frames.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._answer import collect_answer
from ._outcomes import collect_confusion, collect_examples, collect_per_class, most_confused
from ._plain import plain
from ._rows import collect_rows, main_metric, metric_names, split_count
from ._run_record import collect_record
from ._sights import collect_sights
from ._studies import collect_studies
from ._studies_clean import clean_positions
from ._thumbnails import collect_thumbnails
from ._training import collect_training
from ._verdicts import collect_verdicts
from ._words import collect_words

if TYPE_CHECKING:
    from eyecraft.pipelines.comparison import Comparison
    from eyecraft.pipelines.studies import Studies

MOST_SAMPLES = 120
"""At most so many sample images in the card of the data set."""

_DATASET = ("name", "n_images", "licence", "citation", "source", "fingerprint")
_PROTOCOL = ("cv", "train_sizes", "test_sizes", "random_state", "command")

MOST_PAIRS = 6
"""How many of the most confused pairs are shown for each pipeline."""


def collect(
    comparison: Comparison, *, metric: str | None = None, thumbnails: bool = True, studies: Studies | None = None
) -> dict[str, Any]:
    """Gather all that a report draws into one plain dictionary (strings, numbers, lists: fit for JSON).

    Parameters
    ----------
    comparison : Comparison
    metric : str, optional
        The metric that sorts the table; the first one measured unless told.
    thumbnails : bool
        Whether to encode sample images; without them a report is text and numbers only.
    studies : Studies, optional
        Learning curves, robustness and what is known about the data.

    Returns
    -------
    dict
        ``answer`` (what the numbers say, in words), ``verdicts`` (on every pair), ``metric``, ``metrics``,
        ``n_splits``, ``rows`` (best first), ``per_class``, ``confusion`` (``classes``, ``counts`` and ``pairs``),
        ``examples``, ``words`` (of pipelines with visual words), ``sights`` (what each feature sees), ``training`` (of
        networks), ``curves``, ``robustness`` and ``clean`` (from the studies; None without), ``dataset``,
        ``protocol``, ``environment``,
        ``record`` (what it takes to repeat the run and to set it against another) and ``thumbnails``
        (``str(position)`` -> ``src, width, height, tiny``).

    Raises
    ------
    ValueError
        If `metric` was not measured.
    """
    metric = main_metric(comparison, metric)
    n_splits = split_count(comparison)
    rows = collect_rows(comparison, metric)
    names = [row["name"] for row in rows]
    found = collect_verdicts(comparison, rows, metric)
    confusion = collect_confusion(comparison, names)
    examples = collect_examples(comparison, rows)
    by_class = examples.pop("by_class")
    confusion["pairs"] = {
        name: _pairs(comparison, name, counts, confusion["classes"], by_class)
        for name, counts in confusion["counts"].items()
    }
    collected = {
        "answer": collect_answer(comparison, rows, found, metric),
        "verdicts": found,
        "metric": metric,
        "metrics": metric_names(comparison) or [metric],
        "n_splits": n_splits,
        "rows": rows,
        "per_class": collect_per_class(comparison, confusion),
        "confusion": confusion,
        "examples": examples,
        "words": collect_words(comparison, names, pictures=thumbnails),
        "sights": collect_sights(comparison, names, pictures=thumbnails),
        "training": collect_training(comparison, names),
        **collect_studies(comparison, studies, metric),
        "dataset": _dataset(comparison.dataset, by_class),
        "protocol": dict.fromkeys(_PROTOCOL) | plain(comparison.protocol),
        "environment": {"date": None} | plain(comparison.environment),
        "record": collect_record(comparison, studies),
    }
    wanted = _positions(collected) if thumbnails else set()
    return collected | {"thumbnails": collect_thumbnails(comparison, wanted)}


def _pairs(
    comparison: Comparison, name: str, counts: list[list[int]], classes: list[str], by_class: dict[str, list[int]]
) -> list[dict[str, Any]]:
    """List the most confused pairs with one misread image and one image of the class it was taken for."""
    predictions = comparison.predictions
    found = predictions[predictions["pipeline"] == name]
    first = found.assign(label=found["label"].astype(str), predicted=found["predicted"].astype(str))
    first = first.drop_duplicates(["label", "predicted"]).set_index(["label", "predicted"])["index"]
    return [
        pair
        | {
            "index": int(first.loc[(pair["label"], pair["predicted"])]),
            "like": next(iter(by_class.get(pair["predicted"], [])), None),
        }
        for pair in most_confused(counts, classes, MOST_PAIRS)
    ]


def _dataset(dataset: dict[str, Any], by_class: dict[str, list[int]]) -> dict[str, Any]:
    known = dict.fromkeys(_DATASET) | plain(dataset)
    names = [str(name) for name in known.get("class_names") or list(by_class)]
    counts = known.get("class_counts") or {}
    if not isinstance(counts, dict):
        counts = dict(zip(names, counts, strict=False))
    each = 8 if len(names) <= 10 else 4 if len(names) <= 30 else 1
    shown = [name for name in names if name in by_class][:MOST_SAMPLES]
    return known | {
        "class_names": names,
        "class_counts": {str(name): int(count) for name, count in counts.items()},
        "skipped": known.get("skipped") or [],
        "samples": [{"label": name, "indices": _evenly(by_class[name], each)} for name in shown],
        "n_without_sample": len(names) - len(shown),
    }


def _evenly(positions: list[int], most: int) -> list[int]:
    """Take `most` of the positions, the first one always and the others evenly spaced."""
    step = max(1, len(positions) / most)
    return [positions[int(k * step)] for k in range(min(most, len(positions)))]


def _positions(collected: dict[str, Any]) -> set[int]:
    """Return the positions of all images the report shows."""
    examples, duel = collected["examples"], collected["examples"]["duel"] or {}
    shown = [*examples["samples"], *examples["all_wrong"]]
    shown += [*duel.get("left_examples", []), *duel.get("right_examples", [])]
    positions = {example["index"] for example in shown}
    positions |= {index for sample in collected["dataset"]["samples"] for index in sample["indices"]}
    for pairs in collected["confusion"]["pairs"].values():
        positions |= {pair[key] for pair in pairs for key in ("index", "like") if pair[key] is not None}
    return positions | clean_positions(collected["clean"])
