"""What the skorch network of a `CNNClassifier` is fed with and watched by."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import psutil
import torch
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback, EarlyStopping
from torch.utils.data import Dataset

from eyecraft.data import read_image
from eyecraft.features._timing import add_seconds
from eyecraft.features.learned.preprocessing import Preprocessing

_SHARE_OF_MEMORY = 0.25  # of what is free, that decoded images may fill before they are decoded batch by batch
_SHIFT = 1 / 16  # largest shift, as a share of the image's side: two pixels of LeNet-5's 32
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
    """

    def __init__(
        self,
        sources: Sequence[Any] | np.ndarray,
        codes: np.ndarray,
        size: tuple[int, int],
        color: Literal["gray", "rgb"],
        n_jobs: int | None = None,
    ) -> None:
        self.sources, self.size, self.color, self.n_jobs = sources, size, color, n_jobs
        self.codes = torch.as_tensor(codes, dtype=torch.long)
        self.pixels: torch.Tensor | None = None
        need = len(sources) * size[0] * size[1] * (3 if color == "rgb" else 1)
        self.fits = need <= _SHARE_OF_MEMORY * psutil.virtual_memory().available

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        images, codes = self.__getitems__([index])
        return images[0], codes[0]

    def __getitems__(self, indices: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return one batch at once; torch's loader asks for it this way."""
        images = self.decode(indices) if self.pixels is None else self.pixels[indices]
        return images, self.codes[indices]

    def hold(self) -> "Images":
        """Decode everything now, if it fits; returns self."""
        if self.fits and self.pixels is None:
            self.pixels = self.decode(range(len(self)))
        return self

    def part(self, indices: np.ndarray) -> "Images":
        """Return some of the images, with what is decoded of them."""
        sources = self.sources[indices] if isinstance(self.sources, np.ndarray) else [self.sources[i] for i in indices]
        some = Images(sources, self.codes[indices].numpy(), self.size, self.color, self.n_jobs)
        some.pixels = None if self.pixels is None else self.pixels[indices]
        return some

    def decode(self, indices: Sequence[int]) -> torch.Tensor:
        """Return images as a uint8 tensor (n, channels, height, width)."""
        start = time.perf_counter()
        n_jobs = min(effective_n_jobs(self.n_jobs), len(indices))
        if n_jobs > 1:
            pixels = Parallel(n_jobs=n_jobs, prefer="threads")(delayed(self._read)(i) for i in indices)
        else:
            pixels = [self._read(i) for i in indices]
        stack = torch.from_numpy(np.stack(pixels))
        add_seconds("decode", time.perf_counter() - start)
        return stack[:, None] if self.color == "gray" else stack.permute(0, 3, 1, 2)

    def _read(self, index: int) -> np.ndarray:
        source = self.sources[index]
        name = f"image {index}" + (f" ({source})" if isinstance(source, str) else "")
        return read_image(source, color=self.color, size=self.size, name=name)


def check_labels(y: Any, n_images: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the classes and each label's position among them."""
    if y is None:
        raise ValueError("CNNClassifier needs labels: `y` is None. It requires y to be passed to fit.")
    labels = column_or_1d(y)
    check_classification_targets(labels)
    if len(labels) != n_images:
        raise ValueError(f"`y` must have one label per image; got {len(labels)} labels for {n_images} images.")
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"CNNClassifier needs images of at least two classes; got one class: every label is {str(classes[0])!r}."
        )
    return classes, codes


def as_gray_if_gray(images: Images) -> Images:
    """Return colour images with one channel instead of three, if in all of them the three are equal."""
    for first in range(0, len(images), 256):
        pixels, _ = images.__getitems__(list(range(first, min(first + 256, len(images)))))
        if not (torch.equal(pixels[:, 0], pixels[:, 1]) and torch.equal(pixels[:, 0], pixels[:, 2])):
            return images
    gray = Images(images.sources, images.codes.numpy(), images.size, "gray", images.n_jobs)
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


def shift(images: torch.Tensor) -> torch.Tensor:
    """Return uint8 images (n, channels, height, width), each moved at random by up to 1/16 of its sides.

    Border pixels are repeated where the image has moved away. Draws from torch's global generator.
    """
    n, _, height, width = images.shape
    moves = []
    for length in (height, width):
        most = round(length * _SHIFT)
        offsets = torch.randint(-most, most + 1, (n, 1))
        moves.append((torch.arange(length) + offsets).clamp_(0, length - 1).to(images.device))
    rows, columns = moves
    moved = images[torch.arange(n, device=images.device)[:, None, None], :, rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2)


@contextmanager
def torch_threads(count: int | None) -> Iterator[None]:
    """Let torch compute with so many CPU threads inside the block; None changes nothing."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def as_fetched(batch: Any) -> Any:
    """Leave a batch as the data set gave it; the loader would otherwise put single images together."""
    return batch


class Net(NeuralNetClassifier):
    """skorch's engine on uint8 images: they are shifted (training only) and standardised on the device."""

    def __init__(
        self,
        module: Any,
        *args: Any,
        preprocessing: Preprocessing | None = None,
        augment: Literal["shift"] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(module, *args, **kwargs)
        self.preprocessing = preprocessing
        self.augment = augment
        self.interrupted = self.stopped = False

    def fit_loop(self, *args: Any, **kwargs: Any) -> Any:
        """Train; remember an interruption by the user, which skorch keeps to itself as it does early stopping."""
        try:
            return super().fit_loop(*args, **kwargs)
        except KeyboardInterrupt:
            self.interrupted = not self.stopped
            raise

    def infer(self, x: torch.Tensor, **fit_params: Any) -> torch.Tensor:
        """Return the logits of a uint8 batch (n, channels, height, width)."""
        x = x.to(self.device)
        if self.augment == "shift" and self.module_.training:
            x = shift(x)
        return self.module_((self.preprocessing or Preprocessing()).normalise(x))

    def get_loss(self, y_pred: torch.Tensor, y_true: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Return the loss; raise ``ValueError`` where training has run away."""
        loss = super().get_loss(y_pred, y_true, *args, **kwargs)
        if not math.isfinite(loss.item()):
            epoch = len(self.history)
            batch = len(self.history[-1]["batches"]) if epoch else 1
            raise ValueError(
                f"Training diverged: the loss became {loss.item()} at step {batch} of epoch {epoch}, with "
                f"lr={self.lr:g}. Try a smaller rate, such as lr={self.lr / 10:g}."
            )
        return loss


class Stop(EarlyStopping):
    """skorch's early stopping, told apart from an interruption by the user."""

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Stop where the loss has not improved for long enough."""
        try:
            super().on_epoch_end(net, **kwargs)
        except KeyboardInterrupt:
            net.stopped = True
            raise


class Watch(Callback):
    """Notes the rate of each epoch, and tells a progress bar what the epoch has brought."""

    def __init__(self, advance: Callable[..., None] | None = None) -> None:
        self.advance = advance

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Note the rate the epoch starts with."""
        net.history.record("lr", net.optimizer_.param_groups[0]["lr"])

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Report the epoch that has just ended."""
        if self.advance is None:
            return
        row = net.history[-1]
        note = f"CNNClassifier: epochs, loss {row['train_loss']:.3f}"
        if "valid_acc" in row:
            note += f", accuracy held out {row['valid_acc']:.3f}"
        self.advance(1, note)
