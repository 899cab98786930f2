"""Score against seconds per image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import pandas as pd

from ._charts import FONT, log_ticks, place_labels
from ._figures import axes_for, format_scores, kind_legend, tidy
from ._format import metric_words, seconds_text
from ._palette import colour, marker
from ._rows import collect_rows, main_metric

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from eyecraft.pipelines.comparison import Comparison

_COLUMNS = ("pipeline", "kind", "seconds_per_image", "mean", "sd", "on_front")


class AccuracyCostDisplay:
    """What accuracy each pipeline reaches, and what one image costs it.

    Parameters
    ----------
    data : DataFrame
        Columns ``pipeline, kind, seconds_per_image`` (decode + extract + predict), ``mean, sd, on_front`` (no other
        pipeline is both better and cheaper).
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

    def __init__(self, data: pd.DataFrame, *, metric: str = "accuracy") -> None:
        self.data = data
        self.metric = metric

    @classmethod
    def from_comparison(cls, comparison: Comparison, *, metric: str | None = None, ax: Axes | None = None) -> Self:
        """Collect scores and costs of a comparison and draw them; pipelines without either are left out.

        Parameters
        ----------
        comparison : Comparison
        metric : str, optional
            The first one measured unless told.
        ax : matplotlib Axes, optional
            Where to draw; a new figure unless told.

        Returns
        -------
        AccuracyCostDisplay
        """
        metric = main_metric(comparison, metric)
        records = [
            (row["name"], row["kind"], row["seconds_per_image"], row["mean"], row["sd"], row["on_front"])
            for row in collect_rows(comparison, metric)
            if row["mean"] is not None and row["seconds_per_image"]
        ]
        return cls(pd.DataFrame(records, columns=list(_COLUMNS)), metric=metric).plot(ax)

    def frame(self) -> pd.DataFrame:
        """Return the drawn numbers: one row per pipeline."""
        return self.data.copy()

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw score against seconds per image on a log scale, with the step line of the best score at each price.

        Parameters
        ----------
        ax : matplotlib Axes, optional

        Returns
        -------
        AccuracyCostDisplay
        """
        self.ax_, self.figure_ = axes_for(ax, (7.0, 4.2))
        tidy(self.ax_)
        self.ax_.set_xscale("log")
        self.ax_.set_xlabel("time per image: decode + extract + predict")
        self.ax_.set_ylabel(metric_words(self.metric))
        format_scores(self.ax_.yaxis, self.metric)
        for _, row in self.data.iterrows():
            paint = colour(str(row["kind"]))
            spread = None if pd.isna(row["sd"]) else row["sd"]
            self.ax_.errorbar(
                row["seconds_per_image"], row["mean"], spread, fmt=marker(str(row["kind"])), color=paint, markersize=7
            )
        if len(self.data):
            front = self.data[self.data["on_front"].astype(bool)].sort_values("seconds_per_image")
            self.ax_.step(
                front["seconds_per_image"],
                front["mean"],
                where="post",
                color="0.5",
                linestyle="--",
                linewidth=1,
                zorder=0,
            )
            self.ax_.margins(x=0.18)
            ticks = log_ticks(*self.ax_.get_xlim())
            self.ax_.set_xticks(ticks, [seconds_text(tick) for tick in ticks])
            self.ax_.set_xticks([], minor=True)
            self._name_marks()
            kind_legend(self.ax_, self.data["kind"], loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
        return self

    def _name_marks(self) -> None:
        """Write names where they cover no mark, no other name and no line; to be called when limits are settled."""
        self.ax_.set_ylim(self.ax_.get_ylim())
        size = self.ax_.yaxis.get_ticklabels()[0].get_fontsize()
        scale = FONT / float(size) * 72 / self.figure_.dpi  # from pixels to the units that labels are placed in
        low, high = self.ax_.transAxes.transform([(0, 0), (1, 1)]) * scale
        marks = self.data[["seconds_per_image", "mean"]].to_numpy(float)
        points = [
            {"x": x, "y": high[1] - y, "text": str(name), "row": {"on_front": bool(on_front)}}
            for (x, y), name, on_front in zip(
                self.ax_.transData.transform(marks) * scale, self.data["pipeline"], self.data["on_front"], strict=True
            )
        ]
        front = sorted((point["x"], point["y"]) for point in points if point["row"]["on_front"])
        place_labels(points, front, {"left": low[0], "right": high[0], "top": 0.0, "bottom": high[1] - low[1]})
        for point, place in zip(points, marks, strict=True):
            self.ax_.annotate(
                point["text"],
                tuple(place),
                xytext=((point["label_x"] - point["x"]) * size / FONT, (point["y"] - point["label_y"]) * size / FONT),
                textcoords="offset points",
                ha={"start": "left", "end": "right", "middle": "center"}[point["anchor"]],
                fontsize=size,
                parse_math=False,
            )
