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

if TYPE_CHECKING:
    from eyecraft.data import Dataset

# How advice that names a parameter reads where there are options
_SPELLINGS = {
    "on_error='skip'": "--skip-broken",
    "overwrite=True": "--overwrite",
    "`out`": "`--out`",
    "`layers`": "`--layers`",
    "`checkpoint_dir`": "`--out`",
    "cv=": "--folds ",
    "n_train=": "--train-per-class ",
}

app = typer.Typer(
    name="eyecraft",
    help="Which image features should I use on my pictures, hand-crafted or learned? Measure it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command; a mistake of the user's becomes one line and exit status 2, never a traceback."""
    try:
        app()
    except (ValueError, OSError, RuntimeError) as error:
        if os.environ.get("EYECRAFT_DEBUG"):
            raise
        typer.secho("error: ", fg="red", bold=True, err=True, nl=False)
        message = str(error)
        for in_scripts, in_commands in _SPELLINGS.items():
            message = message.replace(in_scripts, in_commands)
        typer.echo(f"{message}\n(EYECRAFT_DEBUG=1 shows where it happened)", err=True)
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
    from eyecraft.pipelines.comparison_matrix import MATRIX_FILE
    from eyecraft.pipelines.studies import Studies
    from eyecraft.reports import score_table, write_report

    if (folder / MATRIX_FILE).is_file():
        report_several(folder, out or folder)
        return
    result = Comparison.load(folder)
    paths = write_report(result, out or folder, studies=Studies.load(folder, result))
    console = _console()
    console.print(score_table(result))
    console.print(f"report: {paths['html']}", soft_wrap=True)


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
    _console().print(table)


@app.command()
def datasets() -> None:
    """List the data sets that go by a name."""
    from rich.table import Table

    from eyecraft.data import datasets as known

    table = Table("name", "what", "images", "classes", "licence", "needs", box=None, header_style="bold")
    for row in known().itertuples():
        needs = "network, once" if row.network else "nothing"
        table.add_row(str(row.Index), row.title, f"{row.n_images:,}", str(row.n_classes), row.licence, needs)
    _console().print(table)


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

    from eyecraft.features import open_store

    kept = open_store(folder or "default")
    if kept is None:
        typer.echo("the default feature store is off (EYECRAFT_STORE=off)")
        return
    if older_than is not None or max_size is not None:
        freed = kept.prune(older_than=older_than, max_bytes=None if max_size is None else _bytes(max_size))
        typer.echo(f"set free: {_size(freed)}")
    entries = kept.summary()
    table = Table("images", "size", "last used", "extractor", box=None, pad_edge=False, header_style="bold")
    for entry in entries:
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry["used"]))
        table.add_row(f"{entry['n_rows']:,}", _size(entry["bytes"]), used, entry["description"])
    console = _console()
    if entries:
        console.print(table)
    console.print(f"{kept.folder}: {_size(sum(entry['bytes'] for entry in entries))}", soft_wrap=True)


def _bytes(text: str) -> int:
    """Return the number of bytes that ``500M`` or ``2G`` means."""
    number, unit = text.strip().rstrip("bB"), 1
    if number and number[-1].upper() in "KMGT":
        unit = 1024 ** ("KMGT".index(number[-1].upper()) + 1)
        number = number[:-1]
    try:
        return int(float(number) * unit)
    except ValueError:
        raise ValueError(f"--max-size must be a size such as 500M or 2G; got {text!r}") from None


def _size(n_bytes: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if n_bytes < 1024:
            return f"{n_bytes:.0f} {unit}"
        n_bytes /= 1024
    return f"{n_bytes:.2f} GiB"


def _console() -> Any:
    from rich.console import Console

    return Console(highlight=False)


if __name__ == "__main__":
    main()
