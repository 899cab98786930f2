"""Batches that do not fit into memory: dealt out in parts, twice as many each time it runs out."""

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import nn

# how torch's allocators and the libraries below them say it, in a plain RuntimeError
_SAID = ("can't allocate memory", "not enough memory", "out of memory", "STATUS_ALLOC_FAILED", "bad_alloc")


class Dealer:
    """Deals batches out in parts.

    Parameters
    ----------
    parts : int
        To begin with.
    smallest : int
        Images that a part needs: two where batches are normalised.
    device : str
        Whose memory it is.
    norms : sequence of Module
        Normalisations, whose statistics of work that failed are taken back.
    """

    def __init__(self, parts: int = 1, smallest: int = 1, device: str = "cpu", norms: Sequence[nn.Module] = ()) -> None:
        self.parts, self.smallest, self.device, self.norms = parts, smallest, device, norms

    def run(self, count: int, work: Callable[[list[tuple[int, int]]], Any]) -> Any:
        """Return ``work(bounds)`` over a batch of *count* images, with more and smaller parts until it fits.

        Random numbers drawn by work that failed are drawn again.
        """
        while True:
            state = _random_state(self.device)
            statistics = [(buffer, buffer.clone()) for norm in self.norms for buffer in norm.buffers()]
            try:
                return work(self._bounds(count))
            except (torch.OutOfMemoryError, RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                self._halve(count, error)
            _restore(state, self.device)  # behind the handler, which holds the failed work's tensors
            for buffer, before in statistics:
                buffer.copy_(before)

    def _bounds(self, count: int) -> list[tuple[int, int]]:
        parts = max(1, min(self.parts, count // self.smallest))
        edges = [round(i * count / parts) for i in range(parts + 1)]
        return list(itertools.pairwise(edges))

    def _halve(self, count: int, error: BaseException) -> None:
        used = len(self._bounds(count))
        if used >= max(1, count // self.smallest):
            raise MemoryError(
                f"There is not enough memory on {self.device!r} even for {-(-count // used)} image(s) at a time. "
                f"Choose a smaller `image_size` or a smaller network, or free memory. ({_first_line(error)})"
            ) from error
        self.parts = 2 * used


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether memory ran out, on the GPU or the CPU."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _SAID)


@contextlib.contextmanager
def enough_memory(device: Any) -> Iterator[None]:
    """Raise ``MemoryError`` that says what to do where memory runs out on a whole batch, or on the optimiser."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise MemoryError(
            f"There is not enough memory on {str(device)!r} for a whole batch of images, or for the optimiser's own "
            "numbers beside the network's. The step was not taken. Choose a smaller `batch_size`, `image_size` or "
            f"network, or free memory. ({_first_line(error)})"
        ) from error


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def _random_state(device: str) -> tuple[torch.Tensor, torch.Tensor | None]:
    cuda = torch.cuda.get_rng_state(device) if str(device).startswith("cuda") else None
    return torch.get_rng_state(), cuda


def _restore(state: tuple[torch.Tensor, torch.Tensor | None], device: str) -> None:
    torch.set_rng_state(state[0])
    if state[1] is not None:
        torch.cuda.set_rng_state(state[1], device)
        torch.cuda.empty_cache()
