"""Several data sets side by side: everything the matrix page, its Markdown and the terminal show, gathered once."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

from eyecraft.pipelines.ranking import Ranking

from ._format import is_share, missing
from ._matrix_answer import answer_matrix, tested_text
from ._plain import plain
from ._rows import collect_rows, split_count
from ._run_record import collect_matrix_record
from ._verdicts import collect_verdicts

if TYPE_CHECKING:
    from eyecraft.pipelines.comparison import Comparison
    from eyecraft.pipelines.comparison_matrix import ComparisonMatrix

_DIGITS = 12  # scores that agree to so many are level
_FADED = 0.3  # thirty points behind the best is as pale as it gets
_PAIR_KEYS = ("first", "second", "rank_difference", "p_nemenyi", "p_wilcoxon", "p_holm")


def collect_matrix(matrix: ComparisonMatrix, metric: str | None = None) -> dict[str, Any]:
    """Gather a matrix of comparisons as one plain dictionary.

    Parameters
    ----------
    matrix : ComparisonMatrix
    metric : str, optional
        The first that all data sets have unless told.

    Returns
    -------
    dict
        ``metric``; ``datasets`` (``name, n_images, n_classes, cv, n_splits, error, best`` (names), ``clear``: the
        best is ahead of every other by more than chance); ``rows``, best first (``name, kind, title, rank`` or None,
        ``n_best, mean, cells``: one per data set); ``ranking`` (None, and ``why_not`` in words, where there is none);
        ``unranked``; ``changed`` (pipelines with other parameters on other data sets); ``answer``; ``faults`` (``what,
        where, error``); ``command, date, machines``.

    Raises
    ------
    ValueError
        If `metric` was not measured on all data sets.
    """
    ranking, why_not = None, ""
    if matrix.comparisons:
        metric = matrix.metrics[0] if metric is None and matrix.metrics else metric
        matrix.frame(metric)  # refuses a metric that is not on all of them
        try:
            ranking = matrix.ranks(metric)
        except ValueError as error:
            why_not = str(error).partition(". ")[0]  # the rest is advice to programmers
    chosen = metric or "accuracy"
    columns = {name: _column(each, chosen) for name, each in matrix.comparisons.items()}
    datasets = [
        _dataset(row, matrix.comparisons.get(row["name"]), columns.get(row["name"]))
        for row in matrix.datasets.to_dict("records")
    ]
    collected: dict[str, Any] = {
        "metric": chosen,
        "datasets": datasets,
        "rows": _rows(matrix, columns, datasets, ranking, chosen),
        "ranking": None if ranking is None else _ranking(ranking),
        "why_not": why_not,
        "unranked": matrix.unranked(metric) if matrix.comparisons else [],
        "changed": _changed(matrix.comparisons),
        "command": matrix.command,
        "record": collect_matrix_record(matrix),
        "date": max((str(each.environment.get("date") or "") for each in matrix.comparisons.values()), default=""),
        "machines": sorted({str(each.environment.get("cpu") or "") for each in matrix.comparisons.values()}),
    }
    return collected | {"answer": answer_matrix(collected), "faults": _faults(collected)}


def _column(comparison: Comparison, metric: str) -> dict[str, Any]:
    """Return the rows of one data set by pipeline, with its best ones and the verdicts against the first of them."""
    rows = collect_rows(comparison, metric)
    whole = [row for row in rows if row["complete"]]
    top = max((row["mean"] for row in whole), default=0.0)
    best = [row["name"] for row in whole if round(row["mean"], _DIGITS) == round(top, _DIGITS)]
    against = collect_verdicts(comparison, rows, metric)["against"] if best else {}
    rivals = [row["name"] for row in whole if row["name"] not in best]
    return {
        "rows": {row["name"]: row for row in rows},
        "top": top,
        "best": best,
        "verdicts": {name: cell["verdict"] for name, cell in against.items()},
        "clear": len(best) == 1
        and bool(rivals)
        and all(against[name]["verdict"] in ("worse", "barely worse") for name in rivals),
    }


def _dataset(row: dict[str, Any], comparison: Comparison | None, column: dict[str, Any] | None) -> dict[str, Any]:
    about = {"name": row["name"], "error": row["error"]}
    if comparison is None or column is None:
        return about | {"best": [], "clear": False, "n_splits": 0, "n_images": None, "n_classes": None, "cv": ""}
    return about | {
        "n_images": plain(comparison.dataset.get("n_images")),
        "n_classes": len(comparison.dataset.get("class_names") or []),
        "cv": str(comparison.protocol.get("cv") or ""),
        "n_splits": split_count(comparison),
        "best": column["best"],
        "clear": column["clear"],
    }


def _rows(
    matrix: ComparisonMatrix,
    columns: dict[str, dict[str, Any]],
    datasets: list[dict[str, Any]],
    ranking: Ranking | None,
    metric: str,
) -> list[dict[str, Any]]:
    """Return one row per pipeline: by average rank, then those without one."""
    ranks = {} if ranking is None else ranking.ranks.mean().to_dict()
    lags = [
        column["top"] - row["mean"] for column in columns.values() for row in column["rows"].values() if row["complete"]
    ]
    scale = max([*lags, 1e-9])
    scale = min(scale, _FADED) if is_share(metric) else scale
    rows = []
    for name in matrix.pipelines:
        cells = [_cell(name, columns.get(dataset["name"]), scale) for dataset in datasets]
        known = [cell["mean"] for cell in cells if cell["state"] == "whole"]
        about = next(column["rows"][name] for column in columns.values() if name in column["rows"])
        rows.append(
            {
                "name": name,
                "kind": about["kind"],
                "title": about["title"],
                "rank": ranks.get(name),
                "n_best": sum(cell["best"] for cell in cells),
                "mean": statistics.fmean(known) if known else None,
                "cells": cells,
            }
        )
    return sorted(rows, key=lambda row: (row["rank"] or 1e9, -row["n_best"], row["mean"] is None, -(row["mean"] or 0)))


def _cell(name: str, column: dict[str, Any] | None, scale: float) -> dict[str, Any]:
    """Return a cell: ``state`` is "whole", "partial" (some splits), "failed", "absent" or, for a column without data,
    "none"."""
    blank = {"mean": None, "sd": None, "best": False, "behind": None, "verdict": None, "shade": None, "seconds": None}
    row = None if column is None else column["rows"].get(name)
    if column is None or row is None:
        return blank | {"state": "none" if column is None else "absent", "error": None, "n_done": 0, "n_splits": 0}
    told = {key: row[key] for key in ("mean", "sd", "error", "n_done")}
    told |= {"seconds": row["seconds_per_image"], "n_splits": len(row["values"])}
    if not row["complete"]:
        return blank | told | {"state": "partial" if row["n_done"] else "failed" if row["error"] else "absent"}
    behind = column["top"] - row["mean"]
    return told | {
        "state": "whole",
        "best": name in column["best"],
        "behind": behind,
        "verdict": None if name in column["best"] else column["verdicts"].get(name),
        "shade": round(max(0.0, 1 - behind / scale), 3),
    }


def _ranking(ranking: Ranking) -> dict[str, Any]:
    """Return the numbers of the rank diagram."""
    pairs = ranking.pairs.to_dict("records")
    numbers: dict[str, Any] = {
        "n_datasets": len(ranking.ranks),
        "datasets": [str(name) for name in ranking.ranks.index],
        "average": {str(name): float(value) for name, value in ranking.ranks.mean().items()},
        "friedman_p": None if missing(ranking.friedman_p) else float(ranking.friedman_p or 0.0),
        "wilcoxon_p": float(ranking.pairs["p_wilcoxon"].iloc[0]) if ranking.friedman_p is None else None,
        "critical_difference": float(ranking.critical_difference),
        "alpha": ranking.alpha,
        "differ": ranking.differ,
        "fewest": ranking.fewest_datasets,
        "groups": [list(group) for group in ranking.groups()],
        "pairs": [{key: plain(pair[key]) for key in _PAIR_KEYS} for pair in pairs],
    }
    return numbers | {"tested": tested_text(numbers)}


def _faults(collected: dict[str, Any]) -> list[dict[str, Any]]:
    """List what went wrong: data sets as a whole, then pipelines on one of them."""
    datasets = collected["datasets"]
    faults = [{"what": each["name"], "where": None, "error": each["error"]} for each in datasets if each["error"]]
    for row in collected["rows"]:
        for dataset, cell in zip(datasets, row["cells"], strict=True):
            if cell["error"]:
                faults.append({"what": row["name"], "where": dataset["name"], "error": cell["error"]})
    return faults


def _changed(comparisons: dict[str, Comparison]) -> list[str]:
    """Return the pipelines whose parameters are not the same on all data sets: recipes adapt to small images."""
    seen: dict[str, set[str]] = {}
    for comparison in comparisons.values():
        entries = comparison.pipelines
        for name, parameters in zip(entries["name"], entries["parameters"], strict=True):
            seen.setdefault(str(name), set()).add(str(parameters))
    return [name for name, found in seen.items() if len(found) > 1]
