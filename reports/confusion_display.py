"""What one pipeline takes for what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd

from ._figures import axes_for
from ._outcomes import collect_confusion, most_confused
from ._rows import collect_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from eyecraft.pipelines.comparison import Comparison

_MOST_NAMES = 30
_MOST_NUMBERS = 15


class ConfusionDisplay:
    """The confusion matrix of one pipeline, all splits together.

    Parameters
    ----------
    counts : array-like of shape (n_classes, n_classes)
        Test answers: rows the true class, columns the answer.
    classes : list of str
    pipeline : str

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot, after `plot`.
    figure_ : matplotlib Figure
        Figure that holds it.
    """

    ax_: Axes
    figure_: Figure

    def __init__(self, counts: list[list[int]] | np.ndarray, classes: list[str], *, pipeline: str = "") -> None:
        self.counts = np.asarray(counts)
        self.classes = list(classes)
        self.pipeline = pipeline

    @classmethod
    def from_comparison(cls, comparison: Comparison, pipeline: str | None = None, *, ax: Axes | None = None) -> Self:
        """Count the answers of one pipeline over all splits and draw them.

        Parameters
        ----------
        comparison : Comparison
        pipeline : str, optional
            Name of the pipeline; the best one unless told.
        ax : matplotlib Axes, optional
            Where to draw; a new figure unless told.

        Returns
        -------
        ConfusionDisplay

        Raises
        ------
        ValueError
            If the pipeline is unknown or made no prediction.
        """
        found = collect_confusion(comparison, [row["name"] for row in collect_rows(comparison)])
        name = next(iter(found["counts"]), None) if pipeline is None else pipeline
        if name is None or name not in found["counts"]:
            raise ValueError(
                f"pipeline must be one that made predictions ({', '.join(found['counts']) or 'none did'}); "
                f"got {pipeline!r}. The errors of the others are in comparison.errors."
            )
        return cls(found["counts"][name], found["classes"], pipeline=name).plot(ax)

    def frame(self) -> pd.DataFrame:
        """Return the drawn counts: index the true class, columns the answer."""
        index = pd.Index(self.classes, name="label")
        return pd.DataFrame(self.counts, index=index, columns=pd.Index(self.classes, name="predicted"))

    def pairs(self, most: int = 8) -> pd.DataFrame:
        """Return the mistakes made most often: ``label, predicted, count, of`` (tests of that class)."""
        found = most_confused(self.counts.tolist(), self.classes, most)
        return pd.DataFrame(found, columns=["label", "predicted", "count", "of"])

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw each cell by its share of the row; names and numbers are written where there is room for them.

        Parameters
        ----------
        ax : matplotlib Axes, optional

        Returns
        -------
        ConfusionDisplay
        """
        n = len(self.classes)
        side = float(np.clip(0.42 * n, 4.0, 7.5))
        self.ax_, self.figure_ = axes_for(ax, (side + 1.0, side))
        shares = self.counts / np.maximum(self.counts.sum(axis=1, keepdims=True), 1)
        image = self.ax_.imshow(np.sqrt(shares), cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
        bar = self.figure_.colorbar(image, ax=self.ax_, label="share of the true class", shrink=0.8)
        ticks = np.array([0, 0.05, 0.2, 0.5, 1])
        bar.set_ticks(np.sqrt(ticks).tolist(), labels=[f"{100 * tick:.0f} %" for tick in ticks])
        if n <= _MOST_NAMES:
            self.ax_.set_xticks(range(n), self.classes, rotation=90, parse_math=False)
            self.ax_.set_yticks(range(n), self.classes, parse_math=False)
        if n <= _MOST_NUMBERS:
            for row, col in zip(*np.nonzero(self.counts), strict=True):
                ink = "white" if shares[row, col] > 0.4 else "black"
                self.ax_.text(col, row, str(self.counts[row, col]), ha="center", va="center", color=ink, fontsize=8)
        self.ax_.set_xlabel("answer")
        self.ax_.set_ylabel("true class")
        self.ax_.set_title(self.pipeline, parse_math=False)
        return self
