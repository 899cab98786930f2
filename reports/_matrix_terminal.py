"""The matrix of several data sets as a table for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _format as words
from ._matrix import collect_matrix
from ._rank_diagram import shorten
from ._verdicts import SYMBOLS

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from eyecraft.pipelines.comparison_matrix import ComparisonMatrix

_STYLES = {"hand-crafted": "dark_orange3", "learned": "deep_sky_blue3"}
_MARKS = {"hand-crafted": "●", "learned": "◆"}
_STATES = {"none": words.DASH, "absent": "not run", "failed": "failed"}
_HEAD, _LONGEST = 10, 18  # a data set's name folds after so many characters, and is cut after so many


def matrix_table(matrix: ComparisonMatrix | dict[str, Any], *, metric: str | None = None, width: int = 80) -> Table:
    """Return the matrix of pipelines and data sets for a terminal.

    Parameters
    ----------
    matrix : ComparisonMatrix, or what `collect_matrix` gathered from one
    metric : str, optional
        The first that all data sets have unless told.
    width : int
        Characters of a line. Standard deviations, then data sets at the end, are left out where they do not fit.

    Returns
    -------
    rich.table.Table
        A row per pipeline, best average rank first; the winner of each column has a star, the others their verdict
        against it. The answer in words and all errors follow.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    collected = matrix if isinstance(matrix, dict) else collect_matrix(matrix, metric)
    metric = str(collected["metric"])
    columns, spread = _fitted(collected, width)
    unit = " in %" if words.is_share(metric) else ""
    over = ", ± sd over splits" if spread and any("±" in text for texts in columns for text in texts) else ""
    table = Table(
        title=Text(f"{words.metric_words(metric)}{unit}{over}"),
        caption=_caption(collected, len(collected["datasets"]) - len(columns)),
        box=box.SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("pipeline", overflow="fold")
    table.add_column("mean\nrank", justify="right", no_wrap=True)
    for dataset, texts in zip(collected["datasets"], columns, strict=False):
        head = Text(shorten(dataset["name"], _LONGEST))
        table.add_column(head, justify="right", overflow="fold", vertical="bottom", width=_wide(dataset, texts))
    for place, row in enumerate(collected["rows"]):
        name = Text(f"{_MARKS.get(row['kind'], '■')} {row['name']}", style=_STYLES.get(row["kind"], ""))
        rank = words.DASH if row["rank"] is None else f"{row['rank']:.2f}"
        cells = zip(row["cells"], columns, strict=False)
        table.add_row(name, rank, *(_styled(texts[place], cell) for cell, texts in cells))
    return table


def _fitted(collected: dict[str, Any], width: int) -> tuple[list[list[str]], bool]:
    """Return the texts of as many columns as fit, and whether they hold standard deviations."""
    room = width - (max((len(row["name"]) for row in collected["rows"]), default=0) + 4) - 7
    for spread in (True, False):
        columns = [
            [_cell(row["cells"][place], collected["metric"], spread) for row in collected["rows"]]
            for place in range(len(collected["datasets"]))
        ]
        taken = [_wide(dataset, texts) + 2 for dataset, texts in zip(collected["datasets"], columns, strict=True)]
        if sum(taken) <= room:
            return columns, spread
    fitting = next((k for k in range(len(taken)) if sum(taken[: k + 1]) > room), len(taken))
    return columns[: max(1, fitting)], False


def _wide(dataset: dict[str, Any], texts: list[str]) -> int:
    return max(min(len(dataset["name"]), _HEAD), *map(len, texts))


def _cell(cell: dict[str, Any], metric: str, spread: bool) -> str:
    if cell["state"] in _STATES:
        return _STATES[cell["state"]]
    score = words.score_text(cell["mean"], metric).removesuffix(" %")
    if cell["state"] == "partial":
        return f"{score} {cell['n_done']}/{cell['n_splits']}"
    sign = "★" if cell["best"] else SYMBOLS.get(cell["verdict"], " ")
    return f"{score} {words.spread_text(cell['sd'], metric) if spread else ''}".strip() + f" {sign}"


def _styled(text: str, cell: dict[str, Any]) -> Text:
    from rich.text import Text

    style = {"failed": "red", "absent": "red", "none": "dim", "partial": "dim"}.get(cell["state"], "")
    return Text(text, style="bold" if cell["best"] else style, no_wrap=True)


def _caption(collected: dict[str, Any], n_hidden: int) -> Text:
    from rich.text import Text

    answer = collected["answer"]
    text = Text("★ highest   ▽ worse   = equivalent   ? undecided\n", style="not italic")
    if n_hidden:
        text.append(f"{words.plural(n_hidden, 'more data set')} on the page\n", style="dim")
    text.append(f"\n{answer['headline']}", style="bold").append(f" {' '.join(answer['sentences'])}\n")
    for fault in collected["faults"]:
        where = f" failed on {fault['where']}" if fault["where"] else ""
        text.append(f"\n{fault['what']}{where}: {fault['error']}", style="red")
    return text
