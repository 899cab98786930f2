"""Networks that are a chain of layers, of which a part can be taken."""

from collections import OrderedDict
from typing import Any

from torch import nn


class Chain(nn.Sequential):
    """Layers in a row, by name; ``chain[:3]`` is a plain ``torch.nn.Sequential`` of some of them."""

    def __getitem__(self, index: Any) -> Any:
        """Return a layer, or, of a slice, the layers in it."""
        if not isinstance(index, slice):
            return super().__getitem__(index)
        return nn.Sequential(OrderedDict(list(self._modules.items())[index]))
