"""Score of every layer of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import pandas as pd

from ._figures import axes_for, format_scores, tidy
from ._format import metric_words
from ._palette import colour
from ._probe_curves import CURVE_COLOURS, MARKS, collect_probe

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from eyecraft.pipelines.probe import ProbeResult

_COLUMNS = ("curve", "layer", "pooling", "classifier", "kind", "mean", "sd")


class ProbeDisplay:
    """How well each layer of a frozen network serves, with other pipelines as horizontal lines.

    Parameters
    ----------
    data : DataFrame
        Columns ``curve, layer, pooling, classifier, kind, mean, sd``: a row for every point of every curve, in the
        order of the layers, then one for each horizontal line (``curve`` is the pipeline, the next three are missing).
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

    def __init__(self, data: pd.DataFrame, *, metric: str = "balanced_accuracy") -> None:
        self.data = data
        self.metric = metric

    @classmethod
    def from_probe(cls, result: ProbeResult, *, metric: str | None = None, ax: Axes | None = None) -> Self:
        """Collect the scores of a probe and draw them.

        Parameters
        ----------
        result : ProbeResult
        metric : str, optional
            Mean per-class accuracy unless told.
        ax : matplotlib Axes, optional
            Where to draw; a new figure unless told.

        Returns
        -------
        ProbeDisplay
        """
        collected = collect_probe(result, metric)
        records = [
            (
                curve["name"],
                point["layer"],
                curve["pooling"],
                curve["classifier"],
                "learned",
                point["mean"],
                point["sd"],
            )
            for curve in collected["curves"]
            for point in curve["points"]
        ]
        records += [
            (line["name"], None, None, None, line["kind"], line["mean"], line["sd"]) for line in collected["lines"]
        ]
        frame = pd.DataFrame(records, columns=list(_COLUMNS)).astype({"mean": float, "sd": float})
        return cls(frame, metric=collected["metric"]).plot(ax)

    def frame(self) -> pd.DataFrame:
        """Return the drawn numbers: one row per point and line."""
        return self.data.copy()

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw a curve for each pooling and classifier with one standard deviation up and down.

        Parameters
        ----------
        ax : matplotlib Axes, optional

        Returns
        -------
        ProbeDisplay
        """
        points, lines = self.data[self.data["layer"].notna()], self.data[self.data["layer"].isna()]
        layers = list(dict.fromkeys(points["layer"]))
        poolings = list(dict.fromkeys(points["pooling"]))
        self.ax_, self.figure_ = axes_for(ax, (max(6.0, 2.5 + 0.45 * len(layers)), 4.4))
        tidy(self.ax_)
        for (curve, pooling, classifier), found in points.groupby(["curve", "pooling", "classifier"], sort=False):
            self.ax_.errorbar(
                [layers.index(layer) for layer in found["layer"]],
                found["mean"].to_numpy(),
                found["sd"].fillna(0.0).to_numpy(),
                label=str(curve),
                color=CURVE_COLOURS[poolings.index(pooling) % len(CURVE_COLOURS)],
                linestyle="-" if classifier == "svm" else "--",
                marker=MARKS.get(str(classifier), "^"),
                markersize=4.5,
                capsize=2.5,
                linewidth=1.6,
            )
        for _, line in lines[lines["mean"].notna()].iterrows():
            paint = colour(str(line["kind"]))
            self.ax_.axhline(line["mean"], color=paint, linestyle=":", linewidth=1.4)
            self.ax_.annotate(
                str(line["curve"]),
                (0.0, line["mean"]),
                xycoords=("axes fraction", "data"),
                xytext=(4, 3),
                textcoords="offset points",
                color=paint,
                fontsize="small",
                parse_math=False,
            )
        self.ax_.set_xticks(range(len(layers)), layers, rotation=45, ha="right", parse_math=False)
        self.ax_.set_ylabel(metric_words(self.metric))
        format_scores(self.ax_.yaxis, self.metric)
        if len(points):
            self.ax_.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
        return self
