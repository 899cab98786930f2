"""What a network computes besides its weights, as a few digits: part of the key under which its rows are stored.

Two networks with the same modules and the same weights can still differ in what their forward passes do with them.
"""

import functools
import hashlib
import inspect
import re
import uuid
import weakref
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from .tracing import trace

_LIBRARIES = frozenset({"torch", "torchvision", "timm", "eyecraft", "operator", "_operator", "builtins", "math"})
_OF_EVERY_MODULE = frozenset({*vars(nn.Module()), "inplace"})
_PLAIN = (bool, int, float, complex, str, bytes, slice, fx.Node, type(None), type(...))
_OF_TORCH = (torch.dtype, torch.device, torch.layout, torch.memory_format, torch._ops.OpOverload)
_UNKNOWN = "?!"
_UNTOLD = re.compile(rf"{re.escape(_UNKNOWN)}| at 0x[0-9a-f]+")  # no text for it, or an address in this process
_objects: "weakref.WeakKeyDictionary[nn.Module, str]" = weakref.WeakKeyDictionary()


def computation_digest(network: nn.Module, given: nn.Module) -> str:
    """Return digits that differ between networks whose forward passes differ.

    Of a network that can be traced they stand for its operations and their constants; of another one for its classes'
    source files and its modules' attributes. Where those do not tell everything, they stand for the object as well, so
    that no other process takes its rows for those of another.

    Parameters
    ----------
    network : torch.nn.Module
        Frozen, as it is going to run.
    given : torch.nn.Module
        The one it is a copy of.
    """
    graph = trace(network)
    text = "\n".join(_of_modules(network) if graph is None else _of_graph(graph.graph, network))
    if _UNTOLD.search(text):
        text += _objects.setdefault(given, uuid.uuid4().hex)
    return _digits(text.encode())


def _of_graph(graph: fx.Graph, network: nn.Module) -> Iterator[str]:
    for node in graph.nodes:
        target = str(node.target)
        if node.op == "call_module":
            target += _of_module(network.get_submodule(target))
        elif node.op == "call_function":
            target = _of_value(node.target)
        elif node.op == "get_attr":
            where, _, name = target.rpartition(".")
            target += _of_value(getattr(network.get_submodule(where), name))
        yield f"{node.name} {node.op} {target} {_of_value(node.args)} {_of_value(node.kwargs)}"


def _of_modules(network: nn.Module) -> Iterator[str]:
    for name, module in network.named_modules():
        yield name + _of_module(module)
    for kind in sorted({kind for module in network.modules() for kind in type(module).__mro__}, key=str):
        yield _of_code(kind)


def _of_module(module: nn.Module) -> str:
    """Return a module's kind and the attributes that are its own."""
    own = {key: value for key, value in vars(module).items() if key not in _OF_EVERY_MODULE}
    own |= {key: module._buffers[key] for key in module._non_persistent_buffers_set}
    hooks = [*module._forward_hooks.values(), *module._forward_pre_hooks.values()]
    return f"{type(module).__module__}.{type(module).__qualname__} {_of_value(own)} {_of_value(hooks)}"


def _of_value(value: Any) -> str:
    """Return a text that stands for a constant or a function."""
    if isinstance(value, _PLAIN):
        return repr(value)
    if isinstance(value, _OF_TORCH):
        return str(value)
    if isinstance(value, torch.Tensor):
        content = value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
        return f"{value.dtype} {tuple(value.shape)} {_digits(content)}"
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype != object:
        return f"{value.dtype} {value.shape} {_digits(value.tobytes())}"
    if isinstance(value, (list, tuple, set, frozenset)):
        parts = [_of_value(part) for part in value]
        return f"{type(value).__name__} {sorted(parts) if isinstance(value, (set, frozenset)) else parts}"
    if isinstance(value, dict):
        return str([(_of_value(key), _of_value(part)) for key, part in value.items()])
    if isinstance(value, functools.partial):
        return f"{_of_value(value.func)} {_of_value(value.args)} {_of_value(value.keywords)}"
    return _of_code(value) if inspect.isroutine(value) or inspect.isclass(value) else _UNKNOWN


def _of_code(what: Any) -> str:
    """Return a function's or class's full name; of a stranger's also digits of its file, where what it calls is too."""
    name = f"{getattr(what, '__module__', None)}.{getattr(what, '__qualname__', '')}"
    if not (inspect.isfunction(what) or inspect.isclass(what)):
        return name if inspect.isbuiltin(what) or inspect.ismethoddescriptor(what) else _UNKNOWN
    home = inspect.getmodule(what)
    if isinstance(home, ModuleType) and home.__name__.partition(".")[0] in _LIBRARIES:
        return name
    if home is None or "<locals>" in name:  # what surrounds it may count
        return name + _UNKNOWN
    try:
        return f"{name} {_digits(inspect.getsource(home).encode())}"
    except (OSError, TypeError):  # typed in, and kept nowhere
        return name + _UNKNOWN


def _digits(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()
