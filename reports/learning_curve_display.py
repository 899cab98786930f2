"""Scores against training images per class, with bands and crossings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd

from ._curve_styles import label_line_ends, styles
from ._figures import axes_for, format_scores, kind_legend, tidy
from ._format import metric_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from eyecraft.pipelines.learning_curves import LearningCurves

_MOST_CROSSINGS = 6  # more of them, drawn, would hide the curves


class LearningCurveDisplay:
    """One line per pipeline over the number of training images per class.

    Parameters
    ----------
    data : DataFrame
        ``pipeline, kind, size, n_splits, mean, sd, low, high``, as `LearningCurves.frame` gives it.
    crossings : DataFrame, optional
        As `LearningCurves.crossings` gives it.
    metric : str
        What ``mean`` measures.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot, after `plot`.
    figure_ : matplotlib Figure
        Figure that holds it.
    """

    ax_: Axes
    figure_: Figure

    def __init__(
        self, data: pd.DataFrame, *, crossings: pd.DataFrame | None = None, metric: str = "balanced_accuracy"
    ) -> None:
        self.data = data
        self.crossings = crossings
        self.metric = metric

    @classmethod
    def from_learning_curves(
        cls, curves: LearningCurves, *, metric: str = "balanced_accuracy", ax: Axes | None = None
    ) -> Self:
        """Collect the curves and draw them.

        Parameters
        ----------
        curves : LearningCurves
        metric : str, default="balanced_accuracy"
        ax : matplotlib Axes, optional
            Where to draw; a new figure unless told.

        Returns
        -------
        LearningCurveDisplay
        """
        return cls(curves.frame(metric), crossings=curves.crossings(metric), metric=metric).plot(ax)

    def frame(self) -> pd.DataFrame:
        """Return the drawn numbers: one row per pipeline and size."""
        return self.data.copy()

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw means, bands of one standard deviation over the splits, and circles where curves cross.

        Parameters
        ----------
        ax : matplotlib Axes, optional

        Returns
        -------
        LearningCurveDisplay
        """
        curves = list(self.data.groupby("pipeline", sort=False))
        self.ax_, self.figure_ = axes_for(ax, (7.5, max(4.2, 1.6 + 0.21 * len(curves))))
        tidy(self.ax_)
        self.ax_.set_xlabel("training images per class")
        self.ax_.set_ylabel(metric_words(self.metric))
        format_scores(self.ax_.yaxis, self.metric)
        if not curves:
            return self
        looks = styles({str(name): str(found["kind"].iloc[0]) for name, found in curves})
        self.ax_.set_xscale("log")
        ends = []
        for name, found in curves:
            look = looks[str(name)]
            self.ax_.fill_between(
                found["size"], found["low"], found["high"], color=look.colour, alpha=0.15, linewidth=0
            )
            self.ax_.plot(found["size"], found["mean"], markersize=5, linewidth=1.6, **look.options())
            last = found.iloc[-1]
            ends.append((str(name), float(last["size"]), float(last["mean"]), look.colour))
        self._mark_crossings()
        sizes = sorted(set(self.data["size"]))
        self.ax_.set_xticks(sizes, [f"{size:g}" for size in sizes])
        self.ax_.set_xticks([], minor=True)
        kind_legend(self.ax_, self.data["kind"], loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
        self.ax_.set_ylim(self.ax_.get_ylim())
        label_line_ends(self.ax_, ends)
        return self

    def _mark_crossings(self) -> None:
        """Put a ring on each crossing, with its interval as a bar, where there are few of them."""
        if self.crossings is None:
            return
        found = self.crossings[self.crossings["size"].notna()]
        if len(found) > _MOST_CROSSINGS:
            return
        smallest, largest = self.data["size"].min(), self.data["size"].max()
        for row in found.itertuples():
            own = self.data[self.data["pipeline"] == row.leader].sort_values("size")
            height = float(np.interp(np.log(row.size), np.log(own["size"].to_numpy(float)), own["mean"]))
            if pd.notna(row.low):
                span = np.clip([row.low, row.high], smallest, largest)
                self.ax_.plot(span, [height, height], color="0.35", linewidth=1.0, zorder=3)
            self.ax_.plot(row.size, height, "o", markersize=10, fillstyle="none", color="0.1", zorder=4)
