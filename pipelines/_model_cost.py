"""What a fitted pipeline is: its size, the networks inside and their multiply-adds, and a fresh copy of it.

The copy comes out of a pickle, as the pipeline would in another process, but arrays and tensors are handed over as they
are: a model of a gigabyte is counted and brought up anew without a second gigabyte.
"""

import inspect
import io
import pickle
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

_SMALL = 1024  # bytes of an array that may as well be copied
_MOST_HELD = 1000  # members of a list that are looked at: steps and parts, not data


@dataclass(frozen=True)
class Packed:
    """A pickled pipeline whose arrays and tensors lie beside the pickle.

    Attributes
    ----------
    pickled : bytes
        All but them.
    beside : list
        Arrays and tensors, each once; shared with the pipeline that was packed.
    """

    pickled: bytes
    beside: list[Any]

    @property
    def n_bytes(self) -> int:
        """How long the pickle would be with everything in it, but for some bytes around each array."""
        return len(self.pickled) + sum(map(_size, self.beside))

    def unpack(self) -> Any:
        """Return the pipeline as a reader of the pickle gets it: what pickles leave out has to be prepared anew."""
        return _Unpacker(self.pickled, self.beside).load()


def pack(estimator: Any) -> Packed:
    """Pickle an estimator; raises whatever its parts raise when they cannot be pickled."""
    file = io.BytesIO()
    packer = _Packer(file)
    packer.dump(estimator)
    return Packed(file.getvalue(), packer.beside)


class _Packer(pickle.Pickler):
    """A pickler that puts arrays and tensors aside."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=5)
        self.beside: list[Any] = []
        self._numbers: dict[int, int] = {}

    def persistent_id(self, thing: Any) -> int | None:
        """Return the number of what is put aside; None for all that is pickled."""
        if not _is_numbers(thing):
            return None
        if id(thing) not in self._numbers:
            self._numbers[id(thing)] = len(self.beside)
            self.beside.append(thing)
        return self._numbers[id(thing)]


class _Unpacker(pickle.Unpickler):
    def __init__(self, pickled: bytes, beside: list[Any]) -> None:
        super().__init__(io.BytesIO(pickled))
        self._beside = beside

    def persistent_load(self, number: Any) -> Any:
        """Return what was put aside under a number."""
        return self._beside[number]


def _is_numbers(thing: Any) -> bool:
    if isinstance(thing, np.ndarray):
        return type(thing) in (np.ndarray, np.memmap) and not thing.dtype.hasobject and thing.nbytes > _SMALL
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(thing, torch.Tensor)


def _size(numbers: Any) -> int:
    return int(numbers.nbytes)


def inside(estimator: Any) -> Iterator[Any]:
    """Yield an estimator and all that it holds, in fitted attributes too.

    Where there is a fitted ``part_`` the ``part`` that it was cloned from is left out, and so is what a `CNNFeatures`
    taps, which it has a copy of.
    """
    seen: set[int] = set()
    waiting = [estimator]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, (list, tuple)):
            waiting.extend(thing[:_MOST_HELD])
        elif isinstance(thing, Mapping):
            waiting.extend(list(thing.values())[:_MOST_HELD])
        elif hasattr(thing, "get_params") and not inspect.isclass(thing):
            yield thing
            held = getattr(thing, "__dict__", {})
            if not _taps(thing):
                waiting.extend(value for name, value in held.items() if f"{name}_" not in held)


def network_bytes(estimator: Any) -> int:
    """Return the bytes of weights that a fitted pipeline loads by a network's name, and its pickle so does not hold."""
    named = [part for part in _networks(estimator) if _taps(part) and isinstance(part.model, str)]
    taps = [part._engine().tap for part in named]
    return sum(_size(numbers) for tap in taps for numbers in (*tap.parameters(), *tap.buffers()))


def weights_digest(estimator: Any) -> str | None:
    """Return what tells the frozen networks that a fitted pipeline loads by name from others; None without any."""
    named = [part for part in _networks(estimator) if _taps(part) and isinstance(part.model, str)]
    return "+".join(sorted({str(part._engine().network.digest) for part in named})) or None


def multiply_adds(estimator: Any) -> int | None:
    """Return the products that the networks inside a fitted pipeline sum up for one image.

    Networks whose layers are tapped count up to the last of those. Where images keep their own sizes, the size is that
    of the first training image.

    Returns
    -------
    int or None
        None where there is no network.
    """
    counts = []
    for part in _networks(estimator):
        if _taps(part):
            engine = part._engine()
            counts.append(_counted(engine.tap, len(engine.preprocessing.mean), part.image_size_))
        else:
            ready = part.preprocessing_
            counts.append(_counted(part.module_, len(ready.mean), ready.input_size))
    return sum(counts) if counts else None


def on_accelerator(estimator: Any) -> bool:
    """Tell whether a network inside a fitted pipeline works elsewhere than on the processor."""
    modules = [part._engine().tap if _taps(part) else part.module_ for part in _networks(estimator)]
    return any(numbers.device.type != "cpu" for module in modules for numbers in module.parameters())


def _networks(estimator: Any) -> list[Any]:
    """Return the fitted `CNNFeatures` and `CNNClassifier` inside."""
    if "torch" not in sys.modules:
        return []
    from torch import nn

    return [
        part
        for part in inside(estimator)
        if (_taps(part) and hasattr(part, "image_size_"))
        or (isinstance(getattr(part, "module_", None), nn.Module) and hasattr(part, "preprocessing_"))
    ]


def _taps(part: Any) -> bool:
    """Tell whether a part is a `CNNFeatures`, without importing torch to ask."""
    module = sys.modules.get("eyecraft.features.learned.cnn_features")
    return module is not None and isinstance(part, module.CNNFeatures)


def _counted(network: Any, channels: int, image_size: tuple[int, int]) -> int:
    """Send an image without numbers through a copy without numbers; where that fails, one of zeros."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from eyecraft.features.learned._card_walk import without_memory

    first = next(iter(network.parameters()), torch.zeros(()))

    def run(copied: Any, device: str) -> int:
        image = torch.zeros(1, channels, *image_size, device=device, dtype=first.dtype)
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            copied(image)
        return int(counter.get_total_flops()) // 2

    try:
        return run(without_memory(network), "meta")
    except (NotImplementedError, RuntimeError) as error:
        if "meta" not in str(error):
            raise
    return run(network, str(first.device))  # its forward pass looks at the numbers
