"""Batches of images on their way to a network: decoded ahead in threads, sent at once, halved where memory is short."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import torch

from eyecraft.features._timing import now

_USUAL_PIXELS = 224 * 224  # of one image, for which the sizes below hold
_CPU_BATCH, _CUDA_BATCH = 16, 128  # more gains nothing: measured with AlexNet, ResNet-18 and SqueezeNet
_LARGEST_CPU, _LARGEST_CUDA = 64, 1024
_AHEAD = 2  # batches decoded while one is computed
_NO_MEMORY = (  # what torch and NVIDIA's libraries say as a plain RuntimeError
    *("can't allocate memory", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED"),
)


def automatic_batch_size(input_size: tuple[int, int], device: str) -> int:
    """Return how many images of *input_size* (height, width) go through a network at once: the fewer, the larger."""
    usual, largest = (_CUDA_BATCH, _LARGEST_CUDA) if device.startswith("cuda") else (_CPU_BATCH, _LARGEST_CPU)
    return int(np.clip(round(usual * _USUAL_PIXELS / (input_size[0] * input_size[1])), 1, largest))


def equal_batches(
    prepare: Callable[[int], torch.Tensor], count: int, batch_size: Callable[[], int], *, n_workers: int, pin: bool
) -> Iterator[tuple[list[int], torch.Tensor]]:
    """Yield positions and pixels, batch by batch, of images that are all prepared to one size.

    Parameters
    ----------
    prepare : callable
        Returns the uint8 tensor (channels, height, width) of the image at a position.
    count : int
        Images.
    batch_size : callable
        Returns how many images the next batch may have.
    n_workers : int
        Threads that prepare the next batches while one is used; without any, images are prepared when they are needed.
    pin : bool
        Put the batches into memory from which a GPU copies while it computes.
    """
    if n_workers < 1:
        taken = 0
        while taken < count:
            positions = list(range(taken, min(taken + batch_size(), count)))
            yield positions, _stack([prepare(position) for position in positions], pin)
            taken = positions[-1] + 1
        return
    pool = ThreadPoolExecutor(n_workers, thread_name_prefix="decode")
    waiting: deque[tuple[int, Future[torch.Tensor]]] = deque()
    try:
        sent = 0
        while sent < count or waiting:
            size = batch_size()
            while sent < count and len(waiting) < max((1 + _AHEAD) * size, 2 * n_workers):
                waiting.append((sent, pool.submit(prepare, sent)))
                sent += 1
            batch = [waiting.popleft() for _ in range(min(size, len(waiting)))]
            yield [position for position, _ in batch], _stack([pixels.result() for _, pixels in batch], pin)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def unequal_batches(
    prepare: Callable[[int], torch.Tensor],
    count: int,
    batch_size: Callable[[tuple[int, int]], int],
    *,
    n_workers: int,
    pin: bool,
) -> Iterator[tuple[list[int], torch.Tensor]]:
    """Yield positions and pixels of images that keep their sizes: those of one size go together.

    Parameters and yields are those of `equal_batches`, but that *batch_size* is told the images' height and width. Each
    image waits, prepared, until a batch of its size is full or the images have come to an end.
    """
    same: dict[tuple[int, ...], tuple[list[int], list[torch.Tensor]]] = {}
    for (position,), pixels in equal_batches(prepare, count, lambda: 1, n_workers=n_workers, pin=False):
        positions, images = same.setdefault(tuple(pixels.shape), ([], []))
        positions.append(position)
        images.append(pixels[0])
        height, width = pixels.shape[-2:]
        if len(positions) >= batch_size((height, width)):
            yield positions, _stack(images, pin)
            del same[tuple(pixels.shape)]
    for positions, images in same.values():
        yield positions, _stack(images, pin)


class Passes:
    """Sends batches through a network, smaller ones from the moment that one did not fit into memory.

    Parameters
    ----------
    compute : callable
        Returns the rows (n, features) of a uint8 batch (n, channels, height, width), on the device.
    batch_size : int
        Images at most at once. `limit` is what is left of it; `seconds` counts the time spent.
    """

    def __init__(self, compute: Callable[[torch.Tensor], torch.Tensor], batch_size: int) -> None:
        self.compute, self.limit, self.seconds = compute, batch_size, 0.0

    def run(self, batches: Iterable[tuple[list[int], torch.Tensor]]) -> Iterator[tuple[list[int], np.ndarray]]:
        """Yield positions and rows on the CPU; a GPU has the next batch before the last one's rows are waited for."""
        last: tuple[list[int], list[torch.Tensor]] | None = None
        for positions, pixels in batches:
            start = now()
            rows = self.rows(pixels)
            done = None if last is None else _on_cpu(*last)
            last = positions, rows
            self.seconds += now() - start
            if done is not None:
                yield done
        if last is not None:
            start = now()
            done = _on_cpu(*last)
            self.seconds += now() - start
            yield done

    def rows(self, pixels: torch.Tensor) -> list[torch.Tensor]:
        """Return the rows of a batch in one or several parts, on the device.

        Raises
        ------
        MemoryError
            Not even one image fits.
        """
        parts, first = [], 0
        while first < len(pixels):
            part = pixels[first : first + self.limit]
            try:
                rows = self.compute(part)
            except RuntimeError as error:  # torch's out-of-memory error is one
                if not out_of_memory(error):
                    raise
                if len(part) == 1:
                    raise MemoryError(_too_large(pixels, error)) from error
                self.limit = len(part) // 2
            else:
                parts.append(rows)
                first += len(part)
                continue
            if torch.cuda.is_available():  # outside the handler, whose traceback keeps the tensors alive
                torch.cuda.empty_cache()
        return parts


def out_of_memory(error: Exception) -> bool:
    """Tell whether torch gave up for want of memory, on a GPU or on the CPU."""
    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in _NO_MEMORY)


def _on_cpu(positions: list[int], parts: list[torch.Tensor]) -> tuple[list[int], np.ndarray]:
    return positions, torch.cat([rows.cpu() for rows in parts]).numpy()


def _stack(images: Sequence[torch.Tensor], pin: bool) -> torch.Tensor:
    """Return one tensor, its memory ordered by pixels, as decoders and the network have it."""
    n, (channels, height, width) = len(images), images[0].shape
    batch = torch.empty((n, height, width, channels), dtype=images[0].dtype, pin_memory=pin).permute(0, 3, 1, 2)
    for place, pixels in zip(batch, images, strict=True):
        place.copy_(pixels)
    return batch


def _too_large(pixels: torch.Tensor, error: Exception) -> str:
    height, width = pixels.shape[-2:]
    return (
        f"Not even one image of {height} x {width} pixels fits into memory with this network "
        f"({str(error).splitlines()[0]}). Use a smaller `image_size`, `precision`='bfloat16', or device='cpu'."
    )


def check_batch_size(value: Any) -> None:
    """Raise ``ValueError`` unless *value* is "auto" or a whole number of images."""
    if isinstance(value, str) and value == "auto":
        return
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"`batch_size` must be 'auto' or a whole number of images >= 1; got {value!r}")
