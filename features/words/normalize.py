"""Normalisation of pooled codes: steps with a name and a scope, done in the order given."""

from collections.abc import Sequence

import numpy as np

SCOPES = ("cell", "level")
STEPS = ("l1", "l2", "power", "intra")
NAMES = (*STEPS, *(f"{scope}:{step}" for scope in SCOPES for step in ("l1", "l2")))

#: What each encoding's authors did, or found best.
USUAL = {
    "hard": ("l1",),
    "soft": ("l1",),
    "llc": ("l2",),
    "triangle": ("l2",),
    "vlad": ("power", "cell:l2", "l2"),
    "fisher": ("power", "cell:l2", "l2"),
}


def normalize_levels(
    levels: Sequence[np.ndarray], steps: Sequence[str], level_weights: Sequence[float] | None
) -> np.ndarray:
    """Normalise the levels of a pyramid and join them into one row.

    Parameters
    ----------
    levels : sequence of ndarray of shape (n_cells, n_words) or (n_cells, n_words, length)
    steps : sequence of str
        "power" takes signed square roots; "intra" brings each word of each cell to unit l2 norm, or each cell where a
        word has but one number; "cell:l1", "cell:l2", "level:l1", "level:l2" normalise each cell or each level, "l1"
        and "l2" the whole row.
    level_weights : sequence of float, optional
        Factors of the levels, applied just before the first step on the whole row, else at the end.

    Returns
    -------
    row : ndarray of shape (n_features,), float32
        What is zero throughout its scope stays zero.
    """
    parts = [np.asarray(level, np.float32).reshape(len(level), *level.shape[1:]) for level in levels]
    weights = [1.0] * len(parts) if level_weights is None else list(level_weights)
    whole = next((i for i, step in enumerate(steps) if step in ("l1", "l2")), len(steps))
    for step in steps[:whole]:
        parts = [_within_level(part, step) for part in parts]
    row = np.concatenate([np.float32(weight) * part.ravel() for weight, part in zip(weights, parts, strict=True)])
    for step in steps[whole:]:
        row = _signed_root(row) if step == "power" else _divided(row, step, 0)
    return row


def _within_level(part: np.ndarray, step: str) -> np.ndarray:
    if step == "power":
        return _signed_root(part)
    if step == "intra":
        return _divided(part, "l2", part.ndim - 1)
    scope, norm = step.split(":")
    return _divided(part, norm, 1 if scope == "cell" else 0)


def _divided(part: np.ndarray, norm: str, first_axis: int) -> np.ndarray:
    """Divide by the norm over the axes from *first_axis* on; leave zeros."""
    axes = tuple(range(first_axis, part.ndim))
    size = np.abs(part).sum(axes, keepdims=True) if norm == "l1" else np.sqrt((part * part).sum(axes, keepdims=True))
    return np.divide(part, size, out=np.zeros_like(part), where=size > 0)


def _signed_root(part: np.ndarray) -> np.ndarray:
    return np.sign(part) * np.sqrt(np.abs(part))
