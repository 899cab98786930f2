"""What a training runs with: the parameters of a `CNNClassifier`, checked, and those left open filled in.

Whatever is None depends on whether the network comes with weights, on what kind it is and on how many images there are.
"""

import math
import os
from collections.abc import Collection
from dataclasses import asdict, dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from eyecraft.features._checks import check_choice, check_number, check_pair, check_whole
from eyecraft.features.learned.frozen import PRECISIONS, check_device

from ._augment import AUGMENTATIONS, MIXES
from ._losses import LOSSES, can_smooth
from ._network_models import Plan, norms_of
from ._schedules import ONE_CYCLE_WARMUP, OPTIMIZERS, SCHEDULES

FIND = "find"
_FEW_IMAGES = 1000  # below, pretrained networks are unfrozen gradually, from the head down
_PRETRAINED_STEPS, _PRETRAINED_EPOCHS = 1000, (5, 20)  # steps to aim at, within these epochs
_SCRATCH_STEPS, _SCRATCH_EPOCHS = 20_000, (30, 90)
_SMALL_NETWORK_EPOCHS = 30
# rates that train: small networks of our own, large ones from scratch with and without normalisation, pretrained ones
# with it and without (SqueezeNet, AlexNet, VGG: ten times the rate makes them diverge within an epoch)
_RATES = {
    "sgd": {"small": 0.05, "scratch": 0.05, "unnormalised": 0.01, "pretrained": 0.01, "delicate": 1e-3},
    "rmsprop": {"small": 1e-3, "scratch": 1e-3, "unnormalised": 1e-4, "pretrained": 1e-3, "delicate": 1e-4},
    "adam": {"small": 3e-3, "scratch": 1e-3, "unnormalised": 1e-4, "pretrained": 1e-3, "delicate": 1e-4},
    "adamw": {"small": 3e-3, "scratch": 1e-3, "unnormalised": 1e-4, "pretrained": 1e-3, "delicate": 1e-4},
}
_PRETRAINED_BACKBONE = 0.1  # rate of what was trained before, as a share of the new head's


@dataclass(frozen=True)
class Settings:
    """What a network was trained with; `CNNClassifier` explains each."""

    model: str
    weights: str
    pretrained: bool
    trainable: str
    dropout: float | None
    image_size: tuple[int, int]
    augment: str | None
    mix: str | None
    loss: str
    label_smoothing: float
    optimizer: str
    lr: float
    momentum: float
    nesterov: bool
    weight_decay: float
    backbone_factor: float
    head_start: bool
    layer_decay: float
    schedule: str | None
    warmup_epochs: float
    max_epochs: int
    batch_size: int
    accumulate: int
    precision: str
    ema_decay: float | None
    early_stopping: bool
    validation_fraction: float
    patience: int
    head_factor: float = 1.0  # rate of the last layer as a share of `lr`, see `_head_start`

    def as_dict(self) -> dict[str, Any]:
        """Return them by name, in the types of JSON."""
        return {**asdict(self), "image_size": list(self.image_size)}


def check_parameters(given: Any) -> None:
    """Raise ``ValueError`` for a parameter of the classifier *given* that cannot be."""
    check_choice("color", given.color, ("auto", "gray", "rgb"))
    _check_choice_or_callable("augment", given.augment, ("auto", *AUGMENTATIONS, None))
    _check_choice_or_callable("loss", given.loss, LOSSES)
    check_choice("mix", given.mix, (*MIXES, None))
    check_choice("optimizer", given.optimizer, OPTIMIZERS)
    check_choice("schedule", given.schedule, SCHEDULES)
    check_choice("precision", given.precision, PRECISIONS)
    if given.precision == "float16" and not check_device(given.device).startswith("cuda"):
        raise ValueError("`precision`='float16' needs a GPU (device='cuda'); use 'bfloat16' or 'float32' on the CPU.")
    for name in ("nesterov", "early_stopping", "warm_start", "head_start"):
        check_choice(name, getattr(given, name), (False, True))
    if given.trainable is not None and not isinstance(given.trainable, str):
        raise ValueError(
            "`trainable` must be 'head', 'all', 'gradual', the name of the first layer to train, or None; got "
            f"{given.trainable!r}"
        )
    if given.image_size is not None:
        check_pair("image_size", given.image_size, unit="pixels")
    _check_numbers(given)
    _check_others(given)
    if given.label_smoothing and not can_smooth(given.loss):
        raise ValueError(
            f"`label_smoothing` goes with the losses 'cross_entropy' and 'mse'; got {given.label_smoothing!r} with "
            f"loss={given.loss!r}. Set it to 0."
        )


def _check_numbers(given: Any) -> None:
    for name, unit in (("max_epochs", ""), ("batch_size", "images"), ("patience", "epochs"), ("accumulate", "parts")):
        value = getattr(given, name)
        if value is not None or name != "max_epochs":
            check_whole(name, value, at_least=1, unit=unit)
    if given.lr != FIND and given.lr is not None:
        check_number("lr", given.lr, above=0, why="Or 'find', to have it searched for.")
    check_number("momentum", given.momentum, at_least=0, at_most=1)
    check_number("weight_decay", given.weight_decay, at_least=0)
    check_number("validation_fraction", given.validation_fraction, above=0, at_most=0.9)
    check_number("label_smoothing", given.label_smoothing, at_least=0, at_most=0.99)
    check_number("layer_decay", given.layer_decay, above=0, at_most=1)
    for name, most in (("dropout", 0.99), ("ema_decay", 0.99999), ("backbone_factor", None), ("warmup_epochs", None)):
        if getattr(given, name) is not None:
            check_number(name, getattr(given, name), at_least=0, at_most=most)
    if given.accumulate > given.batch_size:
        raise ValueError(
            f"`accumulate` must be at most `batch_size`, whose images it deals out; got {given.accumulate!r} parts of "
            f"{given.batch_size!r} images"
        )


def _check_others(given: Any) -> None:
    seed = given.random_state
    if not (seed is None or isinstance(seed, np.random.RandomState) or _is_whole(seed, below=2**32)):
        raise ValueError(
            f"`random_state` must be None, a whole number >= 0 and < 2**32, or a numpy RandomState; got {seed!r}"
        )
    if given.n_jobs is not None and (not isinstance(given.n_jobs, Integral) or given.n_jobs == 0):
        raise ValueError(f"`n_jobs` must be None, a number of threads, or -1 for all cores; got {given.n_jobs!r}")
    kept = given.keep_filters
    if not (kept is None or isinstance(kept, bool)) and not (
        isinstance(kept, Collection) and not isinstance(kept, str) and all(map(_is_whole, kept))
    ):
        raise ValueError(f"`keep_filters` must be True, None or a collection of epochs, such as [0, 5]; got {kept!r}")
    folder = given.checkpoint_dir
    if folder is not None and not isinstance(folder, (str, os.PathLike)):
        raise ValueError(f"`checkpoint_dir` must be the path of a folder, or None; got {folder!r}")
    if folder is not None and Path(folder).expanduser().is_file():
        raise ValueError(f"`checkpoint_dir` must be a folder, there or not; {os.fspath(folder)!r} is a file.")


def _is_whole(value: Any, below: float = math.inf) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and 0 <= int(value) < below


def resolve_settings(
    given: Any, plan: Plan, network: nn.Module, size: tuple[int, int], n_images: int, *, new_head: bool = False
) -> Settings:
    """Return the settings of a training on *n_images*; a rate to be found is NaN."""
    steps = math.ceil(n_images / given.batch_size)
    epochs = given.max_epochs or _epochs(plan, steps)
    augment = _default_augment(plan) if given.augment == "auto" else given.augment
    warmup = given.warmup_epochs
    if warmup is None:
        gently = 1.0 if _kind(plan, network) == "delicate" else 0.0
        warmup = ONE_CYCLE_WARMUP * epochs if given.schedule == "one-cycle" else gently
    lr = given.lr if given.lr is not None else usual_rate(plan, network, given.optimizer)
    factor = given.backbone_factor
    return Settings(
        model=plan.name,
        weights=plan.source,
        pretrained=plan.pretrained,
        trainable=given.trainable or _default_trainable(plan, n_images),
        dropout=given.dropout,
        image_size=size,
        augment=_name_of(augment),
        mix=given.mix,
        loss=str(_name_of(given.loss)),
        label_smoothing=float(given.label_smoothing),
        optimizer=given.optimizer,
        lr=math.nan if lr == FIND else float(lr),
        momentum=float(given.momentum),
        nesterov=bool(given.nesterov),
        weight_decay=float(given.weight_decay),
        backbone_factor=float((_PRETRAINED_BACKBONE if plan.pretrained else 1.0) if factor is None else factor),
        head_start=bool(given.head_start and plan.pretrained and new_head and given.loss == "cross_entropy"),
        layer_decay=float(given.layer_decay),
        schedule=given.schedule,
        warmup_epochs=float(min(warmup, epochs)),
        max_epochs=int(epochs),
        batch_size=int(given.batch_size),
        accumulate=int(given.accumulate),
        precision=given.precision,
        ema_decay=given.ema_decay,
        early_stopping=bool(given.early_stopping),
        validation_fraction=float(given.validation_fraction),
        patience=int(given.patience),
    )


def usual_rate(plan: Plan, network: nn.Module, optimizer: str) -> float:
    """Return the rate of learning where none is given."""
    return _RATES[optimizer][_kind(plan, network)]


def _epochs(plan: Plan, steps_per_epoch: int) -> int:
    if plan.kind != "named" and not plan.pretrained:
        return _SMALL_NETWORK_EPOCHS
    steps, (least, most) = (
        (_PRETRAINED_STEPS, _PRETRAINED_EPOCHS) if plan.pretrained else (_SCRATCH_STEPS, _SCRATCH_EPOCHS)
    )
    return min(most, max(least, math.ceil(steps / steps_per_epoch)))


def _kind(plan: Plan, network: nn.Module) -> str:
    if plan.pretrained:
        return "pretrained" if norms_of(network) else "delicate"
    if plan.kind != "named":
        return "small"
    return "scratch" if norms_of(network) else "unnormalised"


def _default_trainable(plan: Plan, n_images: int) -> str:
    return "gradual" if plan.pretrained and n_images < _FEW_IMAGES else "all"


def _default_augment(plan: Plan) -> str:
    return "crop-flip" if plan.kind == "named" or plan.pretrained else "shift"


def _name_of(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return str(getattr(value, "__name__", type(value).__name__))


def _check_choice_or_callable(name: str, value: Any, choices: tuple[Any, ...]) -> None:
    if not callable(value):
        check_choice(name, value, choices)
