"""One pass of an empty image through a network, watched module by module.

Tensors live on torch's ``meta`` device, which keeps shapes and no numbers: the largest network takes no memory.
"""

import copy
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ._card_fields import Field, Pair, Watch, field_of


@dataclass
class Step:
    """One call of one module."""

    name: str
    kind: str
    inputs: tuple[int, ...]
    output: tuple[int, ...] | None = None
    field: Field = field(default_factory=Field)
    parameters: int = 0  # those first used here, not in a module inside
    multiply_adds: int = 0  # less those of modules inside
    left_out: Pair = (0, 0)
    is_leaf: bool = True
    began: int = 0
    inside: int = 0


class Walk:
    """Watches a network's modules while an image of zeros goes through.

    Parameters
    ----------
    network : torch.nn.Module
        Copied; stays as it is.
    device : {"meta", "cpu"}
        On ``"meta"`` nothing is computed; ``"cpu"`` serves networks that look at the numbers on their way.

    Attributes
    ----------
    steps : list of Step
        In the order in which the modules were left.
    unused : dict of str to int
        Parameters by top-level module that took no part.
    """

    def __init__(self, network: nn.Module, *, device: str = "meta") -> None:
        self.steps: list[Step] = []
        self.unused: dict[str, int] = {}
        self._network = without_memory(network) if device == "meta" else copy.deepcopy(network).to(device).eval()
        self._device = device
        self._running: list[Step] = []
        self._calls: Counter[str] = Counter()
        self._seen: set[int] = set()
        self._counter = FlopCounterMode(display=False)

    @property
    def at(self) -> Step | None:
        """The module that is running: after an error, the one it arose in."""
        return self._running[-1] if self._running else None

    def run(self, channels: int, image_size: Pair) -> None:
        """Send the image through."""
        image = torch.zeros(1, channels, *image_size, device=self._device)
        image._eyecraft_field = Field()  # type: ignore[attr-defined]
        handles: list[Any] = []
        for name, module in self._network.named_modules():
            handles.append(module.register_forward_pre_hook(lambda part, args, n=name: self._enter(n, part, args)))
            handles.append(module.register_forward_hook(lambda part, args, value: self._leave(value)))
        with torch.no_grad(), self._counter, Watch(self._use, self._leave_out):
            self._network(image)
        for name, parameter in self._network.named_parameters():
            if id(parameter) not in self._seen:
                top = name.partition(".")[0]
                self.unused[top] = self.unused.get(top, 0) + parameter.numel()

    def _enter(self, name: str, module: nn.Module, args: tuple[Any, ...]) -> None:
        if self._running:
            self._running[-1].is_leaf = False
        again = f"_{self._calls[name]}" if self._calls[name] else ""
        self._calls[name] += 1
        inputs = tuple(args[0].shape[1:]) if args and isinstance(args[0], torch.Tensor) else ()
        self._running.append(Step(f"{name}{again}", type(module).__name__, inputs, began=self._flops()))

    def _leave(self, value: Any) -> None:
        step = self._running.pop()
        inside = self._flops() - step.began
        step.multiply_adds = (inside - step.inside) // 2
        if self._running:
            self._running[-1].inside += inside
        tensor = value[0] if isinstance(value, (list, tuple)) and value else value
        if isinstance(tensor, torch.Tensor):
            step.output, step.field = tuple(tensor.shape[1:]), field_of(tensor)
        self.steps.append(step)

    def _use(self, parameter: nn.Parameter) -> None:
        if id(parameter) not in self._seen and self._running:
            self._seen.add(id(parameter))
            self._running[-1].parameters += parameter.numel()

    def _leave_out(self, left: Pair) -> None:
        if self._running:
            self._running[-1].left_out = left

    def _flops(self) -> int:
        return int(self._counter.get_total_flops())


def without_memory(network: nn.Module) -> nn.Module:
    """Return a copy of *network* in evaluation mode whose tensors have shapes and no numbers."""
    tensors: Mapping[int, torch.Tensor] = {
        **{id(one): nn.Parameter(one.detach().to("meta"), requires_grad=False) for one in network.parameters()},
        **{id(one): one.detach().to("meta") for one in network.buffers()},
    }
    copied: nn.Module = copy.deepcopy(network, dict(tensors))
    return copied.eval()
