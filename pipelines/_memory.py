"""Batches that do not fit into memory: dealt out in parts, twice as many each time it runs out."""

import itertools
from collections.abc import Callable
from typing import Any

import torch

_SAID_BY_THE_CPU = ("can't allocate memory", "not enough memory")  # torch's allocator raises a plain RuntimeError


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
    """

    def __init__(self, parts: int = 1, smallest: int = 1, device: str = "cpu") -> None:
        self.parts, self.smallest, self.device = parts, smallest, device

    def run(self, count: int, work: Callable[[list[tuple[int, int]]], Any]) -> Any:
        """Return ``work(bounds)`` over a batch of *count* images, with more and smaller parts until it fits.

        Random numbers drawn by work that failed are drawn again.
        """
        while True:
            state = _random_state(self.device)
            try:
                return work(self._bounds(count))
            except (torch.OutOfMemoryError, RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                self._halve(count, error)
            _restore(state, self.device)  # behind the handler, which holds the failed work's tensors

    def _bounds(self, count: int) -> list[tuple[int, int]]:
        parts = max(1, min(self.parts, count // self.smallest))
        edges = [round(i * count / parts) for i in range(parts + 1)]
        return list(itertools.pairwise(edges))

    def _halve(self, count: int, error: BaseException) -> None:
        used = len(self._bounds(count))
        if used >= max(1, count // self.smallest):
            raise MemoryError(
                f"There is not enough memory on {self.device!r} even for {-(-count // used)} image(s) at a time. "
                f"Choose a smaller `image_size` or a smaller network, or free memory. ({str(error).splitlines()[0]})"
            ) from error
        self.parts = 2 * used


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether memory ran out, on the GPU or the CPU."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return any(words in str(error) for words in _SAID_BY_THE_CPU)


def _random_state(device: str) -> tuple[torch.Tensor, torch.Tensor | None]:
    cuda = torch.cuda.get_rng_state(device) if str(device).startswith("cuda") else None
    return torch.get_rng_state(), cuda


def _restore(state: tuple[torch.Tensor, torch.Tensor | None], device: str) -> None:
    torch.set_rng_state(state[0])
    if state[1] is not None:
        torch.cuda.set_rng_state(state[1], device)
        torch.cuda.empty_cache()
