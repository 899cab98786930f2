"""Scores of every split, one line per pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import pandas as pd

from ._figures import axes_for, format_scores, kind_legend, tidy
from ._format import metric_words
from ._palette import colour, marker
from ._rows import collect_rows, main_metric

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from eyecraft.pipelines.comparison import Comparison

_COLUMNS = ("pipeline", "kind", "split", "value", "mean", "sd")


class ScoreDisplay:
    """The score of each pipeline on each split, with mean and standard deviation.

    Parameters
    ----------
    data : DataFrame
        Columns ``pipeline, kind, split, value, mean, sd``; best pipeline first.
    metric : str
        What ``value`` measures.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot, after `plot`.
    figure_ : matplotlib Figure
        Figure that holds it.
    """

    ax_: Axes
    figure_: Figure

    def __init__(self, data: pd.DataFrame, *, metric: str = "accuracy") -> None:
        self.data = data
        self.metric = metric

    @classmethod
    def from_comparison(cls, comparison: Comparison, *, metric: str | None = None, ax: Axes | None = None) -> Self:
        """Collect the scores of a comparison and draw them.

        Parameters
        ----------
        comparison : Comparison
        metric : str, optional
            The first one measured unless told.
        ax : matplotlib Axes, optional
            Where to draw; a new figure unless told.

        Returns
        -------
        ScoreDisplay
        """
        metric = main_metric(comparison, metric)
        records = [
            (row["name"], row["kind"], split, value, row["mean"], row["sd"])
            for row in collect_rows(comparison, metric)
            for split, value in enumerate(row["values"])
            if value is not None
        ]
        return cls(pd.DataFrame(records, columns=list(_COLUMNS)), metric=metric).plot(ax)

    def frame(self) -> pd.DataFrame:
        """Return the drawn numbers: one row per pipeline and split."""
        return self.data.copy()

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw a mark for every split, a bar at the mean and a band over one standard deviation.

        Parameters
        ----------
        ax : matplotlib Axes, optional

        Returns
        -------
        ScoreDisplay
        """
        groups = list(self.data.groupby("pipeline", sort=False))
        self.ax_, self.figure_ = axes_for(ax, (7.0, 1.2 + 0.4 * max(len(groups), 1)))
        for line, (_, found) in enumerate(groups):
            kind, mean, sd = found[["kind", "mean", "sd"]].iloc[0]
            if pd.notna(sd):
                self.ax_.plot([mean - sd, mean + sd], [line, line], color=colour(kind), alpha=0.3, linewidth=6)
            self.ax_.plot(
                found["value"], [line] * len(found), marker(kind), color=colour(kind), markersize=5, alpha=0.8
            )
            self.ax_.plot([mean, mean], [line - 0.28, line + 0.28], color="0.1", linewidth=2.2)
        tidy(self.ax_)
        self.ax_.set_yticks(range(len(groups)), [str(name) for name, _ in groups], parse_math=False)
        self.ax_.set_ylim(max(len(groups), 1) - 0.5, -0.5)
        self.ax_.set_xlabel(metric_words(self.metric))
        format_scores(self.ax_.xaxis, self.metric)
        if groups:
            kind_legend(self.ax_, self.data["kind"], loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
        return self
