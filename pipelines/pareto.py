"""What accuracy costs: the pipelines that no other beats at both, and the cheapest that is good enough."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from eyecraft.features._checks import check_choice, check_number

if TYPE_CHECKING:
    from .comparison import Comparison

BYTES_PER_NUMBER = 4  # every extractor gives float32
_STAGES = ("decode", "extract", "fit", "predict")


def cost_table(comparison: "Comparison", metric: str | None = None) -> pd.DataFrame:
    """Return what each pipeline scored and what it costs, best first.

    Parameters
    ----------
    comparison : Comparison
    metric : str, optional
        One of the comparison's; its first if not given.

    Returns
    -------
    table : DataFrame
        ``pipeline, kind, score`` (mean over splits), ``n_splits`` that have a score; seconds per image of each stage,
        ``decode, extract, fit`` (per training image), ``predict``; ``seconds_per_image`` (decode, extract and predict:
        the cost of answering for one new image); ``bytes_per_row`` (of the features of one image as the classifier is
        given them, four bytes a number; missing for networks); ``peak_memory`` (bytes). Pipelines without a score are
        last, with missing numbers.

    Raises
    ------
    ValueError
        The comparison lacks the metric.
    """
    metrics = list(comparison.protocol["metrics"])
    metric = metrics[0] if metric is None else metric
    check_choice("metric", metric, metrics)
    pipelines = comparison.pipelines
    table = pipelines[["name", "kind"]].rename(columns={"name": "pipeline"})
    scores = comparison.scores[comparison.scores["metric"] == metric].dropna(subset="value")
    values = scores.groupby("pipeline")["value"]
    table["score"] = table["pipeline"].map(values.mean()).astype(float)
    table["n_splits"] = table["pipeline"].map(values.size()).fillna(0).astype(int)
    costs = comparison.costs.pivot(index="pipeline", columns="stage", values="seconds_per_image")
    for stage in _STAGES:
        known = costs[stage] if stage in costs else pd.Series(dtype=float)
        table[stage] = table["pipeline"].map(known).astype(float)
    table["seconds_per_image"] = table[["decode", "extract", "predict"]].sum(axis=1, min_count=1)
    table["bytes_per_row"] = (pipelines["n_features"].astype("Int64") * BYTES_PER_NUMBER).to_numpy()
    table["peak_memory"] = pipelines["peak_memory"].to_numpy()
    return table.sort_values("score", ascending=False, kind="stable", na_position="last", ignore_index=True)


def pareto_front(frame: pd.DataFrame, score: str = "score", cost: str = "seconds_per_image") -> pd.DataFrame:
    """Return the rows that no other row beats: none scores as high for less, or higher for the same.

    Parameters
    ----------
    frame : DataFrame
        One row per pipeline, as from `cost_table` or `Comparison.table`.
    score, cost : str
        Columns: more is better, less is better. Rows where either is missing take no part.

    Returns
    -------
    front : DataFrame
        The rows that are left, cheapest first; score rises with cost. Rows alike in both are all kept.

    Raises
    ------
    ValueError
        The frame has no such column.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({
    ...     "pipeline": ["net", "hog", "sift", "pixels"],
    ...     "score": [0.9, 0.7, 0.6, 0.3],
    ...     "seconds_per_image": [0.05, 0.001, 0.02, 0.0001],
    ... })
    >>> pareto_front(frame)["pipeline"].tolist()
    ['pixels', 'hog', 'net']
    """
    check_choice("score", score, [str(column) for column in frame.columns])
    check_choice("cost", cost, [str(column) for column in frame.columns])
    known = frame.dropna(subset=[score, cost])
    scores, costs = known[score].to_numpy(float), known[cost].to_numpy(float)
    as_good = (scores[:, None] >= scores) & (costs[:, None] <= costs)
    better = (scores[:, None] > scores) | (costs[:, None] < costs)
    beaten = (as_good & better).any(axis=0)
    return known[~beaten].sort_values([cost, score], kind="stable").reset_index(drop=True)


def cheapest_within(comparison: "Comparison", points: float = 1.0, metric: str | None = None) -> pd.Series:
    """Return the cheapest pipeline whose mean score is within so many points of the best.

    Pipelines that finished every split are preferred; the others are looked at only where none did. This compares
    means: whether the difference to the best is more than chance is for `eyecraft.pipelines.verdicts` to say.

    Parameters
    ----------
    comparison : Comparison
    points : float, default=1.0
        Percentage points: hundredths of the metric's unit.
    metric : str, optional
        One of the comparison's; its first if not given.

    Returns
    -------
    row : Series
        The pipeline's row of `cost_table`.

    Raises
    ------
    ValueError
        The metric is unknown, *points* is negative, or no pipeline within reach has both a score and a cost.
    """
    check_number("points", points, at_least=0)
    table = cost_table(comparison, metric)
    table = table[table["score"].map(np.isfinite)]
    complete = table[table["n_splits"] == comparison.protocol["n_splits"]]
    table = complete if len(complete) else table
    near = table[table["score"] >= table["score"].max() - points / 100 - 1e-12].dropna(subset="seconds_per_image")
    if near.empty:
        raise ValueError(
            "expected at least one pipeline with a score and measured seconds; this comparison has none. "
            "See its `errors` for what failed"
        )
    return near.sort_values("seconds_per_image", kind="stable").iloc[0]
