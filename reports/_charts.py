"""Where the marks of a chart go: pure geometry, so that templates only write it down.

Positions in strip charts are percentages of the track's width; positions in the cost chart are SVG units.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

from ._format import is_share, score_text, seconds_text

_MARK = 9.0
FONT = 12.5
"""Size of the names in charts, in the units of their view boxes."""


def nice_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return round numbers (1, 2 or 5 times a power of ten) from at or below `low` to at or above `high`.

    Examples
    --------
    >>> nice_ticks(0.43, 0.97)
    [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    """
    span = high - low or abs(high) or 1.0
    rough = span / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(k * step, 12) for k in range(first, max(last, first + 1) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Return powers of ten inside ``[low, high]``, with 2 and 5 times them where the range is short."""
    wide = high / low > 200
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [factor * 10.0**power for power in powers for factor in ((1,) if wide else (1, 2, 5))]
    return [tick for tick in ticks if low <= tick <= high]


def score_strips(rows: list[dict[str, Any]], metric: str) -> dict[str, Any] | None:
    """Lay out one track per pipeline: a dot for every split, a mark at the mean, a line over one standard deviation."""
    shown = [row for row in rows if row["mean"] is not None]
    if not shown:
        return None
    lows, highs = zip(*(_extent(row) for row in shown), strict=True)
    ticks = _score_ticks(min(lows), max(highs), metric)
    low, high = ticks[0], ticks[-1]

    def left(value: float) -> float:
        return round(100 * (value - low) / (high - low), 2)

    tracks = []
    for row in shown:
        sd = row["sd"] or 0.0
        start, end = max(row["mean"] - sd, low), min(row["mean"] + sd, high)
        tracks.append(
            {
                "row": row,
                "mean": left(row["mean"]),
                "dots": [left(value) for value in row["values"] if value is not None],
                "sd_left": left(start),
                "sd_width": round(left(end) - left(start), 2),
            }
        )
    return {"ticks": [{"left": left(tick), "text": _tick_text(tick, metric)} for tick in ticks], "tracks": tracks}


def class_gaps(per_class: dict[str, Any], left: str, right: str, most: int = 7) -> dict[str, Any] | None:
    """Lay out the classes on which two pipelines differ most: the leads of `left`, then of `right`, largest first."""
    pairs = zip(per_class["classes"], per_class["scores"][left], per_class["scores"][right], strict=True)
    gaps = [
        {"name": name, "left": a, "right": b, "gap": a - b} for name, a, b in pairs if a is not None and b is not None
    ]
    gaps.sort(key=lambda gap: -abs(gap["gap"]))
    shown = [gap for gap in gaps if gap["gap"] > 0][:most] + [gap for gap in gaps if gap["gap"] < 0][:most]
    if not shown:
        return None
    scores = [gap[side] for gap in shown for side in ("left", "right")]
    ticks = nice_ticks(min(scores), max(scores), 5)
    low, span = ticks[0], ticks[-1] - ticks[0]
    for gap in shown:
        gap |= {f"{side}_at": round(100 * (gap[side] - low) / span, 2) for side in ("left", "right")}
    marks = [{"left": round(100 * (tick - low) / span, 2), "text": _tick_text(tick, "accuracy")} for tick in ticks]
    return {"gaps": shown, "ticks": marks}


def cost_chart(rows: list[dict[str, Any]], metric: str, width: int, height: int) -> dict[str, Any] | None:
    """Lay out score against seconds per image (log scale) as an SVG of `width` x `height` units."""
    shown = [row for row in rows if row["mean"] is not None and row["seconds_per_image"]]
    if not shown:
        return None
    lows, highs = zip(*((row["mean"] - (row["sd"] or 0), row["mean"] + (row["sd"] or 0)) for row in shown), strict=True)
    y_ticks = _score_ticks(min(lows), max(highs), metric)
    costs = [row["seconds_per_image"] for row in shown]
    margin = max(1.6 if width > 500 else 2.2, (max(costs) / min(costs)) ** 0.12)
    x_low, x_high = min(costs) / margin, max(costs) * margin
    box = {"left": 52.0, "right": width - 14.0, "top": 14.0, "bottom": height - 44.0}

    def x(value: float) -> float:
        share = math.log(value / x_low) / math.log(x_high / x_low)
        return round(box["left"] + share * (box["right"] - box["left"]), 1)

    def y(value: float) -> float:
        share = (value - y_ticks[0]) / (y_ticks[-1] - y_ticks[0])
        return round(box["bottom"] - 10 - share * (box["bottom"] - box["top"] - 18), 1)  # room for marks at the ends

    points: list[dict[str, Any]] = [
        {
            "row": row,
            "x": x(row["seconds_per_image"]),
            "y": y(row["mean"]),
            "top": y(min(row["mean"] + (row["sd"] or 0), y_ticks[-1])),
            "bottom": y(max(row["mean"] - (row["sd"] or 0), y_ticks[0])),
            "text": row["name"] if len(row["name"]) <= 26 else f"{row['name'][:25]}…",
        }
        for row in shown
    ]
    x_ticks = _thin(log_ticks(x_low, x_high), most=8 if width > 500 else 4)
    front = sorted((point["x"], point["y"]) for point in points if point["row"]["on_front"])
    place_labels(points, front, box)
    return {
        "width": width,
        "height": height,
        "box": box,
        "points": points,
        "front": " ".join(_steps(front, box["right"])),
        "x_ticks": [{"x": x(tick), "text": seconds_text(tick)} for tick in x_ticks],
        "y_ticks": [{"y": y(tick), "text": _tick_text(tick, metric)} for tick in y_ticks],
    }


def _thin(ticks: list[float], most: int) -> list[float]:
    return ticks[:: math.ceil(len(ticks) / most)] if ticks else ticks


def _extent(row: dict[str, Any]) -> tuple[float, float]:
    values = [value for value in row["values"] if value is not None]
    sd = row["sd"] or 0.0
    return min([*values, row["mean"] - sd]), max([*values, row["mean"] + sd])


def _score_ticks(low: float, high: float, metric: str) -> list[float]:
    if is_share(metric):
        low, high = max(0.0, low), min(1.0, high)
        if high - low < 0.02:  # a chart of half a point would make noise look like news
            low, high = max(0.0, high - 0.02), min(1.0, max(high, 0.02))
    return nice_ticks(low, high)


def _tick_text(tick: float, metric: str) -> str:
    whole = abs(100 * tick - round(100 * tick)) < 1e-6
    return score_text(tick, metric, digits=0 if whole else 1)


def _steps(front: list[tuple[float, float]], right: float) -> list[str]:
    """Draw the best score that can be had for each cost: level until a better pipeline becomes affordable."""
    if not front:
        return []
    path = [f"M{front[0][0]} {front[0][1]}"]
    path += [f"H{x} V{y}" for x, y in front[1:]]
    return [*path, f"H{right}"]


def place_labels(points: list[dict[str, Any]], front: list[tuple[float, float]], box: dict[str, float]) -> None:
    """Put each name beside its mark where it covers no mark, name or line; the best place if none is free."""
    marks = [(p["x"] - _MARK, p["y"] - _MARK, p["x"] + _MARK, p["y"] + _MARK) for p in points]
    taken: list[tuple[float, float, float, float]] = []
    lines = [(a[0], a[1] - 1, b[0], a[1] + 1) for a, b in itertools.pairwise(front)]
    lines += [(b[0] - 1, b[1], b[0] + 1, a[1]) for a, b in itertools.pairwise(front)]
    lines += [(front[-1][0], front[-1][1] - 1, box["right"], front[-1][1] + 1)] if front else []
    for own, point in enumerate(points):
        wide = 0.56 * FONT * len(point["text"])
        places = []
        for (dx, anchor), dy in itertools.product(((11, "start"), (-11, "end"), (0, "middle")), (4, -11, 20, -24, 33)):
            if anchor == "middle" and dy == 4:
                continue
            x, y = point["x"] + dx, point["y"] + dy
            start = x - {"start": 0.0, "end": wide, "middle": wide / 2}[anchor]
            area = (start, y - FONT + 2, start + wide, y + 3)
            overlap = sum(_overlap(area, other) for other in (*marks[:own], *marks[own + 1 :], *taken))
            overlap += 4 * sum(_overlap(area, line) for line in lines)  # a name struck through is hard to read
            outside = max(0.0, box["left"] + 3 - area[0]) + max(0.0, area[2] - box["right"])
            outside += max(0.0, box["top"] - area[1]) + max(0.0, area[3] - box["bottom"])
            habit = 0.2 * abs(dy - 4) + {"start": 0, "end": 1, "middle": 2}[anchor]
            strays = [_distance(area, other) for other in points if other is not point]
            astray = 15 * (min(strays, default=math.inf) < _distance(area, point) + 4)  # would seem another's name
            places.append((overlap + 40 * outside + habit + astray, x, y, anchor, area))
        _, point["label_x"], point["label_y"], point["anchor"], area = min(places)
        point["label_x"], point["label_y"] = round(point["label_x"], 1), round(point["label_y"], 1)
        taken.append(area)


def _distance(area: tuple[float, float, float, float], point: dict[str, Any]) -> float:
    across = max(area[0] - point["x"], 0.0, point["x"] - area[2])
    return math.hypot(across, max(area[1] - point["y"], 0.0, point["y"] - area[3]))


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    wide = min(a[2], b[2]) - max(a[0], b[0])
    tall = min(a[3], b[3]) - max(a[1], b[1])
    return wide * tall if wide > 0 and tall > 0 else 0.0


def opacity(share: float) -> float:
    """Return how strongly to paint a cell that holds `share` of its row: a single mistake can still be seen."""
    return 0.18 + 0.82 * math.sqrt(share) if share else 0.0


def matrix_view(counts: list[list[int]], classes: list[str], most_titles: int = 240) -> dict[str, Any]:
    """Prepare a confusion matrix for drawing: every cell of a small one, the fullest cells of a large one.

    Returns
    -------
    dict
        ``n``, ``lettered`` (small enough for numbers and names) and ``cells``: ``row, col, count, opacity, right`` and
        a ``title`` in words.
    """
    totals = [sum(row) for row in counts]
    cells: list[dict[str, Any]] = [
        {
            "row": row,
            "col": col,
            "count": count,
            "right": row == col,
            "opacity": round(opacity(count / totals[row]), 2),
            "title": f"{classes[row]} taken for {classes[col]}: {count} of {totals[row]}"
            if row != col
            else f"{classes[row]}: {count} of {totals[row]} right",
        }
        for row, line in enumerate(counts)
        for col, count in enumerate(line)
        if count
    ]
    cells.sort(key=lambda cell: (cell["right"], -cell["count"]))
    lettered = len(classes) <= 12
    longest = max(map(len, classes), default=0)
    return {
        "n": len(classes),
        "lettered": lettered,
        "slanted": longest > 3,
        "left": 12 + 6.2 * min(longest, 18),
        "below": 22 if longest <= 3 else 18 + 4.6 * min(longest, 12),
        "cells": cells if lettered else cells[:most_titles],
    }
