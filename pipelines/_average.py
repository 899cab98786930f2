"""A moving average of a network's weights, which generalises better than the last ones.

B. Polyak and A. Juditsky, "Acceleration of stochastic approximation by averaging", SIAM J. Control Optim. 30(4), 1992.
"""

import contextlib
from collections.abc import Iterator

import torch
from torch import nn


class MovingAverage:
    """Exponential moving average of the parameters, and of the statistics of normalisation that belong to them.

    Parameters
    ----------
    network : torch.nn.Module
    decay : float
        Share of the old average that is kept at each step; less in the first steps, where there is little to keep.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self.values = {name: value.clone() for name, value in _averaged(network).items()}

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take the present weights in."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(list(self.values.values()), list(_averaged(network).values()), 1 - decay)

    @contextlib.contextmanager
    def in_place(self, network: nn.Module) -> Iterator[None]:
        """Give *network* the averaged weights inside the block."""
        own = {name: value.clone() for name, value in _averaged(network).items()}
        self.give(network)
        try:
            yield
        finally:
            _set(network, own)

    def give(self, network: nn.Module) -> None:
        """Give *network* the averaged weights for good."""
        _set(network, self.values)


@torch.no_grad()
def _set(network: nn.Module, values: dict[str, torch.Tensor]) -> None:
    for name, value in _averaged(network).items():
        value.copy_(values[name])


def _averaged(network: nn.Module) -> dict[str, torch.Tensor]:
    """Return parameters and buffers by name; counters are whole numbers, of which there is no mean."""
    named = [*network.named_parameters(), *network.named_buffers()]
    return {name: value.detach() for name, value in named if value.is_floating_point()}
