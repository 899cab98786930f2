"""Lines that stay apart: hue says the kind of features, shade, dashes and marks say which pipeline."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._palette import colour, marker

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SHADES = (0.0, -0.45, 0.28, -0.25, 0.14)  # towards black where negative, towards white where positive
_DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)), (0, (9, 2)))
_FILLS = ("full", "none", "left", "right", "top")
_ROOM = 1.25  # line heights between two labels


@dataclass(frozen=True)
class Style:
    """How the line of one pipeline is drawn."""

    colour: str
    dashes: Any
    mark: str
    fill: Any

    def options(self) -> dict[str, Any]:
        """Return matplotlib's options of a line with marks."""
        return {"color": self.colour, "linestyle": self.dashes, "marker": self.mark, "fillstyle": self.fill}


def styles(kinds: dict[str, str]) -> dict[str, Style]:
    """Return a style for each pipeline, from ``name -> kind``, different within a kind (up to 25 of them)."""
    found: dict[str, Style] = {}
    counts: dict[str, int] = {}
    for name, kind in kinds.items():
        number = counts[kind] = counts.get(kind, -1) + 1
        shade, rest = number % len(_SHADES), (number + number // len(_SHADES)) % len(_DASHES)
        found[name] = Style(_mixed(colour(kind), _SHADES[shade]), _DASHES[rest], marker(kind), _FILLS[rest])
    return found


def label_line_ends(ax: Axes, ends: Iterable[tuple[str, float, float, str]], size: float = 9.0) -> None:
    """Write names beside the last points of lines, ``(name, x, y, colour)``, moved apart where they would overlap.

    To be called when the limits of `ax` are settled.
    """
    given = sorted(ends, key=lambda end: end[2])
    if not given:
        return
    bottom, top = ax.get_ylim()
    figure = ax.get_figure(root=True)
    tall = 72 * figure.get_size_inches()[1] * ax.get_position().height  # type: ignore[union-attr]
    step = _ROOM * size / tall * (top - bottom)
    places = spread([y for _, _, y, _ in given], step, bottom + step / 2, top - step / 2)
    right = max(x for _, x, _, _ in given)
    for (name, _, _, shade), place in zip(given, places, strict=True):
        ax.annotate(
            name if len(name) <= 28 else f"{name[:27]}…",
            (right, place),
            xytext=(9, 0),
            textcoords="offset points",
            annotation_clip=False,
            color=shade,
            fontsize=size,
            va="center",
            parse_math=False,
        )


def spread(wanted: list[float], step: float, low: float, high: float) -> list[float]:
    """Return ascending places at least *step* apart and near those *wanted*, between *low* and *high* if they fit.

    >>> spread([0.5, 0.5, 0.9], 0.2, 0.0, 1.0)
    [0.4, 0.6, 0.9]
    """
    groups: list[list[float]] = []  # [sum of wanted places, count]
    for place in wanted:
        groups.append([place, 1])
        while len(groups) > 1 and _first(groups[-1], step, low, high) < _last(groups[-2], step, low, high) + step:
            total, count = groups.pop()
            groups[-1][0] += total
            groups[-1][1] += count
    return [
        round(_first(group, step, low, high) + number * step, 12) for group in groups for number in range(int(group[1]))
    ]


def _first(group: list[float], step: float, low: float, high: float) -> float:
    width = (group[1] - 1) * step
    return max(low, min(group[0] / group[1] - width / 2, high - width))


def _last(group: list[float], step: float, low: float, high: float) -> float:
    return _first(group, step, low, high) + (group[1] - 1) * step


def _mixed(colour: str, shade: float) -> str:
    """Return a colour mixed with white (shade above 0) or black (below)."""
    parts = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    towards = 255 if shade > 0 else 0
    return "#" + "".join(f"{round(part + abs(shade) * (towards - part)):02x}" for part in parts)
