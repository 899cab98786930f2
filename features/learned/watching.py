"""Tapping a network whose forward pass cannot be traced: it runs, and every call of torch's is watched meanwhile."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakIdKeyDictionary

from .aliases import aliases
from .kinds import Kind, is_non_linear_module, is_weighted_module, kind_of_call
from .tracing import (
    PENULTIMATE,
    Activation,
    copy_tensor,
    no_weights,
    not_penultimate,
    only_value,
    unknown_layer,
    unused_layer,
)

_OPERATORS_IN_PLACE = ("__setitem__", "__iadd__", "__isub__", "__imul__", "__itruediv__", "__ipow__")


class WatchedNetwork(nn.Module):
    """Runs a network and gives the values of layers, copied when they arose; takes what `TappedNetwork` takes."""

    def __init__(self, network: nn.Module, layers: Sequence[str], activation: Activation) -> None:
        super().__init__()
        self.network, self.layers, self.activation = network, list(layers), activation
        known = aliases(network)
        self._names = [known.get(layer, layer) for layer in layers]
        modules = dict(network.named_modules())
        for layer, name in zip(self.layers, self._names, strict=True):
            if layer == PENULTIMATE:
                not_penultimate(activation)
                if not any(map(is_weighted_module, modules.values())):
                    raise no_weights()
            elif not name or name not in modules:
                raise unknown_layer(layer, module_names(network))

    def forward(self, images: torch.Tensor) -> list[Any]:
        """Return the value of every layer."""
        watch = _Watch(self.activation, self._names)
        handles = [
            handle
            for number, name in enumerate(self._names)
            if name != PENULTIMATE
            for handle in watch.hooks(number, self.network.get_submodule(name))
        ]
        try:
            with watch:
                watch.ended(self.network(images))
        except _AllSeen:
            pass
        finally:
            for handle in handles:
                handle.remove()
        for number, layer in enumerate(self.layers):
            if number not in watch.values:
                raise unused_layer(layer, module_names(self.network))
        return [watch.values[number] for number in range(len(self.layers))]


def module_names(network: nn.Module) -> list[str]:
    """Return aliases and modules."""
    return [*aliases(network), PENULTIMATE, *(name for name, _ in network.named_modules() if name)]


class _AllSeen(BaseException):
    pass


class _Watch(TorchFunctionMode):
    """What is seen of one forward pass.

    Attributes
    ----------
    values : dict of int to value
        By the layer's number: the first time its module ran.
    """

    def __init__(self, activation: Activation, names: Sequence[str]) -> None:
        super().__init__()
        self.values: dict[int, Any] = {}
        self._before = activation == "pre"
        self._names = names
        self._followed: dict[int, torch.Tensor] = {}  # what came of a layer so far, its non-linearity not yet met
        self._entered: Any = WeakIdKeyDictionary()  # a value behind a non-linearity -> the one before it
        self._classes: Any = WeakIdKeyDictionary()  # a value made by a layer, not bent since -> what entered the layer

    def hooks(self, number: int, module: nn.Module) -> list[Any]:
        """Watch one layer."""
        if self._before and is_non_linear_module(module):
            return [module.register_forward_pre_hook(lambda _, args: self._keep(number, args[0]))]

        def leave(_: nn.Module, args: Any, value: Any) -> None:
            if number in self.values or not isinstance(value, torch.Tensor):
                self._keep(number, value)
            elif is_weighted_module(module):
                self.values[number] = copy_tensor(value)
                self._followed[number] = value
            else:
                self._keep(number, self._entered.get(value, value))

        return [module.register_forward_hook(leave)]

    def ended(self, given: Any) -> None:
        """Take what the network gave, for the layer that is known by its place before the end."""
        for number, name in enumerate(self._names):
            if name == PENULTIMATE:
                value = only_value(given, torch.Tensor)
                self.values[number] = copy_tensor(self._classes.get(value, value))

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call one of torch's functions, and note what it does to values that matter."""
        kwargs = kwargs or {}
        value = args[0] if args else kwargs.get("input")
        kind, in_place = kind_of_call(function), _writes_over(function, args, kwargs)
        if isinstance(value, torch.Tensor) and kind.is_non_linear:
            entering = copy_tensor(value) if in_place and self._before else value
            result = function(*args, **kwargs)
            self._bent(value, entering, result)
        else:
            result = function(*args, **kwargs)
            if kind is Kind.JOIN and self._before:
                self._joined(function, value, result, args[1:], kwargs)
            elif in_place and not kind.is_between:
                self._forget(value)
        if isinstance(result, torch.Tensor):
            self._went_on(kind, value, result, args, kwargs)
        return result

    def _bent(self, value: torch.Tensor, entering: torch.Tensor, result: torch.Tensor) -> None:
        if self._before:
            self._entered[result] = entering
        for number in [number for number, followed in self._followed.items() if followed is value]:
            self.values[number] = copy_tensor(entering if self._before else result)
            del self._followed[number]
        self._leave_if_done()

    def _joined(
        self, function: Callable[..., Any], parts: Any, result: Any, rest: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        parts = parts if parts is not None else kwargs.get("tensors")
        if any(part in self._entered for part in parts):
            kwargs = {key: given for key, given in kwargs.items() if key != "tensors"}
            self._entered[result] = function([self._entered.get(part, part) for part in parts], *rest, **kwargs)

    def _forget(self, value: Any) -> None:
        """Note that a value is no longer what it was."""
        self._entered.pop(value, None)
        self._followed = {number: followed for number, followed in self._followed.items() if followed is not value}

    def _went_on(
        self, kind: Kind, value: Any, result: torch.Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        if kind.is_between:
            self._followed |= {number: result for number, followed in self._followed.items() if followed is value}
        if PENULTIMATE not in self._names:
            return
        alone = sum(isinstance(given, torch.Tensor) for given in (*args, *kwargs.values())) == 1
        if kind is Kind.WEIGHTED:
            self._classes[result] = value
        elif kind in (Kind.IDLE, Kind.SQUASH, Kind.RESHAPE, Kind.OTHER) and alone and value in self._classes:
            self._classes[result] = self._classes[value]
        else:
            self._classes.pop(result, None)

    def _keep(self, number: int, value: Any) -> None:
        if number not in self.values:
            self.values[number] = copy_tensor(value)
        self._leave_if_done()

    def _leave_if_done(self) -> None:
        if len(self.values) == len(self._names) and not self._followed:
            raise _AllSeen


def _writes_over(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Tell whether a call changes its first argument."""
    name = getattr(function, "__name__", "")
    marked = name.endswith("_") and not name.endswith("__")
    asked = kwargs.get("inplace") is True or (
        kind_of_call(function).is_non_linear and any(given is True for given in args[1:])
    )
    return marked or asked or name in _OPERATORS_IN_PLACE
