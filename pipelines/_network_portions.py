"""A network trained on images that come in portions: what `CNNClassifier.partial_fit` does with one of them."""

import contextlib
import copy
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from eyecraft.features.learned.frozen import check_device

from ._batches import n_batches
from ._gpu_lock import one_job
from ._network_engine import Engine
from ._network_epochs import Epochs
from ._network_fit import Fitted, go_on, own_generators, prepare, threads_for
from ._network_models import Plan
from ._network_settings import Settings
from ._training import Images


def run_once_through(
    given: Any,
    plan: Plan,
    images: Images,
    classes: np.ndarray,
    seeds: np.random.RandomState,
    old: Any,
    last: Fitted | None,
) -> Fitted:
    """Train for one epoch at a rate that stays; *last*, where there is one, goes on with its optimiser.

    Whatever goes wrong, the network is then as it was before.
    """
    device = check_device(given.device)
    with one_job(device, any_gpu=given.device == "auto") as own, own_generators(own), threads_for(plan):
        if last is None:
            copied = None if old is None else (copy.deepcopy(old[0]), old[1])
            training = prepare(given, plan, images, classes, seeds, copied)
            training.device = own
            training.settings = _steady(training.settings)
            engine = training.engine().initialize()
        else:
            engine, training = last.engine, replace(last.training, images=images)
            torch.manual_seed(int(seeds.randint(2**31 - 1)))
        epochs = Epochs(1, verbose=given.verbose)
        with _whole_or_not(engine):
            training.settings = engine.settings = _steady(training.settings)
            engine.step, engine.steps_per_epoch = 0, n_batches(len(images), engine.settings.batch_size)
            go_on(engine, epochs, images)
    return Fitted(training, engine, epochs)


@contextlib.contextmanager
def _whole_or_not(engine: Engine) -> Iterator[None]:
    """Put network, optimiser, average and settings back where the block is left by an error, or by Ctrl-C."""
    network, optimizer = copy.deepcopy(engine.module_.state_dict()), copy.deepcopy(engine.optimizer_.state_dict())
    others = {name: copy.deepcopy(getattr(engine, name)) for name in ("average", "scaler", "watch")}
    settings = engine.settings
    try:
        yield
    except BaseException:
        engine.module_.load_state_dict(network)
        engine.optimizer_.load_state_dict(optimizer)
        engine.settings = settings
        for name, value in others.items():
            setattr(engine, name, value)
        raise


def _steady(settings: Settings) -> Settings:
    """Return the settings of one epoch among many that are to come."""
    if math.isnan(settings.lr):
        raise ValueError("`lr`='find' looks for a rate in `fit`; give partial_fit a number, see `search_rate`.")
    trainable = "all" if settings.trainable == "gradual" else settings.trainable
    return replace(settings, schedule=None, warmup_epochs=0.0, max_epochs=1, early_stopping=False, trainable=trainable)
