"""The command ``eyecraft diff``."""

from pathlib import Path
from typing import Annotated, Any

import typer


def diff(
    before: Annotated[Path, typer.Argument(help="A run: its report.html or its folder.")],
    after: Annotated[Path, typer.Argument(help="The other run.")],
) -> None:
    """Say what changed between two runs, and why their scores differ.

    Data, splits, protocol, parameters, versions and machine are compared; scores are paired split by split where the
    splits are the same.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from eyecraft.pipelines._metric_words import range_text
    from eyecraft.reports._format import metric_words, missing, score_text, signed_text
    from eyecraft.reports._run_record import read_record
    from eyecraft.reports.run_differences import RunDifferences

    told = RunDifferences(read_record(before), read_record(after))
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
    console.print("Differences in points; in brackets the 95 % interval, paired over the same splits.", style="dim")
