"""The parts of a network from the image to the classes: which of them train, and how fast."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from torch import nn

from eyecraft.features.learned.aliases import aliases
from eyecraft.features.learned.architectures import head_name
from eyecraft.features.learned.tracing import unknown_layer

from ._network_models import is_norm, norms_of

_LISTS = (nn.Sequential, nn.ModuleList)
EVERYTHING = ("all", "head", "gradual")


@dataclass
class Part:
    """A layer, or a block of layers, with the normalisation behind it."""

    name: str
    prefixes: list[str] = field(default_factory=list)  # of the modules in it
    parameters: list[str] = field(default_factory=list)
    norms: list[nn.Module] = field(default_factory=list)  # with statistics of their batches


class Parts:
    """The parts of a network in the order it runs them.

    Parameters
    ----------
    network : torch.nn.Module
        Sequences are taken apart, anything else in them is one part: a residual block, a Fire module, a transformer's
        block, a plain layer.
    order : dict of str to int
        When each module is called; see `_network_models.run_once`.
    """

    def __init__(self, network: nn.Module, order: Mapping[str, int]) -> None:
        self.network, self.order = network, dict(order)
        units = sorted(_units(network), key=lambda unit: order.get(unit[0], -1) if unit[2] else -1)
        self.parts: list[Part] = []
        for name, module, whole in units:
            if not (self.parts and is_norm(module)):
                self.parts.append(Part(name))
            part = self.parts[-1]
            part.prefixes.append(name if whole else f"{name} itself")
            owned = module.named_parameters() if whole else module.named_parameters(recurse=False)
            part.parameters += [f"{name}.{key}" if name else key for key, _ in owned]
            part.norms += norms_of(module) if whole else []
        head = head_name(network)
        self.head = next((i for i, part in enumerate(self.parts) if _holds(part, head)), len(self.parts) - 1)
        self.held_still: list[nn.Module] = []

    def first(self, trainable: str, epoch: int = 0, n_epochs: int = 1) -> int:
        """Return the number of the first part that trains; all behind it do too.

        Parameters
        ----------
        trainable : str
            ``"all"``, ``"head"``, ``"gradual"`` or the name of a layer.
        epoch, n_epochs : int
            Of ``"gradual"``: from the head alone in epoch 0 to everything at half of the epochs.
        """
        if trainable == "all":
            return 0
        if trainable == "head":
            return self.head
        if trainable == "gradual":
            return max(0, self.head - round(self.head * epoch / max(1, n_epochs // 2)))
        return self._from_layer(trainable)

    def let_train(self, first: int) -> None:
        """Let the parts from *first* on learn, and the others hold still, batch statistics included."""
        parameters = dict(self.network.named_parameters())
        self.held_still = []
        for number, part in enumerate(self.parts):
            for name in part.parameters:
                if name in parameters:  # a shared one is listed once
                    parameters[name].requires_grad_(number >= first)
            if number < first:
                self.held_still += part.norms

    def factors(self, backbone_factor: float, layer_decay: float, head_factor: float = 1.0) -> dict[str, float]:
        """Return what the rate of each parameter is multiplied by, by name; *head_factor* is the last layer's."""
        factors: dict[str, float] = {}
        for number, part in enumerate(self.parts):
            depth = max(0, self.head - number)
            factor = (backbone_factor if depth else head_factor) * layer_decay**depth
            factors |= dict.fromkeys(part.parameters, factor)
        return factors

    def _from_layer(self, layer: str) -> int:
        name = aliases(self.network).get(layer, layer)
        if name not in self.order:
            raise unknown_layer(layer, [*EVERYTHING, *aliases(self.network), *filter(None, self.order)])
        for number, part in enumerate(self.parts):
            if _holds(part, name):
                return number
        later = [i for i, part in enumerate(self.parts) if self.order.get(part.name, -1) >= self.order[name]]
        if not later:
            raise ValueError(f"`trainable` is {layer!r}, behind which no layer has weights. Name an earlier one.")
        return later[0]


def _holds(part: Part, name: str) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in part.prefixes)


def _units(module: nn.Module, name: str = "", *, inside: bool = False) -> Iterator[tuple[str, nn.Module, bool]]:
    """Yield name, module, and whether the whole module or only what it holds itself is meant."""
    children = [(key, child) for key, child in module.named_children() if any(True for _ in child.parameters())]
    is_list = isinstance(module, _LISTS)
    if children and (not name or is_list or (not inside and any(_is_long(child) for _, child in children))):
        if any(True for _ in module.parameters(recurse=False)):
            yield name, module, False
        for key, child in children:
            yield from _units(child, f"{name}.{key}" if name else key, inside=inside or is_list)
    elif any(True for _ in module.parameters()):
        yield name, module, True


def _is_long(module: nn.Module) -> bool:
    return isinstance(module, _LISTS) and sum(any(True for _ in child.parameters()) for child in module) > 1
