"""The report as one self-contained HTML file: no network, whole without script, readable on a phone, in the dark and
on paper."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _format as words
from ._charts import class_gaps, cost_chart, matrix_view, score_strips
from ._cost_table import size_text
from ._files import write_text
from ._palette import RIGHT, WRONG
from ._run_record import RECORD_ID
from ._studies_charts import curve_chart, line_looks, small_charts
from ._thumbnails import confusion_png
from ._verdicts import SYMBOLS
from .collect import collect

if TYPE_CHECKING:
    from jinja2 import Environment

    from eyecraft.pipelines.comparison import Comparison
    from eyecraft.pipelines.studies import Studies


def _unbroken(write: Callable[..., str]) -> Callable[..., str]:
    """Keep a number and its unit on one line."""

    @functools.wraps(write)
    def written(*args: Any, **options: Any) -> str:
        return write(*args, **options).replace(" ", "\N{NO-BREAK SPACE}")

    return written


def _by_answer(answers: dict[str, str], label: str) -> list[tuple[str, list[str]]]:
    """Group pipelines by what they answered, the right answer first, then the commonest."""
    groups: dict[str, list[str]] = {}
    for name, answer in answers.items():
        groups.setdefault(answer, []).append(name)
    return sorted(groups.items(), key=lambda group: (group[0] != label, -len(group[1])))


def _glued(sentence: str) -> str:
    """Keep every number of a sentence on one line with the unit after it."""
    return _UNITS.sub("\\1\N{NO-BREAK SPACE}\\2", sentence)


_UNITS = re.compile(r"(\d) (%|(?:points?|[mµ]?s|min|B|[KMG]iB)\b)")

_FILTERS = {
    "score": _unbroken(words.score_text),
    "spread": _unbroken(words.spread_text),
    "seconds": _unbroken(words.seconds_text),
    "bytes": _unbroken(words.bytes_text),
    "count": words.count_text,
    "metric": words.metric_words,
    "names": words.names_text,
    "difference": _unbroken(words.difference_text),
    "signed": _unbroken(words.signed_text),
    "range": _unbroken(words.range_text),
    "chance": _unbroken(words.chance_text),
    "by_answer": _by_answer,
    "size": _unbroken(size_text),
    "glue": _glued,
}

FIRST_MATRICES = 6
"""So many confusion matrices are open; those of further pipelines are folded away."""


def write_html(comparison: Comparison, path: str | Path, *, studies: Studies | None = None) -> Path:
    """Write the report of a comparison as one HTML file, complete or not at all.

    Parameters
    ----------
    comparison : Comparison
    path : str or Path
        The file to write; its folder is made if need be. An older file of that name is replaced.
    studies : Studies, optional
        Learning curves, robustness and what is known about the data.

    Returns
    -------
    Path
    """
    return write_text(path, render_html(collect(comparison, studies=studies)))


def render_html(collected: dict[str, Any]) -> str:
    """Draw what `collect` gathered as an HTML page.

    Parameters
    ----------
    collected : dict

    Returns
    -------
    str
        The page. Pictures are data URIs, styles and the script are inline; every name from outside is escaped, and the
        page's own policy lets no other script run and nothing be loaded.
    """
    import markupsafe

    template = _environment().get_template("report.html.j2")
    script = (resources.files("eyecraft.reports") / "templates" / "report.js").read_text("utf-8")
    return template.render(
        c=collected,
        charts=_lay_out(collected),
        kinds={row["name"]: row["kind"] for row in collected["rows"]},
        symbols=SYMBOLS,
        record_id=RECORD_ID,
        script=markupsafe.Markup(script),  # a file of ours: nothing in it comes from outside
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
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
    shown = [row for row in rows if row["name"] in matrices]
    return {
        "first_matrices": shown[:FIRST_MATRICES],
        "more_matrices": shown[FIRST_MATRICES:],
        "strips": score_strips(rows, metric),
        "cost": [chart for chart in (cost_chart(rows, metric, 860, 440), cost_chart(rows, metric, 380, 400)) if chart],
        "gaps": class_gaps(collected["per_class"], duel["left"], duel["right"]) if duel else None,
        "matrices": matrices,
        "class_order": _hardest_first(collected["per_class"]),
        **_lay_out_studies(collected),
    }


def _lay_out_studies(collected: dict[str, Any]) -> dict[str, Any]:
    """Compute where learning curves and curves under perturbations go: for a wide page and for a phone."""
    looks, curves, robust = line_looks(collected), collected["curves"], collected["robustness"]
    sizes = ((860, 430), (380, 400)) if curves else ()
    laid_out = [curve_chart(curves, width, height, looks) for width, height in sizes]
    return {
        "curves": [chart for chart in laid_out if chart],
        "robustness": [small_charts(robust, *size, looks) for size in ((280, 190), (200, 170))] if robust else [],
    }


def _hardest_first(per_class: dict[str, Any]) -> list[int]:
    """Order the classes by their mean score over pipelines, hardest first and untested ones last."""

    def difficulty(position: int) -> tuple[bool, float, int]:
        known = [scores[position] for scores in per_class["scores"].values() if scores[position] is not None]
        return (not known, sum(known) / len(known) if known else 0.0, position)

    return sorted(range(len(per_class["classes"])), key=difficulty)
