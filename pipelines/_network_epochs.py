"""What happens around each epoch of a training: unfreezing, a row of history, early stopping, a checkpoint."""

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch
from skorch.callbacks import Callback
from torch import nn

from ._checkpoints import Checkpoint, restore_engine, state_of_engine
from ._network_callbacks import EpochTasks

_COLUMNS = ("epoch", "train_loss", "train_acc", "valid_loss", "valid_acc", "lr", "dur")


class Enough(Exception):  # noqa: N818  (no error: early stopping)
    """Training is over before its last epoch."""


class Epochs(Callback):
    """Watches a training.

    Parameters
    ----------
    n_epochs : int
        Epochs of the whole training.
    patience : int or None
        Epochs without a better held-out loss before training stops; None: there are no held-out images.
    keep_filters : True or collection of int or None
        Epochs whose first-layer filters are kept; True: 0 (the start), 1, 2, 4, 8, ... and the last.
    checkpoint : Checkpoint or None
        Where the state is written after each epoch.
    verbose : int
        1 prints a line per epoch.
    tasks : EpochTasks or None
        Tells scikit-learn's callbacks, where there are some.
    """

    def __init__(
        self,
        n_epochs: int,
        *,
        patience: int | None = None,
        keep_filters: Any = None,
        checkpoint: Checkpoint | None = None,
        verbose: int = 0,
        tasks: EpochTasks | None = None,
    ) -> None:
        self.n_epochs, self.patience, self.checkpoint, self.verbose = n_epochs, patience, checkpoint, verbose
        self.tasks = tasks
        self.keep = kept_epochs(keep_filters, n_epochs)
        self.advance: Callable[..., None] | None = None
        self.rows: list[dict[str, Any]] = []
        self.best: dict[str, torch.Tensor] = {}
        self.best_loss, self.best_epoch = math.inf, 0
        self.filters: dict[int, np.ndarray] = {}
        self.stopped = False

    # -- called by the engine ------------------------------------------------------------------------------------------

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Let the layers train whose turn it is."""
        self.started = time.perf_counter()
        net.epoch = len(self.rows) + 1
        net.parts.let_train(net.parts.first(net.settings.trainable, net.epoch - 1, self.n_epochs))
        net.set_rates()
        self.rate = net.rate
        if net.epoch == 1:
            self._keep(net, 0)
        if self.tasks is not None:
            self.tasks.begin_epoch()

    def on_batch_end(self, net: Any, training: bool = False, loss: Any = None, **kwargs: Any) -> None:
        """Move the progress line on."""
        if self.advance is not None and training:
            self.advance(1, self._line(net, float(loss)))

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Write the epoch down; raise `Enough` where it was the last one worth its time."""
        row = {"epoch": net.epoch, **_told(net.told, "train"), **_told(net.told, "valid")}
        self.rows.append({**row, "lr": self.rate, "dur": time.perf_counter() - self.started})
        del net.history[-1]["batches"]  # of 200,000 images they fill memory
        net.check_network()
        self._keep(net, net.epoch)
        self._judge(net)
        if self.tasks is not None and self.tasks.end_epoch(net):
            self.stopped = True
        if self.checkpoint is not None:
            self.save(net, self.checkpoint)
        if self.verbose:
            print(self._sentence())
        if self.stopped:
            raise Enough

    # -- early stopping ------------------------------------------------------------------------------------------------

    def _judge(self, net: Any) -> None:
        if self.patience is None:
            return
        loss = self.rows[-1]["valid_loss"]
        if loss < self.best_loss:
            self.best_loss, self.best_epoch = loss, net.epoch
            self.best = {name: value.detach().cpu().clone() for name, value in net.module_.state_dict().items()}
            if net.average is not None:
                self.best |= {name: value.cpu().clone() for name, value in net.average.values.items()}
        self.stopped = net.epoch - self.best_epoch >= self.patience

    def finish(self, net: Any) -> None:
        """Give the network the weights that are kept: the best ones, or averaged ones, or the last."""
        if self.best:
            net.module_.load_state_dict(self.best)
        elif net.average is not None:
            net.average.give(net.module_)

    # -- filters -------------------------------------------------------------------------------------------------------

    def _keep(self, net: Any, epoch: int) -> None:
        if epoch in self.keep:
            first = next((part for part in net.module_.modules() if isinstance(part, nn.Conv2d)), None)
            if first is not None:
                self.filters[epoch] = first.weight.detach().float().cpu().numpy().copy()

    # -- checkpoints ---------------------------------------------------------------------------------------------------

    def save(self, net: Any, checkpoint: Checkpoint) -> None:
        """Write the state of the training."""
        tensors, record = state_of_engine(net)
        tensors |= {f"best.{name}": value for name, value in self.best.items()}
        tensors |= {f"filters.{epoch}": torch.from_numpy(values) for epoch, values in self.filters.items()}
        own = {"rows": self.rows, "best_epoch": self.best_epoch, "stopped": self.stopped}
        own["best_loss"] = self.best_loss if self.best else None
        checkpoint.write(net.epoch, {**record, **own}, tensors)

    def restore(self, net: Any, record: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
        """Go back to the state that `save` wrote; torch's generators too."""
        self.rows, self.stopped, self.best_epoch = record["rows"], record["stopped"], record["best_epoch"]
        self.best_loss = math.inf if record["best_loss"] is None else record["best_loss"]
        self.best = {key[5:]: value for key, value in tensors.items() if key.startswith("best.")}
        self.filters = {int(key[8:]): value.numpy() for key, value in tensors.items() if key.startswith("filters.")}
        restore_engine(net, record, tensors)

    # -- words ---------------------------------------------------------------------------------------------------------

    def table(self) -> pd.DataFrame:
        """Return the history: one row per epoch."""
        return pd.DataFrame(self.rows, columns=[name for name in _COLUMNS if self.rows and name in self.rows[0]])

    def _line(self, net: Any, loss: float) -> str:
        line = f"CNNClassifier: epoch {net.epoch}/{self.n_epochs}, loss {loss:.3f}"
        if self.rows:
            line += f", accuracy {self.rows[-1]['train_acc']:.3f}"
            if "valid_acc" in self.rows[-1]:
                line += f", held out {self.rows[-1]['valid_acc']:.3f}"
        return f"{line}, rate {net.rate:.2g}"

    def _sentence(self) -> str:
        row = self.rows[-1]
        line = f"epoch {row['epoch']}/{self.n_epochs}  loss {row['train_loss']:.4f}  accuracy {row['train_acc']:.3f}"
        if "valid_loss" in row:
            line += f"  held out: loss {row['valid_loss']:.4f}  accuracy {row['valid_acc']:.3f}"
        left = (self.n_epochs - row["epoch"]) * float(np.median([row["dur"] for row in self.rows]))
        return f"{line}  rate {row['lr']:.3g}  {row['dur']:.1f} s" + (f"  left {left:.0f} s" if left else "")


def kept_epochs(keep_filters: Any, n_epochs: int) -> set[int]:
    """Return the epochs whose filters are kept; `Epochs` says what *keep_filters* means."""
    return doubling(n_epochs) if keep_filters is True else set(keep_filters or ())


def doubling(n_epochs: int) -> set[int]:
    """Return 0, 1, 2, 4, 8, ... and the last epoch: most of what filters become, they become early."""
    return {0, n_epochs} | {2**k for k in range(n_epochs.bit_length()) if 2**k <= n_epochs}


def _told(told: dict[str, tuple[float, float]], prefix: str) -> dict[str, float]:
    if prefix not in told:
        return {}
    return {f"{prefix}_loss": told[prefix][0], f"{prefix}_acc": told[prefix][1]}
