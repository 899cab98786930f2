"""Pictures that are there twice, or nearly: copies, other sizes, other compression, other brightness.

A copy of a test image among the training images makes a score look better than it is. `near_duplicates` finds them
among all images, says which lie across a split, and gives groups for splitters that keep copies together.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._looks import close_pairs, connected, likeness, look_at_all
from ._sequences import check_images
from .dataset import Dataset

if TYPE_CHECKING:
    import pandas as pd

_BITS = 64


@dataclass(frozen=True, eq=False, repr=False)
class NearDuplicates:
    """Which images are nearly the same. Made by `near_duplicates`.

    Attributes
    ----------
    pairs : ndarray of int, `(n_pairs, 2)`
        Positions of the two images of each pair, the smaller one first; ascending.
    distances : ndarray of int, `(n_pairs,)`
        Bits, of 64, in which the perceptual hashes differ.
    correlations : ndarray of float32, `(n_pairs,)`
        Correlation of the two thumbnails; 1 for copies.
    groups : ndarray of int, `(n_images,)`
        A number for each image, the same for images that are linked by pairs. ``compare(..., groups="copies")`` keeps
        copies on one side of every split; so do ``StratifiedGroupKFold`` and `PerClassSplit`, given these.
    labels : ndarray of str, `(n_images,)`, or None
        The class of each image, if it was given.
    unreadable : tuple of (position, reason)
        Images that could not be read; each is a group of its own.
    """

    pairs: NDArray[np.intp]
    distances: NDArray[np.intp]
    correlations: NDArray[np.float32]
    groups: NDArray[np.intp]
    labels: NDArray[np.str_] | None = None
    unreadable: tuple[tuple[int, str], ...] = ()

    def frame(self) -> "pd.DataFrame":
        """Return one row per pair, likest first.

        Returns
        -------
        frame : DataFrame
            ``first, second`` (positions), ``distance`` (bits of 64), ``correlation``; with labels also ``first_label,
            second_label, same_class``.
        """
        import pandas as pd

        first, second = self.pairs.T
        columns: dict[str, Any] = {
            "first": first,
            "second": second,
            "distance": self.distances,
            "correlation": self.correlations.astype(float),
        }
        if self.labels is not None:
            columns |= {"first_label": self.labels[first], "second_label": self.labels[second]}
            columns["same_class"] = columns["first_label"] == columns["second_label"]
        table = pd.DataFrame(columns)
        return table.sort_values(["correlation", "distance"], ascending=[False, True], kind="stable", ignore_index=True)

    def leakage(self, splits: Any) -> "pd.DataFrame":
        """Count the test images that have a near duplicate among the training images.

        Parameters
        ----------
        splits : (train, test) or list of (train, test)
            Arrays of positions, such as `Dataset.splits`, `Comparison.splits` or the output of a splitter.

        Returns
        -------
        frame : DataFrame
            One row per split: ``split, n_test, n_leaked`` (test images with a near duplicate in training), ``share``
            and ``n_other_class`` (of them, those whose duplicates in training are all of another class; missing
            without labels).

        Raises
        ------
        ValueError
            A split is no pair of arrays of positions, or has no test image.
        """
        import pandas as pd

        rows = []
        for number, (train, test) in enumerate(_as_splits(splits, len(self.groups))):
            leaked = self._leaked(train, test)
            row: dict[str, Any] = {"split": number, "n_test": len(test), "n_leaked": len(leaked)}
            row |= {"share": len(leaked) / len(test), "n_other_class": None}
            if self.labels is not None:
                labels = self.labels
                row["n_other_class"] = sum(
                    all(labels[twin] != labels[image] for twin in twins) for image, twins in leaked.items()
                )
            rows.append(row)
        return pd.DataFrame(rows)

    def leaked(self, train: Any, test: Any) -> "pd.DataFrame":
        """Return the pairs that lie across one split.

        Parameters
        ----------
        train, test : array of int
            Positions of the images.

        Returns
        -------
        frame : DataFrame
            ``test, train``: positions of a test image and of its near duplicate in training.
        """
        import pandas as pd

        ((train, test),) = _as_splits([(train, test)], len(self.groups))
        found = [(image, twin) for image, twins in sorted(self._leaked(train, test).items()) for twin in twins]
        return pd.DataFrame(found, columns=["test", "train"], dtype=int)

    def _leaked(self, train: NDArray[np.intp], test: NDArray[np.intp]) -> dict[int, list[int]]:
        """Return, for each test image that has any, its near duplicates among the training images."""
        side = np.zeros((2, len(self.groups)), dtype=bool)
        side[0, train], side[1, test] = True, True
        twins: dict[int, list[int]] = {}
        for first, second in self.pairs.tolist():
            for image, other in ((first, second), (second, first)):
                if side[1, image] and side[0, other]:
                    twins.setdefault(image, []).append(other)
        return twins

    def __len__(self) -> int:
        return len(self.pairs)

    def __repr__(self) -> str:
        _, sizes = np.unique(self.groups, return_counts=True)
        n_pairs = f"{len(self.pairs):,} {'pair' if len(self.pairs) == 1 else 'pairs'}"
        text = f"NearDuplicates: {n_pairs} among {len(self.groups):,} images"
        if len(self.pairs):
            n_groups = int((sizes > 1).sum())
            text += f", {n_groups:,} {'group' if n_groups == 1 else 'groups'} of up to {sizes.max()}"
        if self.labels is not None and len(self.pairs):
            across = int((self.labels[self.pairs[:, 0]] != self.labels[self.pairs[:, 1]]).sum())
            text += f"; {across:,} across classes"
        return text + (f"; {len(self.unreadable):,} images unreadable" if self.unreadable else "")


def near_duplicates(
    images: Any,
    labels: Any = None,
    *,
    max_distance: int = 12,
    min_correlation: float = 0.95,
    n_jobs: int | None = None,
) -> NearDuplicates:
    """Find images that are nearly the same: copies, scaled, recompressed, brighter or darker ones.

    Parameters
    ----------
    images : Dataset or sequence of images
        Paths, arrays, PIL images or bytes; see `read_image`. A `Dataset` brings its labels.
    labels : array-like, `(n_images,)`, optional
        The class of each image, to tell pairs within a class from pairs across classes.
    max_distance : int, default=12
        Bits, of 64, in which the perceptual hashes of a pair may differ; 0 to 32.
    min_correlation : float, default=0.95
        Correlation that the two 32 x 32 gray thumbnails of a pair must have; this is what cuts false alarms. At 0.9
        it also finds different shots of one scene and half of the copies that were cropped by 3 % on each side.
    n_jobs : int, optional
        Threads that read images.

    Returns
    -------
    NearDuplicates

    Raises
    ------
    ValueError
        A parameter is out of range, or images and labels differ in number.

    Notes
    -----
    1. The hash is that of Zauner (2010): the image is shrunk to 32 x 32 gray pixels and smoothed, and each of 8 x 8 low
       frequencies of its discrete cosine transform gives the bit "above the median". We smooth after shrinking.
    2. Groups are the connected components of the pairs: in a series, images that are not near duplicates
       themselves may share a group.
    3. Mirrored, rotated and strongly cropped copies are not found. Colour is not looked at.
    4. Drawings of a few pixels, such as handwritten digits, look alike without being copies: raise *min_correlation*.
    5. All pairs are compared: 10,000 images take about 0.3 s besides reading them, 100,000 half a minute.

    References
    ----------
    C. Zauner (2010), Implementation and Benchmarking of Perceptual Image Hash Functions, thesis, FH Oberösterreich,
    https://www.phash.org/docs/pubs/thesis_zauner.pdf.

    Examples
    --------
    >>> import numpy as np
    >>> from eyecraft.data import near_duplicates
    >>> noise = np.random.default_rng(0).integers(0, 200, (4, 16, 16), dtype=np.uint8)
    >>> noise[3] = noise[1] + 20
    >>> found = near_duplicates(noise, ["cat", "cat", "dog", "dog"])
    >>> found
    NearDuplicates: 1 pair among 4 images, 1 group of up to 2; 1 across classes
    >>> found.groups.tolist()
    [0, 1, 2, 1]
    >>> found.leakage(([0, 1], [2, 3]))
       split  n_test  n_leaked  share  n_other_class
    0      0       2         1    0.5              1
    """
    if isinstance(images, Dataset):
        labels = images.labels if labels is None else labels
        images = images.images
    images = check_images(images)
    if labels is not None:
        labels = np.asarray([str(label) for label in np.asarray(labels).tolist()], dtype=str)
        if labels.shape != (len(images),):
            raise ValueError(f"there must be one label for each of the {len(images)} images; got shape {labels.shape}")
    _check_range("max_distance", max_distance, 0, _BITS // 2, whole=True)
    _check_range("min_correlation", min_correlation, 0, 1)
    hashes, thumbnails, unreadable = look_at_all(images, n_jobs)
    read = np.setdiff1d(np.arange(len(images)), [position for position, _ in unreadable]).astype(np.intp)
    first, second = close_pairs(hashes[read], max_distance)
    first, second = read[first], read[second]
    correlations = likeness(thumbnails, first, second)
    alike = correlations >= min_correlation
    first, second = first[alike], second[alike]
    return NearDuplicates(
        pairs=np.stack([first, second], axis=1),
        distances=np.bitwise_count(hashes[first] ^ hashes[second]).astype(np.intp),
        correlations=correlations[alike],
        groups=connected(len(images), first, second),
        labels=labels,
        unreadable=tuple(unreadable),
    )


def _check_range(name: str, value: Any, low: float, high: float, *, whole: bool = False) -> None:
    kinds = (int, np.integer) if whole else (int, float, np.integer, np.floating)
    if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
        raise ValueError(f"{name} must be a {'whole ' * whole}number from {low:g} to {high:g}; got {value!r}")


def _as_splits(splits: Any, n_images: int) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Return pairs of arrays of positions, from one pair or from many."""
    pairs = [splits] if _is_pair(splits) else list(splits) if isinstance(splits, Iterable) else []
    if not pairs or isinstance(splits, str | os.PathLike) or not all(_is_pair(pair) for pair in pairs):
        raise ValueError("splits must be (train, test) or a list of such pairs, arrays of positions of the images")
    checked = []
    for number, pair in enumerate(pairs):
        train, test = (np.asarray(part).astype(np.intp) for part in pair)
        both = np.concatenate([train, test])
        if len(both) and (both.min() < 0 or both.max() >= n_images):
            raise ValueError(
                f"split {number} must hold positions from 0 to {n_images - 1}; got {both.min()} to {both.max()}"
            )
        if len(test) == 0:
            raise ValueError(f"split {number} has no test image: there is nothing that could have leaked")
        checked.append((train, test))
    return checked


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple | list) and len(value) == 2 and all(map(_is_positions, value))


def _is_positions(value: Any) -> bool:
    try:
        positions = np.asarray(value)
    except ValueError:  # arrays of different lengths
        return False
    return positions.ndim == 1 and (len(positions) == 0 or positions.dtype.kind in "iu")
