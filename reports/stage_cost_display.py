"""What each stage of an answer costs: decode, extract, predict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import pandas as pd

from ._cost_table import STAGES
from ._figures import axes_for, tidy
from ._format import seconds_text
from ._rows import collect_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from eyecraft.pipelines.comparison import Comparison

_SHADES = {"decode": "0.78", "extract": "0.42", "predict": "0.1"}


class StageCostDisplay:
    """Shares of the stages in what one answer costs, with the seconds beside them.

    Parameters
    ----------
    data : DataFrame
        Columns ``pipeline, kind, stage, seconds_per_image, share``.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot, after `plot`.
    figure_ : matplotlib Figure
        Figure that holds it.
    """

    ax_: Axes
    figure_: Figure

    def __init__(self, data: pd.DataFrame) -> None:
        self.data = data

    @classmethod
    def from_comparison(cls, comparison: Comparison, *, ax: Axes | None = None) -> Self:
        """Collect seconds per image and stage, and draw them.

        Parameters
        ----------
        comparison : Comparison
        ax : matplotlib Axes, optional
            Where to draw; a new figure unless told.

        Returns
        -------
        StageCostDisplay
        """
        records = [
            (row["name"], row["kind"], stage, seconds, seconds / row["seconds_per_image"])
            for row in collect_rows(comparison)
            if row["seconds_per_image"]
            for stage in STAGES
            if (seconds := row["seconds"].get(stage)) is not None
        ]
        columns = ["pipeline", "kind", "stage", "seconds_per_image", "share"]
        return cls(pd.DataFrame(records, columns=columns)).plot(ax)

    def frame(self) -> pd.DataFrame:
        """Return the drawn numbers: one row per pipeline and stage."""
        return self.data.copy()

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw one bar per pipeline, its stages in shades from light to dark.

        Parameters
        ----------
        ax : matplotlib Axes, optional

        Returns
        -------
        StageCostDisplay
        """
        groups = list(self.data.groupby("pipeline", sort=False))
        self.ax_, self.figure_ = axes_for(ax, (7.0, 1.1 + 0.36 * max(len(groups), 1)))
        tidy(self.ax_)
        self.ax_.grid(visible=False)
        for line, (_, found) in enumerate(groups):
            start = 0.0
            for stage, share in zip(found["stage"], found["share"], strict=True):
                self.ax_.barh(line, share, left=start, height=0.55, color=_SHADES[str(stage)])
                start += share
            self.ax_.annotate(
                seconds_text(float(found["seconds_per_image"].sum())),
                (1.0, line),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
                annotation_clip=False,
            )
        from matplotlib.patches import Patch
        from matplotlib.ticker import PercentFormatter

        self.ax_.set_yticks(range(len(groups)), [str(name) for name, _ in groups], parse_math=False)
        self.ax_.set(xlim=(0, 1), ylim=(max(len(groups), 1) - 0.5, -0.5), xlabel="share of the time of an answer")
        self.ax_.xaxis.set_major_formatter(PercentFormatter(1.0))
        handles = [Patch(color=shade, label=stage) for stage, shade in _SHADES.items()]
        self.ax_.legend(handles=handles, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
        return self
