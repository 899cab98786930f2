"""The engine that trains the network of a `CNNClassifier`: skorch's, on uint8 images that come in batches."""

import contextlib
import math
import warnings
from typing import Any

import torch
from skorch import NeuralNet
from torch import nn
from torch.utils.data import DataLoader

from eyecraft.features.learned.preprocessing import Preprocessing

from ._augment import Augmentation, mix
from ._average import MovingAverage
from ._batches import Batches, ReadAhead, as_fetched
from ._divergence import LossWatch, diverged, not_finite
from ._losses import Loss, Targets, guessing
from ._memory import Dealer, enough_memory
from ._network_models import as_ordered, norms_of, order_memory, scores_of
from ._network_parts import Parts
from ._network_settings import Settings
from ._schedules import OPTIMIZERS, optimizer_options, rate_factor
from ._training import Images

_ONE_ALONE = "more than 1 value per channel"  # torch's words


class Engine(NeuralNet):
    """skorch's network, which augments and standardises on the device, deals batches out, and follows a schedule.

    Parameters
    ----------
    module : torch.nn.Module
        Trained in place.
    parts : Parts
        Of the module.
    settings : Settings
    preprocessing : Preprocessing
        Mean and standard deviation of the pixels.
    augment : callable or None
        Changes a uint8 batch of training images.
    loss : Loss
    steps_per_epoch : int
        Of the schedule.
    usual_lr : float
        The rate that such networks are trained at, for advice.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        parts: Parts,
        settings: Settings,
        preprocessing: Preprocessing,
        augment: Augmentation | None,
        loss: Loss,
        steps_per_epoch: int,
        usual_lr: float,
        **options: Any,
    ) -> None:
        self.usual_lr, self.watch = usual_lr, LossWatch()
        self.parts, self.settings, self.preprocessing = parts, settings, preprocessing
        self.augment, self.loss, self.steps_per_epoch = augment, loss, steps_per_epoch
        self.rate = settings.lr * settings.head_factor
        self.step = self.epoch = 0  # steps taken in all; epoch that runs, from 1
        self.seen = self.loss_sum = 0.0
        self.hits: torch.Tensor | None = None
        self.n_classes = 2  # until scores are there
        self.told: dict[
            str, tuple[float, float]
        ] = {}  # mean loss and accuracy of "train" and "valid" in the last epoch
        super().__init__(
            module,
            criterion=nn.Identity,
            optimizer=OPTIMIZERS[settings.optimizer],
            lr=settings.lr,
            batch_size=settings.batch_size,
            **optimizer_arguments(settings),
            **options,
        )

    def initialize(self) -> "Engine":
        """Move the network to its device and make the optimiser."""
        super().initialize()
        if str(self.device) == "cpu" or self.settings.precision != "float32":
            order_memory(self.module_, len(self.preprocessing.mean), self.settings.image_size)
        norms = norms_of(self.module_)
        self.dealer = Dealer(self.settings.accumulate, 2 if norms else 1, self.device, norms)
        decay = self.settings.ema_decay
        self.average = None if decay is None else MovingAverage(self.module_, decay)
        self.scaler = torch.amp.GradScaler("cuda") if self.settings.precision == "float16" else None
        return self

    def get_params_for_optimizer(self, prefix: str, named_parameters: Any) -> tuple[Any, dict[str, Any]]:
        """Return the parameters in groups of one rate each."""
        named = list(named_parameters)
        _, kwargs = super().get_params_for_optimizer(prefix, named)
        settings = self.settings
        factors = self.parts.factors(settings.backbone_factor, settings.layer_decay, settings.head_factor)
        groups: dict[float, list[Any]] = {}
        for name, parameter in named:
            groups.setdefault(factors.get(name, 1.0), []).append(parameter)
        rates = {factor: settings.lr * factor for factor in sorted(groups)}
        listed = [{"params": groups[f], "lr": rate, "highest": rate} for f, rate in rates.items()]
        return (listed,), {**kwargs, "lr": settings.lr}

    # -- one step ------------------------------------------------------------------------------------------------------

    def train_step(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """Take one step of the optimiser, the batch dealt out in as many parts as memory asks for."""
        self.set_rates()
        with enough_memory(self.device):
            images, targets = self._prepared(*batch)
        self._deal(len(images), lambda bounds: self._gradients(images, targets, bounds))
        self._check(self._last_loss.item(), targets)
        with enough_memory(self.device):
            self._move()
        self.step += 1
        return {"loss": self._last_loss, "y_pred": None}

    def _deal(self, count: int, work: Any) -> None:
        """Do the work on a batch; say it where memory has asked for more parts than before."""
        parts = self.dealer.parts
        try:
            self.dealer.run(count, work)
        except ValueError as error:
            if _ONE_ALONE not in str(error):
                raise
            raise ValueError(
                "Batch normalisation needs the statistics of at least 2 images at a time; it got 1. Nothing was "
                "trained. Give more images (those with weight 0 do not count), or a `batch_size` of 2 or more, or "
                "trainable='head', which leaves the statistics as they are."
            ) from error
        if self.dealer.parts > parts:
            warnings.warn(
                f"Memory ran out: from now on batches of {count} images are dealt out in {self.dealer.parts} parts, "
                "which changes nothing but the statistics of batch normalisation, and takes longer. `accumulate` "
                "begins with as many.",
                stacklevel=2,
            )

    def _move(self) -> None:
        if self.scaler is None:
            self.optimizer_.step()
        else:
            self.scaler.step(self.optimizer_)
            self.scaler.update()
        if self.average is not None:
            self.average.update(self.module_)

    def _set_training(self, training: bool = True) -> None:
        super()._set_training(training)
        if training:
            for norm in self.parts.held_still:
                norm.eval()

    def set_rates(self) -> None:
        """Set the rates of the step that comes next, as the schedule says."""
        settings = self.settings
        n_steps = settings.max_epochs * self.steps_per_epoch
        warmup = round(settings.warmup_epochs * self.steps_per_epoch)
        factor = rate_factor(settings.schedule, self.step, n_steps, warmup)
        self.rate = settings.lr * settings.head_factor * factor  # of the last layer, which always trains
        for group in self.optimizer_.param_groups:
            group["lr"] = group["highest"] * factor

    def _prepared(self, images: torch.Tensor, targets: Any) -> tuple[torch.Tensor, Targets]:
        images = images.to(self.device, non_blocking=True)
        targets = targets.to(self.device)
        if self.augment is not None:
            images = self.augment(images)
        values, share = mix(self.settings.mix, self._standardised(images))
        if share < 1:
            targets = targets.mixed(share)
        return values, targets

    def _standardised(self, images: torch.Tensor) -> torch.Tensor:
        return as_ordered(self.module_, self.preprocessing.normalise(images))

    def _gradients(self, images: torch.Tensor, targets: Targets, bounds: list[tuple[int, int]]) -> None:
        """Set the gradients of the mean loss over the batch, summed over its parts."""
        self.optimizer_.zero_grad()
        total = torch.zeros((), device=self.device)
        hits = torch.zeros((), device=self.device)
        for start, stop in bounds:
            some = targets.part(start, stop)
            with self._casting():
                scores = scores_of(self.module_(images[start:stop]))
            loss = self.loss(scores, some, len(images))
            if loss.requires_grad:  # unless nothing in front of it trains
                (loss if self.scaler is None else self.scaler.scale(loss)).backward()
            total += loss.detach()
            hits += (scores.detach().argmax(dim=1) == some.codes).sum()
        self.n_classes = scores.shape[1]
        self._last_loss = total.cpu()
        self._count(len(images), self._last_loss.item(), hits)

    # -- divergence ----------------------------------------------------------------------------------------------------

    def _check(self, loss: float, targets: Targets) -> None:
        """Raise `Diverged` for a loss that is no number, or losses that have run away."""
        step = f"step {self.step - (self.epoch - 1) * self.steps_per_epoch + 1} of epoch {self.epoch}"
        if not math.isfinite(loss):
            raise self._diverged(f"the loss became {loss} at {step}")
        weight = 1.0 if targets.weights is None else float(targets.weights.mean()) or 1.0  # heavy images are no alarm
        if self.watch.ran_away(loss / weight, guessing(self.loss.kind, self.n_classes)):
            raise self._diverged(f"by {step} the loss had risen to {loss:.4g}, from {self.watch.first:.2g} at first")

    def check_network(self) -> None:
        """Raise `Diverged` unless all weights and statistics are numbers."""
        name = not_finite(self.module_)
        if name is not None:
            raise self._diverged(f"{name!r} holds values that are no finite numbers after epoch {self.epoch}")

    def check_answers(self, images: Images) -> None:
        """Raise `Diverged` unless the network, as the last step left it, can answer on some of its training images."""
        pixels, targets = images.__getitems__(list(range(min(len(images), self.settings.batch_size))))
        losses: list[float] = []

        def forward(bounds: list[tuple[int, int]]) -> None:
            losses.clear()
            for start, stop in bounds:
                some = targets.part(start, stop)._replace(weights=None).to(self.device)
                scores = self.scores(pixels[start:stop].to(self.device))
                losses.append(float(self.loss(scores, some, len(pixels))))
                self.n_classes = scores.shape[1]

        self._set_training(False)
        self.dealer.run(len(pixels), forward)
        loss = sum(losses)
        # statistics of batches that were few yet may be far off, and the network all right
        hopeless = self.watch.is_hopeless(loss, guessing(self.loss.kind, self.n_classes))
        if (hopeless and not norms_of(self.module_)) or not math.isfinite(loss):
            raise self._diverged(f"after the last step the loss is {loss:.4g}")

    def _diverged(self, what: str) -> ValueError:
        return diverged(what, self.settings.lr, self.usual_lr)

    def _count(self, n_images: int, loss: float, hits: torch.Tensor) -> None:
        self.seen += n_images
        self.loss_sum += loss * n_images
        self.hits = hits if self.hits is None else self.hits + hits

    def run_single_epoch(self, iterator: Any, training: bool, prefix: str, step_fn: Any, **fit_params: Any) -> None:
        """Run through the batches once; held-out images meet the averaged weights, where there are some."""
        if iterator is None:
            return
        self.seen, self.loss_sum, self.hits = 0.0, 0.0, None
        self._set_training(training)  # once an epoch: of small networks every module's mode takes 1 % of a step
        averaged = self.average is not None and not training
        with self.average.in_place(self.module_) if averaged else contextlib.nullcontext():  # type: ignore[union-attr]
            super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
        hits = 0.0 if self.hits is None else float(self.hits)
        self.told[prefix] = self.loss_sum / self.seen, hits / self.seen

    # -- held-out images -----------------------------------------------------------------------------------------------

    def validation_step(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """Return the loss of a held-out batch."""
        images, targets = batch[0].to(self.device), batch[1].to(self.device)
        n = len(images)
        losses: list[tuple[float, int, torch.Tensor]] = []

        def forward(bounds: list[tuple[int, int]]) -> None:
            losses.clear()
            for start, stop in bounds:
                scores = self.scores(images[start:stop])
                hits = (scores.argmax(dim=1) == targets.codes[start:stop]).sum()
                losses.append((self.loss(scores, targets.part(start, stop), n).item(), stop - start, hits))

        self.dealer.run(n, forward)
        for loss, count, hits in losses:
            self._count(count, loss * n / count, hits)
        return {"loss": torch.tensor(sum(loss for loss, _, _ in losses)), "y_pred": None}

    def scores(self, images: torch.Tensor) -> torch.Tensor:
        """Return the scores of a uint8 batch on the device, in evaluation mode."""
        with torch.no_grad(), self._casting():
            return scores_of(self.module_(self._standardised(images))).float()

    def _casting(self) -> contextlib.AbstractContextManager[Any]:
        return casting(self.settings.precision, self.device)

    # -- batches -------------------------------------------------------------------------------------------------------

    def get_iterator(self, dataset: Images, training: bool = False) -> Any:
        """Return the loader of an epoch's batches, read ahead where images are decoded on the way."""
        size = self.settings.batch_size
        chosen: dict[str, Any] = {"batch_sampler": Batches(dataset, size)} if training else {"batch_size": size}
        loader = DataLoader(dataset, collate_fn=as_fetched, **chosen)
        return loader if dataset.pixels is not None else ReadAhead(loader)


def casting(precision: str, device: Any) -> contextlib.AbstractContextManager[Any]:
    """Return the context in which a network computes with *precision*."""
    if precision == "float32":
        return contextlib.nullcontext()
    return torch.autocast(torch.device(device).type, dtype=getattr(torch, precision))


def optimizer_arguments(settings: Settings) -> dict[str, Any]:
    """Return the optimiser's options as skorch takes them."""
    options = optimizer_options(
        settings.optimizer,
        momentum=settings.momentum,
        nesterov=settings.nesterov,
        weight_decay=settings.weight_decay,
    )
    return {f"optimizer__{name}": value for name, value in options.items()}
