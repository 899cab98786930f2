"""The parameters of `BagOfVisualWords`, checked; and what they mean where None or a short form is allowed."""

from collections.abc import Sequence
from typing import Any

from eyecraft.features._checks import check_choice, check_number, check_pair, check_whole
from eyecraft.features.local._local import LocalDescriptor

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
    check_choice("whiten", bag.whiten, (False, True, "zca"))
    if bag.whiten == "zca" and bag.n_components is not None:
        raise ValueError(
            f"`whiten='zca'` turns all components back; got `n_components={bag.n_components}` too. Take `whiten=True`, "
            "or `n_components=None`"
        )
    if not isinstance(bag.append_xy, bool):
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
    if len(bag.level_weights) != len(levels):
        raise ValueError(
            f"`level_weights` must have one number for each of the {len(levels)} grids of the pyramid; got "
            f"{len(bag.level_weights)}: {bag.level_weights!r}"
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
    try:
        levels = list(pyramid)
    except TypeError:
        levels = []
    if isinstance(pyramid, str) or not levels:
        raise ValueError(f"`pyramid` must be a sequence of grids such as ((1, 1), (2, 2), (4, 4)); got {pyramid!r}")
    return [check_pair("pyramid", grid, unit="cells") for grid in levels]


def normalization_steps(normalization: Any, encoding: str) -> tuple[str, ...]:
    """Return the steps that the parameter means."""
    if normalization is None:
        return USUAL[encoding]
    return (normalization,) if isinstance(normalization, str) else tuple(normalization)


def too_few(n_words: int, n_found: int, n_images: int, asked: int) -> str:
    """Return the message for a sample that is smaller than the codebook."""
    way_out = (
        f"raise `n_sample_descriptors` (now {asked}), or lower `n_words`"
        if asked < n_words
        else f"lower `n_words` to at most {n_found}, give more or larger images, or lower the descriptor's step or "
        "thresholds"
    )
    return f"{n_words} words cannot be learned from the {n_found} descriptors found in {n_images} images: {way_out}"
