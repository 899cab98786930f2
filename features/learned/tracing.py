"""The graph of a network's operations: finding a layer's value in it, and cutting it off behind the last one wanted."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import torch
from torch import fx, nn
from torch.nn import functional
from torchvision.models.feature_extraction import NodePathTracer

from eyecraft.features._checks import nearest

from .aliases import aliases
from .layout import channels_at_the_end
from .networks import ScaledTanh

Activation = Literal["post", "pre"]

PENULTIMATE = "penultimate"  # the input of the layer that gives the classes, under whatever name
_WEIGHTED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
_BETWEEN = (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm, nn.Dropout, nn.Dropout2d)
_NON_LINEAR = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Hardswish),
    *(nn.Hardsigmoid, nn.Hardtanh, nn.Tanh, nn.Sigmoid, nn.Softplus),
)
_NON_LINEAR_CALLS = {
    *(functional.relu, functional.relu_, functional.relu6, functional.leaky_relu, functional.elu, functional.selu),
    *(functional.gelu, functional.silu, functional.mish, functional.hardswish, functional.hardtanh, functional.tanh),
    *(functional.sigmoid, functional.softplus, torch.relu, torch.relu_, torch.tanh, torch.sigmoid),
    *("relu", "relu_", "tanh", "tanh_", "sigmoid", "sigmoid_"),  # methods of tensors
}
_JOINS = (torch.cat, torch.concat, torch.concatenate)


def trace(network: nn.Module) -> "Trace | None":
    """Return the graph of *network*, or None where its forward pass cannot be traced."""
    tracer = NodePathTracer(leaf_modules=[ScaledTanh])
    try:
        graph = tracer.trace(network)
    except Exception:  # whatever a stranger's forward does with a symbolic input: hooks serve instead
        return None
    return Trace(network, graph, _names_of(graph, tracer.node_to_qualname))


def is_weighted_module(module: nn.Module) -> bool:
    """Tell whether *module* is a convolution or a fully connected layer."""
    return isinstance(module, _WEIGHTED)


def is_non_linear_module(module: nn.Module) -> bool:
    """Tell whether *module* is an element-wise non-linearity."""
    return isinstance(module, _NON_LINEAR)


def copy_tensor(value: Any, *, turn: bool = False) -> Any:
    """Return a copy of a tensor, which nothing done in place will reach; anything else (attention's pair) as it is.

    With *turn* a value (n, height, width, channels) comes out as (n, channels, height, width).
    """
    if not isinstance(value, torch.Tensor):
        return value
    return value.clone() if not turn or value.ndim != 4 else value.permute(0, 3, 1, 2).contiguous()


def follows(modules: Iterable[nn.Module]) -> nn.Module | None:
    """Return the non-linearity at the start of *modules*, normalisation and dropout before it allowed."""
    for module in modules:
        if isinstance(module, _NON_LINEAR):
            return module
        if not isinstance(module, _BETWEEN):
            return None
    return None


def unknown_layer(name: str, known: Sequence[str]) -> ValueError:
    """Return the error for a layer that is not there, with the nearest names."""
    first = ", ".join(map(repr, known[:12])) + (", ..." if len(known) > 12 else "")
    return ValueError(f"The network has no layer called {name!r} (it has {first}){nearest(name, known)}")


def not_penultimate(activation: Activation) -> None:
    """Raise ``ValueError`` if the value before a non-linearity is asked for where only an input is known."""
    if activation == "pre":
        raise ValueError(
            f"Layer {PENULTIMATE!r} is the input of the classes' layer and has no value before a non-linearity. Name "
            "the layer itself in `layers`, or use activation='post'."
        )


def not_joined(layer: str, parts: Iterable[str]) -> ValueError:
    """Return the error for a block whose output joins several non-linearities."""
    names = ", ".join(map(repr, parts))
    return ValueError(
        f"Layer {layer!r} joins several non-linearities ({names}), so it has no one value before them. Name its "
        "convolutions in `layers`, or use activation='post'."
    )


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
        modules = (name for name in self.modules if name)
        return list(dict.fromkeys([*aliases(self.network), PENULTIMATE, *modules, *self.names.values()]))

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
        if self._is(node, _WEIGHTED):
            node = self._following(node) or node
        if activation == "post":
            return node
        if self._is_non_linear(node):
            return node.all_input_nodes[0]
        if node.target in _JOINS and any(self._is_non_linear(part) for part in node.all_input_nodes):
            raise not_joined(layer, (self.names[part] for part in node.all_input_nodes))
        return node

    def _last_of(self, layer: str) -> fx.Node:
        """Return the operation called *layer*, or the last one inside the module of that name."""
        name = aliases(self.network).get(layer, layer)
        named = [node for node, known in self.names.items() if known == name]
        inside = [node for node, known in self.names.items() if known.startswith(f"{name}.")]
        if not named and not inside:
            raise unknown_layer(layer, self.all_names())
        return (named or inside[-1:])[0]

    def _before_the_classes(self) -> fx.Node:
        for node in reversed(self.names):
            if self._is(node, _WEIGHTED):
                return node.all_input_nodes[0]
        raise ValueError("The network has no linear or convolutional layer. Name the layer you want in `layers`.")

    def _following(self, node: fx.Node) -> fx.Node | None:
        """Return the non-linearity that alone receives what *node* gives, normalisation in between allowed."""
        while len(node.users) == 1:
            node = next(iter(node.users))
            if self._is_non_linear(node):
                return node
            if not self._is(node, _BETWEEN):
                return None
        return None

    def _is(self, node: fx.Node, kinds: tuple[type, ...]) -> bool:
        return node.op == "call_module" and isinstance(self.modules[str(node.target)], kinds)

    def _is_non_linear(self, node: fx.Node) -> bool:
        calls = node.op in ("call_function", "call_method") and node.target in _NON_LINEAR_CALLS
        return calls or self._is(node, _NON_LINEAR)
