"""A data set: images with their labels, and where they come from."""

import html
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Split = tuple[NDArray[np.intp], NDArray[np.intp]]

_WHOLE = 64 * 1024  # files up to this size are hashed from end to end
_PART = 16 * 1024  # of larger ones, this much at the beginning and at the end


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Images and labels that belong together; frozen, so that results can refer to it.

    Parameters
    ----------
    images : ndarray of str, or of uint8 `(n_images, height, width)` or `(n_images, height, width, 3)`
        File paths, decoded where they are needed; or a stack of small images.
    labels : ndarray of str, `(n_images,)`
        The class of each image.
    name : str
        Short name, as in `load_dataset(name)`.
    class_names : tuple of str, optional
        The classes in the order tables show them; by default those that occur, sorted.
    licence, citation, source : str
        Terms of use; what to cite; where it was read from.
    splits : list of (train, test) index arrays, optional
        The official split or splits, ready to be passed on as `cv=`; None where there is none.
    skipped : tuple of (path, reason)
        Broken image files that were left out.
    n_ignored : int
        How many files were no images and hence not looked at.
    empty_classes : tuple of str
        Folders that stand for a class and hold no readable image.

    Attributes
    ----------
    fingerprint : str
        Digest of contents and labels, the same on every machine; see Notes.

    Raises
    ------
    ValueError
        When images and labels differ in number, or a label is not among *class_names*.

    Notes
    -----
    The fingerprint is BLAKE2b over the label and contents of each image, in order. Of files it takes the file's name,
    its size, and all bytes up to 64 KiB or else the first and last 16 KiB: about 0.5 s for 10,000 photographs, on first
    use. A change in the middle of a large file that leaves its size and both ends alone goes unnoticed.

    Examples
    --------
    >>> from eyecraft.data import load_digits
    >>> digits = load_digits()
    >>> digits
    Dataset 'digits': 1,797 images of 8 x 8 pixels in 10 classes, 174 to 183 a class
    >>> digits.subset([0, 1, 2]).labels.tolist()
    ['0', '1', '2']
    """

    images: NDArray[Any]
    labels: NDArray[np.str_]
    name: str
    class_names: tuple[str, ...] = ()
    licence: str = ""
    citation: str = ""
    source: str = ""
    splits: list[Split] | None = None
    skipped: tuple[tuple[str, str], ...] = ()
    n_ignored: int = 0
    empty_classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        labels = np.asarray(self.labels, dtype=np.str_)
        images = np.asarray(self.images)
        if labels.ndim != 1 or len(images) != len(labels):
            raise ValueError(f"there must be one label for each image; got {len(images)} images, labels {labels.shape}")
        present = set(labels.tolist())
        class_names = tuple(self.class_names) or tuple(sorted(present))
        unknown = sorted(present - set(class_names))
        if unknown:
            raise ValueError(f"labels must be among class_names; found also {unknown[:5]}")
        for field, value in (("images", images), ("labels", labels), ("class_names", class_names)):
            object.__setattr__(self, field, value)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def in_files(self) -> bool:
        """Whether the images are file paths, not pixels."""
        return self.images.dtype.kind in "UO"

    @cached_property
    def fingerprint(self) -> str:
        """Digest of contents and labels: 32 hexadecimal digits."""
        digest = blake2b(digest_size=16)
        if not self.in_files:
            digest.update(f"{self.images.dtype.str} {self.images.shape} ".encode())
            digest.update(np.ascontiguousarray(self.images).data)
            digest.update("\0".join(self.labels.tolist()).encode())
            return digest.hexdigest()
        for path, label in zip(self.images.tolist(), self.labels.tolist(), strict=True):
            digest.update(f"\0{label}\0{os.path.basename(path)}\0".encode("utf-8", "surrogateescape"))  # noqa: PTH119
            _hash_file(digest, path)
        return digest.hexdigest()

    def subset(self, indices: Iterable[int]) -> "Dataset":
        """Return the data set of the images at *indices*, in that order; it has no official split."""
        chosen = np.asarray(list(indices), dtype=np.intp)
        return replace(self, images=self.images[chosen], labels=self.labels[chosen], splits=None)

    def head(self, n_per_class: int) -> "Dataset":
        """Return the data set of the first *n_per_class* images of each class, to try things out."""
        if n_per_class < 1:
            raise ValueError(f"n_per_class must be at least 1; got {n_per_class}")
        chosen = [np.flatnonzero(self.labels == name)[:n_per_class] for name in self.class_names]
        return self.subset(np.sort(np.concatenate(chosen)))

    def summary(self) -> "pd.DataFrame":
        """Return one row per class: `n_images`, and `n_train`, `n_test` where there is one official split."""
        import pandas as pd

        columns = {"n_images": self._counts(self.labels)}
        if self.splits is not None and len(self.splits) == 1:
            train, test = self.splits[0]
            columns |= {"n_train": self._counts(self.labels[train]), "n_test": self._counts(self.labels[test])}
        return pd.DataFrame(columns, index=pd.Index(self.class_names, name="class"))

    def _counts(self, labels: NDArray[np.str_]) -> list[int]:
        found, counts = np.unique(labels, return_counts=True)
        by_name = dict(zip(found.tolist(), counts.tolist(), strict=True))
        return [by_name.get(name, 0) for name in self.class_names]

    def _kind(self) -> str:
        if self.in_files:
            return "files"
        height, width = self.images.shape[1:3]
        return f"{height} x {width} pixels"

    def __repr__(self) -> str:
        counts = self._counts(self.labels) or [0]
        a_class = (
            f"{min(counts):,} a class" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)} a class"
        )
        images = f"{len(self):,} image files" if self.in_files else f"{len(self):,} images of {self._kind()}"
        text = f"Dataset {self.name!r}: {images} in {len(self.class_names)} classes, {a_class}"
        if self.splits is not None and len(self.splits) == 1:
            train, test = self.splits[0]
            text += f"; official split {len(train):,} train, {len(test):,} test"
        elif self.splits is not None:
            text += f"; {len(self.splits)} official splits"
        if self.skipped:
            text += f"; {len(self.skipped):,} broken file{'s' * (len(self.skipped) > 1)} skipped"
        if self.n_ignored:
            text += f"; {self.n_ignored:,} other file{'s' * (self.n_ignored > 1)} ignored"
        if self.empty_classes:
            text += f"; no readable image in {', '.join(map(repr, self.empty_classes))}"
        return text

    def _repr_html_(self) -> str:
        rows = [("", repr(self)), ("licence", self.licence), ("cite", self.citation), ("source", self.source)]
        rows += [("skipped", f"{path}: {reason}") for path, reason in self.skipped[:5]]
        cells = (f"<tr><th>{key}</th><td>{html.escape(value)}</td></tr>" for key, value in rows if value)
        return f"<table>{''.join(cells)}</table>"


def _hash_file(digest: blake2b, path: str) -> None:
    """Add the size and contents, or both ends, of a file."""
    with Path(path).open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        digest.update(size.to_bytes(8, "little"))
        if size <= _WHOLE:
            digest.update(file.read())
            return
        digest.update(file.read(_PART))
        file.seek(-_PART, os.SEEK_END)
        digest.update(file.read())
