"""Images that are to stay on one side of every split: copies of each other, or what the user says belongs together."""

from typing import Any

import numpy as np

from eyecraft.data import near_duplicates

from ._data_checks import likeness_of
from ._material import Material

COPIES = "copies"


def resolve_groups(groups: Any, material: Material, n_jobs: int | None) -> np.ndarray | None:
    """Return a number for each image, the same for images that belong together; None where nothing was asked for.

    Parameters
    ----------
    groups : None, "copies", or array of shape (n_images,)
        As in `compare`.

    Raises
    ------
    ValueError
        It is none of these.
    """
    if groups is None:
        return None
    if isinstance(groups, str):
        if groups != COPIES:
            raise ValueError(f"`groups` given as text must be {COPIES!r}; got {groups!r}")
        images = material.images
        return near_duplicates(images, n_jobs=n_jobs, **likeness_of(images)).groups.astype(np.int64)
    given = np.asarray(groups)
    if given.shape != (len(material.labels),):
        raise ValueError(
            f"`groups` must hold one name or number for each of the {len(material.labels)} images; got shape "
            f"{given.shape}. {COPIES!r} finds near duplicates by itself"
        )
    return np.unique(given.astype(str), return_inverse=True)[1].astype(np.int64)


def groups_text(groups: np.ndarray) -> str:
    """Return how many groups of more than one image there are, in words.

    >>> groups_text(np.array([0, 1, 1, 1, 2, 2]))
    '2 groups of up to 3 images kept together'
    """
    sizes = np.unique(groups, return_counts=True)[1]
    several = int((sizes > 1).sum())
    if not several:
        return "no groups of more than one image to keep together"
    return f"{several:,} {'group' if several == 1 else 'groups'} of up to {sizes.max()} images kept together"


def check_together(splits: list[tuple[np.ndarray, np.ndarray]], groups: np.ndarray) -> None:
    """Raise ``ValueError`` where a group lies on both sides of a split."""
    for number, (train, test) in enumerate(splits):
        torn = np.intersect1d(groups[train], groups[test])
        if len(torn):
            first = np.flatnonzero(groups == torn[0])[:2].tolist()
            raise ValueError(
                f"`groups` must stay on one side of every split; split {number} of `cv` tears {len(torn)} apart, the "
                f"first with the images at positions {first[0]} and {first[1]}. Nothing was computed. Give a number of "
                "folds, a PerClassSplit or another splitter that heeds groups; given and official splits stay as they "
                "are"
            )
