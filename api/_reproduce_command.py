"""The command ``eyecraft reproduce``."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer


def reproduce(
    name: Annotated[str | None, typer.Argument(help="Which experiment; leave it out to list them.")] = None,
    data: Annotated[Path | None, typer.Option(help="The data set of the paper: one sub-folder per class.")] = None,
    splits: Annotated[int, typer.Option(min=1, help="How many random splits.")] = 5,
    train_per_class: Annotated[
        int | None, typer.Option(min=1, help="Training images per class; the paper's if not given.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the splits and of the codebook.")] = 0,
    jobs: Annotated[int, typer.Option(help="Threads; -1 means all cores.")] = -1,
    out: Annotated[
        Path | None, typer.Option(help="Folder for results and report.  [default: runs/NAME-TRAINxSPLITS-seedSEED]")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is in the output folder.")] = False,
) -> None:
    """Repeat an experiment of a paper and print our figure beside the published one.

    The same command again goes on where a stopped run left off. Splits come one by one; each is kept when it is done.
    """
    from eyecraft.data import load_dataset
    from eyecraft.pipelines.reproduce import METRIC, check_data, find_protocol
    from eyecraft.pipelines.reproduce import reproduce as repeat
    from eyecraft.reports import write_report

    if name is None:
        _list()
        return
    protocol = find_protocol(name)
    if data is None:
        raise ValueError(f"--data must be the folder of the images. {name} needs {protocol.data}")
    dataset = load_dataset(data)
    check_data(protocol, dataset)
    n_train = train_per_class or next(iter(protocol.published))
    folder = out or Path("runs") / f"{name}-{n_train}x{splits}-seed{seed}"
    typer.echo(f"{protocol.title}\nresults go to {folder}", err=True)
    try:
        done = repeat(
            name,
            dataset,
            n_train=n_train,
            n_splits=splits,
            out=folder,
            overwrite=overwrite,
            n_jobs=jobs,
            random_state=seed,
            command=shlex.join(["eyecraft", *sys.argv[1:]]),
        )
    except KeyboardInterrupt:
        typer.echo(f"\nstopped; finished splits are kept in {folder}; the same command goes on from there", err=True)
        raise typer.Exit(130) from None
    paths = write_report(done.comparison, folder, metric=METRIC)
    typer.echo(str(done))
    typer.echo(f"report: {paths['html']}")
    if not len(done.scores):
        raise typer.Exit(1)


def _list() -> None:
    """Print the experiments with their published figures."""
    from rich.console import Console
    from rich.table import Table

    from eyecraft.pipelines.reproduce import protocols

    table: Any = Table(box=None, header_style="bold")
    for column in ("name", "train", "published %", "checked"):
        table.add_column(column, no_wrap=True)
    table.add_column("method and paper", overflow="fold")
    for protocol in protocols():
        about = f"{protocol.title}; {protocol.citation.partition(', http')[0]}"
        sizes, figures, marks = zip(
            *((str(n), str(one), one.mark) for n, one in protocol.published.items()), strict=True
        )
        table.add_row(protocol.name, "\n".join(sizes), "\n".join(figures), "\n".join(marks), about)
    Console(highlight=False).print(table)
