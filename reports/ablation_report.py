"""A depth ablation as a page and as Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _format as words
from ._charts import score_strips
from ._files import write_text
from ._markup import code, plain
from ._markup import table as markdown_table
from ._rows import main_metric
from .ablation_display import headline
from .html import _environment

if TYPE_CHECKING:
    from eyecraft.pipelines.ablation import AblationResult

N_LAYERS, FIRST_FULLY_CONNECTED = 8, 6


def write_ablation_report(
    result: AblationResult, folder: str | Path, *, metric: str = "balanced_accuracy"
) -> dict[str, Path]:
    """Write ``ablation.html`` and ``ablation.md``; each appears whole or not at all.

    The numbers are in ``ablation.json``, which `AblationResult.save` writes.

    Parameters
    ----------
    result : AblationResult
    folder : str or Path
        Made if it is not there. Older reports in it are replaced.
    metric : str, default="balanced_accuracy"

    Returns
    -------
    dict of Path
        ``html`` and ``md``.
    """
    collected = collect_ablation(result, metric)
    pages = {"html": render_ablation_html(collected), "md": render_ablation_markdown(collected)}
    return {kind: write_text(Path(folder) / f"ablation.{kind}", page) for kind, page in pages.items()}


def collect_ablation(result: AblationResult, metric: str = "balanced_accuracy") -> dict[str, Any]:
    """Gather what an ablation shows.

    Parameters
    ----------
    result : AblationResult
    metric : str, default="balanced_accuracy"

    Returns
    -------
    dict
        ``metric, headline, rows`` (``name, removed, layers, parameters, dropped, dropped_share, mean, sd, values, lost,
        lost_sd, fit_seconds, error``), ``facts, dataset, protocol, environment``.
    """
    metric = main_metric(result.comparison, metric)
    found = result.comparison.scores
    values = found[found["metric"] == metric].groupby("pipeline")["value"].agg(list)
    rows = [
        {
            "name": row["variant"],
            "removed": ", ".join(map(str, variant.removed)) or "none",
            "layers": [_layer(number, variant.removed) for number in range(1, N_LAYERS + 1)],
            "parameters": int(row["parameters"]),
            "dropped": int(row["dropped"]),
            "dropped_share": float(row["dropped_share"]),
            "mean": _number(row["score"]),
            "sd": _number(row["score_sd"]),
            "values": list(values.get(row["variant"], [])),
            "lost": _number(row["lost"]),
            "lost_sd": _number(row["lost_sd"]),
            "fit_seconds": _number(row["fit_seconds"]),
            "error": None if words.missing(row["error"]) else str(row["error"]),
        }
        for variant, (_, row) in zip(result.variants, result.table(metric).iterrows(), strict=True)
    ]
    comparison = result.comparison
    return {
        "metric": metric,
        "headline": headline(result, metric=metric) or "No variant could be set against the whole network.",
        "rows": rows,
        "facts": _facts(comparison.dataset, comparison.protocol),
        "dataset": comparison.dataset,
        "protocol": comparison.protocol,
        "environment": comparison.environment,
    }


def render_ablation_html(collected: dict[str, Any]) -> str:
    """Draw what `collect_ablation` gathered as one self-contained page."""
    strips = score_strips(collected["rows"], collected["metric"])
    whole = strips["tracks"][0]["mean"] if strips and collected["rows"][0]["mean"] is not None else None
    template = _environment().get_template("ablation.html.j2")
    return template.render(c=collected, strips=strips, whole=whole, over=_over(collected))


def render_ablation_markdown(collected: dict[str, Any]) -> str:
    """Write what `collect_ablation` gathered as GitHub Markdown."""
    metric = collected["metric"]
    head = ["network", "layers removed", "weights", "dropped", "score", "lost", "training"]
    cells = [
        [
            plain(row["name"]),
            row["removed"],
            words.count_text(row["parameters"]),
            "" if not number else f"{100 * row['dropped_share']:.0f} %",
            f"{words.score_text(row['mean'], metric)} {words.spread_text(row['sd'], metric)}".strip(),
            "" if not number else _lost(row, metric),
            words.seconds_text(row["fit_seconds"]),
        ]
        for number, row in enumerate(collected["rows"])
    ]
    name = plain(collected["dataset"].get("name") or "images")
    parts = [
        f"# How important is depth? {name}",
        plain(collected["headline"]),
        f"{words.metric_words(metric).capitalize()}, {_over(collected)}; lost: on the same splits.",
        markdown_table(head, cells, left=2),
        *(f"- {plain(row['name'])} failed: {plain(row['error'])}" for row in collected["rows"] if row["error"]),
        "\n".join(f"- {plain(name)}: {plain(value)}" for name, value in collected["facts"]),
    ]
    if collected["protocol"].get("command"):
        parts.append(code(collected["protocol"]["command"]))
    return "\n\n".join(parts) + "\n"


def _layer(number: int, removed: tuple[int, ...]) -> dict[str, Any]:
    kind = "convolution" if number < FIRST_FULLY_CONNECTED else "fully connected"
    return {"number": number, "kind": kind, "kept": number not in removed}


def _lost(row: dict[str, Any], metric: str) -> str:
    return f"{words.signed_text(row['lost'], metric)} {words.spread_text(row['lost_sd'], metric)}".strip()


def _facts(dataset: dict[str, Any], protocol: dict[str, Any]) -> list[tuple[str, str]]:
    classes = words.plural(len(dataset.get("class_names", [])), "class", "classes")
    about = f"{dataset.get('name') or 'images'}, {words.plural(dataset.get('n_images', 0), 'image')}, {classes}"
    return [
        ("network", "AlexNet-shaped, for 64 x 64 pixels, batch-normalised; from a random start, all trained alike"),
        ("images", about),
        ("splits", str(protocol.get("cv", ""))),
    ]


def _over(collected: dict[str, Any]) -> str:
    n_splits = collected["protocol"]["n_splits"]
    return f"mean ± standard deviation over {n_splits} splits" if n_splits > 1 else "one split, no standard deviation"


def _number(value: Any) -> float | None:
    return None if words.missing(value) else float(value)
