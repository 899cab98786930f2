"""Where the marks of learning curves and of curves under perturbations go: pure geometry for the templates."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

from ._charts import _score_ticks, _tick_text
from ._curve_styles import spread

_MOST_OF_A_KIND = 4
"""So many curves of a kind are coloured and named; the others are thin and gray, with their numbers in the table."""

_FONT = 12.5

_LEADER = 18.0
"""Room between the end of a curve and its name."""


def line_looks(collected: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return how the curve of each pipeline looks in every chart, in the order of the table of scores.

    Returns
    -------
    dict
        By name: ``kind``, ``strong`` and ``look`` (0 to 3).
    """
    kinds = {row["name"]: row["kind"] for row in collected["rows"]}
    drawn: list[dict[str, Any]] = [*collected["curves"]["lines"]] if collected["curves"] else []
    drawn += collected["robustness"]["charts"][0]["lines"] if collected["robustness"] else []
    names = {line["name"]: line["kind"] for line in drawn}
    order = [*(name for name in kinds if name in names), *(name for name in names if name not in kinds)]
    seen: dict[str, int] = {}
    looks = {}
    for name in order:
        number = seen[names[name]] = seen.get(names[name], -1) + 1
        look = {"kind": names[name], "strong": number < _MOST_OF_A_KIND, "look": number % _MOST_OF_A_KIND}
        looks[name] = look
    return looks


def curve_chart(
    curves: dict[str, Any], width: int, height: int, looks: dict[str, dict[str, Any]]
) -> dict[str, Any] | None:
    """Lay learning curves out as an SVG of `width` x `height` units; None for a single size, which is no curve."""
    sizes = curves["sizes"]
    if len(sizes) < 2:
        return None
    strong = [line["name"] for line in curves["lines"] if looks[line["name"]]["strong"]]
    most = 26 if width > 500 else 16
    room = 0.66 * _FONT * min(most, max(map(len, strong), default=0)) + _LEADER + 8  # names are bold
    box = {"left": 48.0, "right": width - round(room, 1), "top": 14.0, "bottom": height - 44.0}
    points = [point for line in curves["lines"] for point in line["points"]]
    ends = [point[key] if point[key] is not None else point["mean"] for point in points for key in ("low", "high")]
    ticks = _score_ticks(min(ends), max(ends), curves["metric"])
    y = _vertical(ticks, box)
    first, last = math.log(sizes[0]), math.log(sizes[-1])

    def x(size: float) -> float:
        return round(box["left"] + (math.log(size) - first) / (last - first) * (box["right"] - box["left"]), 1)

    lines = []
    for line in curves["lines"]:
        places = [(x(point["size"]), y(point["mean"])) for point in line["points"]]
        lines.append({"name": line["name"], **looks[line["name"]], "places": places, "path": _path(places)})
        known = [point for point in line["points"] if point["low"] is not None]
        upper = [(x(point["size"]), y(min(point["high"], ticks[-1]))) for point in known]
        lower = [(x(point["size"]), y(max(point["low"], ticks[0]))) for point in known]
        lines[-1]["band"] = f"{_path([*upper, *lower[::-1]])}Z" if len(known) > 1 else ""
    _name_ends([line for line in lines if line["strong"]], box, most)
    return {
        "width": width,
        "height": height,
        "box": box,
        "lines": sorted(lines, key=lambda line: line["strong"]),
        "legend": [{"name": line["name"], **looks[line["name"]]} for line in curves["lines"] if line["name"] in strong],
        "rings": _rings(curves, x, y),
        "x_ticks": _sparse([{"x": x(size), "text": f"{size:,}"} for size in sizes]),
        "y_ticks": [{"y": y(tick), "text": _tick_text(tick, curves["metric"])} for tick in ticks],
    }


def small_charts(robust: dict[str, Any], width: int, height: int, looks: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Lay one small chart per perturbation out, all with one score axis: ``charts`` and a ``legend`` of the curves.

    Narrow charts leave out the words of every other level.
    """
    shown = {line["name"] for chart in robust["charts"] for line in chart["lines"]}
    looks = {name: look for name, look in looks.items() if name in shown}
    box = {"left": 50.0, "right": width - 12.0, "top": 10.0, "bottom": height - 42.0}
    values = [value for chart in robust["charts"] for line in chart["lines"] for value in line["values"]]
    ticks = _score_ticks(min([*values, max(values) - 0.1]), max(values), robust["metric"])
    ticks = ticks[:: math.ceil(len(ticks) / 6)] if len(ticks) > 6 else ticks
    y = _vertical([ticks[0], max(ticks[-1], max(values))], box)
    charts = []
    for chart in robust["charts"]:
        last = max(len(chart["levels"]) - 1, 1)
        across = [round(box["left"] + step / last * (box["right"] - box["left"]), 1) for step in range(last + 1)]
        lines = []
        for line in chart["lines"]:
            places = [(across[step], y(value)) for step, value in zip(line["steps"], line["values"], strict=True)]
            band = _error_band(line, across, lambda value: y(min(max(value, ticks[0]), ticks[-1])))
            look = looks[line["name"]]
            lines.append({"name": line["name"], **look, "places": places, "path": _path(places), "band": band})
        lines.sort(key=lambda line: line["strong"])
        marks = [
            {"x": at, "text": level if width >= 250 or step == 0 or (last - step) % 2 == 0 else ""}
            for step, (at, level) in enumerate(zip(across, chart["levels"], strict=False))
        ]
        charts.append({**{key: chart[key] for key in ("title", "about", "unit")}, "lines": lines, "x_ticks": marks})
    return {
        "width": width,
        "height": height,
        "box": box,
        "charts": charts,
        "y_ticks": [{"y": y(tick), "text": _tick_text(tick, robust["metric"])} for tick in ticks],
        "legend": [{"name": name, **look} for name, look in looks.items() if look["strong"]],
        "n_thin": sum(not look["strong"] for look in looks.values()),
        "banded": any(line["band"] for chart in charts for line in chart["lines"]),
    }


def _error_band(line: dict[str, Any], across: list[float], y: Callable[[float], float]) -> str:
    """Return the outline of a curve plus and minus its standard errors; nothing where they are not all known."""
    errors = line.get("errors") or []
    if len(errors) < 2 or any(error is None for error in errors):
        return ""
    known = list(zip(line["steps"], line["values"], errors, strict=True))
    upper = [(across[step], y(value + error)) for step, value, error in known]
    lower = [(across[step], y(value - error)) for step, value, error in known]
    return f"{_path([*upper, *lower[::-1]])}Z"


def _vertical(ticks: list[float], box: dict[str, float]) -> Callable[[float], float]:
    low, high = ticks[0], ticks[-1]

    def y(value: float) -> float:
        share = (value - low) / (high - low)
        return round(box["bottom"] - 6 - share * (box["bottom"] - box["top"] - 10), 1)

    return y


def _path(places: list[tuple[float, float]]) -> str:
    return "".join(f"{'L' if number else 'M'}{x:g} {y:g}" for number, (x, y) in enumerate(places))


def _name_ends(lines: list[dict[str, Any]], box: dict[str, float], most: int) -> None:
    """Give each line a place for its name right of its end, apart from the others, and a line that leads there."""
    ordered = sorted(lines, key=lambda line: float(line["places"][-1][1]))
    wanted = [float(line["places"][-1][1]) for line in ordered]
    for line, place in zip(ordered, spread(wanted, _FONT + 3, box["top"] + 4, box["bottom"] - 4), strict=True):
        line["label_x"], line["label_y"] = round(box["right"] + _LEADER + 3, 1), round(place + 4, 1)
        x, y = line["places"][-1]
        far = abs(place - y) > 2 or x < box["right"] - 1
        line["leader"] = f"M{x + 6:g} {y:g}L{box['right'] + _LEADER:g} {place:g}" if far else ""
        line["label"] = line["name"] if len(line["name"]) <= most else f"{line['name'][: most - 1]}…"


def _sparse(ticks: list[dict[str, Any]], least: float = 26.0) -> list[dict[str, Any]]:
    """Leave out the words of ticks that would touch those of the one before; the last one keeps its own."""
    kept = ticks[-1]["x"] + 2 * least
    for tick in reversed(ticks):
        if kept - tick["x"] < least:
            tick["text"] = ""
        else:
            kept = tick["x"]
    return ticks


def _rings(curves: dict[str, Any], x: Callable[[float], float], y: Callable[[float], float]) -> list[dict[str, Any]]:
    """Return a ring at each crossing that is told in a sentence, with its interval cut at the sizes measured."""
    by_name = {line["name"]: line for line in curves["lines"]}
    smallest, largest = curves["sizes"][0], curves["sizes"][-1]
    rings = []
    for one in curves["crossings"][: curves["n_shown"]]:
        if one["size"] is None or one["leader"] not in by_name:
            continue
        height = _between(by_name[one["leader"]]["points"], one["size"])
        low = max(one["low"] or smallest, smallest)
        high = min(one["high"] or largest, largest)
        told = one["low"] is not None
        rings.append({"x": x(one["size"]), "y": y(height), "left": x(low) if told else None, "right": x(high)})
    return rings


def _between(points: list[dict[str, Any]], size: float) -> float:
    """Return the height of a curve at a size, on straight lines over the logarithm."""
    for before, after in itertools.pairwise(points):
        if before["size"] <= size <= after["size"]:
            share = math.log(size / before["size"]) / math.log(after["size"] / before["size"])
            return float(before["mean"] + share * (after["mean"] - before["mean"]))
    return float(points[-1]["mean"])
