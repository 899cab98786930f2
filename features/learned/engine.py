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
from .pooling import pool
from .preprocessing import Preprocessing


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

    def batch(self, asked: Literal["auto"] | int) -> int:
        """Return how many images go through at once where *asked* of them may."""
        size = automatic_batch_size(self.preprocessing.input_size, self.device) if asked == "auto" else int(asked)
        return min(size, self._fits or size)

    def compute(
        self,
        read: Callable[[int], np.ndarray],
        numbers: Sequence[int],
        *,
        batch_size: Literal["auto"] | int,
        n_workers: int,
    ) -> Batch:
        """Return the rows of some images, and the seconds that reading them and the network took.

        Parameters
        ----------
        read : callable
            Returns the pixels of one of them by its position among *numbers*, (h, w) or (h, w, 3) uint8.
        numbers : sequence of int
            What messages call them.
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

        most = self.batch(batch_size)
        passes = Passes(self.rows, most)
        in_batches = unequal_batches if self.preprocessing.native else equal_batches
        batches = in_batches(prepare, len(numbers), lambda: passes.limit, n_workers=n_workers, pin=self.on_gpu)
        rows: list[Any] = [None] * len(numbers)
        current: list[int] = []
        try:
            for positions, values in passes.run(_watched(batches, current)):
                for position, row in zip(positions, values, strict=True):
                    rows[position] = row
        except NotTakenError as error:
            raise NotTakenError(f"Image {numbers[current[0]]}: {error}") from error
        if passes.limit < most:
            self._fits = passes.limit
        return Batch(rows, sum(seconds), passes.seconds)

    def rows(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return the rows of a uint8 batch (n, channels, height, width), on the device."""
        parts = self._pooled(self._forward(pixels))
        if self.l2:
            parts = [torch.nn.functional.normalize(rows, dim=1) for rows in parts]
        return torch.cat(parts, dim=1)

    def shapes(self, size: tuple[int, int]) -> list[torch.Size]:
        """Return the shapes of the layers' values for one image of that height and width."""
        if size not in self._shapes:
            black = torch.zeros(1, len(self.preprocessing.mean), *size, dtype=torch.uint8)
            self._shapes[size] = [value.shape for value in self._forward(black)]
        return self._shapes[size]

    def lengths(self, size: tuple[int, int]) -> list[int]:
        """Return how many numbers of a row each layer gives for an image of that height and width."""
        return [part.shape[1] for part in self._pooled([torch.zeros(shape) for shape in self.shapes(size)])]

    def _pooled(self, values: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        with torch.inference_mode():
            return [pool(value.float(), self.pooling, self.pool_size) for value in values]

    def _forward(self, pixels: torch.Tensor) -> list[torch.Tensor]:
        with torch.inference_mode():
            images = pixels.to(self.device, non_blocking=True, memory_format=self.tap.memory_format)
            images = self.preprocessing.normalise(images, self.tap.input_dtype)
            try:
                return self.tap(images)
            except (RuntimeError, AssertionError) as error:
                if out_of_memory(error):
                    raise
                raise self._not_taken(pixels, error) from error

    def _not_taken(self, pixels: torch.Tensor, error: Exception) -> "NotTakenError":
        channels, height, width = pixels.shape[1:]
        return NotTakenError(
            f"{self.network.name} cannot take images of {height} x {width} pixels with {channels} channels, which may "
            f"be fewer than its filters look at: {(str(error) or type(error).__name__).splitlines()[0]}. "
            + (
                "Use resize='warp' or 'crop', which bring every image to one size."
                if self.preprocessing.native
                else "Leave `image_size` out to use the network's own size, or enlarge it."
            )
        )


def _watched(
    batches: Iterable[tuple[list[int], torch.Tensor]], now: list[int]
) -> Iterator[tuple[list[int], torch.Tensor]]:
    """Pass *batches* on, and keep in *now* the positions of the one that is being computed."""
    for positions, pixels in batches:
        now[:] = positions
        yield positions, pixels
