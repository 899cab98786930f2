"""When a training has run away: its losses are no numbers any more, or far above what chance would give."""

import math
from typing import Any

import torch
from torch import nn

_HIGH = 10.0  # times the loss at the start, or that of guessing where that is higher
_ENOUGH = 6.0  # orders of magnitude that losses in a row are above it, summed: one bad batch or two are no divergence
_HOPELESS = 1e3  # times the same, of the network as the last step left it


class Diverged(ValueError):  # noqa: N818  (it says what happened)
    """The loss ran away."""


class LossWatch:
    """Follows the losses of a training's batches.

    A step too long right at the start can throw the loss up a hundredfold, and a dozen more bring it down again; a
    billionfold they never do. So the number of high losses in a row that end a training depends on how high they are.

    Attributes
    ----------
    first : float or None
        Loss of the first batch, before any step.
    excess : float
        Orders of magnitude by which the last losses, all of them high, are above it, summed.
    """

    def __init__(self) -> None:
        self.first: float | None = None
        self.excess = 0.0

    def ran_away(self, loss: float, guessing: float) -> bool:
        """Take the loss of a batch in; tell whether they are far above what they were and what *guessing* gives."""
        if self.first is None:
            self.first = loss
        times = self._times(loss, guessing)
        self.excess = self.excess + math.log10(times) if times > _HIGH else 0.0
        return self.excess >= _ENOUGH

    def is_hopeless(self, loss: float, guessing: float) -> bool:
        """Tell whether a single loss says enough; one that is no number does."""
        return not self._times(loss, guessing) <= _HOPELESS

    def _times(self, loss: float, guessing: float) -> float:
        return loss / max(abs(self.first or 0.0), guessing)

    def as_record(self) -> dict[str, Any]:
        """Return it in the types of JSON."""
        return {"first": self.first, "excess": self.excess}

    def restore(self, record: dict[str, Any]) -> None:
        """Go back to what `as_record` wrote."""
        self.first, self.excess = record["first"], record["excess"]


def diverged(what: str, lr: float, usual: float) -> Diverged:
    """Return the error that says what ran away, with a rate to try: a tenth, and never above the *usual* one."""
    return Diverged(
        f"Training diverged and was stopped: {what}, with lr={lr:g}. Try a smaller rate, such as "
        f"lr={min(lr / 10, usual):g}, or lr='find'."
    )


def not_finite(network: nn.Module) -> str | None:
    """Return the name of a weight, or of a statistic of normalisation, that is no number any more."""
    for name, values in network.state_dict().items():
        if values.is_floating_point() and not bool(torch.isfinite(values).all()):
            return name
    return None
