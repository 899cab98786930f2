"""The parameters of `BagOfVisualWords`, checked; and what they mean where None or a short form is allowed."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from eyecraft.data import check_images
from eyecraft.features._base import Images
from eyecraft.features._checks import check_choice, check_number, check_pair, check_whole, is_flag
from eyecraft.features.local import Descriptors
from eyecraft.features.local._local import LocalDescriptor

from ._sample import Sample
from .normalize import NAMES, USUAL


def check_bag(bag: Any, method: LocalDescriptor) -> None:
    """Raise ``ValueError`` for parameters that cannot be, alone or together."""
    if not isinstance(method, LocalDescriptor):
        raise ValueError(f"`descriptor` must be a DenseSIFT, SIFT or Patches (or None); got {method!r}")
    method._check_parameters()
    check_choice("encoding", bag.encoding, USUAL)
    check_whole("n_words", bag.n_words, at_least=1)
    if bag.n_components is not None:
        why = f"{type(method).__name__}'s descriptors have {method._length()} numbers."
        check_whole("n_components", bag.n_components, at_least=1, at_most=method._length(), why=why)
    if not is_flag(bag.whiten):
        check_choice("whiten", bag.whiten, (False, True, "zca"))
    if bag.whiten == "zca" and bag.n_components is not None:
        raise ValueError(
            f"`whiten='zca'` turns all components back; got `n_components={bag.n_components}` too. Take `whiten=True`, "
            "or `n_components=None`"
        )
    if not is_flag(bag.append_xy):
        check_number("append_xy", bag.append_xy, at_least=0)
    _check_pyramid(bag)
    check_choice("pooling", bag.pooling, (None, "sum", "max"))
    if bag.pooling == "max" and bag.encoding in ("vlad", "fisher"):
        raise ValueError(
            f"`pooling='max'` does not go with `encoding={bag.encoding!r}`, whose codes are sums; take None"
        )
    for step in normalization_steps(bag.normalization, bag.encoding):
        check_choice("normalization", step, NAMES)
    _check_order(normalization_steps(bag.normalization, bag.encoding))
    _check_numbers(bag)


def check_sources(X: Any) -> Images:
    """Return images, or descriptors of one length, as a sequence; ``ValueError`` where they are mixed."""
    listed = isinstance(X, list | tuple) or (isinstance(X, np.ndarray) and X.dtype == object)
    if not listed or not any(isinstance(one, Descriptors) for one in X):
        return check_images(X)
    lengths: dict[int, int] = {}
    for position, one in enumerate(X):
        if not isinstance(one, Descriptors):
            raise ValueError(
                f"X must be images or Descriptors, not both; item {position} is a {type(one).__name__}, others are "
                "Descriptors. Describe all images first, or none"
            )
        if len(one):
            lengths.setdefault(one.values.shape[1], position)
    if len(lengths) > 1:
        which = " and ".join(f"{length} (item {position})" for length, position in lengths.items())
        raise ValueError(f"X must be Descriptors of one length; they have {which} numbers. Describe all images alike")
    return list(X)


def _check_numbers(bag: Any) -> None:
    check_whole("n_neighbors", bag.n_neighbors, at_least=1)
    if bag.sigma is not None:
        check_number("sigma", bag.sigma, above=0)
    check_number("beta", bag.beta, above=0, why="Without it the weights are not determined.")
    check_whole("n_sample_descriptors", bag.n_sample_descriptors, at_least=1)
    check_choice("init", bag.init, ("k-means++", "random"))
    check_whole("max_iter", bag.max_iter, at_least=1)


def _check_pyramid(bag: Any) -> None:
    levels = grids(bag.pyramid)
    if bag.level_weights is None:
        return
    listed = isinstance(bag.level_weights, Sequence | np.ndarray)
    if not listed or len(bag.level_weights) != len(levels):
        got = f"{len(bag.level_weights)}: {bag.level_weights!r}" if listed else repr(bag.level_weights)
        raise ValueError(
            f"`level_weights` must have one number for each of the {len(levels)} grids of the pyramid; got {got}"
        )
    for weight in bag.level_weights:
        check_number("level_weights", weight, at_least=0)


def _check_order(steps: Sequence[str]) -> None:
    whole = [i for i, step in enumerate(steps) if step in ("l1", "l2")]
    late = [step for step in steps[whole[0] :] if ":" in step or step == "intra"] if whole else []
    if late:
        raise ValueError(
            f"`normalization` has {late[0]!r} after {steps[whole[0]]!r}, which joins the row; got {tuple(steps)!r}. "
            "Put steps on words, cells and levels first"
        )


def grids(pyramid: Any) -> list[tuple[int, int]]:
    """Return the pyramid as a list of (rows, columns)."""
    levels = list(pyramid) if isinstance(pyramid, Sequence | np.ndarray) and not isinstance(pyramid, str) else []
    if not levels or any(np.ndim(grid) == 0 for grid in levels):
        raise ValueError(
            f"`pyramid` must be a sequence of grids (rows, columns) such as ((1, 1), (2, 2), (4, 4)); got {pyramid!r}. "
            "A single grid of two rows and two columns is ((2, 2),)"
        )
    return [check_pair("pyramid", grid, unit="cells") for grid in levels]


def normalization_steps(normalization: Any, encoding: str) -> tuple[str, ...]:
    """Return the steps that the parameter means."""
    if normalization is None:
        return USUAL[encoding]
    if isinstance(normalization, str):
        return (normalization,)
    if not isinstance(normalization, Sequence):
        raise ValueError(
            f'`normalization` must be None, a step such as "l2" or a sequence of them; got {normalization!r}'
        )
    return tuple(normalization)


def too_few(n_words: int, sample: Sample, n_images: int, asked: int) -> str:
    """Return the message for a sample, drawn from some of *n_images* images, that is smaller than the codebook."""
    more = "give more or larger images (`image_size` enlarges them), or lower the descriptor's step or thresholds"
    found = f"the {sample.n_found} descriptors found in {sample.n_images} images"
    if sample.n_found >= n_words:
        drawn = f"{len(sample.values)} descriptors, drawn from {found}"
        return (
            f"{n_words} words cannot be learned from {drawn}: raise `n_sample_descriptors` (now {asked}), or lower "
            "`n_words`"
        )
    start = f"{n_words} words cannot be learned from {found}: "
    if sample.n_images < n_images:
        return (
            f"{start}raise `n_sample_descriptors` (now {asked}), which so far lets only {sample.n_images} of the "
            f"{n_images} images be looked at, or lower `n_words`"
        )
    return start + (f"lower `n_words` to at most {sample.n_found}, {more}" if sample.n_found else more)
