"""The course of a training: loss or accuracy over epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

import pandas as pd

from ._exhibits import parts_of
from ._figures import axes_for, format_scores, tidy
from ._palette import colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from eyecraft.pipelines.comparison import Comparison

_COLUMNS = {"loss": ("train_loss", "valid_loss"), "accuracy": ("train_acc", "valid_acc")}


class TrainingDisplay:
    """Loss or accuracy of the training images, and of those held out, over epochs.

    Parameters
    ----------
    data : DataFrame
        ``epoch, train_loss, train_acc, lr, dur`` and, where images were held out, ``valid_loss, valid_acc``, as
        `CNNClassifier.history_` has them.
    quantity : {"loss", "accuracy"}, default="loss"
    title : str

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot, after `plot`.
    figure_ : matplotlib Figure
        Figure that holds it.

    Notes
    -----
    Of training images both are those met in training, augmented and with dropout: held-out images may do better.
    """

    ax_: Axes
    figure_: Figure

    def __init__(self, data: pd.DataFrame, *, quantity: Literal["loss", "accuracy"] = "loss", title: str = "") -> None:
        if quantity not in _COLUMNS:
            raise ValueError(f"`quantity` must be 'loss' or 'accuracy'; got {quantity!r}")
        self.data = data
        self.quantity = quantity
        self.title = title

    @classmethod
    def from_classifier(
        cls, classifier: Any, *, quantity: Literal["loss", "accuracy"] = "loss", ax: Axes | None = None
    ) -> Self:
        """Draw the course of a fitted classifier's training.

        Parameters
        ----------
        classifier : CNNClassifier
            Fitted.
        quantity : {"loss", "accuracy"}, default="loss"
        ax : matplotlib Axes, optional
            Where to draw; a new figure unless told.

        Returns
        -------
        TrainingDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
            The classifier has not been trained.
        """
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(classifier, "history_")
        return cls(classifier.history_, quantity=quantity, title=classifier.settings_.model).plot(ax)

    @classmethod
    def from_comparison(
        cls,
        comparison: Comparison,
        pipeline: str,
        *,
        quantity: Literal["loss", "accuracy"] = "loss",
        ax: Axes | None = None,
    ) -> Self:
        """Draw the course of a training that a comparison kept.

        Parameters
        ----------
        comparison : Comparison
        pipeline : str
            One that ends in a network that was trained.
        quantity : {"loss", "accuracy"}, default="loss"
        ax : matplotlib Axes, optional
            Where to draw; a new figure unless told.

        Returns
        -------
        TrainingDisplay

        Raises
        ------
        ValueError
            Nothing was kept of a training of that pipeline.
        """
        kept = parts_of(comparison, "training")
        if pipeline not in kept:
            raise ValueError(
                f"`pipeline` must be one whose training was kept ({', '.join(kept) or 'there is none'}); got "
                f"{pipeline!r}. Nothing was drawn: name another, or fit the classifier and use `from_classifier`"
            )
        found = kept[pipeline]
        return cls(pd.DataFrame(found.history), quantity=quantity, title=f"{pipeline}: {found.model}").plot(ax)

    def frame(self) -> pd.DataFrame:
        """Return the drawn numbers: one row per epoch."""
        kept = ["epoch", *(column for column in _COLUMNS[self.quantity] if column in self.data), "lr"]
        return self.data[kept].copy()

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw a line for the training images and, dashed, one for those held out; a ring at the best of these.

        Parameters
        ----------
        ax : matplotlib Axes, optional

        Returns
        -------
        TrainingDisplay
        """
        self.ax_, self.figure_ = axes_for(ax, (6.4, 4.0))
        tidy(self.ax_)
        frame = self.frame()
        train, held_out = _COLUMNS[self.quantity]
        paint = colour("learned")
        self.ax_.plot(frame["epoch"], frame[train], color=paint, linewidth=1.6, marker=".", label="training")
        if held_out in frame and len(frame):
            values = frame[held_out]
            self.ax_.plot(frame["epoch"], values, color="0.25", linewidth=1.6, linestyle="--", label="held out")
            best = values.idxmin() if self.quantity == "loss" else values.idxmax()
            self.ax_.plot(frame["epoch"][best], values[best], "o", markersize=9, fillstyle="none", color="0.1")
        self.ax_.set_xlabel("epoch")
        self.ax_.set_ylabel(self.quantity)
        format_scores(self.ax_.yaxis, self.quantity)
        self.ax_.locator_params(axis="x", integer=True)
        self.ax_.legend(frameon=False)
        self.ax_.set_title(self.title, parse_math=False)
        return self
