"""What a probe of layers shows, gathered once for the figure, the page and the table; and where its marks go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._charts import nice_ticks
from ._format import is_share, missing, score_text
from ._rows import main_metric

if TYPE_CHECKING:
    import pandas as pd

    from eyecraft.pipelines.probe import ProbeResult

CURVE_COLOURS = ("#1f74b8", "#0f8a6c", "#b3558f", "#6b5fc7")
"""One per pooling, apart for colour-blind readers and readable on white and on black; the classifier is the dash."""

DASHES = {"svm": "", "softmax": "6 4"}
MARKS = {"svm": "o", "softmax": "s"}
CLASSIFIER_WORDS = {"svm": "linear SVM", "softmax": "softmax"}


def collect_probe(result: ProbeResult, metric: str | None = None) -> dict[str, Any]:
    """Gather the curves of a probe.

    Parameters
    ----------
    result : ProbeResult
    metric : str, optional
        Mean per-class accuracy unless told.

    Returns
    -------
    dict
        ``metric, layers, curves`` (``name, pooling, classifier, colour, dash, points``), ``lines`` (pipelines beside
        the layers), ``best`` (curve and point), ``errors, about, dataset, protocol, environment``.
    """
    metric = main_metric(result.comparison, metric or "balanced_accuracy")
    table, layers = result.table(), result.layers
    poolings = list(dict.fromkeys(table["pooling"]))
    curves: list[dict[str, Any]] = []
    for (pooling, classifier), rows in table.groupby(["pooling", "classifier"], sort=False):
        name = CLASSIFIER_WORDS.get(str(classifier), str(classifier))
        curves.append(
            {
                "name": f"{name}, {pooling}" if len(poolings) > 1 else name,
                "pooling": str(pooling),
                "classifier": str(classifier),
                "colour": CURVE_COLOURS[poolings.index(pooling) % len(CURVE_COLOURS)],
                "dash": DASHES.get(str(classifier), "2 3"),
                "points": [_point(row, metric) for _, row in rows.iterrows()],
            }
        )
    measured = [(curve, point) for curve in curves for point in curve["points"] if point["mean"] is not None]
    return {
        "metric": metric,
        "layers": layers,
        "curves": curves,
        "lines": _lines(result, metric),
        "best": max(measured, key=lambda pair: pair[1]["mean"]) if measured else None,
        "errors": list(dict.fromkeys(result.comparison.errors["error"])),
        "about": dict(result.about),
        "dataset": result.comparison.dataset,
        "protocol": result.comparison.protocol,
        "environment": result.comparison.environment,
    }


def _point(row: pd.Series, metric: str) -> dict[str, Any]:
    values = {"mean": row[metric], "sd": row[f"{metric}_sd"], "n_features": row["n_features"]}
    return {"layer": row["layer"], **{key: None if missing(value) else float(value) for key, value in values.items()}}


def _lines(result: ProbeResult, metric: str) -> list[dict[str, Any]]:
    table = result.comparison.table(sort_by=metric)
    table = table[table["pipeline"].isin(result.against)]
    return [
        {
            "name": row["pipeline"],
            "kind": row["kind"],
            "mean": None if missing(row[metric]) else float(row[metric]),
            "sd": None if missing(row[f"{metric}_sd"]) else float(row[f"{metric}_sd"]),
        }
        for _, row in table.iterrows()
    ]


def lay_out(collected: dict[str, Any], width: int, height: int) -> dict[str, Any] | None:
    """Return where the curves' marks go in an SVG of *width* x *height* units; None if nothing was measured."""
    drawn = [point for curve in collected["curves"] for point in curve["points"] if point["mean"] is not None]
    lines = [line for line in collected["lines"] if line["mean"] is not None]
    if not drawn:
        return None
    ends = [one["mean"] + sign * (one["sd"] or 0) for one in (*drawn, *lines) for sign in (-1, 1)]
    low, high = min(ends), max(ends)
    if is_share(collected["metric"]):
        low, high = max(0.0, low), min(1.0, high)
    ticks = nice_ticks(low, high)
    box = {"left": 52.0, "right": width - 12.0, "top": 14.0, "bottom": height - 74.0}
    step = (box["right"] - box["left"]) / len(collected["layers"])
    places = {layer: round(box["left"] + (k + 0.5) * step, 1) for k, layer in enumerate(collected["layers"])}

    def y(value: float) -> float:
        share = (min(max(value, ticks[0]), ticks[-1]) - ticks[0]) / (ticks[-1] - ticks[0])
        return round(box["bottom"] - share * (box["bottom"] - box["top"]), 1)

    return {
        "width": width,
        "height": height,
        "box": box,
        "ticks": [{"y": y(tick), "text": score_text(tick, collected["metric"], digits=0)} for tick in ticks],
        "layers": [{"x": x, "name": layer} for layer, x in places.items()],
        "curves": [
            _drawn(curve, k, len(collected["curves"]), places, y) for k, curve in enumerate(collected["curves"])
        ],
        "lines": [{**line, "y": y(line["mean"])} for line in lines],
    }


def _drawn(curve: dict[str, Any], number: int, count: int, places: dict[str, float], y: Any) -> dict[str, Any]:
    shift = 5.0 * (number - (count - 1) / 2)  # side by side, so that error bars do not hide one another
    points = [
        {
            "x": round(places[point["layer"]] + shift, 1),
            "y": y(point["mean"]),
            "top": y(point["mean"] + (point["sd"] or 0)),
            "bottom": y(point["mean"] - (point["sd"] or 0)),
            "point": point,
        }
        for point in curve["points"]
        if point["mean"] is not None
    ]
    path = "M" + " L".join(f"{point['x']} {point['y']}" for point in points) if points else ""
    return {**curve, "points": points, "path": path}
