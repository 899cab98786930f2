"""The report as one self-contained HTML file: no script, no network, readable on a phone, in the dark and on paper."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _format as words
from ._charts import class_gaps, cost_chart, matrix_view, score_strips
from ._files import write_text
from ._palette import RIGHT, WRONG
from ._thumbnails import confusion_png
from .collect import collect

if TYPE_CHECKING:
    from jinja2 import Environment

    from eyecraft.pipelines.comparison import Comparison


def _unbroken(write: Callable[..., str]) -> Callable[..., str]:
    """Keep a number and its unit on one line."""

    @functools.wraps(write)
    def written(*args: Any, **options: Any) -> str:
        return write(*args, **options).replace(" ", "\N{NO-BREAK SPACE}")

    return written


_FILTERS = {
    "score": _unbroken(words.score_text),
    "spread": _unbroken(words.spread_text),
    "seconds": _unbroken(words.seconds_text),
    "bytes": _unbroken(words.bytes_text),
    "count": words.count_text,
    "metric": words.metric_words,
    "names": words.names_text,
}


def write_html(comparison: Comparison, path: str | Path) -> Path:
    """Write the report of a comparison as one HTML file, complete or not at all.

    Parameters
    ----------
    comparison : Comparison
    path : str or Path
        The file to write; its folder is made if need be. An older file of that name is replaced.

    Returns
    -------
    Path
    """
    return write_text(path, render_html(collect(comparison)))


def render_html(collected: dict[str, Any]) -> str:
    """Draw what `collect` gathered as an HTML page.

    Parameters
    ----------
    collected : dict

    Returns
    -------
    str
        The page. Pictures are data URIs and styles are inline; every name from outside is escaped.
    """
    template = _environment().get_template("report.html.j2")
    return template.render(
        c=collected, charts=_lay_out(collected), kinds={row["name"]: row["kind"] for row in collected["rows"]}
    )


def _environment() -> Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("eyecraft.reports", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(_FILTERS)
    environment.globals["plural"] = words.plural
    environment.globals["is_share"] = words.is_share
    return environment


def _lay_out(collected: dict[str, Any]) -> dict[str, Any]:
    """Compute where the marks of all charts go."""
    rows, metric, classes = collected["rows"], collected["metric"], collected["confusion"]["classes"]
    duel = collected["examples"]["duel"]
    matrices = {}
    for row in rows:
        counts = collected["confusion"]["counts"].get(row["name"])
        if counts is not None:
            view = matrix_view(counts, classes)
            right = RIGHT.get(row["kind"], (107, 114, 128))
            matrices[row["name"]] = view | {"png": None if view["lettered"] else confusion_png(counts, right, WRONG)}
    return {
        "strips": score_strips(rows, metric),
        "cost": [chart for chart in (cost_chart(rows, metric, 760, 430), cost_chart(rows, metric, 380, 400)) if chart],
        "gaps": class_gaps(collected["per_class"], duel["left"], duel["right"]) if duel else None,
        "matrices": matrices,
        "class_order": _hardest_first(collected["per_class"]),
    }


def _hardest_first(per_class: dict[str, Any]) -> list[int]:
    """Order the classes by their mean score over pipelines, hardest first and untested ones last."""

    def difficulty(position: int) -> tuple[bool, float, int]:
        known = [scores[position] for scores in per_class["scores"].values() if scores[position] is not None]
        return (not known, sum(known) / len(known) if known else 0.0, position)

    return sorted(range(len(per_class["classes"])), key=difficulty)
