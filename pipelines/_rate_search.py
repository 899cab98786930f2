"""The learning-rate finder: train a copy for a few steps, each faster than the last, and watch the loss.

L. N. Smith, "Cyclical learning rates for training neural networks", WACV 2017. doi:10.1109/WACV.2017.58
"""

import copy
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch

from ._divergence import Diverged, diverged
from ._network_engine import Engine
from ._network_settings import usual_rate

if TYPE_CHECKING:
    from ._network_fit import Training

_LOWEST, _HIGHEST = 1e-6, 1.0
_STEPS = 100
_SMOOTHING = 0.9  # share of the past in the running mean of the loss
_TOO_HIGH = 4.0  # times the lowest loss: nothing is to be learned beyond
_BELOW = 10.0  # the rate suggested is so many times smaller than the one with the lowest loss


@dataclass(frozen=True)
class RateSearch:
    """What a search for the rate of learning found.

    Attributes
    ----------
    curve : DataFrame
        One row per step: ``lr``, ``loss`` of the batch, and ``smooth``, its running mean.
    suggestion : float
        A tenth of the rate at which the running mean is lowest.
    """

    curve: pd.DataFrame
    suggestion: float

    def as_record(self) -> dict[str, Any]:
        """Return it in the types of JSON."""
        return {"suggestion": self.suggestion, "curve": self.curve.to_dict("list")}

    @classmethod
    def from_record(cls, record: dict[str, Any] | None) -> "RateSearch | None":
        """Return what `as_record` wrote."""
        return None if record is None else cls(pd.DataFrame(record["curve"]), record["suggestion"])


class _Faster(Engine):
    """An engine whose rate grows with every step."""

    def set_rates(self) -> None:
        self.rate = _LOWEST * (_HIGHEST / _LOWEST) ** (self.step / (_STEPS - 1))  # what `lr` would be
        for group in self.optimizer_.param_groups:
            group["lr"] = self.rate * group["highest"]  # the engine's own rate is 1


def search_rate(training: "Training") -> RateSearch:
    """Return losses over rates and a suggestion; the network and torch's generators stay as they are."""
    settings = replace(training.settings, lr=1.0, early_stopping=False, ema_decay=None)
    network = copy.deepcopy(training.network)
    parts = type(training.parts)(network, training.parts.order)
    trial = replace(training, settings=settings, network=network, parts=parts, held_out=None)
    with torch.random.fork_rng(devices=_devices(training.device)):
        engine = trial.engine(kind=_Faster).initialize()
        parts.let_train(parts.first(settings.trainable, 0, settings.max_epochs))
        rows = _walk(engine, trial.images)
    if not rows:
        usual = usual_rate(training.plan, training.network, settings.optimizer)
        raise diverged("the loss is no number before the first step of the search", _LOWEST, usual)
    curve = pd.DataFrame(rows, columns=["lr", "loss", "smooth"])
    lowest = curve.loc[curve["smooth"].idxmin(), "lr"]
    return RateSearch(curve, float(lowest) / _BELOW)


def _walk(engine: Engine, images: Any) -> list[tuple[float, float, float]]:
    rows: list[tuple[float, float, float]] = []
    mean, lowest = 0.0, math.inf
    engine.epoch = 1
    engine._set_training(True)
    while True:
        for batch in engine.get_iterator(images, training=True):
            try:
                loss = engine.train_step(batch)["loss"].item()
            except Diverged:  # the search is over
                loss = math.inf
            if not math.isfinite(loss):
                return rows
            mean = _SMOOTHING * mean + (1 - _SMOOTHING) * loss
            smooth = mean / (1 - _SMOOTHING ** (len(rows) + 1))
            rows.append((engine.rate, loss, smooth))
            lowest = min(lowest, smooth)
            if len(rows) == _STEPS or smooth > _TOO_HIGH * lowest:
                return rows


def _devices(device: str) -> list[int]:
    return [torch.device(device).index or 0] if device.startswith("cuda") else []
