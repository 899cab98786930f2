"""How much every descriptor of an image speaks for a class, where a linear classifier sits on a bag of visual words.

The score of a class is a sum over the numbers that the classifier is given, each of which comes from one number of the
bag's row (one word in one cell of the pyramid), as long as every step between them works number by number. That share
of the score is handed on to the descriptors that made the number. What speaks for all classes alike decides nothing, so
votes are those for one class less the mean over all classes: together they are the class's lead over that mean, apart
from the lead that an image without any words would have.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from sklearn.kernel_approximation import AdditiveChi2Sampler
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MaxAbsScaler, Normalizer, StandardScaler

from eyecraft.features import BagOfVisualWords, Chi2Map, Descriptors, Hellinger
from eyecraft.features.words._encoder import Encoder
from eyecraft.features.words._projection import relative_places
from eyecraft.features.words.pyramid import finest_cells, locate

from ._sights_views import extractors_of

# Steps that turn each number of a row into one or more numbers of its own: output k belongs to input k mod n.
_SCALING = (StandardScaler, MaxAbsScaler, Normalizer)
_CURVED = (Chi2Map, Hellinger, AdditiveChi2Sampler)
_ONE_NUMBER_PER_WORD = ("hard", "soft", "llc", "triangle")
_AT_ONCE = 512  # descriptors whose codes are in memory at a time
_ALMOST = 1e-5  # relative difference between two roundings of the same code
_AGREE = 1e-3  # of the votes' size: by so much their sum may miss the score


class NoVotesError(ValueError):
    """The score of this pipeline cannot be handed on to descriptors; the message says why."""


@dataclass(frozen=True)
class Votes:
    """Votes of an image's descriptors for one class.

    Attributes
    ----------
    each : ndarray of shape (n_descriptors,), float32
        In units of the classifier's scores; ``each.sum() + base == lead`` up to rounding.
    lead : float
        The classifier's score for the class less the mean of its scores for all classes.
    base : float
        The same for an image that shows no words.
    """

    each: np.ndarray
    lead: float
    base: float


class _Codes(NamedTuple):
    """The codes of an image that are not zero: whose, of which word, how much."""

    descriptors: np.ndarray
    words: np.ndarray
    values: np.ndarray


def fitted_bag(estimator: Any) -> BagOfVisualWords | None:
    """Return the bag of visual words that a fitted pipeline begins with, the first one where there are several.

    It may be one of several features side by side, and stand inside a `TrainingSpan`.
    """
    bags = (one for one in extractors_of(estimator) if isinstance(one, BagOfVisualWords) and hasattr(one, "words_"))
    return next(bags, None)


def _steps(estimator: Any) -> list[Any]:
    """Return the steps of a pipeline, or of the best one of a search; an extractor alone is a single step."""
    estimator = getattr(estimator, "best_estimator_", estimator)
    steps = [step for _, step in estimator.steps] if isinstance(estimator, Pipeline) else [estimator]
    return [step for step in steps if step not in (None, "passthrough")]


class Ballot:
    """A fitted pipeline of bag, steps that work number by number, and linear classifier.

    Parameters
    ----------
    estimator : Pipeline or fitted search over one

    Raises
    ------
    NoVotesError
        The pipeline is another one.
    """

    def __init__(self, estimator: Any) -> None:
        bag = fitted_bag(estimator)
        if bag is None:
            raise NoVotesError("the pipeline does not begin with a bag of visual words")
        self.encoder: Encoder = bag._encoder()
        *_, classifier = steps = _steps(estimator)
        if steps[0] is not bag:
            raise NoVotesError(
                f"the classifier does not see the words themselves but what {type(steps[0]).__name__} makes of them"
            )
        self.between = steps[1:-1]
        for step in self.between:
            if not isinstance(step, _SCALING + _CURVED):
                raise NoVotesError(f"{type(step).__name__} between the words and the classifier mixes the words")
        weights = getattr(classifier, "coef_", None)
        if not isinstance(weights, np.ndarray) or weights.ndim != 2 or not hasattr(classifier, "decision_function"):
            raise NoVotesError(f"{type(classifier).__name__} is no linear classifier with a weight for every word")
        self.classes = [str(name) for name in classifier.classes_]
        intercept = np.broadcast_to(np.asarray(classifier.intercept_, np.float64), (len(weights),))
        if len(weights) == 1 and len(self.classes) == 2:
            weights, intercept = np.vstack([-weights, weights]), np.concatenate([-intercept, intercept])
        self.weights, self.intercept = weights, intercept
        nothing = np.zeros((1, self.encoder.n_features), np.float32)
        self._nothing = self._between(nothing)

    @property
    def how(self) -> str:
        """Say how a number's share of the score reaches the descriptors.

        "linear": every descriptor adds its own part. "shared": in proportion to what each added to the number, which
        passes through a curve. "largest": to the one with the largest code, for the others left no trace.
        """
        if self.encoder.pooling == "max":
            return "largest"
        curved = "power" in self.encoder.steps or any(isinstance(step, _CURVED) for step in self.between)
        return "shared" if curved else "linear"

    def contributions(self, row: np.ndarray) -> np.ndarray:
        """Return what each number of a bag's row adds to the score of every class, (n_classes, n_features)."""
        change = (self._between(row[None]) - self._nothing)[0]
        copies = len(change) // len(row)
        return (self.weights * change).reshape(len(self.weights), copies, len(row)).sum(axis=1)

    def by_word(self, row: np.ndarray) -> np.ndarray:
        """Return `contributions` summed over cells and over the numbers of a word, (n_classes, n_words)."""
        n_words = len(self.encoder.words)
        cells = sum(rows * columns for rows, columns in self.encoder.pyramid)
        return self.contributions(row).reshape(len(self.weights), cells, n_words, -1).sum(axis=(1, 3))

    def votes(self, found: Descriptors, label: str) -> Votes:
        """Return the votes of an image's descriptors for the class *label*.

        Raises
        ------
        NoVotesError
            The encoding has more than one number per word, or codes of both signs pass through a curve.
        """
        encoder, how = self.encoder, self.how
        if encoder.encoding not in _ONE_NUMBER_PER_WORD:
            raise NoVotesError(f'the encoding "{encoder.encoding}" has no single vote per word')
        if encoder.encoding == "llc" and how == "shared":
            raise NoVotesError("summed llc codes of both signs pass through a curve, and cannot be shared out")
        which = self.classes.index(label)
        row = encoder(found)
        shares = self.contributions(row)
        share = shares[which] - shares.mean(axis=0)
        codes = self._codes(found)
        each, start = np.zeros(len(found)), 0
        for grid in encoder.pyramid:
            cells = locate(found.x, found.y, found.image_size, finest_cells([grid]))
            numbers = cells[codes.descriptors] * len(encoder.words)
            numbers += codes.words
            stop = start + grid[0] * grid[1] * len(encoder.words)
            each += self._handed_on(codes, numbers, share[start:stop], len(found))
            start = stop
        base, lead = self._lead(self._nothing[0], which), self._lead(self._between(row[None])[0], which)
        if abs(base + each.sum() - lead) > _AGREE * max(np.abs(each).sum(), abs(lead - base)):
            raise NoVotesError("the votes do not add up to the score")
        return Votes(each.astype(np.float32), lead, base)

    def _lead(self, numbers: np.ndarray, which: int) -> float:
        scores = self.weights @ numbers + self.intercept
        return float(scores[which] - scores.mean())

    def _between(self, rows: np.ndarray) -> np.ndarray:
        for step in self.between:
            rows = step.transform(rows)
        return np.asarray(rows, np.float64)

    def _codes(self, found: Descriptors) -> _Codes:
        """Return every descriptor's codes: what pooling gives with one cell per descriptor."""
        values = self.encoder.projection(found.values, relative_places(found))
        n_words = len(self.encoder.words)
        parts = []
        for start in range(0, len(values), _AT_ONCE):
            part = values[start : start + _AT_ONCE]
            codes = self.encoder._pooled(part, np.arange(len(part)), len(part)).ravel()
            at = np.flatnonzero(codes != 0)
            parts.append(((start + at // n_words).astype(np.int32), (at % n_words).astype(np.int32), codes[at]))
        return _Codes(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _handed_on(self, codes: _Codes, numbers: np.ndarray, share: np.ndarray, n: int) -> np.ndarray:
        """Hand each number's share of the score to the descriptors whose codes made it, at one level of the pyramid.

        *numbers* tells for every code which number of the level it went into.
        """
        part = codes.values
        if self.encoder.pooling == "max":
            largest = np.zeros(len(share), np.float32)
            np.maximum.at(largest, numbers, codes.values)
            part = codes.values >= largest[numbers] * (1 - _ALMOST)
        whole = np.bincount(numbers, part, minlength=len(share))
        rate = np.divide(share, whole, out=np.zeros(share.shape), where=whole != 0)
        return np.bincount(codes.descriptors, part * rate[numbers], minlength=n)
