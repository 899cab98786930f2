"""How robust? Scores under perturbations as a report tells them: a curve for each, and how much of a score is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eyecraft.pipelines._perturb import PERTURBATIONS

from ._format import missing, plural, score_text
from ._plain import plain

if TYPE_CHECKING:
    import pandas as pd

    from eyecraft.pipelines.robustness import Robustness


def collect_robustness(robust: Robustness, metric: str) -> dict[str, Any] | None:
    """Gather scores under perturbations; None where no pipeline has any.

    Returns
    -------
    dict
        ``metric, how, lead`` (sentences), ``charts`` (one per perturbation: ``name, title, about, unit, levels`` with
        the untouched image first, and ``lines`` of ``name, kind, steps, values``), ``areas`` (most robust first:
        ``name, kind, clean, mean`` and ``kept`` by perturbation; 1 is no loss), ``best`` (the most robust by column),
        ``notes`` and ``failed`` (``name, error``).
    """
    metric = metric if metric in ("accuracy", "balanced_accuracy") else "balanced_accuracy"
    frame = robust.frame(metric)
    if frame.empty:
        return None
    areas = _areas(robust, metric)
    kinds = [str(kind) for kind in robust.protocol["levels"]]
    columns = ["mean", *kinds]
    best = {column: _most(areas, column) for column in columns}
    charts = [_chart(frame[frame["perturbation"] == kind], kind) for kind in kinds]
    return {
        "metric": metric,
        "how": _how(robust),
        "lead": _lead(areas, charts, kinds, metric),
        "charts": charts,
        "areas": areas,
        "best": best,
        "notes": [str(note) for note in robust.protocol["notes"]],
        "failed": [
            {"name": str(name), "error": str(error)}
            for name, error in zip(robust.pipelines["name"], robust.pipelines["error"], strict=True)
            if not missing(error)
        ],
    }


def _how(robust: Robustness) -> str:
    protocol = robust.protocol
    n_images = int(protocol.get("n_images") or robust.dataset.get("n_images") or 0)
    of = int(protocol.get("n_test") or n_images)
    which = f"{n_images:,} of the {of:,} test images" if n_images < of else plural(n_images, "test image")
    if protocol.get("n_train"):
        trained = f"Each pipeline was fitted once, on {int(protocol['n_train']):,} training images of the first split"
        return f"{trained}, and asked about {which} as they are and made worse step by step."
    return f"Each pipeline was asked about {which} as they are and made worse step by step."


def _areas(robust: Robustness, metric: str) -> list[dict[str, Any]]:
    kinds = list(robust.protocol["levels"])
    return [
        {
            "name": str(row["pipeline"]),
            "kind": str(row["kind"]),
            "clean": plain(row["clean"]),
            "mean": plain(row["mean"]),
            "kept": {str(kind): plain(row[kind]) for kind in kinds},
        }
        for row in robust.areas(metric).to_dict("records")
        if not missing(row["clean"])
    ]


def _kept(row: dict[str, Any], column: str) -> float | None:
    value: float | None = row["mean"] if column == "mean" else row["kept"][column]
    return value


def _most(areas: list[dict[str, Any]], column: str) -> list[str]:
    """Return who keeps most, all of them where the table would show them level."""
    shown = {row["name"]: round(value, 3) for row in areas if (value := _kept(row, column)) is not None}
    return [name for name, value in shown.items() if value == max(shown.values())] if len(shown) > 1 else []


def _lead(areas: list[dict[str, Any]], charts: list[dict[str, Any]], kinds: list[str], metric: str) -> str:
    """Say who keeps most of its score, and what hurts the best one most."""
    known = [row for row in areas if row["mean"] is not None]
    if not known:
        return "No pipeline answered at every level, so none can be called the most robust."
    first, last = known[0], known[-1]
    many = len(kinds) > 1
    over = "over all of these" if many else f"under {kinds[0]}"
    text = f"{first['name']} keeps {score_text(first['mean'], digits=0)} of its score {over}"
    if len(known) > 1:
        text += f", {last['name']} {score_text(last['mean'], digits=0)}"
    if not many:
        return f"{text}."
    best = max(known, key=lambda row: row["clean"])
    hardest = min(kinds, key=lambda kind: best["kept"][kind])
    curves = next(chart["lines"] for chart in charts if chart["name"] == hardest)
    line = next(line for line in curves if line["name"] == best["name"])
    ends = [score_text(value, metric) for value in (line["values"][0], line["values"][-1])]
    who = best["name"] if len(known) == 1 else f"{best['name']}, the best on untouched images,"
    return f"{text}. {who} loses most under {hardest}: {ends[0]} untouched, {ends[1]} at the strongest level."


def _chart(frame: pd.DataFrame, kind: str) -> dict[str, Any]:
    steps = frame.drop_duplicates("step").sort_values("step")
    lines = []
    for name, found in frame.groupby("pipeline", sort=False):
        found = found.sort_values("step")
        lines.append(
            {
                "name": str(name),
                "kind": str(found["kind"].iloc[0]),
                "steps": [int(step) for step in found["step"]],
                "values": [plain(value) for value in found["value"]],
            }
        )
    known = PERTURBATIONS.get(kind)
    return {
        "name": kind,
        "title": "JPEG" if kind == "jpeg" else kind.capitalize(),
        "about": known.about if known else "",
        "unit": str(steps["unit"].iloc[0]) if len(steps) else "",
        "levels": [f"{level:g}" for level in steps["level"]],
        "lines": lines,
    }
