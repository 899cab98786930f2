"""The ``eyecraft`` command.

Every command does with two or three calls what a script would do; what takes long is imported where it is used, so
that ``--help`` answers at once.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._ablate_command import ablate
from ._compare_command import compare, report_several
from ._diff_command import diff
from ._finetune_command import finetune
from ._layers_command import layers
from ._predict_command import predict
from ._probe_command import probe
from ._reproduce_command import reproduce
from ._rerun_command import rerun
from ._studies_command import study
from ._wording import explained, for_terminal, speak_plainly

if TYPE_CHECKING:
    from eyecraft.data import Dataset

app = typer.Typer(
    name="eyecraft",
    help="Which image features should I use on my pictures, hand-crafted or learned? Measure it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # it takes [brackets] in help texts for styles
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command; what goes wrong becomes a line in words and exit status 2, never a traceback."""
    speak_plainly()
    try:
        app()
    except Exception as error:
        if os.environ.get("EYECRAFT_DEBUG"):
            raise
        typer.secho("error: ", fg="red", bold=True, err=True, nl=False)
        typer.echo(explained(error), err=True)
        sys.exit(2)


def _version(wanted: bool) -> None:
    if wanted:
        from ._version import __version__

        typer.echo(f"eyecraft {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    pass


def _protocol(
    dataset: "Dataset",
    train_per_class: int | None,
    test_per_class: int | None,
    folds: int | None,
    splits: int | None,
    seed: int,
) -> Any:
    """Return the splitter the options ask for; without options the official split, else five folds."""
    from eyecraft.data import PerClassSplit

    if train_per_class is not None and folds is not None:
        raise ValueError("--train-per-class and --folds are two protocols; give one of them")
    if train_per_class is None and (splits is not None or test_per_class is not None):
        raise ValueError("--splits and --test-per-class go with --train-per-class; --folds has as many splits as folds")
    if train_per_class is not None:
        return PerClassSplit(
            n_train=train_per_class, n_test=test_per_class, n_splits=5 if splits is None else splits, random_state=seed
        )
    if folds is None and dataset.splits is not None:
        return "official"
    return 5 if folds is None else folds


app.command()(compare)
app.command()(study)
app.command()(reproduce)
app.command()(probe)
app.command()(layers)
app.command()(finetune)
app.command()(predict)
app.command()(ablate)
app.command()(rerun)
app.command()(diff)


@app.command()
def report(
    folder: Annotated[
        Path, typer.Argument(help="Folder of a comparison or of several, as `eyecraft compare --out` made it.")
    ],
    out: Annotated[Path | None, typer.Option(help="Where to write the report.  [default: the same folder]")] = None,
) -> None:
    """Write the report of a finished comparison again, and print its table."""
    from eyecraft.pipelines import Comparison
    from eyecraft.pipelines._run_folder import folder_lock
    from eyecraft.pipelines.comparison_matrix import MATRIX_FILE
    from eyecraft.pipelines.studies import Studies
    from eyecraft.reports import score_table, write_report

    if (folder / MATRIX_FILE).is_file():
        report_several(folder, out or folder)
        return
    result = Comparison.load(folder)
    with folder_lock(out or folder):
        paths = write_report(result, out or folder, studies=Studies.load(folder, result))
    console = _console()
    console.print(score_table(for_terminal(result)))
    console.print(f"report: {paths['html']}", soft_wrap=True, markup=False)


@app.command()
def recipes(
    sources: Annotated[bool, typer.Option("--sources", help="Show the works they follow.")] = False,
) -> None:
    """List the pipelines that go by a name."""
    from rich.table import Table

    from eyecraft.pipelines import recipes as known

    table = Table("name", "kind", "source" if sources else "what it measures", box=None, header_style="bold")
    for recipe in known():
        table.add_row(recipe.name, recipe.kind, recipe.citation if sources else recipe.about)
    _console(wide=True).print(table)


@app.command()
def datasets() -> None:
    """List the data sets that go by a name."""
    from rich.table import Table

    from eyecraft.data import datasets as known

    table = Table("name", "what", "images", "classes", "licence", "needs", box=None, header_style="bold")
    for row in known().itertuples():
        needs = "network, once" if row.network else "nothing"
        table.add_row(str(row.Index), row.title, f"{row.n_images:,}", str(row.n_classes), row.licence, needs)
    _console(wide=True).print(table)


@app.command()
def store(
    folder: Annotated[Path | None, typer.Option(help="The store.  [default: EYECRAFT_STORE or your cache]")] = None,
    older_than: Annotated[
        float | None, typer.Option(metavar="DAYS", min=0, help="Delete what was not used for so many days; 0: all.")
    ] = None,
    max_size: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Delete the least recently used, down to 500M or 2G.")
    ] = None,
) -> None:
    """List what the feature store holds, measure it, and prune it."""
    import time

    from rich.table import Table
    from rich.text import Text

    from eyecraft.features import open_store

    if folder is not None and not folder.is_dir():
        what = "a file" if folder.exists() else "not there"
        raise ValueError(f"--folder must be the folder of a feature store; {str(folder)!r} is {what}")
    kept = open_store(folder or "default")
    if kept is None:
        typer.echo("the default feature store is off (EYECRAFT_STORE=off)")
        return
    before, entries = kept.size(), kept.summary()
    if folder is not None and not before and any(folder.iterdir()):
        raise ValueError(f"--folder must be the folder of a feature store; {str(folder)!r} holds other things")
    if older_than is not None or max_size is not None:
        freed = kept.prune(older_than=older_than, max_bytes=None if max_size is None else _bytes(max_size))
        typer.echo(f"set free: {_size(freed)}")
        entries = kept.summary()
    table = Table("images", "size", "last used", "extractor", box=None, pad_edge=False, header_style="bold")
    for entry in entries:
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry["used"]))
        table.add_row(f"{entry['n_rows']:,}", _size(entry["bytes"]), used, Text(entry["description"]))
    console, total = _console(wide=True), kept.size()
    if entries:
        console.print(table)
    beside = total - sum(entry["bytes"] for entry in entries)
    note = f", of which index and files of no more use: {_size(beside)}" if beside > total / 2 else ""
    console.print(f"{kept.folder}: {_size(total)}{note}", soft_wrap=True, markup=False)


def _bytes(text: str) -> int:
    """Return the number of bytes that ``500M`` or ``2G`` means."""
    number, unit = text.strip().rstrip("bB"), 1
    if number and number[-1].upper() in "KMGT":
        unit = 1024 ** ("KMGT".index(number[-1].upper()) + 1)
        number = number[:-1]
    try:
        size = float(number) * unit
        if not 0 <= size < float("inf"):
            raise ValueError
        return int(size)
    except ValueError:
        raise ValueError(f"--max-size must be a size such as 500M or 2G; got {text!r}") from None


def _size(n_bytes: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if n_bytes < 1024:
            return f"{n_bytes:.0f} {unit}"
        n_bytes /= 1024
    return f"{n_bytes:.2f} GiB"


def _console(*, wide: bool = False) -> Any:
    """Return the console; a *wide* one wraps no lines where they go into a file or another program."""
    from rich.console import Console

    piped = wide and not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(highlight=False, width=10_000 if piped else None)


if __name__ == "__main__":
    main()
