"""The table of scores for the end of a command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._answer import collect_answer
from ._format import (
    DASH,
    count_text,
    metric_words,
    plural,
    score_text,
    seconds_text,
    signed_text,
    spread_text,
)
from ._rows import collect_rows, main_metric, split_count
from ._verdicts import collect_verdicts

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from eyecraft.pipelines.comparison import Comparison

_STYLES = {"hand-crafted": "dark_orange3", "learned": "deep_sky_blue3"}
_MARKS = {"hand-crafted": "●", "learned": "◆"}


def score_table(comparison: Comparison, *, metric: str | None = None) -> Table:
    """Return the sorted table of scores for a terminal.

    Parameters
    ----------
    comparison : Comparison
    metric : str, optional
        The metric that sorts; the first one measured unless told.

    Returns
    -------
    rich.table.Table
        One row per pipeline, best first: score with standard deviation over splits, verdict against the best, time per
        image, number of features. The answer in words and the errors of failed pipelines follow the table.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    metric = main_metric(comparison, metric)
    n_splits = split_count(comparison)
    rows = collect_rows(comparison, metric)
    found = collect_verdicts(comparison, rows, metric)
    answer = collect_answer(comparison, rows, found, metric)
    over = f"± sd, {plural(n_splits, 'split')}" if n_splits > 1 else "one split, no sd"
    failures = [f"\n{row['name']} failed: {row['error']}" for row in rows if row["error"] is not None]
    table = Table(
        title=Text(str(comparison.dataset.get("name") or "images")),
        caption=_caption(answer).append("".join(failures), style="red"),
        box=box.SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("pipeline", overflow="fold", min_width=14)
    table.add_column(f"{metric_words(metric)}\n{over}", justify="right", no_wrap=True)
    table.add_column("against the best", justify="right", no_wrap=True)
    for head in ("per image", "features"):  # what 80 columns hold; the report has the rest
        table.add_column(head, justify="right", no_wrap=True)
    for row in rows:
        name = Text(f"{_MARKS.get(row['kind'], '■')} {row['name']}", style=_STYLES.get(row["kind"], ""))
        score = Text(f"{score_text(row['mean'], metric)} {spread_text(row['sd'], metric)}".strip(), style="bold")
        if row["mean"] is None:
            score = Text("failed" if row["error"] is not None else "not run", style="red")
        if row["mean"] is not None and not row["complete"]:
            score.append(f"\n{row['n_done']} of {plural(n_splits, 'split')}", style="dim")
        table.add_row(
            name,
            score,
            _against(found, row["name"], metric),
            seconds_text(row["seconds_per_image"]),
            count_text(row["n_features"]),
        )
    return table


def _caption(answer: dict[str, Any]) -> Text:
    from rich.text import Text

    caption = Text("● hand-crafted   ◆ learned\n\n", style="not italic")
    caption.append(answer["headline"], style="bold").append("\n")
    for point in answer["points"]:
        caption.append(f"{point['title']}: ").append(point["figure"], style="bold")
        caption.append(f"{point['joint']} {point['text']}\n")
    rest = " ".join([*([answer["warning"]] if answer["warning"] else []), *answer["sentences"]])
    return caption.append(f"{rest}\n" if rest else "")


def _against(found: dict[str, Any], name: str, metric: str) -> str:
    """Return the verdict of a pipeline against the best one, with the difference."""
    best = found["names"][0] if found["pairs"] else None
    cell = found["against"].get(name)
    if cell is None:
        return "the best" if best is not None and name == best else ""
    return f"{cell['verdict']} {signed_text(cell['difference'], metric)}".replace(f" {DASH}", "")
