"""Optimisers, and how the rate of learning runs through the steps of a training."""

import math
from collections.abc import Callable
from typing import Any

import torch

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}
SCHEDULES = ("cosine", "step", "one-cycle", None)
_DROPS = (0.5, 0.75)  # shares of the training at which "step" divides the rate by ten: He et al. 2016 on CIFAR-10
_ONE_CYCLE_START = 1 / 25  # of the highest rate: L. Smith and N. Topin, "Super-convergence", 2018
ONE_CYCLE_WARMUP = 0.3  # share of the training in which the rate rises


def optimizer_options(name: str, *, momentum: float, nesterov: bool, weight_decay: float) -> dict[str, Any]:
    """Return the arguments of an optimiser, without the rate; only "sgd" and "rmsprop" have a momentum to set."""
    options: dict[str, Any] = {"weight_decay": weight_decay}
    if name == "sgd":
        options |= {"momentum": momentum, "nesterov": nesterov and momentum > 0}
    elif name == "rmsprop":
        options["momentum"] = momentum
    return options


def rate_factor(schedule: str | None, step: int, n_steps: int, warmup: int = 0) -> float:
    """Return the share of the highest rate that step number *step* (from 0) of *n_steps* is taken with.

    Parameters
    ----------
    schedule : {"cosine", "step", "one-cycle", None}
        Half a cosine from 1 to 0; a tenth from half and a hundredth from three quarters of the training; one cosine up
        from 1/25 and one down to 0; or always 1.
    warmup : int
        Steps in which the rate rises, in a line (one-cycle: in half a cosine).

    >>> [round(rate_factor("cosine", step, 4), 3) for step in range(4)]
    [1.0, 0.854, 0.5, 0.146]
    >>> [round(rate_factor("step", step, 4, warmup=1), 3) for step in range(4)]
    [1.0, 1.0, 0.1, 0.01]
    """
    if step < warmup:
        if schedule == "one-cycle":
            return _ONE_CYCLE_START + (1 - _ONE_CYCLE_START) * (1 - math.cos(math.pi * step / warmup)) / 2
        return (step + 1) / warmup
    if schedule == "step":
        return 0.1 ** sum(step >= share * n_steps for share in _DROPS)
    if schedule in ("cosine", "one-cycle"):
        return (1 + math.cos(math.pi * (step - warmup) / max(1, n_steps - warmup))) / 2
    return 1.0
