"""Where the marks of a rank diagram go: on a page as SVG, and in a figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_BAR, _ROW = 9.0, 21.0  # heights in SVG units


def arrange(average: dict[str, float], groups: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Sort pipelines by rank, put their names to two sides, and stack bars that overlap.

    Returns
    -------
    dict
        ``labels`` (``name, rank, side, level``; level 0 is the nearest to the axis, so that no leads cross), ``bars``
        (``names, start, end, level``), ``n_levels`` of names and ``n_bars`` of bars.
    """
    names = sorted(average, key=lambda name: average[name])
    half = (len(names) + 1) // 2
    labels = [
        {
            "name": name,
            "rank": average[name],
            "side": "left" if place < half else "right",
            "level": place if place < half else len(names) - 1 - place,
        }
        for place, name in enumerate(names)
    ]
    bars: list[dict[str, Any]] = []
    for group in groups:
        start, end = (pick(average[name] for name in group) for pick in (min, max))
        taken = {bar["level"] for bar in bars if bar["start"] <= end and start <= bar["end"]}
        level = next(number for number in range(len(bars) + 1) if number not in taken)
        bars.append({"names": list(group), "start": start, "end": end, "level": level})
    return {
        "labels": labels,
        "bars": bars,
        "n_levels": half,
        "n_bars": 1 + max((bar["level"] for bar in bars), default=-1),
    }


def lay_out_diagram(ranking: dict[str, Any], kinds: dict[str, str], width: float = 760) -> dict[str, Any]:
    """Return the critical-difference diagram as an SVG of *width* units: an axis of ranks, names on both sides."""
    found = arrange(ranking["average"], ranking["groups"])
    n, gap = len(ranking["average"]), ranking["critical_difference"]
    left, right, axis = 0.29 * width, 0.71 * width, 62.0

    def x(rank: float) -> float:
        return round(left + (rank - 1) / (n - 1) * (right - left), 1)

    first = axis + 16 + _BAR * found["n_bars"] + 10
    places = _beside({label["name"]: x(label["rank"]) for label in found["labels"]})
    marks = [
        {
            **label,
            "kind": kinds[label["name"]],
            "text": shorten(label["name"], 25),
            "x": places[label["name"]],
            "y": round(first + _ROW * label["level"], 1),
            "end": 170.0 if label["side"] == "left" else width - 170.0,
        }
        for label in found["labels"]
    ]
    bars = [
        {**bar, "x1": x(bar["start"]) - 6, "x2": x(bar["end"]) + 6, "y": round(axis + 13 + _BAR * bar["level"], 1)}
        for bar in found["bars"]
    ]
    return {
        "width": width,
        "height": round(first + _ROW * found["n_levels"]),
        "axis": axis,
        "left": left,
        "right": right,
        "ticks": [{"x": x(rank), "text": str(rank)} for rank in range(1, n + 1)],
        "gap": {"x1": left, "x2": x(1 + gap)} if n > 2 and gap <= n - 1 else None,  # two have Wilcoxon's test
        "marks": marks,
        "bars": bars,
    }


def lay_out_rows(ranking: dict[str, Any], kinds: dict[str, str], width: float = 380) -> dict[str, Any]:
    """Return the same for a narrow screen: a row per pipeline, bars upright on the right."""
    found = arrange(ranking["average"], ranking["groups"])
    n, top = len(ranking["average"]), 34.0
    order = [label["name"] for label in sorted(found["labels"], key=lambda label: label["rank"])]
    left, right = 0.42 * width, width - 18 - _BAR * max(1, found["n_bars"])
    rows = {name: round(top + 14 + 25.0 * place, 1) for place, name in enumerate(order)}

    def x(rank: float) -> float:
        return round(left + (rank - 1) / (n - 1) * (right - left), 1)

    return {
        "width": width,
        "height": round(max(rows.values()) + 18),
        "top": top,
        "left": left,
        "right": right,
        "ticks": [
            {"x": x(rank), "text": str(rank)} for rank in range(1, n + 1) if n <= 10 or rank % 5 == 0 or rank == 1
        ],
        "marks": [
            {
                "name": name,
                "kind": kinds[name],
                "text": shorten(name, 21),
                "rank": ranking["average"][name],
                "x": x(ranking["average"][name]),
                "y": rows[name],
            }
            for name in order
        ],
        "bars": [
            {
                **bar,
                "x": round(right + 12 + _BAR * bar["level"], 1),
                "y1": rows[bar["names"][0]] - 6,
                "y2": rows[bar["names"][-1]] + 6,
            }
            for bar in found["bars"]
        ],
    }


def _beside(places: dict[str, float]) -> dict[str, float]:
    """Put the marks of pipelines that are level side by side."""
    values = list(places.values())
    moved = {}
    for number, (name, x) in enumerate(places.items()):
        moved[name] = round(x + 10 * (values[:number].count(x) - (values.count(x) - 1) / 2), 1)
    return moved


def shorten(name: str, most: int) -> str:
    """Cut a name to so many characters."""
    return name if len(name) <= most else f"{name[: most - 1]}…"
