"""From finished rows to the tidy frames of a `Comparison`."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ._entries import Entry
from ._peaks import largest_of
from ._rows import STAGES, Row

COLUMNS: dict[str, dict[str, str]] = {
    "pipelines": {
        "name": "str",
        "kind": "str",
        "title": "str",
        "citation": "str",
        "parameters": "str",
        "n_features": "Int64",
        "peak_memory": "Int64",
        "error": "object",
        "weights": "object",
    },
    "scores": {"pipeline": "str", "split": "int64", "metric": "str", "value": "float64"},
    "predictions": {"pipeline": "str", "split": "int64", "index": "int64", "label": "str", "predicted": "str"},
    "seconds": {"pipeline": "str", "split": "int64", "stage": "str", "seconds": "float64", "n_images": "int64"},
    "costs": {"pipeline": "str", "stage": "str", "seconds_per_image": "float64"},
    "errors": {"pipeline": "str", "split": "int64", "error": "str", "traceback": "str"},
    "resources": {
        "pipeline": "str",
        **dict.fromkeys(("cold_seconds", "cold_decode", "cold_extract", "cold_rest"), "float64"),
        **dict.fromkeys(("warm_seconds", "warm_decode", "warm_extract", "warm_predict", "warm_wall"), "float64"),
        "single_seconds": "float64",
        **dict.fromkeys(("n_images", "answer_memory", "gpu_memory"), "Int64"),
        **dict.fromkeys(("bytes_per_row", "model_bytes", "multiply_adds"), "Int64"),
    },
}


def tidy(name: str, records: Any) -> pd.DataFrame:
    """Return the frame called *name*, with its columns in order and of their types, whatever the records lack."""
    columns = COLUMNS[name]
    frame = pd.DataFrame(records, columns=list(columns)).astype(columns)
    for column in (column for column, kind in columns.items() if kind == "object"):
        frame[column] = pd.Series([None if pd.isna(value) else value for value in frame[column]], dtype=object)
    return frame


def make_frames(
    entries: Sequence[Entry], rows: Sequence[Row], splits: Sequence[tuple[np.ndarray, np.ndarray]], names: np.ndarray
) -> dict[str, pd.DataFrame]:
    """Return all frames; pipelines in the order given, splits in order within."""
    position = {entry.name: number for number, entry in enumerate(entries)}
    rows = sorted(rows, key=lambda row: (position[row.pipeline], row.split))
    seconds = tidy(
        "seconds",
        [
            (row.pipeline, row.split, stage, row.seconds[stage], row.n_images[stage])
            for row in rows
            if len(row.predicted)
            for stage in STAGES
            if stage in row.seconds
        ],
    )
    scores = [(row.pipeline, row.split, metric, value) for row in rows for metric, value in row.scores.items()]
    errors = [(row.pipeline, row.split, row.error, row.traceback or "") for row in rows if row.error is not None]
    resources = tidy("resources", [_resources(entry.name, rows) for entry in entries])
    return {
        "pipelines": tidy("pipelines", [_summary(entry, rows) for entry in entries]),
        "scores": tidy("scores", scores),
        "predictions": _predictions(rows, splits, names),
        "seconds": seconds,
        "costs": costs_of(seconds, [entry.name for entry in entries], resources),
        "errors": tidy("errors", errors),
        "resources": resources,
    }


def costs_of(seconds: pd.DataFrame, order: Sequence[str], resources: pd.DataFrame) -> pd.DataFrame:
    """Return seconds per image of each pipeline and stage.

    Fitting costs all splits' seconds over all splits' images. Answering costs what the pass of its own measured, if it
    has measured all pipelines; if it has not, all are priced by their splits, since the two are not alike.
    """
    totals = seconds.groupby(["pipeline", "stage"])[["seconds", "n_images"]].sum()
    per_image = (totals["seconds"] / totals["n_images"]).to_dict()
    if timed_apart(seconds["pipeline"], resources):
        warm = resources.set_index("pipeline")
        per_image |= {
            (name, stage): warm.at[name, f"warm_{stage}"] for name, stage in per_image if f"warm_{stage}" in warm
        }
    wanted = ((name, stage) for name in order for stage in STAGES)
    return tidy("costs", [(*pair, per_image[pair]) for pair in wanted if pair in per_image])


def timed_apart(pipelines: Iterable[str], resources: pd.DataFrame) -> bool:
    """Tell whether the answers of all these pipelines were timed in the pass of its own."""
    known = set(resources.dropna(subset="warm_seconds")["pipeline"]) if len(resources) else set()
    return bool(known) and set(pipelines) <= known


def _resources(name: str, rows: Sequence[Row]) -> dict[str, Any]:
    """Return what is known of a pipeline's needs: from its first split, but for the memory of a GPU from all."""
    own = [row for row in rows if row.pipeline == name]
    found: dict[str, Any] = next((row.resources for row in own if row.resources), {})
    on_gpu = largest_of(found.get("gpu_memory"), *(row.gpu_memory for row in own))
    return {"pipeline": name} | found | ({} if on_gpu is None else {"gpu_memory": on_gpu})


def _summary(entry: Entry, rows: Sequence[Row]) -> tuple[Any, ...]:
    own = [row for row in rows if row.pipeline == entry.name]
    lengths = [row.n_features for row in own if row.n_features is not None]
    peaks = [row.peak_memory for row in own if row.peak_memory is not None]
    errors = [row.error for row in own if row.error is not None]
    return (
        entry.name,
        entry.kind,
        entry.title,
        entry.citation,
        entry.parameters,
        max(lengths, default=pd.NA),  # splits differ only where a pipeline selects its features
        max(peaks, default=pd.NA),
        errors[0] if errors else None,
        next((row.weights for row in own if row.weights is not None), None),
    )


def _predictions(
    rows: Sequence[Row], splits: Sequence[tuple[np.ndarray, np.ndarray]], names: np.ndarray
) -> pd.DataFrame:
    parts = []
    for row in rows:
        test = splits[row.split][1]
        if len(row.predicted) == len(test):
            columns = {"index": test, "label": names[test], "predicted": row.predicted}
            parts.append(pd.DataFrame(columns).assign(pipeline=row.pipeline, split=row.split))
    if not parts:
        return tidy("predictions", [])
    return pd.concat(parts, ignore_index=True)[list(COLUMNS["predictions"])].astype(COLUMNS["predictions"])
