"""What a bag of visual words can show of itself after it was measured: words, sampling and votes.

One part of an exhibit (see `_exhibits`), made in about two seconds.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from eyecraft.data import read_image, resize_image
from eyecraft.features import BagOfVisualWords, Patches
from eyecraft.features.words.nearest import nearest_words

from ._votes import Ballot, NoVotesError, fitted_bag
from ._word_patches import Sampled, cut_patches, nearest_patches, sample_training

MOST_WORDS = 48
PATCHES_PER_WORD = 6
N_SAMPLES = 3
_SECONDS = 0.8  # for describing training images, the dearest part
_SIDE = 256  # pixels, the longer side of a sample's picture
_MOST_PLACES = 40_000  # descriptors of one image that are kept
_ARRAYS = ("words", "strengths", "patches", "distances", "sources")


@dataclass(frozen=True, eq=False)
class Sample:
    """A test image with its descriptors and their votes.

    Attributes
    ----------
    index : int
        Position of the image.
    label, predicted : str
        True class and answer.
    picture : ndarray of shape (height, width, 3), uint8
        Longer side at most 256 pixels.
    image_size : (int, int)
        Height and width in pixels of the image that was described.
    places : ndarray of shape (n, 4), float32
        x, y, scale and angle of every descriptor, as in `eyecraft.features.Descriptors`.
    votes : ndarray of shape (n,), float32, or None
        What each adds to the lead of the answer; None where it cannot be told.
    lead, base : float
        Score of the answer less the mean score of all classes, and the same for an image without words: ``lead ==
        base + votes.sum()``.
    """

    index: int
    label: str
    predicted: str
    picture: np.ndarray
    image_size: tuple[int, int]
    places: np.ndarray
    votes: np.ndarray | None = None
    lead: float = float("nan")
    base: float = float("nan")


@dataclass(frozen=True, eq=False)
class WordExhibit:
    """What a report shows of a bag of visual words, from the pipeline fitted on the first split; of several the first.

    Attributes
    ----------
    words : ndarray of shape (n_shown,), int64
        Numbers of the words shown, in the codebook.
    strengths : ndarray of shape (n_shown,), float32
        What they were chosen by, see `chosen_by`.
    speaks_for : list of str
        The class each word speaks for most; empty where that is not known.
    chosen_by : {"votes", "weights", "frequency"}
        Largest vote for one class above the mean over classes, at the amount an average training image has of the
        word; largest length of the word's weights for a class; most descriptors.
    patches : ndarray of shape (n_shown, n_each, side, side, 3), uint8
        Nearest training patches, one per image at most; nearest first.
    distances, sources : ndarray of shape (n_shown, n_each)
        Distance of the patch's descriptor to the word (NaN where there is no patch), and the training image (-1).
    n_images : int
        Training images that were searched for patches.
    samples : list of Sample
    how : {"linear", "shared", "largest", ""}
        How votes were told: see `Ballot.how`. Empty where they cannot be.
    why_not : str
        Why there are no votes.
    about : dict
        ``pipeline, descriptor, encoding, n_words, grid`` (whether descriptors lie on one), ``cells`` (per side of the
        described square) and ``pyramid``.
    """

    words: np.ndarray
    strengths: np.ndarray
    speaks_for: list[str]
    chosen_by: str
    patches: np.ndarray
    distances: np.ndarray
    sources: np.ndarray
    n_images: int
    samples: list[Sample]
    how: str
    why_not: str
    about: dict[str, Any]

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the words as arrays without objects, for an ``.npz``."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        samples = []
        for number, one in enumerate(self.samples):
            arrays[f"picture_{number}"], arrays[f"places_{number}"] = one.picture, one.places
            if one.votes is not None:
                arrays[f"votes_{number}"] = one.votes
            kept = ("index", "label", "predicted", "image_size", "lead", "base")
            samples.append({name: getattr(one, name) for name in kept})
        rest = ("speaks_for", "chosen_by", "n_images", "how", "why_not", "about")
        meta = {"samples": samples} | {name: getattr(self, name) for name in rest}
        return arrays | {"meta": np.array(json.dumps(meta))}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Self:
        """Return the words that `to_arrays` described; raises ``ValueError`` or ``KeyError`` if it did not."""
        meta = json.loads(str(arrays["meta"]))
        samples = []
        for number, one in enumerate(meta.pop("samples")):
            size = one.pop("image_size")
            picture, places = arrays[f"picture_{number}"], arrays[f"places_{number}"]
            votes = arrays.get(f"votes_{number}")
            samples.append(Sample(**one, image_size=(size[0], size[1]), picture=picture, places=places, votes=votes))
        kept: dict[str, Any] = {name: arrays[name] for name in _ARRAYS}
        return cls(**kept, samples=samples, **meta)


def words_of(
    name: str,
    estimator: Any,
    images: Sequence[Any] | np.ndarray,
    labels: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    predicted: np.ndarray,
) -> WordExhibit | None:
    """Make the words of a fitted pipeline visible; None if there is no bag of visual words among its features.

    The parameters are those of `_exhibits.exhibit_of`.
    """
    bag = fitted_bag(estimator)
    if bag is None:
        return None
    ballot, why_not = _ballot(estimator)
    by_votes = ballot is not None and bag.encoding not in ("vlad", "fisher")
    sampled, mean_row = sample_training(bag, images, train, _SECONDS, encode=by_votes)
    if not sampled:
        return None
    words, strengths, speaks_for, chosen_by = _choose(bag, ballot, sampled, mean_row)
    variances = bag.mixture_.variances[words] if bag.encoding == "fisher" else None
    nearest = nearest_patches(bag.words_[words], variances, sampled, PATCHES_PER_WORD)
    samples = []
    for position in _telling(test, labels, predicted):
        answer = str(predicted[np.flatnonzero(test == position)[0]])
        sample = _sample(bag, images, position, str(labels[position]), answer)
        sample, why_not = _with_votes(sample, bag, ballot, images, why_not)
        samples.append(_bounded(sample))
    if why_not:
        samples = [replace(one, votes=None) for one in samples]
    return WordExhibit(
        words=words,
        strengths=strengths,
        speaks_for=speaks_for,
        chosen_by=chosen_by,
        patches=cut_patches(bag, images, nearest),
        distances=nearest.distances,
        sources=nearest.positions,
        n_images=len(sampled),
        samples=samples,
        how=ballot.how if ballot is not None and not why_not else "",
        why_not=why_not,
        about=_about(name, bag, samples),
    )


def _about(name: str, bag: BagOfVisualWords, samples: list[Sample]) -> dict[str, Any]:
    method = bag._method()
    return {
        "pipeline": name,
        "descriptor": type(method).__name__,
        "encoding": bag.encoding,
        "n_words": len(bag.words_),
        "grid": not any(one.places[:, 3].any() for one in samples),
        "cells": 1 if isinstance(method, Patches) else 4,
        "pyramid": [list(grid) for grid in bag._encoder().pyramid],
    }


def _ballot(estimator: Any) -> tuple[Ballot | None, str]:
    try:
        return Ballot(estimator), ""
    except NoVotesError as error:
        return None, str(error)


def _choose(
    bag: BagOfVisualWords, ballot: Ballot | None, sampled: list[Sampled], mean_row: np.ndarray
) -> tuple[np.ndarray, np.ndarray, list[str], str]:
    """Return the most telling words, strongest first, with strengths, the classes they speak for and the measure."""
    n_words = len(bag.words_)
    if ballot is None:
        counts = sum(np.bincount(nearest_words(one.values, bag.words_), minlength=n_words) for one in sampled)
        strengths, classes, measure = np.asarray(counts, np.float32), None, "frequency"
    elif bag.encoding in ("vlad", "fisher"):
        cells = sum(rows * columns for rows, columns in ballot.encoder.pyramid)
        length = bag.n_features_out_ // (cells * n_words)
        blocks = (ballot.weights.astype(np.float64) ** 2).reshape(len(ballot.weights), -1, cells, n_words, length)
        strengths, classes, measure = np.sqrt(blocks.sum(axis=(1, 2, 4))).max(axis=0), None, "weights"
    else:
        pull = ballot.by_word(mean_row)
        pull = pull - pull.mean(axis=0)
        strengths, classes, measure = pull.max(axis=0), pull.argmax(axis=0), "votes"
    order = np.argsort(-strengths, kind="stable")[:MOST_WORDS]
    named = ["" if classes is None or ballot is None else ballot.classes[classes[word]] for word in order]
    return order.astype(np.int64), strengths[order].astype(np.float32), named, measure


def _telling(test: np.ndarray, labels: np.ndarray, predicted: np.ndarray) -> list[int]:
    """Choose test images at random: two right answers of different classes and a wrong one, as far as there are."""
    order = np.random.default_rng(0).permutation(len(test))
    truth = np.array([str(labels[position]) for position in test])
    right = [k for k in order if truth[k] == predicted[k]]
    wrong = [k for k in order if truth[k] != predicted[k]]
    chosen = right[:1] + [k for k in right if truth[k] != truth[right[0]]][:1] + wrong[:1]
    chosen += [k for k in order if k not in chosen][: N_SAMPLES - len(chosen)]
    return [int(test[k]) for k in chosen]


def _sample(bag: BagOfVisualWords, images: Any, position: int, label: str, predicted: str) -> Sample:
    pixels = read_image(images[position], color="rgb", size=bag._fixed_size())
    height, width = pixels.shape[:2]
    factor = min(1.0, _SIDE / max(height, width))
    small = resize_image(pixels, (max(round(height * factor), 1), max(round(width * factor), 1)))
    return Sample(position, label, predicted, small, (height, width), np.zeros((0, 4), np.float32))


def _with_votes(
    sample: Sample, bag: BagOfVisualWords, ballot: Ballot | None, images: Any, why_not: str
) -> tuple[Sample, str]:
    found = bag._described(images[sample.index], sample.index)
    places = np.stack([found.x, found.y, found.scale, found.angle], axis=1).astype(np.float32)
    sample = replace(sample, places=places)
    if ballot is None or why_not or len(found) > _MOST_PLACES:
        return sample, why_not
    try:
        votes = ballot.votes(found, sample.predicted)
    except NoVotesError as error:
        return sample, str(error)
    return replace(sample, votes=votes.each, lead=votes.lead, base=votes.base), ""


def _bounded(sample: Sample) -> Sample:
    """Drop the votes and all but evenly spread places where there are too many descriptors to keep."""
    n = len(sample.places)
    if n <= _MOST_PLACES:
        return sample
    kept = np.linspace(0, n - 1, _MOST_PLACES).astype(np.int64)
    return replace(sample, places=sample.places[kept], votes=None)
