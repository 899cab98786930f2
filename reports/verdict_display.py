"""Who beats whom: the verdicts on all pairs of pipelines as a matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from eyecraft.pipelines.verdicts import Verdicts, verdicts

from ._figures import axes_for
from ._format import metric_words, signed_text
from ._rows import main_metric

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from eyecraft.pipelines.comparison import Comparison

_LOOKS = {  # face, edge, text, symbol; shapes and lightness tell them apart, not hue
    "better": ("#0b6e5f", "#0b6e5f", "#ffffff", "▲"),
    "barely better": ("#cfe5e1", "#0b6e5f", "#1b1f24", "≳"),
    "worse": ("#ffffff", "#0b6e5f", "#0b6e5f", "▽"),
    "barely worse": ("#ffffff", "#9cc7c0", "#0b6e5f", "≲"),
    "equivalent": ("#e8eaed", "#c9ced4", "#1b1f24", "="),
    "undecided": ("#ffffff", "#d5d9de", "#59636e", "?"),
}
_MOST_NUMBERS = 9  # with more pipelines the cells hold symbols alone


class VerdictDisplay:
    """The verdict on the pipeline of each row against the pipeline of each column.

    Parameters
    ----------
    verdicts : Verdicts
        From `eyecraft.pipelines.verdicts`.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot, after `plot`.
    figure_ : matplotlib Figure
        Figure that holds it.
    """

    ax_: Axes
    figure_: Figure

    def __init__(self, verdicts: Verdicts) -> None:
        self.verdicts = verdicts

    @classmethod
    def from_comparison(
        cls,
        comparison: Comparison,
        *,
        metric: str | None = None,
        rope: float = 0.01,
        alpha: float = 0.05,
        ax: Axes | None = None,
    ) -> Self:
        """Judge all pairs of a comparison and draw the matrix.

        Parameters
        ----------
        comparison : Comparison
        metric : str, optional
            The first one measured unless told.
        rope, alpha : float
            As for `eyecraft.pipelines.verdicts`.
        ax : matplotlib Axes, optional
            Where to draw; a new figure unless told.

        Returns
        -------
        VerdictDisplay
        """
        return cls(verdicts(comparison, main_metric(comparison, metric), rope=rope, alpha=alpha)).plot(ax)

    def frame(self) -> DataFrame:
        """Return the numbers of all pairs, as `Verdicts.frame` does."""
        return self.verdicts.frame()

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw one cell per ordered pair: a symbol, and with few pipelines the difference below it.

        Parameters
        ----------
        ax : matplotlib Axes, optional

        Returns
        -------
        VerdictDisplay
        """
        from matplotlib.patches import Rectangle

        names = self.verdicts.names
        n = len(names)
        side = max(2.6, (0.62 if n <= _MOST_NUMBERS else 0.34) * n)
        self.ax_, self.figure_ = axes_for(ax, (side + 1.8, side + 0.9))
        cells = self._cells()
        for row, one in enumerate(names):
            for column, other in enumerate(names):
                if row == column:
                    continue
                verdict, difference = cells[one, other]
                face, edge, ink, symbol = _LOOKS[verdict]
                self.ax_.add_patch(Rectangle((column - 0.45, row - 0.45), 0.9, 0.9, facecolor=face, edgecolor=edge))
                text = symbol
                if n <= _MOST_NUMBERS:
                    text += f"\n{signed_text(difference, self.verdicts.metric)}"
                self.ax_.text(column, row, text, ha="center", va="center", color=ink, fontsize=9)
        self.ax_.set(xlim=(-0.55, max(n, 1) - 0.45), ylim=(max(n, 1) - 0.45, -0.55), aspect="equal")
        self.ax_.set_xticks(range(n), [str(k + 1) for k in range(n)])
        self.ax_.set_yticks(range(n), [f"{name}  {k + 1}" for k, name in enumerate(names)], parse_math=False)
        self.ax_.xaxis.tick_top()
        self.ax_.tick_params(length=0)
        self.ax_.spines[:].set_visible(False)
        shown = [word for word in _LOOKS if not word.startswith("barely") or self.verdicts.pairs["slight"].any()]
        words = "   ".join(f"{_LOOKS[word][-1]} {word}" for word in shown)
        self.ax_.set_xlabel(f"{metric_words(self.verdicts.metric)}: row against column\n{words}")
        return self

    def _cells(self) -> dict[tuple[str, str], tuple[str, float]]:
        """Return verdict and difference of every ordered pair."""
        cells = {}
        for pair in self.verdicts.pairs.itertuples():
            barely = "barely " if pair.slight else ""
            cells[pair.first, pair.second] = (f"{barely}{pair.verdict}", pair.difference)
            turned = {"better": "worse"}.get(str(pair.verdict), pair.verdict)
            cells[pair.second, pair.first] = (f"{barely}{turned}", -pair.difference)
        return cells
