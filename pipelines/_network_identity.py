"""What tells trainings apart, so that a checkpoint is gone on from by the one that wrote it alone."""

import hashlib
import inspect
import types
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from eyecraft.features.learned.weights import digest

from ._network_settings import FIND
from ._training import digest_of

if TYPE_CHECKING:
    from ._network_fit import Training


def identity_of(
    given: Any, training: "Training", classes: np.ndarray, seed: int, kept: Collection[int]
) -> dict[str, Any]:
    """Return what a training follows from, in the types of JSON.

    Parameters
    ----------
    given : CNNClassifier
        For its parameters.
    training : Training
        Before its first step, its head's start included.
    classes : ndarray
        Labels.
    seed : int
    kept : collection of int
        Epochs whose filters are kept.
    """
    settings = training.settings.as_dict()
    del settings["head_factor"]  # which follows from the rest
    if given.lr == FIND:
        settings["lr"] = FIND
    return {
        "model": settings.pop("model"),
        "layers": layers_of(training.network),
        "starting weights": digest(training.network),
        "code of the network": _of_code(_forwards(training.network)),
        "code of the loss": _of_code([given.loss]),
        "code of the augmentation": _of_code([given.augment]),
        "classes": [str(name) for name in classes.tolist()],
        "random_state": seed,
        "number of images": len(training.images),
        "images and labels": digest_of(training.images),
        "keep_filters": sorted(kept),
        **settings,
    }


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return what two identities differ in, one sentence each: ``lr was 0.1 and is 0.01``."""
    found: list[str] = []
    was: Any
    now: Any
    for key in [*old, *(key for key in new if key not in old)]:
        was, now = old.get(key), new.get(key)
        if was == now:
            continue
        if key == "layers":
            found.append(_first_layer(was or {}, now or {}))
        elif key == "classes":
            gone, come = [c for c in was if c not in now], [c for c in now if c not in was]
            parts = [f"without {', '.join(map(repr, gone))}"] if gone else []
            parts += [f"with {', '.join(map(repr, come))} besides"] if come else []
            found.append(f"the classes are now {' and '.join(parts) or 'in another order'}")
        elif key in ("starting weights", "images and labels") or key.startswith("code"):
            found.append(f"the {key} {'is' if key.startswith('code') else 'are'} not the same")
        else:
            found.append(f"{key} was {was!r} and is {now!r}")
    several = len(found) > 1 and "the starting weights are not the same" in found
    return [one for one in found if not (several and one.startswith("the starting weights"))]  # they follow from those


def layers_of(network: nn.Module) -> dict[str, str]:
    """Return what each innermost module is, with its options, and the shape of each weight, by name and in order."""
    layers = {name: repr(module) for name, module in network.named_modules() if name and not any(module.children())}
    return layers | {name: str(tuple(value.shape)) for name, value in network.state_dict().items()}


def _first_layer(was: dict[str, str], now: dict[str, str]) -> str:
    """Return a sentence on the first layer that differs."""
    for (name, old), (other, new) in zip(was.items(), now.items(), strict=False):
        if name != other:
            return f"the network has layer {other!r} where it had {name!r}"
        if old != new:
            return f"layer {name!r} was {old} and is {new}"
    return f"the network had {len(was)} layers and weights and has {len(now)}"


def _forwards(network: nn.Module) -> Iterator[Any]:
    """Yield the computing method of each kind of module that is not torch's own."""
    kinds = dict.fromkeys(type(module) for module in network.modules())
    return (kind.forward for kind in kinds if not kind.__module__.startswith("torch."))


def _of_code(values: Any) -> str:
    """Return hexadecimal digits that stand for what functions do; of anything else, for its text or its kind."""
    total = hashlib.blake2b(digest_size=16)
    for value in values:
        total.update("\n".join(_told(value, set())).encode())
    return total.hexdigest()


def _told(value: Any, seen: set[int]) -> Iterator[str]:
    """Yield texts that differ where what *value* does differs; functions already *seen* are not told again."""
    if isinstance(value, types.CodeType):
        yield from (value.co_code.hex(), repr(value.co_names))
        for constant in value.co_consts:
            yield from _told(constant, seen)
    elif isinstance(value, types.FunctionType):
        if id(value) not in seen:
            seen.add(id(value))
            yield from _told(value.__code__, seen)
            for held in (*(value.__defaults__ or ()), *inspect.getclosurevars(value).nonlocals.values()):
                yield from _told(held, seen)
    elif isinstance(value, (list, tuple)):
        for held in value:
            yield from _told(held, seen)
    elif isinstance(value, (str, bytes, int, float, type(None), nn.Module)):
        yield repr(value)
    else:
        yield f"{type(value).__module__}.{type(value).__qualname__}"
