"""Better, equivalent or undecided: the verdicts on every pair, and intervals, as plain numbers for the page."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

import numpy as np

from eyecraft.pipelines._student import corrected_t
from eyecraft.pipelines.verdicts import Verdicts, verdicts

from ._format import is_share, missing

if TYPE_CHECKING:
    from eyecraft.pipelines.comparison import Comparison

ROPE = 0.01
"""Differences up to this size (one point of accuracy) make no practical difference."""

ALPHA = 0.05

_NUMBERS = (
    "difference",
    "low",
    "high",
    "p",
    "p_holm",
    "probability_better",
    "probability_equivalent",
    "probability_worse",
    "effect_size",
    "smallest_detectable",
)
_OPPOSITE = {"better": "worse", "barely better": "barely worse"}

SYMBOLS = {
    "better": "▲",
    "barely better": "≳",
    "worse": "▽",
    "barely worse": "≲",
    "equivalent": "=",
    "undecided": "?",
}
"""Marks of the verdicts on a row against a column, wherever there is no room for words."""


def collect_verdicts(comparison: Comparison, rows: list[dict[str, Any]], metric: str) -> dict[str, Any]:
    """Judge every pair of pipelines that has a score, and say how surely each mean is known.

    Parameters
    ----------
    comparison : Comparison
    rows : list of dict
        As `collect_rows` returns them.
    metric : str

    Returns
    -------
    dict
        ``rope, alpha, names`` (as in *rows*), ``pairs`` (dictionaries as in `Verdicts.frame`, without the pipelines
        that have no score), ``cells`` (name -> other name -> ``verdict, difference, low, high, p, p_holm`` as seen from
        the first, which may then be "worse"; "barely" where it is slight), ``against`` (name -> the same against the
        best of *rows*, judged by these comparisons alone, with ``p_adjusted, n_more_splits`` and ``likely``: how
        probable it is that the best is better by more than *rope*), ``n_against`` (how many those are), ``n_tests``
        (pairs that could be tested), ``test`` (of most pairs), ``cv`` (how splits were made) and ``intervals``
        (name -> the two ends of the mean's own interval, or None).
    """
    names = [row["name"] for row in rows if row["mean"] is not None]
    told = verdicts(comparison, metric, rope=ROPE, alpha=ALPHA) if len(names) > 1 else None
    pairs = _pairs(told, set(names)) if told else []
    cells: dict[str, dict[str, Any]] = {name: {} for name in names}
    for pair in pairs:
        shown = {key: pair[key] for key in ("verdict", "difference", "low", "high", "p", "p_holm")}
        cells[pair["first"]][pair["second"]] = shown
        cells[pair["second"]][pair["first"]] = _turned(shown)
    against = _against(told, names) if told else {}
    tests = [pair["test"] for pair in pairs if pair["p"] is not None]
    return {
        "rope": ROPE,
        "alpha": ALPHA,
        "names": names,
        "pairs": pairs,
        "cells": cells,
        "against": against,
        "n_against": sum(one["p"] is not None for one in against.values()),
        "n_tests": len(tests),
        "test": statistics.mode(tests) if tests else None,
        "cv": str(comparison.protocol.get("cv") or ""),
        "intervals": {row["name"]: _interval(comparison, row, metric) for row in rows},
    }


def find_pair(found: dict[str, Any], one: str, other: str) -> dict[str, Any] | None:
    """Return the pair of two pipelines, whichever of them is first."""
    return next((pair for pair in found["pairs"] if {pair["first"], pair["second"]} == {one, other}), None)


def _pairs(told: Verdicts, names: set[str]) -> list[dict[str, Any]]:
    return [
        {
            **{key: str(pair[key]) for key in ("first", "second", "test", "sentence", "note")},
            "verdict": _shown(pair),
            **{key: None if missing(pair[key]) else float(pair[key]) for key in _NUMBERS},
            "n_more_splits": None if missing(pair["n_more_splits"]) else int(pair["n_more_splits"]),
            "n_splits": int(pair["n_splits"]),
        }
        for pair in told.frame().to_dict("records")
        if {pair["first"], pair["second"]} <= names
    ]


def _shown(pair: dict[Any, Any]) -> str:
    return f"barely {pair['verdict']}" if pair["slight"] else str(pair["verdict"])


def _turned(cell: dict[str, Any]) -> dict[str, Any]:
    """Return a cell as seen from the other side."""
    signed = {"difference": cell["difference"], "low": cell["high"], "high": cell["low"]}
    turned = {key: None if value is None else -value for key, value in signed.items()}
    opposite = _OPPOSITE | {worse: better for better, worse in _OPPOSITE.items()}
    return cell | turned | {"verdict": opposite.get(cell["verdict"], cell["verdict"])}


def _against(told: Verdicts, names: list[str]) -> dict[str, dict[str, Any]]:
    """Return how each of the others stands against the best, from its own side."""
    found = told.against(names[0])
    numbers = ("difference", "low", "high", "p", "p_adjusted")
    against = {}
    for row in (
        found.loc[[name for name in names[1:] if name in found.index]].reset_index(names="name").to_dict("records")
    ):
        cell = {key: None if missing(row[key]) else float(row[key]) for key in numbers} | {"verdict": _shown(row)}
        against[str(row["name"])] = _turned(cell) | {
            "likely": None if missing(row["probability_better"]) else float(row["probability_better"]),
            "n_more_splits": None if missing(row["n_more_splits"]) else int(row["n_more_splits"]),
        }
    return against


def _interval(comparison: Comparison, row: dict[str, Any], metric: str) -> list[float] | None:
    """Return the ends of the mean's interval, widened for the images that splits share (Nadeau and Bengio)."""
    splits = [split for split, value in enumerate(row["values"]) if value is not None]
    sizes = [comparison.protocol.get(key) for key in ("train_sizes", "test_sizes")]
    if len(splits) < 2 or not all(sizes):
        return None
    train, test = (statistics.fmean(each[split] for split in splits) for each in sizes if each)
    estimate = corrected_t(np.array([row["values"][split] for split in splits]), test / train)
    if estimate is None:
        return None
    low, high = estimate.interval(ALPHA)
    return [max(low, 0.0), min(high, 1.0)] if is_share(metric) else [low, high]
