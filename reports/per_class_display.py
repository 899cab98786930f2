"""Scores of every class, pipelines side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd

from ._figures import axes_for, tidy
from ._outcomes import collect_confusion, collect_per_class
from ._palette import colour, marker
from ._rows import collect_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from eyecraft.pipelines.comparison import Comparison

_COLUMNS = ("class", "n_tests", "pipeline", "kind", "score")


class PerClassDisplay:
    """The share of each class's test images that each pipeline got right, all splits together.

    Parameters
    ----------
    data : DataFrame
        Columns ``class, n_tests, pipeline, kind, score``; the score of a class that was never tested is missing.

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
    def from_comparison(
        cls, comparison: Comparison, pipelines: list[str] | None = None, *, ax: Axes | None = None
    ) -> Self:
        """Collect the scores of every class and draw them.

        Parameters
        ----------
        comparison : Comparison
        pipelines : list of str, optional
            Which pipelines; all that made predictions unless told.
        ax : matplotlib Axes, optional
            Where to draw; a new figure unless told.

        Returns
        -------
        PerClassDisplay

        Raises
        ------
        ValueError
            If a pipeline is unknown or made no prediction.
        """
        kinds = {row["name"]: row["kind"] for row in collect_rows(comparison)}
        found = collect_per_class(comparison, collect_confusion(comparison, list(kinds)))
        names = list(found["scores"]) if pipelines is None else list(pipelines)
        unknown = [name for name in names if name not in found["scores"]]
        if unknown:
            raise ValueError(
                f"pipelines must be among those that made predictions ({', '.join(found['scores']) or 'none did'}); "
                f"got {', '.join(map(repr, unknown))}. The errors of the others are in comparison.errors."
            )
        records = [
            (one, n_tests, name, kinds[name], np.nan if score is None else score)
            for name in names
            for one, n_tests, score in zip(found["classes"], found["support"], found["scores"][name], strict=True)
        ]
        return cls(pd.DataFrame(records, columns=list(_COLUMNS))).plot(ax)

    def frame(self) -> pd.DataFrame:
        """Return the drawn numbers: one row per class and pipeline."""
        return self.data.copy()

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw one line per class, hardest on top, with a mark for each pipeline.

        Parameters
        ----------
        ax : matplotlib Axes, optional

        Returns
        -------
        PerClassDisplay
        """
        table = self.data.pivot(index="class", columns="pipeline", values="score")
        table = table.loc[table.mean(axis=1).sort_values(na_position="last", kind="stable").index]
        self.ax_, self.figure_ = axes_for(ax, (7.0, 1.4 + 0.2 * max(len(table), 4)))
        tidy(self.ax_)
        lines = np.arange(len(table))
        for number, (name, found) in enumerate(self.data.groupby("pipeline", sort=False)):
            kind = str(found["kind"].iloc[0])
            self.ax_.plot(
                table[name],
                lines,
                marker(kind),
                color=colour(kind),
                fillstyle=("full", "none", "left", "right", "top", "bottom")[number % 6],
                markersize=6,
                label=str(name),
            )
        self.ax_.set_yticks(lines, [str(name) for name in table.index], fontsize=8, parse_math=False)
        self.ax_.set_ylim(max(len(table), 1) - 0.5, -0.5)
        self.ax_.set_xlim(-0.02, 1.02)
        self.ax_.set_xlabel("share of the class's test images that is right")
        if len(table):
            legend = self.ax_.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, fontsize=8)
            for text in legend.get_texts():
                text.set_parse_math(False)
        return self
