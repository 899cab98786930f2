"""Is the data clean? Broken files, classes that are too small, pictures that are there twice."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._sequences import check_images
from .dataset import Dataset
from .duplicates import NearDuplicates, near_duplicates

if TYPE_CHECKING:
    import pandas as pd

_UNEVEN = 3.0  # largest over smallest class from which plain accuracy mostly tells of the large ones
_FEW = 10  # images of a class, below which a share of right answers is hardly a number
_SHOWN = 3


@dataclass(frozen=True, eq=False, repr=False)
class DataCheck:
    """What is to be known about images and labels before anything is measured on them. Made by `check_dataset`.

    Attributes
    ----------
    name : str
        Name of the data set.
    n_images : int
        Images that were looked at.
    class_counts : dict of str to int
        Images of each class, in the order of the data set's classes.
    unreadable : tuple of (image, reason)
        Files that are listed but cannot be decoded, by path (by position where they are no files), and those that had
        been left out when the data set was loaded.
    duplicates : NearDuplicates
        Pairs of images that are nearly the same.
    splits : list of (train, test)
        Those that leakage was counted for.
    """

    name: str
    n_images: int
    class_counts: dict[str, int]
    unreadable: tuple[tuple[str, str], ...]
    duplicates: NearDuplicates
    splits: tuple[tuple[NDArray[np.intp], NDArray[np.intp]], ...] = ()

    @cached_property
    def leakage(self) -> "pd.DataFrame":
        """Test images with a near duplicate in training, one row per split; see `NearDuplicates.leakage`."""
        if self.splits:
            return self.duplicates.leakage(list(self.splits))
        import pandas as pd

        return pd.DataFrame(columns=["split", "n_test", "n_leaked", "share", "n_other_class"])

    def frame(self) -> "pd.DataFrame":
        """Return one row per question: what was asked, what was found, and whether it should worry.

        Returns
        -------
        frame : DataFrame
            ``check`` ("unreadable images", "images of the smallest class", "largest class over smallest",
            "near-duplicate pairs within a class", "near-duplicate pairs across classes", "images beyond one of each
            group", and with splits "test images leaked from training"), ``value``, ``fine`` and ``remark``.
        """
        import pandas as pd

        rows = [*self._class_rows(), *self._copy_rows()]
        first = ", ".join(str(what) for what, _ in self.unreadable[:_SHOWN])
        remark = f"{first}{' ...' * (len(self.unreadable) > _SHOWN)}"
        rows.insert(0, ("unreadable images", len(self.unreadable), not self.unreadable, remark))
        return pd.DataFrame(rows, columns=["check", "value", "fine", "remark"]).astype({"value": float})

    def classes(self) -> "pd.DataFrame":
        """Return one row per class, largest first: ``class, n_images, share``."""
        import pandas as pd

        table = pd.DataFrame({"class": list(self.class_counts), "n_images": list(self.class_counts.values())})
        table["share"] = table["n_images"] / max(sum(self.class_counts.values()), 1)
        return table.sort_values("n_images", ascending=False, kind="stable", ignore_index=True)

    def _class_rows(self) -> list[tuple[str, float, bool, str]]:
        small, large = (pick(self.class_counts, key=self.class_counts.__getitem__) for pick in (min, max))
        least, most = self.class_counts[small], self.class_counts[large]
        ratio = most / least if least else float("inf")
        uneven = f"{large!r} has {most:,}, {small!r} {least:,}"
        if ratio >= _UNEVEN:
            uneven += "; read the mean per-class accuracy, and accuracy for the mix of classes at hand"
        few = f"{small!r}" + ("; its own score rests on very few images" if least < _FEW else "")
        return [
            ("images of the smallest class", least, least >= _FEW, few),
            ("largest class over smallest", ratio, ratio < _UNEVEN, uneven),
        ]

    def _copy_rows(self) -> list[tuple[str, float, bool, str]]:
        frame = self.duplicates.frame()
        across = frame[~frame["same_class"]]
        example = ""
        if len(across):
            one = across.iloc[0]
            example = f"such as {one['first_label']!r} and {one['second_label']!r}: at most one label is right"
        beyond = self.n_images - len(np.unique(self.duplicates.groups))
        rows: list[tuple[str, float, bool, str]] = [
            ("near-duplicate pairs within a class", len(frame) - len(across), len(frame) == len(across), ""),
            ("near-duplicate pairs across classes", len(across), len(across) == 0, example),
            ("images beyond one of each group", beyond, beyond == 0, "split by `duplicates.groups`" if beyond else ""),
        ]
        if self.splits:
            leaked, tested = int(self.leakage["n_leaked"].sum()), int(self.leakage["n_test"].sum())
            remark = f"{leaked:,} of {tested:,} in {len(self.splits)} split{'s' * (len(self.splits) > 1)}"
            rows.append(("test images leaked from training", leaked, leaked == 0, remark))
        return rows

    def __repr__(self) -> str:
        lines = [f"DataCheck of {self.name!r}: {self.n_images:,} images in {len(self.class_counts):,} classes"]
        for check, value, fine, remark in self.frame().itertuples(index=False):
            number = f"{value:,.0f}" if value == int(min(value, 1e15)) else f"{value:,.1f}"
            lines.append(f"  {' ' if fine else '!'} {check}: {number}{f' ({remark})' if remark else ''}")
        return "\n".join(lines)


def check_dataset(
    dataset: Any,
    y: Any = None,
    *,
    splits: Any = None,
    max_distance: int = 12,
    min_correlation: float = 0.95,
    n_jobs: int | None = None,
) -> DataCheck:
    """Look at every image once: unreadable files, imbalance of the classes, near duplicates, leakage across splits.

    Parameters
    ----------
    dataset : Dataset or sequence of images
        What to look at; a `Dataset` brings labels and, where it has one, the official split.
    y : array-like, `(n_images,)`, optional
        The class of each image.
    splits : (train, test) or list of (train, test), optional
        Splits to count leakage for, as arrays of positions; by default the official ones.
    max_distance, min_correlation, n_jobs : optional
        See `near_duplicates`.

    Returns
    -------
    DataCheck

    Raises
    ------
    ValueError
        There are no labels, or not one for each image.

    Notes
    -----
    Every image is decoded: about 0.5 ms for a 300 x 200 photograph.

    Examples
    --------
    >>> from eyecraft.data import check_dataset, load_digits
    >>> digits = load_digits()
    >>> check_dataset(digits.subset(range(30)))
    DataCheck of 'digits': 30 images in 10 classes
        unreadable images: 0
      ! images of the smallest class: 3 ('0'; its own score rests on very few images)
        largest class over smallest: 1 ('0' has 3, '0' 3)
        near-duplicate pairs within a class: 0
        near-duplicate pairs across classes: 0
        images beyond one of each group: 0
    """
    if y is None and not isinstance(dataset, Dataset):
        raise ValueError("y must hold one label for each image; got None. Only a Dataset brings its own labels")
    images = dataset.images if isinstance(dataset, Dataset) else check_images(dataset)
    labels = dataset.labels if y is None else y
    found = near_duplicates(images, labels, max_distance=max_distance, min_correlation=min_correlation, n_jobs=n_jobs)
    by_name = Counter([] if found.labels is None else found.labels.tolist())
    given = dataset if isinstance(dataset, Dataset) else None
    order = list(given.class_names) if given is not None and y is None else sorted(by_name)
    if splits is None:
        splits = (given.splits if given is not None else None) or []
    elif isinstance(splits, tuple):
        splits = [splits]
    unreadable = [(_called(images, position), reason) for position, reason in found.unreadable]
    return DataCheck(
        name=given.name if given is not None else "images",
        n_images=len(images),
        class_counts={name: by_name[name] for name in order},
        unreadable=(*unreadable, *(given.skipped if given is not None else ())),
        duplicates=found,
        splits=tuple(splits),
    )


def _called(images: Any, position: int) -> str:
    return str(images[position]) if isinstance(images[position], str) else f"image {position}"
