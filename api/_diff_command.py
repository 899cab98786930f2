"""The command ``eyecraft diff``."""

from pathlib import Path
from typing import Annotated, Any

import typer


def diff(
    before: Annotated[Path, typer.Argument(help="A run: its report.html or its folder.")],
    after: Annotated[Path, typer.Argument(help="The other run.")],
) -> None:
    """Say what changed between two runs, and why their scores differ.

    Data, splits, protocol, parameters, weights, versions, machine, prices and studies are compared; scores are paired
    split by split where the splits are the same. Of several data sets, those that both runs have.
    """
    from eyecraft.reports._run_record import read_record

    for name, one, other in common(read_record(before), read_record(after)):
        if name is not None:
            typer.secho(f"{name}", bold=True)
        _tell(one, other)


def common(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str | None, dict[str, Any], dict[str, Any]]]:
    """Return the pairs of records to set against each other: one, or one for every data set that both runs have.

    Raises
    ------
    ValueError
        One run is of several data sets and the other is not, or they share none that has results.
    """
    if "datasets" not in before and "datasets" not in after:
        return [(None, before, after)]
    if not ("datasets" in before and "datasets" in after):
        raise ValueError(
            "expected two runs on one data set, or two on several; got one of each. Nothing was compared. Give the "
            "report of that data set, in a folder beside the page of all"
        )
    old, new = before["datasets"], after["datasets"]
    names = [name for name in before["names"] if old.get(name) and new.get(name)]
    if not names:
        raise ValueError(
            f"expected two runs that share a data set; they hold {', '.join(before['names'])} and "
            f"{', '.join(after['names'])}. Nothing was compared. Give two runs of the same command"
        )
    return [(name, old[name], new[name]) for name in names]


def _tell(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Print the changes and the table of scores."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from eyecraft.pipelines._metric_words import range_text
    from eyecraft.reports._format import metric_words, missing, names_text, score_text, signed_text
    from eyecraft.reports.run_differences import RunDifferences

    told = RunDifferences(before, after)
    console = Console(highlight=False)
    for name, said in told.changes.items():
        line = Text(f"{name}: ", style="bold").append("; ".join(said) if said else "the same", style="not bold")
        console.print(line)
    scores: Any = Table("pipeline", "metric", "before", "after", "difference", "why", box=None, header_style="bold")
    for row in told.frame().itertuples():
        ends = "" if missing(row.low) else f" ({range_text(row.low, row.high, row.metric)})"
        means = [score_text(value, row.metric) for value in (row.before, row.after)]
        cells = [
            row.pipeline,
            metric_words(row.metric),
            *means,
            signed_text(row.difference, row.metric) + ends,
            row.why,
        ]
        scores.add_row(*map(Text, cells))
    if not len(told.scores):
        console.print("No pipeline is in both runs.")
        return
    console.print()
    console.print(scores)
    how = "paired over the same splits" if told.same_splits else "of splits that are not the same ones"
    notes = [f"Differences in points; in brackets the 95 % interval, {how}."]
    if told.alike:
        notes.append(f"Left out: {names_text(list(map(metric_words, told.alike)))}, the same numbers once more.")
    console.print(" ".join(notes), style="dim")
