"""The splits of a comparison: made once, checked, and the same for every pipeline."""

import hashlib
import numbers
import warnings
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from ._groups import check_together, groups_text
from ._material import Material

Split = tuple[np.ndarray, np.ndarray]


def make_splits(
    cv: Any, material: Material, random_state: int | None, groups: np.ndarray | None = None, repeats: int = 1
) -> tuple[list[Split], str]:
    """Return the index arrays of every split and one line that says how they were made.

    Parameters
    ----------
    cv : int, splitter, iterable of (train, test), or "official"
        As in `compare`.
    groups : ndarray of shape (n_images,), optional
        What must stay on one side of every split has the same number.
    repeats : int
        How many times folds are drawn; with anything else than a number of folds, 1.
    """
    folded = isinstance(cv, numbers.Integral) and not isinstance(cv, bool)
    if repeats != 1 and not folded:
        raise ValueError(
            f"`repeats` draws folds several times and goes with a number of folds as `cv`; got {cv!r}. Splitters have "
            "numbers of splits of their own"
        )
    if isinstance(cv, str):
        splits, text = _official(cv, material), "official split of the data set"
    elif folded:
        splits, text = _folds(int(cv), material, random_state, groups, repeats)
    elif hasattr(cv, "split"):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The groups parameter is ignored", UserWarning)  # it is looked at below
            splits = list(cv.split(np.zeros(len(material.labels)), material.labels, groups))
        text = " ".join(repr(cv).split())
    else:
        try:
            splits = [(train, test) for train, test in cv]
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"`cv` must be a number of folds, a splitter, pairs (train, test) of indices, or 'official'; got {cv!r}"
            ) from error
        text = f"{len(splits)} given splits"
    if not splits:
        raise ValueError("`cv` must make at least one split; it made none")
    checked = [_checked(number, split, material) for number, split in enumerate(splits)]
    if groups is not None:
        check_together(checked, groups)
        text = f"{text}, {groups_text(groups)}"
    return checked, text


def digest_of(split: Split) -> str:
    """Return a fingerprint of the two index arrays."""
    digest = hashlib.blake2b(digest_size=16)
    for part in split:
        digest.update(len(part).to_bytes(8, "little") + part.astype("<i8").tobytes())
    return digest.hexdigest()


def _folds(
    n_folds: int, material: Material, random_state: int | None, groups: np.ndarray | None, repeats: int
) -> tuple[list[Split], str]:
    if n_folds < 2:
        raise ValueError(
            f"`cv` must be at least 2 folds; got {n_folds}. One fixed split can be given as [(train, test)]"
        )
    names, counts = np.unique(material.names, return_counts=True)
    rare = counts.argmin()
    if counts[rare] < n_folds:
        others = int((counts < n_folds).sum()) - 1
        more = f" (and {others} other classes are too small)" if others else ""
        raise ValueError(
            f"class {str(names[rare])!r} has {counts[rare]} images, fewer than the {n_folds} folds asked for{more}. "
            f"Use cv={max(counts[rare], 2)} or fewer, leave the class out, or add images"
        )
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    splits: list[Split] = []
    for repeat in range(repeats):  # the first is what one repeat gives, so that a run can be gone on with
        seed = None if random_state is None else random_state + repeat
        splitter = kind(n_folds, shuffle=True, random_state=seed)
        splits += splitter.split(np.zeros(len(material.names)), material.names, groups)
    times = "" if repeats == 1 else f", drawn {repeats} times"
    return splits, f"{n_folds} stratified folds{times}, shuffled (random_state={random_state})"


def _official(cv: str, material: Material) -> list[Split]:
    if cv != "official":
        raise ValueError(f"`cv` given as text must be 'official'; got {cv!r}")
    if material.official is None:
        raise ValueError(
            "`cv='official'` needs a Dataset that has its own split, such as a folder with train/ and test/; this data "
            "has none. Give a number of folds or a splitter"
        )
    return material.official


def _checked(number: int, split: Split, material: Material) -> Split:
    """Return the split as two int64 arrays, if a classifier can be trained and tested on it."""
    n_images = len(material.labels)
    train = _indices(number, "train", split[0], n_images)
    test = _indices(number, "test", split[1], n_images)
    both = np.intersect1d(train, test)
    if len(both):
        raise ValueError(
            f"split {number} of `cv` has {len(both)} images in both its training and its test part, the first at "
            f"position {both[0]}. Scores on images seen in training say nothing"
        )
    seen = np.unique(material.names[train])
    if len(seen) < 2:
        raise ValueError(f"split {number} of `cv` must train on at least two classes; it has only {str(seen[0])!r}")
    return train, test


def _indices(number: int, what: str, part: Any, n_images: int) -> np.ndarray:
    indices = np.asarray(part)
    if indices.dtype == bool and indices.shape == (n_images,):
        indices = np.flatnonzero(indices)
    if indices.ndim != 1 or len(indices) == 0 or indices.dtype.kind not in "iu":
        raise ValueError(
            f"the {what} part of split {number} of `cv` must be a list of positions in `X`; got {indices.dtype} of "
            f"shape {indices.shape}"
        )
    if indices.min() < 0 or indices.max() >= n_images:
        raise ValueError(
            f"the {what} part of split {number} of `cv` must hold positions from 0 to {n_images - 1}; got "
            f"{indices.min()} to {indices.max()}"
        )
    if len(np.unique(indices)) < len(indices) and what == "test":
        raise ValueError(f"the test part of split {number} of `cv` names some images twice; each counts once")
    return indices.astype(np.int64)
