"""Where the marks of training curves go: pure geometry, in SVG units."""

from __future__ import annotations

import math
from typing import Any

from ._charts import nice_ticks
from ._format import score_text

_WIDTH, _HEIGHT = 420, 250
_BOX = {"left": 46.0, "right": _WIDTH - 10.0, "top": 12.0, "bottom": _HEIGHT - 40.0}
_QUANTITIES = {"loss": ("train_loss", "valid_loss"), "accuracy": ("train_acc", "valid_acc")}


def training_charts(history: dict[str, list[float]]) -> list[dict[str, Any]]:
    """Lay out loss and accuracy over epochs, of the training images and of those held out.

    Parameters
    ----------
    history : dict of str to list of float
        Columns of `CNNClassifier.history_`.

    Returns
    -------
    list of dict
        ``quantity, width, height, box, ticks, epochs, curves`` (``which, path, dots, last``); the held-out curve has
        its ``best`` place. A quantity of which there are no finite numbers is left out.
    """
    return [chart for quantity in _QUANTITIES if (chart := _chart(history, quantity)) is not None]


def _chart(history: dict[str, list[float]], quantity: str) -> dict[str, Any] | None:
    columns = [name for name in _QUANTITIES[quantity] if name in history]
    finite = [value for name in columns for value in history[name] if math.isfinite(value)]
    if not finite:
        return None
    epochs = history["epoch"]
    ticks = nice_ticks(min(finite), max(finite), 5)
    first, last = epochs[0], max(epochs[-1], epochs[0] + 1)

    def x(epoch: float) -> float:
        return round(_BOX["left"] + (epoch - first) / (last - first) * (_BOX["right"] - _BOX["left"] - 8) + 4, 1)

    def y(value: float) -> float:
        share = (value - ticks[0]) / (ticks[-1] - ticks[0])
        return round(_BOX["bottom"] - share * (_BOX["bottom"] - _BOX["top"]), 1)

    curves = []
    for name in columns:
        places = [(x(e), y(v)) for e, v in zip(epochs, history[name], strict=True) if math.isfinite(v)]
        if places:
            curves.append(_curve(name, places, quantity))
    return {
        "quantity": quantity,
        "width": _WIDTH,
        "height": _HEIGHT,
        "box": _BOX,
        "ticks": [{"y": y(tick), "text": _text(tick, quantity)} for tick in ticks],
        "epochs": [{"x": x(tick), "text": f"{tick:.0f}"} for tick in _whole_ticks(first, epochs[-1])],
        "curves": curves,
    }


def _curve(name: str, places: list[tuple[float, float]], quantity: str) -> dict[str, Any]:
    held_out = name.startswith("valid")
    lowest, highest = max(places, key=lambda place: place[1]), min(places, key=lambda place: place[1])
    return {
        "which": "held out" if held_out else "training",
        "path": "M" + "L".join(f"{x} {y}" for x, y in places),
        "dots": places if len(places) <= 40 else [],
        "best": (lowest if quantity == "loss" else highest) if held_out else None,
    }


def _whole_ticks(first: float, last: float) -> list[float]:
    ticks = [tick for tick in nice_ticks(first, max(last, first + 1), 6) if tick == round(tick)]
    inside = [tick for tick in ticks if first < tick <= last]
    return [first, *(tick for tick in inside if tick - first > (last - first) / 12)]


def _text(value: float, quantity: str) -> str:
    return score_text(value, "accuracy", digits=0) if quantity == "accuracy" else f"{value:.3g}"
