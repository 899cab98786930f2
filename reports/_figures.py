"""What the matplotlib displays share: an axes to draw on, and a legend of the two kinds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ._format import is_share
from ._palette import colour, marker

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def axes_for(ax: Axes | None, size: tuple[float, float]) -> tuple[Axes, Figure]:
    """Return `ax` and its figure, or new ones of `size` inches."""
    import matplotlib.pyplot as plt

    if ax is None:
        _, ax = plt.subplots(figsize=size, layout="constrained")
    return ax, ax.get_figure(root=True)  # type: ignore[return-value]


def tidy(ax: Axes) -> None:
    """Take away the frame and put a quiet grid behind the marks."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color="0.9", linewidth=0.8)
    ax.set_axisbelow(True)


def kind_legend(ax: Axes, kinds: Iterable[str], **options: Any) -> None:
    """Explain colours and marks of the kinds that occur."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], linestyle="", marker=marker(kind), color=colour(kind), label=kind)
        for kind in sorted({str(kind) for kind in kinds})
    ]
    ax.legend(handles=handles, frameon=False, **options)


def format_scores(axis: Any, metric: str) -> None:
    """Write the ticks of a score axis as percentages where the metric is a share."""
    if is_share(metric):
        from matplotlib.ticker import PercentFormatter

        axis.set_major_formatter(PercentFormatter(1.0))
