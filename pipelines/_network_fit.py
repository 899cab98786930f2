"""One training of a `CNNClassifier`, from its parameters and decoded images to a fitted network."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from skorch.helper import predefined_split
from torch import nn

from eyecraft.features._checks import check_pair
from eyecraft.features._progress import progress
from eyecraft.features.learned.frozen import check_device
from eyecraft.features.learned.preprocessing import Preprocessing

from ._augment import augmentation
from ._batches import n_batches
from ._checkpoints import Checkpoint
from ._gpu_lock import one_job
from ._head_start import start_head
from ._losses import Loss
from ._network_callbacks import EpochTasks
from ._network_engine import Engine
from ._network_epochs import Enough, Epochs, kept_epochs
from ._network_identity import identity_of
from ._network_models import Plan, build_network, has_new_head, plan_model, run_once, set_dropout
from ._network_parts import Parts
from ._network_settings import Settings, resolve_settings, usual_rate
from ._rate_search import RateSearch, search_rate
from ._training import Images, as_gray_if_gray, listed, standardisation, torch_threads


@dataclass
class Training:
    """Everything a training needs, ready to run."""

    plan: Plan
    network: nn.Module
    parts: Parts
    settings: Settings
    preprocessing: Preprocessing
    images: Any  # Images, or None once it is over
    held_out: Images | None
    loss: Loss
    augment: Any
    device: str

    def engine(self, kind: type[Engine] = Engine) -> Engine:
        """Return an engine for the network."""
        color = self.preprocessing.color
        return kind(
            self.network,
            parts=self.parts,
            settings=self.settings,
            preprocessing=self.preprocessing,
            augment=augmentation(self.augment, self.settings.image_size, 1 if color == "gray" else 3),
            loss=self.loss,
            steps_per_epoch=n_batches(len(self.images), self.settings.batch_size),
            usual_lr=usual_rate(self.plan, self.network, self.settings.optimizer),
            train_split=None if self.held_out is None else predefined_split(self.held_out),
            callbacks="disable",
            verbose=0,
            device=self.device,
        )


@dataclass
class Fitted:
    """What a training leaves behind."""

    training: Training
    engine: Engine
    epochs: Epochs
    search: RateSearch | None = None

    def without_images(self) -> "Fitted":
        """Return it, the images let go."""
        return replace(self, training=replace(self.training, images=None, held_out=None))


def read_images(
    given: Any,
    plan: Plan,
    sources: Any,
    codes: np.ndarray,
    weights: np.ndarray | None,
    known: Preprocessing | None = None,
) -> Images:
    """Return the images as the network will see them, decoded if they fit into memory.

    *known* is the preprocessing of a network that is there already.
    """
    size = input_size(given, plan) if known is None else known.input_size
    color = channels_of(given, plan) if known is None else known.color
    if weights is not None and not weights.all():  # an image that counts nothing is no image
        kept = np.flatnonzero(weights)
        sources = sources[kept] if isinstance(sources, np.ndarray) else [sources[i] for i in kept]
        codes, weights = codes[kept], weights[kept] / weights[kept].mean()
    images = Images(sources, codes, size, "gray" if color == "gray" else "rgb", given.n_jobs, weights).hold()
    return as_gray_if_gray(images) if color == "auto" else images


def input_size(given: Any, plan: Plan) -> tuple[int, int]:
    """Return height and width of the network's input."""
    if given.image_size is None:
        if plan.image_size is None:
            raise ValueError("`image_size` must be given where `model` is a network of your own; it has no default.")
        return plan.image_size
    size = check_pair("image_size", given.image_size, unit="pixels")
    if plan.kind == "own" and plan.image_size is not None and size != plan.image_size:
        raise ValueError(f"`image_size` must be {plan.image_size[0]} pixels for LeNet-5; got {given.image_size!r}")
    return size


def channels_of(given: Any, plan: Plan) -> str:
    """Return "gray", "rgb", or "auto" where the images decide."""
    if plan.any_channels:
        return str(given.color)
    first = None if plan.kind == "named" else next(_convolutions(plan.network), None)
    if plan.kind == "module" and first is None:
        return str(given.color)
    own = "gray" if first is not None and first.in_channels == 1 else "rgb"
    if given.color not in ("auto", own):
        raise ValueError(f"`color` must be 'auto' or {own!r} for {plan.name}, which is built so; got {given.color!r}")
    return own


def prepare(
    given: Any,
    plan: Plan,
    images: Images,
    classes: np.ndarray,
    random: np.random.RandomState,
    old: Any = None,
    *,
    hold_out: bool = False,
) -> Training:
    """Split, standardise, build; torch's generators are seeded on the way.

    Parameters
    ----------
    given : CNNClassifier
        For its parameters.
    random : RandomState
        Draws the held-out images, then torch's seed.
    old : (Module, Preprocessing), optional
        Network to go on with.
    """
    training, held_out = _split(given, images, classes, random) if hold_out else (images, None)
    if old is not None:
        preprocessing = old[1]
    elif plan.preprocessing is not None and len(plan.preprocessing.mean) == (1 if images.color == "gray" else 3):
        preprocessing = plan.preprocessing.adapted(images.size, "warp")
    else:
        preprocessing = standardisation(training)
    torch.manual_seed(int(random.randint(2**31 - 1)))
    channels = len(preprocessing.mean)
    network = build_network(plan, given.model, channels, len(classes), images.size) if old is None else old[0]
    if old is None:
        set_dropout(network, given.dropout)
    parts = Parts(network, run_once(network, channels, images.size, plan.name, len(classes)))
    new_head = old is None and has_new_head(plan, len(classes))
    settings = resolve_settings(given, plan, network, images.size, len(training), new_head=new_head)
    parts.first(settings.trainable)  # a layer that is not there is said before work begins
    return Training(
        plan,
        network,
        parts,
        settings,
        preprocessing,
        training,
        held_out,
        Loss(given.loss, given.label_smoothing),
        _default(given.augment, settings.augment),
        check_device(given.device),
    )


def run(
    given: Any, plan: Plan, images: Images, classes: np.ndarray, old: Any = None, tasks: EpochTasks | None = None
) -> Fitted:
    """Train, or go on with the training whose checkpoint is there; *tasks* are told of each epoch."""
    checkpoint = None if given.checkpoint_dir is None else Checkpoint(given.checkpoint_dir)
    record = None if checkpoint is None else checkpoint.read()
    seed = seed_of(given.random_state, record)
    device = check_device(given.device)
    with one_job(device, any_gpu=given.device == "auto") as own, own_generators(own), threads_for(plan):
        random = np.random.RandomState(seed)
        training = prepare(given, plan, images, classes, random, old, hold_out=given.early_stopping)
        training.device = own
        if checkpoint is not None:
            kept = kept_epochs(given.keep_filters, training.settings.max_epochs)
            checkpoint.identity = identity_of(given, training, classes, seed, kept)
            if record is not None:
                checkpoint.check(record)
        search = _begin(training) if record is None else _begin_again(training, record["start"])
        if checkpoint is not None:
            factor = training.settings.head_factor
            checkpoint.start = {"search": None if search is None else search.as_record(), "head_factor": factor}
        engine, epochs = _train(given, training, checkpoint, record, tasks)
    training.settings = replace(training.settings, accumulate=engine.dealer.parts)  # memory may have asked for more
    return Fitted(training, engine, epochs, search)


def _begin(training: Training) -> RateSearch | None:
    """Let the head start, and look for a rate, where that is wanted."""
    start_head(training)
    if not math.isnan(training.settings.lr):
        return None
    search = search_rate(training)
    training.settings = replace(training.settings, lr=search.suggestion)
    return search


def _begin_again(training: Training, start: dict[str, Any]) -> RateSearch | None:
    """Take over what `_begin` found before the training was killed; the weights come with the checkpoint."""
    search = RateSearch.from_record(start["search"])
    lr = training.settings.lr if search is None else search.suggestion
    training.settings = replace(training.settings, lr=lr, head_factor=start["head_factor"])
    return search


def _train(
    given: Any,
    training: Training,
    checkpoint: Checkpoint | None,
    record: dict[str, Any] | None,
    tasks: EpochTasks | None,
) -> tuple[Engine, Epochs]:
    settings = training.settings
    epochs = Epochs(
        settings.max_epochs,
        patience=settings.patience if settings.early_stopping else None,
        keep_filters=given.keep_filters,
        checkpoint=checkpoint,
        verbose=given.verbose,
        tasks=tasks,
    )
    engine = training.engine().initialize()
    if record is not None and checkpoint is not None:
        epochs.restore(engine, record, checkpoint.tensors(record))
    go_on(engine, epochs, training.images)
    engine.train_split = None  # the held-out images are no longer needed
    return engine, epochs


def go_on(engine: Engine, epochs: Epochs, images: Images) -> None:
    """Run the epochs that are left."""
    done = len(epochs.rows)
    engine.callbacks_ = [("epochs", epochs)]
    steps = n_batches(len(images), engine.settings.batch_size)
    with progress("CNNClassifier", epochs.n_epochs * steps) as advance:
        epochs.advance = advance
        advance(done * steps)
        try:
            if not epochs.stopped:
                engine.fit_loop(images, epochs=epochs.n_epochs - done)
        except Enough:
            pass
        finally:
            epochs.advance = None
    epochs.finish(engine)
    engine.check_answers(images)


def seed_of(random_state: Any, record: dict[str, Any] | None) -> int:
    """Return the number all random numbers of a training follow from."""
    if isinstance(random_state, (int, np.integer)):
        return int(random_state)
    drawn = np.random.RandomState().randint(2**31 - 1) if random_state is None else random_state.randint(2**31 - 1)
    return int(drawn if record is None else record["identity"]["random_state"])


def own_generators(device: str) -> Any:
    """Return the context that leaves torch's global generators as they were."""
    numbers = [torch.device(device).index or 0] if device.startswith("cuda") else []
    return torch.random.fork_rng(devices=numbers)


def threads_for(plan: Plan) -> Any:
    """Return the context in which torch computes with as many CPU threads as suit a network."""
    return torch_threads(1 if plan.kind == "own" else None)


def _split(given: Any, images: Images, classes: np.ndarray, random: np.random.RandomState) -> tuple[Images, Images]:
    """Return the images to train on, and those held out for early stopping."""
    counts = torch.bincount(images.codes, minlength=len(classes))
    if counts.min() < 2:
        rare = [classes[i] for i in torch.nonzero(counts < 2).flatten().tolist()]
        number = int(counts.min())
        raise ValueError(
            f"`early_stopping` holds out images of every class, which takes at least 2 each; {listed(rare)} has "
            f"{number}. Add images, or set early_stopping=False."
        )
    part = max(round(given.validation_fraction * len(images)), len(classes))
    if len(images) - part < len(classes):
        raise ValueError(
            f"`validation_fraction`={given.validation_fraction:g} holds {part} of {len(images)} images out; what is "
            f"left must be at least one of each of {len(classes)} classes. Nothing was trained. Give a smaller share, "
            "more images, or early_stopping=False."
        )
    positions = np.arange(len(images))
    train, test = train_test_split(positions, test_size=part, stratify=images.codes.numpy(), random_state=random)
    return images.part(np.sort(train)), images.part(np.sort(test))


def _default(given: Any, resolved: Any) -> Any:
    return resolved if given == "auto" else given


def _convolutions(network: nn.Module | None) -> Any:
    return (part for part in (network.modules() if network is not None else ()) if isinstance(part, nn.Conv2d))


def plan_of(given: Any) -> Plan:
    """Return what the classifier's `model` and `weights` mean."""
    size = None if given.image_size is None else check_pair("image_size", given.image_size, unit="pixels")
    return plan_model(given.model, given.weights, given.weights_dir, size)


def search_only(given: Any, plan: Plan, images: Images, classes: np.ndarray) -> RateSearch:
    """Return losses over rates, nothing trained."""
    device, random = check_device(given.device), np.random.RandomState(seed_of(given.random_state, None))
    with one_job(device, any_gpu=given.device == "auto") as own, own_generators(own), threads_for(plan):
        training = prepare(given, plan, images, classes, random)
        training.device = own
        start_head(training)
        return search_rate(training)
