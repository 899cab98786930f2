"""The command ``eyecraft rerun``."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ._diff_command import common
from ._rerun_words import recorded_words, split_studies, with_data, with_weights


def rerun(
    run: Annotated[Path, typer.Argument(help="A run: its report.html (of several data sets, index.html) or folder.")],
    out: Annotated[Path | None, typer.Option(help="A new folder for the results.  [default: FOLDER-again]")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Where the images are now, if not where they were. A folder.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the commands and leave.")] = False,
) -> None:
    """Repeat a run into a new folder, from nothing but its report; then say what changed.

    The page keeps the command that made it, the recipes it came to, and the studies that were added later. Only
    `eyecraft compare`, `study` and `reproduce` are run again, and never with --overwrite: nothing that a page says can
    touch other files.
    """
    from eyecraft.reports._run_record import read_record

    record = read_record(run)
    words, studies = split_studies(recorded_words(record, run), record)
    folder = out or _beside(run)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())) and not _begun(folder):
        raise ValueError(f"--out must be a new or empty folder; {folder} holds something. Choose another one")
    words = with_weights(with_data(words, record, data), record, lambda text: typer.echo(text, err=True))
    commands = [[*words, "--out", str(folder)]]
    commands += [["study", str(folder), *options] for options in studies]
    for each in commands:
        typer.echo(f"running: {shlex.join(['eyecraft', *each])}", err=True)
        status = 0 if dry_run else _call(each)
        if status:
            raise typer.Exit(status)
    if not dry_run:
        _tell(run, record, folder)


def _tell(run: Path, record: dict[str, Any], folder: Path) -> None:
    """Print what differs between the run and its repetition."""
    from eyecraft.reports._run_record import read_record
    from eyecraft.reports.run_differences import RunDifferences

    for name, before, after in common(record, read_record(folder)):
        about = "" if name is None else f", {name}"
        typer.echo(f"\nagainst {run}{about}:\n{RunDifferences(before, after)}")


def _beside(run: Path) -> Path:
    """Return the first free name beside the run's own folder: digits-again, digits-again-2, ..."""
    folder = (run if run.is_dir() else run.parent).resolve()
    names = (folder.with_name(f"{folder.name}-again{'' if k == 1 else f'-{k}'}") for k in range(1, 1000))
    return next(name for name in names if not name.exists() or _begun(name))


def _begun(folder: Path) -> bool:
    """Tell whether a run was begun there and stopped: the same command goes on with it."""
    one = (folder / "run.json").exists() and not (folder / "comparison.json").exists()
    return one or ((folder / "matrix.json").exists() and not (folder / "index.html").exists())


def _call(words: list[str]) -> int:
    """Run the command inside this process, as if it had been typed."""
    from .cli import app

    typed = sys.argv
    sys.argv = ["eyecraft", *words]  # the new page records this command, not `rerun`
    try:
        return int(app(args=words, standalone_mode=False) or 0)
    finally:
        sys.argv = typed
