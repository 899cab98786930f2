"""The engine of `CNNFeatures`: a tapped network on its device, fed with batches, giving rows."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch

from eyecraft.features._store import Batch
from eyecraft.features._timing import now

from .batches import Passes, automatic_batch_size, equal_batches, out_of_memory, unequal_batches
from .frozen import FrozenNetwork
from .layers import TappedNetwork
from .pooling import grid, pool
from .preprocessing import Preprocessing


@dataclass
class Spent:
    """Seconds that rows took."""

    decode: float = 0.0
    extract: float = 0.0


class NotTakenError(ValueError):
    """A network cannot compute images of some size."""


@dataclass
class Engine:
    """A network, what is done to images before it and to its layers' values behind it.

    Parameters
    ----------
    network : FrozenNetwork
        What is known of the network.
    tap : TappedNetwork
        It, cut behind the last layer, on its device.
    preprocessing : Preprocessing
        As asked for: input size, way of resizing.
    device : str
        As torch says it.
    pooling : {"flatten", "avg", "max", "spatial"}
        From a layer's values to its part of a row.
    pool_size : (int, int)
        Rows and columns of the grid of ``"spatial"``.
    l2 : bool
        Whether each part is scaled to unit length.
    """

    network: FrozenNetwork
    tap: TappedNetwork
    preprocessing: Preprocessing
    device: str
    pooling: str
    pool_size: tuple[int, int]
    l2: bool
    _shapes: dict[tuple[int, int], list[torch.Size]] = field(default_factory=dict)
    _fits: int | None = None  # images that go through at once, where more did not fit into memory

    @property
    def on_gpu(self) -> bool:
        """Whether the network is on a GPU."""
        return self.device.startswith("cuda")

    def batch(self, asked: Literal["auto"] | int, size: tuple[int, int] | None = None) -> int:
        """Return how many images go through at once where *asked* of them may; *size* is theirs, if not the usual."""
        usual = size or self.preprocessing.input_size
        most = automatic_batch_size(usual, self.device) if asked == "auto" else int(asked)
        return min(most, self._fits or most)

    def compute(
        self,
        read: Callable[[int], np.ndarray],
        numbers: Sequence[int],
        *,
        batch_size: Literal["auto"] | int,
        n_workers: int,
    ) -> Batch:
        """Return the rows of some images, and the seconds that reading them and the network took; see `stream`."""
        rows: list[Any] = [None] * len(numbers)
        spent, together = Spent(), np.empty((0, 0), np.float32)
        for positions, values in self.stream(read, numbers, spent, batch_size=batch_size, n_workers=n_workers):
            if not len(together):  # many small pieces kept between large ones that come and go would scatter the memory
                together = np.empty((len(numbers), values.shape[1]), np.float32)
            for position, row in zip(positions, values, strict=True):
                rows[position] = row
                if len(row) == together.shape[1]:
                    together[position], rows[position] = row, together[position]
        return Batch(rows, spent.decode, spent.extract)

    def stream(
        self,
        read: Callable[[int], np.ndarray],
        numbers: Sequence[int],
        spent: "Spent",
        *,
        batch_size: Literal["auto"] | int,
        n_workers: int,
    ) -> Iterator[tuple[list[int], np.ndarray]]:
        """Yield positions and rows of some images, as soon as they are there.

        Parameters
        ----------
        read : callable
            Returns the pixels of one of them by its position among *numbers*, (h, w) or (h, w, 3) uint8.
        numbers : sequence of int
            What messages call them.
        spent : Spent
            Told at the end what it took.
        batch_size : "auto" or int
            Images that go through at once.
        n_workers : int
            Threads that read ahead.
        """
        seconds: list[float] = []

        def prepare(position: int) -> torch.Tensor:
            start = now()
            pixels = self.preprocessing.prepare(read(position))
            seconds.append(now() - start)
            return pixels

        most = self.batch(batch_size, (1, 1) if self.preprocessing.native else None)  # of the smallest images
        passes = Passes(self.rows, most)
        settings: dict[str, Any] = {"n_workers": n_workers, "pin": self.on_gpu}
        if self.preprocessing.native:
            batches = unequal_batches(
                prepare, len(numbers), lambda size: min(passes.limit, self.batch(batch_size, size)), **settings
            )
        else:
            batches = equal_batches(prepare, len(numbers), lambda: passes.limit, **settings)
        current: list[int] = []
        try:
            for positions, values in passes.run(_watched(batches, current)):
                self._check_finite(values, positions, numbers)
                yield positions, values
        except NotTakenError as error:
            raise NotTakenError(f"Image {numbers[current[0]]}: {error}") from error
        if passes.limit < most:
            self._fits = passes.limit
        spent.decode, spent.extract = sum(seconds), passes.seconds

    def _check_finite(self, values: np.ndarray, positions: Sequence[int], numbers: Sequence[int]) -> None:
        """Raise ``ValueError`` where float16 was too small for a network's numbers."""
        if self.tap.precision == "float16" and not (fine := np.isfinite(values).all(axis=1)).all():
            first = numbers[positions[int(np.argmin(fine))]]
            raise ValueError(
                f"Image {first}: {self.network.name} has numbers beyond 65,504 there, the largest of "
                "precision='float16'. Use 'bfloat16' or 'float32'."
            )

    def rows(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return the rows of a uint8 batch (n, channels, height, width), on the device."""
        parts = self._pooled(self._forward(pixels))
        if self.l2:
            parts = [torch.nn.functional.normalize(rows, dim=1) for rows in parts]
        return torch.cat(parts, dim=1)

    def ready(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return a uint8 batch as the network takes it, on the device."""
        images = pixels.to(self.device, non_blocking=True, memory_format=self.tap.memory_format)
        return self.preprocessing.normalise(images, self.tap.input_dtype)

    def shapes(self, size: tuple[int, int]) -> list[torch.Size]:
        """Return the shapes of the layers' values for one image of that height and width."""
        if size not in self._shapes:
            self._shapes[size] = [value.shape for value in self._forward(self._black(size))]
        return self._shapes[size]

    def lengths(self, size: tuple[int, int]) -> list[int]:
        """Return how many numbers of a row each layer gives for an image of that height and width."""
        return [part.shape[1] for part in self._pooled([torch.zeros(shape) for shape in self.shapes(size)])]

    def cells(self, shape: Sequence[int]) -> tuple[int, int]:
        """Return the grid of ``"spatial"`` for one image's values; images that keep their sizes all have the same."""
        return self.pool_size if self.preprocessing.native else grid(shape, self.pool_size)

    def pooling_identity(self, layers: Sequence[str], pooling: str, size: tuple[int, int]) -> dict[str, Any]:
        """Return what rows depend on behind some of the layers, for images of *size*: part of the key of a store."""
        told: dict[str, Any] = {"layers": list(layers), "pooling": pooling, "pool_size": None}
        if pooling == "spatial":
            told["pool_size"] = list(self.pool_size)
            shapes = dict(zip(self.tap.layers, self.shapes(size), strict=True))
            cells = [self.cells(shapes[layer][1:]) for layer in layers]
            if any(found != self.pool_size for found in cells):
                told["cells"] = [list(found) for found in cells]
        return told

    def _pooled(self, values: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        with torch.inference_mode():
            return [pool(value.float(), self.pooling, self.cells(value.shape[1:])) for value in values]

    def _forward(self, pixels: torch.Tensor) -> list[torch.Tensor]:
        with torch.inference_mode():
            try:
                return self.tap(self.ready(pixels))
            except (RuntimeError, AssertionError) as error:
                if out_of_memory(error):
                    raise
                raise self._not_taken(pixels, error) from error

    def _black(self, size: tuple[int, int]) -> torch.Tensor:
        return torch.zeros(1, len(self.preprocessing.mean), *size, dtype=torch.uint8)

    def _not_taken(self, pixels: torch.Tensor, error: Exception) -> "NotTakenError":
        """Return the error for images that the network cannot compute; their size is blamed if its own size passes."""
        channels, height, width = pixels.shape[1:]
        own = self.network.preprocessing.input_size
        told = (str(error) or type(error).__name__).splitlines()[0]
        reason = "its forward pass checks the size" if "Proxy(" in told else told
        what = f"{self.network.name} cannot take images of {height} x {width} pixels with {channels} channels"
        if (height, width) != own and self._takes(own):
            small = " (smaller ones may be fewer than its filters look at)" if min(height, width) < min(own) else ""
            return NotTakenError(
                f"{what}, though it takes its own size, {own[0]} x {own[1]} pixels{small}: {reason}. "
                + (
                    "Use resize='warp' or 'crop', which bring every image to one size."
                    if self.preprocessing.native
                    else "Leave `image_size` out, which gives the network its own size."
                )
            )
        ways = (
            "Its layers may be made for images of another size, which `image_size` gives, or of other channels, for "
            "each of which `mean` and `std` have a number"
        )
        if self.tap.precision != "float32":
            ways += f"; or for numbers of another type than precision={self.tap.precision!r}, so try 'float32'"
        nor = "" if (height, width) == own else ", nor of its own size"
        return NotTakenError(f"{what}{nor}: {reason}. {ways}.")

    def _takes(self, size: tuple[int, int]) -> bool:
        """Tell whether an image of that height and width goes through."""
        try:
            self.tap(self.ready(self._black(size)))
        except (RuntimeError, AssertionError):
            return False
        return True


def _watched(
    batches: Iterable[tuple[list[int], torch.Tensor]], now: list[int]
) -> Iterator[tuple[list[int], torch.Tensor]]:
    """Pass *batches* on, and keep in *now* the positions of the one that is being computed."""
    for positions, pixels in batches:
        now[:] = positions
        yield positions, pixels
