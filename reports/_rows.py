"""The table of a comparison: one row per pipeline with its scores, its costs and its errors."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

import pandas as pd

from eyecraft.pipelines._frames import COLUMNS, timed_apart
from eyecraft.pipelines.pareto import pareto_front

from ._cost_table import add_prices
from ._format import missing
from ._guessing import guess_of, is_worth_a_price

if TYPE_CHECKING:
    from eyecraft.pipelines.comparison import Comparison

TEST_STAGES = ("decode", "extract", "predict")
"""The stages a new image goes through: their sum is what one prediction costs."""


def main_metric(comparison: Comparison, metric: str | None = None) -> str:
    """Return the metric that sorts the table: `metric`, or else the first one the comparison was asked for.

    Raises
    ------
    ValueError
        If `metric` was not measured.
    """
    metrics = metric_names(comparison)
    if metric is None:
        return metrics[0] if metrics else "accuracy"
    if metric not in metrics:
        raise ValueError(
            f"metric must be one that was measured ({', '.join(metrics) or 'none was'}); got {metric!r}. "
            "Run the comparison again with it in `scoring`."
        )
    return metric


def metric_names(comparison: Comparison) -> list[str]:
    """Return the measured metrics in the order they were asked for."""
    asked = [str(name) for name in comparison.protocol.get("metrics") or []]
    seen = [str(name) for name in comparison.scores["metric"].unique()]
    return [name for name in asked if name in seen] + [name for name in seen if name not in asked] or asked


def collect_rows(comparison: Comparison, metric: str | None = None) -> list[dict[str, Any]]:
    """Collect one plain dictionary per pipeline, best first.

    Finished pipelines come first by their mean score, then those that finished only some splits, then the failed.

    Parameters
    ----------
    comparison : Comparison
    metric : str, optional
        The metric that sorts; the first measured one unless told.

    Returns
    -------
    list of dict
        Keys ``name, kind, title, citation, parameters, n_features, peak_memory`` (bytes), ``mean, sd, values`` (one per
        split, None where missing) of the sorting metric, ``scores`` (the same for every metric), ``seconds`` (per
        image, by stage), ``seconds_per_image`` (decode + extract + predict), ``timed_apart`` (whether these are those
        of the pass of their own, as for all rows or none), ``resources`` (as in `Comparison.resources`, None where
        missing), ``prices`` (see `add_prices`), ``fit_seconds`` (mean per split), ``n_done``, ``complete``,
        ``on_front`` (no pipeline is both better and cheaper), ``worth_it`` (on the front, and clearly above
        guessing), ``error`` and ``errors``.
    """
    metric = main_metric(comparison, metric)
    rows = [_row(comparison, entry, metric) for entry in comparison.pipelines.to_dict("records")]
    apart = timed_apart(comparison.costs["pipeline"], comparison.resources)
    for row in rows:
        row["timed_apart"] = apart
    _mark_front(rows, guess_of(comparison, metric))
    add_prices(rows)
    return sorted(rows, key=lambda row: (not row["complete"], row["mean"] is None, -(row["mean"] or 0.0)))


def _row(comparison: Comparison, entry: dict[str, Any], metric: str) -> dict[str, Any]:
    name = str(entry["name"])
    n_splits = split_count(comparison)
    scores = {one: _summary(comparison.scores, name, one, n_splits) for one in metric_names(comparison) or [metric]}
    main = scores[metric]
    seconds = _seconds(comparison.costs, name)
    on_path = [seconds[stage] for stage in TEST_STAGES if stage in seconds]
    fits = comparison.seconds
    fits = fits[(fits["pipeline"] == name) & (fits["stage"] == "fit")]["seconds"]
    errors = _errors(comparison.errors, name)
    error = None if missing(entry.get("error")) else str(entry["error"])
    n_done = sum(value is not None for value in main["values"])
    return {
        "name": name,
        "kind": str(entry["kind"]),
        **{key: _text(entry.get(key)) for key in ("title", "citation", "parameters")},
        "n_features": None if missing(entry.get("n_features")) else int(entry["n_features"]),
        "peak_memory": None if missing(entry.get("peak_memory")) else int(entry["peak_memory"]),
        **main,
        "scores": scores,
        "seconds": seconds,
        "seconds_per_image": sum(on_path) if on_path else None,
        "resources": _resources(comparison.resources, name),
        "fit_seconds": float(fits.mean()) if len(fits) else None,
        "n_done": n_done,
        "complete": n_done > 0 and n_done == n_splits,
        "error": error or (errors[0]["error"] if errors else None),
        "errors": errors,
    }


def _mark_front(rows: list[dict[str, Any]], guess: float | None) -> None:
    """Mark the finished pipelines that no other one beats in score without costing more time per image.

    Of these, the ones that hardly beat blind guessing are cheap for nothing.
    """
    priced = [row for row in rows if row["complete"] and row["seconds_per_image"]]
    columns = ["name", "mean", "seconds_per_image"]
    frame = pd.DataFrame([[row[key] for key in columns] for row in priced], columns=columns)
    front = set(pareto_front(frame, "mean", "seconds_per_image")["name"])
    for row in rows:
        row["on_front"] = row["name"] in front
        row["worth_it"] = row["on_front"] and is_worth_a_price(row["mean"], guess)


def split_count(comparison: Comparison) -> int:
    """Return how many train/test splits the comparison was asked for."""
    asked = comparison.protocol.get("n_splits")
    if asked is not None and not missing(asked):
        return int(asked)
    return len(comparison.splits) or int(comparison.scores["split"].nunique())


def _summary(scores: pd.DataFrame, name: str, metric: str, n_splits: int) -> dict[str, Any]:
    found = scores[(scores["pipeline"] == name) & (scores["metric"] == metric)]
    by_split = {int(split): float(value) for split, value in zip(found["split"], found["value"], strict=True)}
    values = [None if missing(by_split.get(split)) else by_split[split] for split in range(n_splits)]
    known = [value for value in values if value is not None]
    return {
        "mean": statistics.fmean(known) if known else None,
        "sd": statistics.stdev(known) if len(known) > 1 else None,
        "values": values,
    }


def _seconds(costs: pd.DataFrame, name: str) -> dict[str, float]:
    found = costs[costs["pipeline"] == name]
    pairs = zip(found["stage"], found["seconds_per_image"], strict=True)
    return {str(stage): float(value) for stage, value in pairs if not missing(value)}


def _resources(resources: pd.DataFrame, name: str) -> dict[str, float | int | None]:
    """Return what is known of a pipeline's needs, under the names of the columns."""
    columns = {column: kind for column, kind in COLUMNS["resources"].items() if column != "pipeline"}
    found: dict[Any, Any] = next(iter(resources[resources["pipeline"] == name].to_dict("records")), {})
    known = {column: found[column] for column in columns if not missing(found.get(column))}
    return dict.fromkeys(columns) | {
        column: float(value) if columns[column] == "float64" else int(value) for column, value in known.items()
    }


def _errors(errors: pd.DataFrame, name: str) -> list[dict[str, Any]]:
    """List the errors of a pipeline; the same one met on several splits is listed once, with those splits."""
    grouped: dict[tuple[str, str], list[int]] = {}
    for entry in errors[errors["pipeline"] == name].to_dict("records"):
        splits = grouped.setdefault((_text(entry.get("error")), _text(entry.get("traceback"))), [])
        splits += [] if missing(entry.get("split")) else [int(entry["split"])]
    return [
        {"error": error, "traceback": traceback, "splits": splits} for (error, traceback), splits in grouped.items()
    ]


def _text(value: object) -> str:
    return "" if missing(value) else str(value)
