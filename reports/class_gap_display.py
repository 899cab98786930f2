"""Where two pipelines differ most, class by class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import pandas as pd

from ._charts import class_gaps
from ._figures import axes_for, format_scores, tidy
from ._outcomes import collect_confusion, collect_examples, collect_per_class
from ._palette import colour, marker
from ._rows import collect_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from eyecraft.pipelines.comparison import Comparison

_COLUMNS = ("class", "left", "right", "gap")


class ClassGapDisplay:
    """The classes on which two pipelines differ most: the share of right answers of each, joined by a line.

    Parameters
    ----------
    data : DataFrame
        Columns ``class, left, right`` (shares of each class's test images that are right), ``gap`` (left less right).
    names : tuple of str
        The pipeline on the left side, and the one on the right.
    kinds : tuple of str
        Their kinds.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot, after `plot`.
    figure_ : matplotlib Figure
        Figure that holds it.
    """

    ax_: Axes
    figure_: Figure

    def __init__(self, data: pd.DataFrame, *, names: tuple[str, str], kinds: tuple[str, str]) -> None:
        self.data = data
        self.names = names
        self.kinds = kinds

    @classmethod
    def from_comparison(
        cls,
        comparison: Comparison,
        left: str | None = None,
        right: str | None = None,
        *,
        most: int = 7,
        ax: Axes | None = None,
    ) -> Self:
        """Collect the largest leads of either side and draw them.

        Parameters
        ----------
        comparison : Comparison
        left, right : str, optional
            Two pipelines; unless told the best hand-crafted and the best learned one, or else the two best.
        most : int
            How many classes of each side.
        ax : matplotlib Axes, optional
            Where to draw; a new figure unless told.

        Returns
        -------
        ClassGapDisplay

        Raises
        ------
        ValueError
            A pipeline made no predictions, or there are no two to set against each other.
        """
        rows = collect_rows(comparison)
        duel = collect_examples(comparison, rows)["duel"] or {}
        names = (left or duel.get("left"), right or duel.get("right"))
        found = collect_per_class(comparison, collect_confusion(comparison))
        known = list(found["scores"])
        for name in names:
            if name not in known:
                raise ValueError(
                    f"a class gap needs two pipelines with predictions ({', '.join(known) or 'there are none'}); got "
                    f"{name!r}. Nothing was drawn: name two of them as `left` and `right`"
                )
        kinds = {row["name"]: row["kind"] for row in rows}
        gaps = class_gaps(found, str(names[0]), str(names[1]), most) or {"gaps": []}
        records = [(gap["name"], gap["left"], gap["right"], gap["gap"]) for gap in gaps["gaps"]]
        data = pd.DataFrame(records, columns=list(_COLUMNS))
        both = (str(names[0]), str(names[1]))
        return cls(data, names=both, kinds=(kinds[both[0]], kinds[both[1]])).plot(ax)

    def frame(self) -> pd.DataFrame:
        """Return the drawn numbers: one row per class, the leads of the left side first, largest first."""
        return self.data.copy()

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw a mark for each of the two on every class, and a line between them.

        Parameters
        ----------
        ax : matplotlib Axes, optional

        Returns
        -------
        ClassGapDisplay
        """
        n = len(self.data)
        self.ax_, self.figure_ = axes_for(ax, (7.0, 1.2 + 0.36 * max(n, 1)))
        tidy(self.ax_)
        places = list(range(n))
        self.ax_.hlines(places, self.data["left"], self.data["right"], color="0.7", linewidth=2.5, zorder=1)
        same = self.kinds[0] == self.kinds[1]
        for side, name, kind in zip(("left", "right"), self.names, self.kinds, strict=True):
            face = "white" if same and side == "right" else colour(kind)
            self.ax_.plot(
                self.data[side],
                places,
                marker(kind),
                color=colour(kind),
                markerfacecolor=face,
                markersize=8,
                markeredgewidth=2,
                label=name,
            )
        self.ax_.set_yticks(places, [str(name) for name in self.data["class"]], parse_math=False)
        self.ax_.set_ylim(max(n, 1) - 0.5, -0.5)
        self.ax_.set_xlabel("right answers of the class")
        format_scores(self.ax_.xaxis, "accuracy")
        legend = self.ax_.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
        for text in legend.get_texts():
            text.set_parse_math(False)
        return self
