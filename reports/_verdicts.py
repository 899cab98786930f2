"""Better, equivalent or undecided: the verdicts on every pair, and intervals, as plain numbers for the page."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

import numpy as np

from eyecraft.pipelines._student import corrected_t
from eyecraft.pipelines.verdicts import verdicts

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
_OPPOSITE = {"better": "worse"}


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
        that have no score), ``cells`` (name -> other name -> ``verdict, difference, low, high`` as seen from the
        first, which may then be "worse"), ``n_tests`` (pairs that could be tested), ``test`` (of most pairs) and
        ``intervals`` (name -> the two ends of the mean's own interval, or None).
    """
    names = [row["name"] for row in rows if row["mean"] is not None]
    pairs = _pairs(comparison, set(names), metric) if len(names) > 1 else []
    cells: dict[str, dict[str, Any]] = {name: {} for name in names}
    for pair in pairs:
        low, high, by = pair["low"], pair["high"], pair["difference"]
        cells[pair["first"]][pair["second"]] = _cell(pair["verdict"], by, low, high)
        turned = _OPPOSITE.get(pair["verdict"], pair["verdict"])
        cells[pair["second"]][pair["first"]] = _cell(turned, *(None if x is None else -x for x in (by, high, low)))
    tests = [pair["test"] for pair in pairs if pair["p"] is not None]
    return {
        "rope": ROPE,
        "alpha": ALPHA,
        "names": names,
        "pairs": pairs,
        "cells": cells,
        "n_tests": len(tests),
        "test": statistics.mode(tests) if tests else None,
        "intervals": {row["name"]: _interval(comparison, row, metric) for row in rows},
    }


def find_pair(found: dict[str, Any], one: str, other: str) -> dict[str, Any] | None:
    """Return the pair of two pipelines, whichever of them is first."""
    return next((pair for pair in found["pairs"] if {pair["first"], pair["second"]} == {one, other}), None)


def _pairs(comparison: Comparison, names: set[str], metric: str) -> list[dict[str, Any]]:
    records = verdicts(comparison, metric, rope=ROPE, alpha=ALPHA).frame().to_dict("records")
    return [
        {
            **{key: str(pair[key]) for key in ("first", "second", "verdict", "test", "sentence", "note")},
            **{key: None if missing(pair[key]) else float(pair[key]) for key in _NUMBERS},
            "n_more_splits": None if missing(pair["n_more_splits"]) else int(pair["n_more_splits"]),
            "n_splits": int(pair["n_splits"]),
        }
        for pair in records
        if {pair["first"], pair["second"]} <= names
    ]


def _cell(verdict: str, difference: float | None, low: float | None, high: float | None) -> dict[str, Any]:
    return {"verdict": verdict, "difference": difference, "low": low, "high": high}


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
