"""What a `CNNClassifier` is trained on: decoded images, checked labels, weights, and how pixels are standardised."""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Real
from typing import Any, Literal

import numpy as np
import psutil
import torch
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.utils import column_or_1d, compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from torch.utils.data import Dataset

from eyecraft.data import image_key, read_image
from eyecraft.features._timing import add_seconds, now
from eyecraft.features.learned.preprocessing import Preprocessing

from ._losses import Targets

_SHARE_OF_MEMORY = 0.25  # of what is free, that decoded images may fill before they are decoded batch by batch
_SMALLEST_STD = 1 / 255  # one gray level; images of a single value are not blown up


class Images(Dataset[Any]):
    """Images as uint8 tensors (n, channels, height, width), decoded once where memory allows.

    Parameters
    ----------
    sources : sequence of images
        As `eyecraft.data.check_images` returns them.
    codes : ndarray of int, shape (n_images,)
        Positions of the labels among the classes; zeros where they are not known.
    size : (int, int)
        Height and width every image is warped to, pixels.
    color : {"gray", "rgb"}
        Channels.
    n_jobs : int, optional
        Threads that decode.
    weights : ndarray of shape (n_images,), optional
        How much each image counts, 1 on average.
    """

    def __init__(
        self,
        sources: Sequence[Any] | np.ndarray,
        codes: np.ndarray,
        size: tuple[int, int],
        color: Literal["gray", "rgb"],
        n_jobs: int | None = None,
        weights: np.ndarray | None = None,
    ) -> None:
        self.weights = None if weights is None else torch.as_tensor(weights, dtype=torch.float32)
        self.sources, self.size, self.color, self.n_jobs = sources, size, color, n_jobs
        self.codes = torch.as_tensor(codes, dtype=torch.long)
        self.pixels: torch.Tensor | None = None
        need = len(sources) * size[0] * size[1] * (3 if color == "rgb" else 1)
        self.fits = need <= _SHARE_OF_MEMORY * psutil.virtual_memory().available

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, Targets]:
        return self.__getitems__([index])

    def __getitems__(self, indices: list[int]) -> tuple[torch.Tensor, Targets]:
        """Return one batch at once; torch's loader asks for it this way."""
        images = self.decode(indices) if self.pixels is None else self.pixels[indices]
        return images, Targets(self.codes[indices], None if self.weights is None else self.weights[indices])

    def hold(self) -> "Images":
        """Decode everything now, if it fits; returns self."""
        if self.fits and self.pixels is None:
            self.pixels = self.decode(range(len(self)))
        return self

    def part(self, indices: np.ndarray) -> "Images":
        """Return some of the images, with what is decoded of them."""
        sources = self.sources[indices] if isinstance(self.sources, np.ndarray) else [self.sources[i] for i in indices]
        weights = None if self.weights is None else self.weights[indices].numpy()
        some = Images(sources, self.codes[indices].numpy(), self.size, self.color, self.n_jobs, weights)
        some.pixels = None if self.pixels is None else self.pixels[indices]
        return some

    def decode(self, indices: Sequence[int]) -> torch.Tensor:
        """Return images as a uint8 tensor (n, channels, height, width)."""
        start = now()
        n_jobs = min(effective_n_jobs(self.n_jobs), len(indices))
        if n_jobs > 1:
            pixels = Parallel(n_jobs=n_jobs, prefer="threads")(delayed(self._read)(i) for i in indices)
        else:
            pixels = [self._read(i) for i in indices]
        stack = torch.from_numpy(np.stack(pixels))
        add_seconds("decode", now() - start)
        return stack[:, None] if self.color == "gray" else stack.permute(0, 3, 1, 2)

    def _read(self, index: int) -> np.ndarray:
        source = self.sources[index]
        name = f"image {index}" + (f" ({source})" if isinstance(source, str) else "")
        return read_image(source, color=self.color, size=self.size, name=name)


def check_labels(y: Any, n_images: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the classes and each label's position among them."""
    classes, codes = np.unique(_as_labels(y, n_images), return_inverse=True)
    return check_classes(classes), codes


def _as_labels(y: Any, n_images: int | None = None) -> np.ndarray:
    """Return labels that can be sorted, shape (n_images,)."""
    if y is None:
        raise ValueError("CNNClassifier needs labels: `y` is None. It requires y to be passed to fit.")
    labels = column_or_1d(y)
    kinds = {_kind_of(label) for label in labels} if labels.dtype == object else set()
    if "None" in kinds or len(kinds) > 1:
        raise ValueError(
            f"`y` must hold labels of one kind, text or numbers; got {', '.join(sorted(kinds))}. Nothing was trained. "
            "Name what has no label, or leave it out."
        )
    check_classification_targets(labels)
    if n_images is not None and len(labels) != n_images:
        raise ValueError(f"`y` must have one label per image; got {len(labels)} labels for {n_images} images.")
    return labels


def _kind_of(label: Any) -> str:
    if label is None or label != label:
        return "None"
    return "text" if isinstance(label, str) else "numbers" if isinstance(label, Real) else type(label).__name__


def check_classes(labels: Any) -> np.ndarray:
    """Return the labels, each once and sorted; raise ``ValueError`` unless there are two."""
    classes = np.unique(_as_labels(labels))
    if len(classes) < 2:
        raise ValueError(
            f"CNNClassifier needs images of at least two classes; got one class: every label is {str(classes[0])!r}."
        )
    return classes


def known_codes(y: Any, n_images: int, classes: np.ndarray) -> np.ndarray:
    """Return each label's position among *classes*; raise ``ValueError`` for labels that are not among them."""
    labels = _as_labels(y, n_images)
    unseen = unseen_labels(labels, classes)
    if unseen:
        raise ValueError(
            f"`y` has {listed(unseen)}, not among the classes this network was made for ({listed(classes)}). Name all "
            "classes in the first call of partial_fit (`classes=`), or fit anew."
        )
    position = {label: number for number, label in enumerate(classes.tolist())}
    return np.array([position[label] for label in labels.tolist()], dtype=int)


def unseen_labels(labels: Any, classes: np.ndarray) -> list[Any]:
    """Return the labels that are not among *classes*, each once."""
    known = set(classes.tolist())
    return [label for label in dict.fromkeys(np.asarray(labels).tolist()) if label not in known]


def listed(items: Sequence[Any] | np.ndarray) -> str:
    """Return some items for a message."""
    shown = ", ".join(repr(str(item)) for item in list(items)[:6])
    return shown + (f" and {len(items) - 6} more" if len(items) > 6 else "")


def image_weights(sample_weight: Any, class_weight: Any, classes: np.ndarray, codes: np.ndarray) -> np.ndarray | None:
    """Return how much each image counts, 1 on average, or None where all count alike.

    Raises
    ------
    ValueError
        Weights that are no numbers >= 0, one per image; classes that are not there.
    """
    if sample_weight is None and class_weight is None:
        return None
    weights = np.ones(len(codes))
    if sample_weight is not None:
        weights = np.asarray(sample_weight, dtype=float)
        if weights.shape != codes.shape or not np.isfinite(weights).all() or weights.min() < 0 or not weights.any():
            raise ValueError(
                f"`sample_weight` must have one number >= 0 per image, shape ({len(codes)},), not all of them 0; got "
                f"shape {weights.shape}"
            )
    if class_weight is not None:
        _check_class_weight(class_weight)
        present = np.unique(codes)
        of_class = np.ones(len(classes))
        of_class[present] = compute_class_weight(class_weight, classes=classes[present], y=classes[codes])
        weights = weights * of_class[codes]
    if not weights.any():
        raise ValueError("`class_weight` and `sample_weight` leave no image that counts: every weight is 0.")
    return weights / weights.mean()


def check_weighted(weights: np.ndarray | None, classes: np.ndarray, codes: np.ndarray) -> None:
    """Raise ``ValueError`` unless images of two classes count."""
    counted = classes[np.unique(codes[weights > 0])] if weights is not None else classes
    if len(counted) < 2:
        raise ValueError(
            f"CNNClassifier needs images of at least two classes that count; all but those of {str(counted[0])!r} have "
            "weight 0. Nothing was trained. Give the others a weight above 0."
        )


def _check_class_weight(class_weight: Any) -> None:
    if class_weight == "balanced":
        return
    values = list(class_weight.values()) if isinstance(class_weight, Mapping) else [None]
    if not all(isinstance(value, Real) and math.isfinite(value) and float(value) >= 0 for value in values):
        raise ValueError(
            "`class_weight` must be 'balanced', None or a dictionary from labels to finite numbers >= 0; got "
            f"{class_weight!r}"
        )


def digest_of(images: Images) -> str:
    """Return 32 hexadecimal digits that stand for images, labels and weights."""
    total = hashlib.blake2b(digest_size=16)
    for source in images.sources:
        total.update(image_key(source).encode())
    total.update(images.codes.numpy().tobytes())
    if images.weights is not None:
        total.update(images.weights.numpy().tobytes())
    return total.hexdigest()


def as_gray_if_gray(images: Images) -> Images:
    """Return colour images with one channel instead of three, if in all of them the three are equal."""
    for first in range(0, len(images), 256):
        pixels, _ = images.__getitems__(list(range(first, min(first + 256, len(images)))))
        if not (torch.equal(pixels[:, 0], pixels[:, 1]) and torch.equal(pixels[:, 0], pixels[:, 2])):
            return images
    weights = None if images.weights is None else images.weights.numpy()
    gray = Images(images.sources, images.codes.numpy(), images.size, "gray", images.n_jobs, weights)
    gray.pixels = None if images.pixels is None else images.pixels[:, :1].contiguous()
    return gray


def standardisation(images: Images) -> Preprocessing:
    """Return the preprocessing that gives the channels of *images* mean 0 and standard deviation 1."""
    total = squares = torch.zeros(3 if images.color == "rgb" else 1, dtype=torch.float64)
    for first in range(0, len(images), 256):
        pixels, _ = images.__getitems__(list(range(first, min(first + 256, len(images)))))
        values = pixels.double().div_(255)
        total = total + values.sum((0, 2, 3))
        squares = squares + values.square_().sum((0, 2, 3))
    count = len(images) * images.size[0] * images.size[1]
    mean = total / count
    std = (squares / count - mean**2).clamp_min(0).sqrt().clamp_min(_SMALLEST_STD)
    return Preprocessing(images.size, None, tuple(mean.tolist()), tuple(std.tolist()))


@contextmanager
def torch_threads(count: int | None) -> Iterator[None]:
    """Let torch compute with so many CPU threads inside the block; None changes nothing."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
