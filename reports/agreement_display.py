"""How many pipelines get an image right, and how two of them divide the images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from ._figures import axes_for, tidy
from ._outcomes import collect_examples
from ._rows import collect_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from eyecraft.pipelines.comparison import Comparison


class AgreementDisplay:
    """How many test images were right for none, one, two, ... of the pipelines, each image counted once.

    Parameters
    ----------
    data : DataFrame
        Columns ``n_right`` (pipelines), ``n_images``.
    duel : DataFrame or None
        Of two pipelines the images that both, one or none got right: rows the first right or wrong, columns the second.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot, after `plot`.
    figure_ : matplotlib Figure
        Figure that holds it.
    """

    ax_: Axes
    figure_: Figure

    def __init__(self, data: pd.DataFrame, *, duel: pd.DataFrame | None = None) -> None:
        self.data = data
        self.duel = duel

    @classmethod
    def from_comparison(cls, comparison: Comparison, *, ax: Axes | None = None) -> Self:
        """Count right answers by image and draw the counts.

        Parameters
        ----------
        comparison : Comparison
            Pipelines that finished every split are asked; `duel` is between the best hand-crafted and the best learned
            one, or else the two best.
        ax : matplotlib Axes, optional
            Where to draw; a new figure unless told.

        Returns
        -------
        AgreementDisplay
        """
        found = collect_examples(comparison, collect_rows(comparison))
        counts = found["right_by"]
        data = pd.DataFrame({"n_right": range(len(counts)), "n_images": counts}, dtype="int64")
        return cls(data, duel=_divided(found["duel"])).plot(ax)

    def frame(self) -> pd.DataFrame:
        """Return the drawn numbers: one row per number of pipelines that are right."""
        return self.data.copy()

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw one bar per number of pipelines that are right.

        Parameters
        ----------
        ax : matplotlib Axes, optional

        Returns
        -------
        AgreementDisplay
        """
        self.ax_, self.figure_ = axes_for(ax, (6.0, 1.0 + 0.32 * max(len(self.data), 1)))
        tidy(self.ax_)
        self.ax_.barh(self.data["n_right"], self.data["n_images"], color="0.42", height=0.6)
        names = ["none", *map(str, self.data["n_right"][1:-1]), "all"] if len(self.data) > 2 else ["wrong", "right"]
        self.ax_.set_yticks(self.data["n_right"], names[: len(self.data)])
        self.ax_.invert_yaxis()
        self.ax_.set_xlabel("test images")
        self.ax_.set_ylabel("pipelines that are right")
        return self


def _divided(duel: dict[str, Any] | None) -> pd.DataFrame | None:
    if duel is None:
        return None
    index = pd.Index([f"{duel['left']} right", f"{duel['left']} wrong"])
    columns = [f"{duel['right']} right", f"{duel['right']} wrong"]
    rows = [[duel["both_right"], duel["only_left"]], [duel["only_right"], duel["both_wrong"]]]
    return pd.DataFrame(rows, index=index, columns=columns)
