"""How much is left under perturbations, and how sure that is: areas under curves, from the answers to every image.

All areas are linear in what was right, or ratios of that, so that their standard errors follow from one number per
image: what it adds to the area. Two pipelines were asked about the same images; the error of their difference is that
of the differences image by image.
"""

from typing import Any

import numpy as np
import pandas as pd

MOST = 1.96  # standard errors that two pipelines may be apart without one being called better
_Found = tuple[float, float, np.ndarray | None]  # value, standard error, what each image adds to it


def packed(right: np.ndarray) -> str:
    """Return booleans as hexadecimal text, four to a digit.

    >>> packed(np.array([True, False, True, True, False]))
    'b0'
    """
    return np.packbits(right.astype(bool)).tobytes().hex()


def unpacked(text: str, n_images: int) -> np.ndarray:
    """Return the booleans that `packed` wrote.

    >>> unpacked('b0', 5).astype(int).tolist()
    [1, 0, 1, 1, 0]
    """
    return np.unpackbits(np.frombuffer(bytes.fromhex(text), dtype=np.uint8))[:n_images].astype(bool)


class Areas:
    """The areas of all pipelines of a `Robustness`.

    Parameters
    ----------
    scores : DataFrame
        Those of one metric: ``pipeline, perturbation, step, value, standard_error``.
    answers : DataFrame
        ``pipeline, perturbation, step, right``; may be empty, there are no errors then.
    protocol : dict
        With ``levels``, and ``labels`` (class of each image, as numbers) where there are answers.
    chance : float
        What guessing gets.
    by_class : bool
        Whether the mean of the metric is over classes.
    """

    def __init__(
        self, scores: pd.DataFrame, answers: pd.DataFrame, protocol: dict[str, Any], chance: float, *, by_class: bool
    ) -> None:
        self.kinds = list(protocol["levels"])
        self.chance = chance
        self._n_steps = {kind: len(protocol["levels"][kind]) + 1 for kind in self.kinds}
        self._labels = np.asarray(protocol.get("labels") or [], dtype=np.int64)
        self._weights = _weights(self._labels, by_class)
        ordered = scores.sort_values("step", kind="stable")
        self._curves = dict(list(ordered.groupby(["pipeline", "perturbation"])))
        self._right = dict(answers.sort_values("step").groupby(["pipeline", "perturbation"])["right"].agg(list))

    def row(self, name: str) -> dict[str, _Found]:
        """Return the areas of a pipeline by column; missing ones are NaN."""
        clean = self._clean(name)
        curves = {kind: self._area(name, kind) for kind in self.kinds}
        found = {"clean": clean, "score": self._mean(list(curves.values()))}
        kept = {kind: self._kept(area, clean) for kind, area in curves.items()}
        return {**found, **kept, "mean": self._mean(list(kept.values()))}

    def apart(self, one: _Found, other: _Found) -> bool:
        """Tell whether the first is ahead of the second by more than the images leave open."""
        if one[2] is None or other[2] is None:
            return one[0] > other[0]
        return one[0] - other[0] > MOST * self._error(one[2] - other[2])

    def _clean(self, name: str) -> _Found:
        for kind in self.kinds:
            curve = self._curves.get((name, kind))
            if curve is not None and curve["step"].iloc[0] == 0:
                right = self._matrix(name, kind)
                adds = None if right is None else right[:, 0].astype(float)
                return float(curve["value"].iloc[0]), float(curve["standard_error"].iloc[0]), adds
        return float("nan"), float("nan"), None

    def _area(self, name: str, kind: str) -> _Found:
        """Return the mean score over equally spaced steps, by trapezoids."""
        curve = self._curves.get((name, kind))
        if curve is None or len(curve) != self._n_steps[kind]:
            return float("nan"), float("nan"), None
        value = float(np.trapezoid(curve["value"].to_numpy(float)) / (len(curve) - 1))
        right = self._matrix(name, kind)
        if right is None:
            return value, float("nan"), None
        adds = np.trapezoid(right.astype(float), axis=1) / (len(curve) - 1)
        return value, self._error(adds), adds

    def _kept(self, area: _Found, clean: _Found) -> _Found:
        """Return the share of what is above chance that an area keeps."""
        above = clean[0] - self.chance
        if not above > 2 * np.nan_to_num(clean[1]):
            return float("nan"), float("nan"), None
        kept = (area[0] - self.chance) / above
        if area[2] is None or clean[2] is None:
            return kept, float("nan"), None
        adds = (area[2] - kept * clean[2]) / above  # the ratio, linear about its value
        return kept, self._error(adds), adds

    def _mean(self, parts: list[_Found]) -> _Found:
        value = float(np.mean([part[0] for part in parts]))
        each = [part[2] for part in parts if part[2] is not None]
        if not np.isfinite(value) or len(each) < len(parts):
            return value, float("nan"), None
        adds: np.ndarray = np.mean(each, axis=0)
        return value, self._error(adds), adds

    def _matrix(self, name: str, kind: str) -> np.ndarray | None:
        texts = self._right.get((name, kind))
        if texts is None or len(texts) != self._n_steps[kind] or not len(self._labels):
            return None
        return np.stack([unpacked(text, len(self._labels)) for text in texts], axis=1)

    def _error(self, adds: np.ndarray) -> float:
        """Return the standard error of the weighted sum, had other images of the same classes been drawn."""
        counts = np.bincount(self._labels)
        means = np.bincount(self._labels, weights=adds) / np.maximum(counts, 1)
        alone = counts[self._labels] == 1  # a class of one image: as far from the mean of all as it is
        away = np.where(alone, adds - adds.mean(), adds - means[self._labels])
        grown = np.where(alone, 1.0, counts[self._labels] / np.maximum(counts[self._labels] - 1, 1))
        return float(np.sqrt(np.sum(grown * (self._weights * away) ** 2)))


def _weights(labels: np.ndarray, by_class: bool) -> np.ndarray:
    """Return what each image weighs in the mean."""
    if not len(labels):
        return np.empty(0)
    counts = np.bincount(labels)
    if not by_class:
        return np.full(len(labels), 1 / len(labels))
    weights: np.ndarray = 1 / (counts[labels] * (counts > 0).sum())
    return weights
