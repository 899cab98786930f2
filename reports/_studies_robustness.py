"""How robust? Scores under perturbations as a report tells them: a curve for each, and how much of a score is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eyecraft.pipelines._perturb import PERTURBATIONS

from ._format import missing, names_text, plural, score_text
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
        the untouched image first, and ``lines`` of ``name, kind, steps, values``), ``areas`` (highest
        ``score`` under perturbations first: ``name, kind, clean, score, standard_error``, and of what is above chance
        the share ``kept`` by perturbation and its ``mean`` with ``mean_error``; 1 is no loss), ``best`` (by column,
        those that no other is clearly ahead of),
        ``notes`` and ``failed`` (``name, error``).
    """
    metric = metric if metric in ("accuracy", "balanced_accuracy") else "balanced_accuracy"
    frame = robust.frame(metric)
    if frame.empty:
        return None
    areas = _areas(robust, metric)
    kinds = [str(kind) for kind in robust.protocol["levels"]]
    best = {column: names for column, names in robust.best(metric).items() if column != "clean"}
    charts = [_chart(frame[frame["perturbation"] == kind], kind) for kind in kinds]
    return {
        "metric": metric,
        "how": _how(robust),
        "lead": _lead(areas, charts, kinds, metric, best["score"]),
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
            "score": plain(row["score"]),
            "standard_error": plain(row["standard_error"]),
            "mean": plain(row["mean"]),
            "mean_error": plain(row["mean_error"]),
            "kept": {str(kind): plain(row[kind]) for kind in kinds},
        }
        for row in robust.areas(metric).to_dict("records")
        if not missing(row["clean"])
    ]


def _lead(
    areas: list[dict[str, Any]],
    charts: list[dict[str, Any]],
    kinds: list[str],
    metric: str,
    leaders: list[str],
) -> str:
    """Say who scores highest under perturbations, who is level with it, and what hurts the best one most."""
    known = [row for row in areas if row["score"] is not None]
    if not known:
        return "No pipeline answered at every level, so none can be called the most robust."
    first, last = known[0], known[-1]
    over = "over all of these" if len(kinds) > 1 else f"under {kinds[0]}"
    text = f"{first['name']} scores {score_text(first['score'], metric)} on average {over}"
    if first["mean"] is not None:
        text += f", {score_text(first['mean'], digits=0)} of what it has above guessing on untouched images"
    others = [name for name in leaders if name != first["name"]]
    if len(known) > 1 and not leaders:
        text += "; no other is clearly behind it"
    elif len(known) > 1:
        text += f"; level with it: {names_text(others)}" if others else ", clearly ahead of the others"
        text += f"; lowest {last['name']}, {score_text(last['score'], metric)}"
    best = max(known, key=lambda row: row["clean"])
    losses = {kind: kept for kind in kinds if (kept := best["kept"][kind]) is not None}
    if len(kinds) == 1 or not losses:
        return f"{text}."
    hardest = min(losses, key=lambda kind: losses[kind])
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
                "errors": [plain(value) for value in found["standard_error"]],
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
