"""The graph of a network's operations: finding a layer's value in it, and cutting it off behind the last one wanted."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import fx, nn
from torchvision.models.feature_extraction import NodePathTracer
from torchvision.ops import FrozenBatchNorm2d

from eyecraft.features._checks import nearest

from .aliases import aliases
from .kinds import Kind, kind_of_call, kind_of_module
from .layout import channels_at_the_end
from .networks import ScaledTanh

Activation = Literal["post", "pre"]

PENULTIMATE = "penultimate"  # what enters the layer that gives the classes, under whatever name
_LOOKS = (getattr, "size", "dim", "numel", "is_contiguous")


def trace(network: nn.Module) -> "Trace | None":
    """Return the graph of *network*, or None where its forward pass cannot be traced."""
    tracer = NodePathTracer(leaf_modules=[ScaledTanh, FrozenBatchNorm2d])
    try:
        graph = tracer.trace(network)
    except Exception:  # whatever a stranger's forward does with a symbolic input: hooks serve instead
        return None
    return Trace(network, graph, _names_of(graph, tracer.node_to_qualname))


def copy_tensor(value: Any, *, turn: bool = False) -> Any:
    """Return a copy of a tensor, which nothing done in place will reach; anything else (attention's pair) as it is.

    With *turn* a value (n, height, width, channels) comes out as (n, channels, height, width).
    """
    if not isinstance(value, torch.Tensor):
        return value
    return value.clone() if not turn or value.ndim != 4 else value.permute(0, 3, 1, 2).contiguous()


def users_of(node: fx.Node) -> list[fx.Node]:
    """Return the operations that go on with a value, and not those that only look at its shape."""
    return [user for user in node.users if user.target not in _LOOKS]


def goes_on_to(node: fx.Node) -> list[fx.Node]:
    """Return `users_of` a value but for our copies, which are taken as soon as it is there."""
    return [user for user in users_of(node) if user.target is not copy_tensor]


def unknown_layer(name: str, known: Sequence[str]) -> ValueError:
    """Return the error for a layer that is not there, with the nearest names."""
    first = ", ".join(map(repr, known[:12])) + (", ..." if len(known) > 12 else "")
    return ValueError(f"The network has no layer called {name!r} (it has {first}){nearest(name, known)}")


def unused_layer(name: str, known: Sequence[str]) -> ValueError:
    """Return the error for a module that gives no value of its own."""
    return ValueError(
        f"Layer {name!r} has no value to take: the network never calls it, uses only its weights, or gets no tensor "
        f"from it. Name the layer around it or one behind it{nearest(name, known)}"
    )


def not_penultimate(activation: Activation) -> None:
    """Raise ``ValueError`` if the value before a non-linearity is asked for where only an input is known."""
    if activation == "pre":
        raise ValueError(
            f"Layer {PENULTIMATE!r} is the input of the classes' layer and has no value before a non-linearity. Name "
            "the layer itself in `layers`, or use activation='post'."
        )


def no_weights() -> ValueError:
    """Return the error for a network without a layer that could give the classes."""
    return ValueError("The network has no linear or convolutional layer. Name the layer you want in `layers`.")


def only_value(given: Any, kind: type) -> Any:
    """Return what a network gives: itself, or the one value of *kind* in a tuple, list or dictionary."""
    if isinstance(given, kind):
        return given
    inside = list(given.values()) if isinstance(given, Mapping) else given
    found = [part for part in inside if isinstance(part, kind)] if isinstance(inside, (list, tuple)) else []
    if len(found) != 1:
        raise ValueError(
            f"The network gives {len(found) or 'no'} values ({type(given).__name__}), not one, so it has no layer "
            f"{PENULTIMATE!r}. Name the layer you want in `layers`."
        )
    return found[0]


def _names_of(graph: fx.Graph, found: Mapping[fx.Node, str]) -> dict[fx.Node, str]:
    """Return a name for every operation, in the order they run.

    A module's first call has the module's own name. torchvision's tracer would take the number off a module that is
    called ``ln_2`` as if it counted calls, and so give it the name of another one.
    """
    steps = [node for node in graph.nodes if node.op not in ("placeholder", "get_attr", "output")]
    firsts: dict[str, fx.Node] = {}
    for node in steps:
        if node.op == "call_module":
            firsts.setdefault(str(node.target), node)
    taken, names = set(firsts), {}
    for node in steps:
        target = str(node.target)
        if node.op == "call_module" and firsts[target] is node:
            names[node] = target
            continue
        name = stem = target if node.op == "call_module" else found.get(node, node.name)
        number = 0
        while name in taken:
            number += 1
            name = f"{stem}_{number}"
        taken.add(name)
        names[node] = name
    return names


class Trace:
    """A network's operations in the order they run, each with a name such as ``"layer1.0.relu_1"``."""

    def __init__(self, network: nn.Module, graph: fx.Graph, names: dict[fx.Node, str]) -> None:
        self.network, self.graph, self.names = network, graph, names
        self.modules = dict(network.named_modules())

    def all_names(self) -> list[str]:
        """Return aliases, modules and operations."""
        steps = list(self.names.values())
        used = {name[:end] for name in steps for end in (*_dots(name), len(name))}
        named = [alias for alias, module in aliases(self.network).items() if module in used]
        modules = (name for name in self.modules if name in used)
        return list(dict.fromkeys([*named, PENULTIMATE, *modules, *steps]))

    def cut(self, layers: Sequence[str], activation: Activation) -> fx.GraphModule:
        """Return a network that gives the values of *layers* and ends behind the last; this graph is used up."""
        nodes = [self.locate(layer, activation) for layer in layers]
        at_the_end = channels_at_the_end(self.graph, self.modules)
        copies: dict[fx.Node, fx.Node] = {}
        for node in dict.fromkeys(nodes):
            with self.graph.inserting_after(node):
                copies[node] = self.graph.call_function(copy_tensor, (node,), {"turn": node in at_the_end})
        *steps, ending = self.graph.nodes
        ending.args = (tuple(copies[node] for node in nodes),)
        last = max(position for position, node in enumerate(steps) if node in copies.values())
        for node in reversed(steps[last + 1 :]):
            self.graph.erase_node(node)
        return fx.GraphModule(self.network, self.graph)

    def locate(self, layer: str, activation: Activation) -> fx.Node:
        """Return the operation whose value *layer* means; see `TappedNetwork`."""
        if layer == PENULTIMATE:
            not_penultimate(activation)
            return self._before_the_classes()
        node = self._last_of(layer)
        if self._kind(node) is Kind.WEIGHTED:
            node = self._following(node) or node
        return node if activation == "post" else self._before(node)

    def _last_of(self, layer: str) -> fx.Node:
        """Return the operation called *layer*, or the last one inside the module of that name."""
        name = aliases(self.network).get(layer, layer)
        named = [node for node, known in self.names.items() if known == name]
        inside = [node for node, known in self.names.items() if known.startswith(f"{name}.")]
        if not named and not inside:
            error = unused_layer if name in self.modules and name else unknown_layer
            raise error(layer, self.all_names())
        return (named or inside[-1:])[0]

    def _before(self, node: fx.Node) -> fx.Node:
        """Return what enters a non-linearity; of several laid side by side, what enters each, side by side."""
        kind = self._kind(node)
        if kind.is_non_linear:
            return node.all_input_nodes[0]
        parts = node.args[0] if kind is Kind.JOIN and node.args else ()
        if not isinstance(parts, (list, tuple)):
            return node
        befores = [self._before(part) for part in parts]
        if befores == list(parts):
            return node
        copies = []
        for before in befores:  # at once, since some non-linearities work in place
            with self.graph.inserting_after(before):
                copies.append(self.graph.call_function(copy_tensor, (before,)))
        with self.graph.inserting_after(node):
            return self.graph.create_node(node.op, node.target, (copies, *node.args[1:]), dict(node.kwargs))

    def _before_the_classes(self) -> fx.Node:
        """Return what enters the layer of the classes; of a network that ends otherwise, what leaves it."""
        if not any(self._kind(node) is Kind.WEIGHTED for node in self.names):
            raise no_weights()
        *_, ending = self.graph.nodes
        node = last = only_value(ending.args[0], fx.Node)
        rectified = False
        while isinstance(node, fx.Node):
            kind = self._kind(node)
            if kind is Kind.WEIGHTED:
                return node.all_input_nodes[0] if not rectified or self._is_squeezenets(node) else last
            if kind is Kind.NORM or (len(node.all_input_nodes) > 1 and kind is not Kind.RESHAPE):
                break
            rectified = rectified or kind is Kind.NON_LINEAR
            node = node.args[0] if node.args else None
        return last

    def _is_squeezenets(self, node: fx.Node) -> bool:
        """Tell whether *node* is the classes' layer that is rectified all the same: SqueezeNet's last convolution."""
        return "conv10" in (known := aliases(self.network)) and known["conv10"] == node.target

    def _following(self, node: fx.Node) -> fx.Node | None:
        """Return the non-linearity that alone receives what *node* gives, normalisation in between allowed."""
        while len(users := goes_on_to(node)) == 1:
            (node,) = users
            kind = self._kind(node)
            if kind.is_non_linear:
                return node
            if not kind.is_between:
                return None
        return None

    def _kind(self, node: fx.Node) -> Kind:
        if node.op == "call_module":
            return kind_of_module(self.modules[str(node.target)])
        return kind_of_call(node.target) if node.op in ("call_function", "call_method") else Kind.OTHER


def _dots(name: str) -> list[int]:
    return [position for position, letter in enumerate(name) if letter == "."]
