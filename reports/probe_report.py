"""A probe of layers as a page, as Markdown and as a terminal's table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _format as words
from ._files import write_text
from ._markup import code, plain
from ._markup import table as markdown_table
from ._probe_curves import collect_probe, lay_out
from .html import _environment

if TYPE_CHECKING:
    from rich.table import Table

    from eyecraft.pipelines.probe import ProbeResult


def write_probe_report(result: ProbeResult, folder: str | Path, *, metric: str | None = None) -> dict[str, Path]:
    """Write ``probe.html`` and ``probe.md``; each appears whole or not at all.

    The numbers are in ``probe.json``, which `ProbeResult.save` writes.

    Parameters
    ----------
    result : ProbeResult
    folder : str or Path
        Made if it is not there. Older reports in it are replaced.
    metric : str, optional
        Mean per-class accuracy unless told.

    Returns
    -------
    dict of Path
        ``html`` and ``md``.
    """
    collected = collect_probe(result, metric)
    pages = {"html": render_probe_html(collected), "md": render_probe_markdown(collected)}
    return {kind: write_text(Path(folder) / f"probe.{kind}", page) for kind, page in pages.items()}


def render_probe_html(collected: dict[str, Any]) -> str:
    """Draw what `collect_probe` gathered as one self-contained page."""
    charts = [chart for chart in (lay_out(collected, 760, 420), lay_out(collected, 400, 400)) if chart]
    template = _environment().get_template("probe.html.j2")
    return template.render(
        c=collected, charts=charts, rows=_rows(collected), headline=headline(collected), facts=facts(collected)
    )


def render_probe_markdown(collected: dict[str, Any]) -> str:
    """Write what `collect_probe` gathered as GitHub Markdown."""
    head = ["layer", "numbers", *(plain(curve["name"]) for curve in collected["curves"])]
    cells = [
        [
            plain(row["layer"]),
            row["numbers"],
            *(_cell(point, collected) for point in row["points"]),
        ]
        for row in _rows(collected)
    ]
    lines = [[plain(line["name"]), plain(line["kind"]), _cell(line, collected)] for line in collected["lines"]]
    parts = [
        f"# Layers of {plain(collected['about'].get('model', 'a network'))}",
        plain(headline(collected)),
        f"{words.metric_words(collected['metric']).capitalize()}, mean ± standard deviation over splits.",
        markdown_table(head, cells),
    ]
    if lines:
        parts += ["Beside them:", markdown_table(["pipeline", "kind", "score"], lines, left=2)]
    parts += [f"- {plain(name)}: {plain(value)}" for name, value in facts(collected)]
    if collected["protocol"].get("command"):
        parts.append(code(collected["protocol"]["command"]))
    return "\n\n".join(parts) + "\n"


def probe_table(result: ProbeResult, *, metric: str | None = None) -> Table:
    """Return the table of layers for a terminal.

    Parameters
    ----------
    result : ProbeResult
    metric : str, optional
        Mean per-class accuracy unless told.

    Returns
    -------
    rich.table.Table
        One row per layer in order, a column for each pooling and classifier, the best in bold; then the pipelines
        beside them.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    collected = collect_probe(result, metric)
    best = collected["best"]
    failures = "".join(f"\nfailed: {error}" for error in collected["errors"])
    table = Table(
        title=Text(f"{collected['about'].get('model', 'network')} on {collected['dataset'].get('name') or 'images'}"),
        caption=Text(f"{words.metric_words(collected['metric'])}, {_over(collected)}").append(failures, style="red"),
        box=box.SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("layer", overflow="fold")
    table.add_column("numbers", justify="right", no_wrap=True)
    for curve in collected["curves"]:
        table.add_column(curve["name"], justify="right")
    for row in _rows(collected):
        cells = [
            Text(_cell(point, collected), style="bold" if best is not None and point is best[1] else "")
            for point in row["points"]
        ]
        table.add_row(Text(row["layer"]), row["numbers"], *cells)
    for line in collected["lines"]:
        table.add_row(Text(line["name"], style="dark_orange3"), "", Text(_cell(line, collected)))
    return table


def headline(collected: dict[str, Any]) -> str:
    """Say in a sentence or two which layer is best, and how it stands to the pipelines beside it."""
    if collected["best"] is None:
        return "No layer was measured."
    curve, point = collected["best"]
    metric = collected["metric"]
    several = len({one["pooling"] for one in collected["curves"]}) > 1  # then the name tells the pooling
    how = curve["name"] if several else f"{curve['name']}, {curve['pooling']}"
    text = f"{point['layer']} is the best layer, with {_cell(point, collected)} ({how})."
    known = [line for line in collected["lines"] if line["mean"] is not None]
    if known:
        line = max(known, key=lambda one: one["mean"])
        gap = point["mean"] - line["mean"]
        side = "above" if gap >= 0 else "below"
        text += f" That is {words.difference_text(gap, metric)} {side} {line['name']}."
    if collected["about"].get("weights") == "random start":
        text += " The network's weights are random: it has learned nothing."
    return text


def facts(collected: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what was measured, on what and how."""
    about, dataset, protocol = collected["about"], collected["dataset"], collected["protocol"]
    classes = words.plural(len(dataset["class_names"]), "class", "classes")
    size = " x ".join(map(str, about.get("image_size", [])))
    return [
        ("network", f"{about.get('model', '')}, weights: {about.get('weights', 'not told')}"),
        (
            "activations",
            f"{about.get('activation', 'post')}, rows of unit length: {'yes' if about.get('l2') else 'no'}",
        ),
        ("images", f"{dataset['name']}, {words.plural(dataset['n_images'], 'image')}, {classes}; input {size} pixels"),
        ("splits", f"{protocol['cv']}"),
    ]


def _rows(collected: dict[str, Any]) -> list[dict[str, Any]]:
    """Return one row per layer with the points of all curves."""
    rows = []
    for layer in collected["layers"]:
        none = {"layer": layer, "mean": None, "sd": None, "n_features": None}  # a pooling that would change nothing
        points = [
            next((point for point in curve["points"] if point["layer"] == layer), none) for curve in collected["curves"]
        ]
        lengths = dict.fromkeys(words.count_text(one["n_features"]) for one in points if one["n_features"] is not None)
        rows.append({"layer": layer, "numbers": " / ".join(lengths) or words.DASH, "points": points})
    return rows


def _cell(point: dict[str, Any], collected: dict[str, Any]) -> str:
    score = words.score_text(point["mean"], collected["metric"])
    return f"{score} {words.spread_text(point['sd'], collected['metric'])}".strip()


def _over(collected: dict[str, Any]) -> str:
    n_splits = collected["protocol"]["n_splits"]
    return f"mean ± sd over {n_splits} splits" if n_splits > 1 else "one split, no sd"
