"""Average ranks over several data sets, as a critical-difference diagram."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from eyecraft.pipelines.ranking import Ranking, rank

from ._figures import axes_for, kind_legend
from ._format import metric_words
from ._palette import OTHER_COLOUR, colour, marker
from ._rank_diagram import arrange

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from eyecraft.pipelines.comparison import Comparison
    from eyecraft.pipelines.comparison_matrix import ComparisonMatrix

_ROW, _BAR = 0.3, 0.12  # inches from one name, or one bar, to the next


class RankDisplay:
    """Pipelines on an axis of average ranks; bars join those that cannot be told apart.

    Parameters
    ----------
    ranking : Ranking
        From `eyecraft.pipelines.rank` or `ComparisonMatrix.ranks`.
    kinds : dict, optional
        What kind of features each pipeline has, for colours and marks.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot, after `plot`.
    figure_ : matplotlib Figure
        Figure that holds it.

    References
    ----------
    J. Demsar (2006), Statistical comparisons of classifiers over multiple data sets, JMLR 7, 1-30,
    https://jmlr.org/papers/v7/demsar06a.html
    """

    ax_: Axes
    figure_: Figure

    def __init__(self, ranking: Ranking, kinds: Mapping[str, str] | None = None) -> None:
        self.ranking = ranking
        self.kinds = dict(kinds or {})

    @classmethod
    def from_comparisons(
        cls,
        comparisons: ComparisonMatrix | Mapping[str, Comparison] | Iterable[Comparison],
        *,
        metric: str | None = None,
        alpha: float = 0.05,
        ax: Axes | None = None,
    ) -> Self:
        """Rank the pipelines of several comparisons and draw them.

        Parameters
        ----------
        comparisons : ComparisonMatrix, or mapping of name to Comparison, or several of them
            A matrix leaves pipelines out that lack a score; the others must be complete.
        metric : str, optional
            The first one measured unless told.
        alpha : float
            Level of the tests.
        ax : matplotlib Axes, optional
            Where to draw; a new figure unless told.

        Returns
        -------
        RankDisplay

        Raises
        ------
        ValueError
            As for `eyecraft.pipelines.rank`.
        """
        from eyecraft.pipelines.comparison_matrix import ComparisonMatrix

        if isinstance(comparisons, ComparisonMatrix):
            found, several = comparisons.ranks(metric, alpha), list(comparisons.comparisons.values())
        else:
            several = list(comparisons.values() if hasattr(comparisons, "values") else comparisons)
            found = rank(comparisons if hasattr(comparisons, "values") else several, metric, alpha)
        kinds: dict[str, str] = {}
        for each in several:
            kinds |= dict(zip(each.pipelines["name"], each.pipelines["kind"], strict=True))
        return cls(found, kinds).plot(ax)

    def frame(self) -> DataFrame:
        """Return the drawn numbers, best first: ``pipeline, kind, average_rank, mean_score, n_first``."""
        frame = self.ranking.frame()
        frame.insert(1, "kind", frame["pipeline"].map(self.kinds))
        return frame

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the axis, the names on both sides of it, and the bars.

        Parameters
        ----------
        ax : matplotlib Axes, optional

        Returns
        -------
        RankDisplay
        """
        average = {str(name): float(value) for name, value in self.ranking.ranks.mean().items()}
        found, n = arrange(average, self.ranking.groups()), len(average)
        depth = _BAR * (found["n_bars"] + 1) + _ROW * found["n_levels"]
        self.ax_, self.figure_ = axes_for(ax, (8.0, 1.3 + depth))
        reach = 0.55 * (n - 1)
        self.ax_.set(xlim=(1 - reach, n + reach), ylim=(depth + 0.1, -0.75))
        self.ax_.set_axis_off()
        self._axis(n)
        for bar in found["bars"]:
            y, pad = _BAR * (bar["level"] + 1), 0.012 * n
            self.ax_.plot([bar["start"] - pad, bar["end"] + pad], [y, y], color="0.25", linewidth=4)
        for label in found["labels"]:
            self._label(label, 0.5 * reach, n, _BAR * (found["n_bars"] + 1) + _ROW * (label["level"] + 0.5))
        known = [kind for kind in self.kinds.values() if kind in ("hand-crafted", "learned")]
        if known:
            kind_legend(self.ax_, known, loc="upper right", ncols=2, fontsize="small")
        return self

    def _axis(self, n: int) -> None:
        """Draw the ranks, the critical difference above them and the title."""
        self.ax_.plot([1, n], [0, 0], color="0.25", linewidth=1)
        for tick in range(1, n + 1):
            self.ax_.plot([tick, tick], [0, -0.06], color="0.25", linewidth=1)
            self.ax_.text(tick, -0.09, str(tick), ha="center", va="bottom", fontsize="small")
        gap, far = self.ranking.critical_difference, n - 1
        if far > 1 and gap <= far:  # two pipelines have Wilcoxon's test
            self.ax_.plot([1, 1 + gap], [-0.42, -0.42], color="0.25", linewidth=1.5, marker="|")
            self.ax_.text(1, -0.48, f"critical difference {gap:.2f}", va="bottom", fontsize="small")
        what, count = metric_words(self.ranking.metric), len(self.ranking.ranks)
        self.ax_.set_title(f"average rank by {what} over {count} data sets", fontsize="medium")

    def _label(self, label: dict[str, Any], reach: float, n: int, y: float) -> None:
        """Draw one pipeline: its mark on the axis, a lead to the side, its name and rank."""
        kind = self.kinds.get(label["name"], "")
        ink = colour(kind) if kind else OTHER_COLOUR
        left = label["side"] == "left"
        end = 1 - 0.25 * reach if left else n + 0.25 * reach
        self.ax_.plot([label["rank"], label["rank"], end], [0, y, y], color=ink, linewidth=1)
        self.ax_.plot([label["rank"]], [0], marker=marker(kind), color=ink, markersize=6, clip_on=False)
        name, number = label["name"], f"{label['rank']:.2f}"
        self.ax_.annotate(
            f"{name}  {number}" if left else f"{number}  {name}",
            (end, y),
            xytext=(-4 if left else 4, 0),
            textcoords="offset points",
            ha="right" if left else "left",
            va="center",
            fontsize="small",
            parse_math=False,
            annotation_clip=False,
        )
