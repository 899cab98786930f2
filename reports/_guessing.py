"""What blind guessing gets, and which scores are worth a price."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eyecraft.pipelines.comparison import Comparison

_WORTH = 0.1
"""Share of the way from blind guessing to no mistake at all below which no price is low enough."""


def guess_of(comparison: Comparison, metric: str) -> float | None:
    """Return what blind guessing gets of each class; None for metrics of which that is not known."""
    n_classes = len(comparison.dataset.get("class_names") or [])
    return 1 / n_classes if n_classes and metric in ("accuracy", "balanced_accuracy") else None


def is_worth_a_price(score: float, guess: float | None) -> bool:
    """Tell whether a score is clearly above blind guessing.

    Examples
    --------
    >>> is_worth_a_price(0.2, 1 / 6), is_worth_a_price(0.3, 1 / 6), is_worth_a_price(-0.7, None)
    (False, True, True)
    """
    return guess is None or score >= guess + _WORTH * (1 - guess)
