"""Scores on perturbed images: one small chart per perturbation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from ._curve_styles import Style, styles
from ._figures import format_scores, tidy
from ._format import metric_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from eyecraft.pipelines.robustness import Robustness

_COLUMNS = 3
_LEGEND_COLUMNS = 4


class RobustnessDisplay:
    """The score of each pipeline over the levels of each perturbation, as small charts with one score axis.

    Parameters
    ----------
    data : DataFrame
        ``pipeline, kind, perturbation, step, level, unit, value, standard_error, kept``, as `Robustness.frame` gives
        it.
    metric : str
        What ``value`` measures.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        One for each perturbation, after `plot`.
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure
        Figure that holds them.
    """

    axes_: np.ndarray
    ax_: Axes
    figure_: Figure

    def __init__(self, data: pd.DataFrame, *, metric: str = "balanced_accuracy") -> None:
        self.data = data
        self.metric = metric

    @classmethod
    def from_robustness(
        cls, robustness: Robustness, *, metric: str = "balanced_accuracy", figure: Figure | None = None
    ) -> Self:
        """Collect the scores and draw them.

        Parameters
        ----------
        robustness : Robustness
        metric : {"balanced_accuracy", "accuracy"}
        figure : matplotlib Figure, optional
            An empty figure to draw in; a new one unless told.

        Returns
        -------
        RobustnessDisplay
        """
        return cls(robustness.frame(metric), metric=metric).plot(figure)

    def frame(self) -> pd.DataFrame:
        """Return the drawn numbers: one row per pipeline, perturbation and level."""
        return self.data.copy()

    def plot(self, figure: Figure | None = None) -> Self:
        """Draw one chart per perturbation, levels at equal distances from none to the strongest.

        Parameters
        ----------
        figure : matplotlib Figure, optional

        Returns
        -------
        RobustnessDisplay
        """
        import matplotlib.pyplot as plt

        charts = list(self.data.groupby("perturbation", sort=False))
        looks = styles(dict(self.data[["pipeline", "kind"]].drop_duplicates().itertuples(index=False)))
        columns = min(_COLUMNS, max(len(charts), 1))
        lines = math.ceil(max(len(charts), 1) / columns)
        if figure is None:
            legend = 0.25 * math.ceil(len(looks) / _LEGEND_COLUMNS)
            size = (max(3.1 * columns, 5.0), 2.5 * lines + 0.3 + legend)
            figure = plt.figure(figsize=size, layout="constrained")
        self.figure_ = figure
        grid = figure.subplots(lines, columns, sharey=True, squeeze=False)
        self.axes_ = grid.ravel()[: max(len(charts), 1)]
        self.ax_ = self.axes_[0]
        for spare in grid.ravel()[len(self.axes_) :]:
            spare.set_axis_off()
        for ax, (kind, found) in zip(self.axes_, charts, strict=False):
            _draw(ax, str(kind), found, looks)
        for ax in grid[:, 0]:
            format_scores(ax.yaxis, self.metric)
        if charts:
            figure.supylabel(metric_words(self.metric), fontsize=10)
            self._legend(looks)
        return self

    def _legend(self, looks: dict[str, Style]) -> None:
        """Name every line once, above the charts."""
        from matplotlib.lines import Line2D

        handles = [Line2D([], [], label=name, markersize=5, **look.options()) for name, look in looks.items()]
        legend = self.figure_.legend(
            handles=handles, loc="outside upper left", ncols=_LEGEND_COLUMNS, frameon=False, fontsize=9
        )
        for text in legend.get_texts():
            text.set_parse_math(False)


def _draw(ax: Axes, kind: str, found: pd.DataFrame, looks: dict[str, Style]) -> None:
    tidy(ax)
    for name, curve in found.groupby("pipeline", sort=False):
        options: dict[str, Any] = looks[str(name)].options()
        ax.plot(curve["step"], curve["value"], markersize=4.5, linewidth=1.5, **options)
        low, high = curve["value"] - curve["standard_error"], curve["value"] + curve["standard_error"]
        ax.fill_between(curve["step"], low, high, color=options["color"], alpha=0.12, linewidth=0)
    steps = found.drop_duplicates("step").sort_values("step")
    ax.set_xticks(steps["step"], [f"{level:g}" for level in steps["level"]], fontsize=8)
    ax.set_title(kind, fontsize=10, loc="left")
    ax.set_xlabel(str(found["unit"].iloc[0]), fontsize=9)
