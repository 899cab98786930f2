"""The command ``eyecraft rerun``."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

_REPEATABLE = ("compare", "reproduce")  # what writes a report with the record of its run
_PATHS = {"compare": None, "reproduce": "--data"}


def rerun(
    run: Annotated[Path, typer.Argument(help="A run: its report.html or its folder.")],
    out: Annotated[Path | None, typer.Option(help="A new folder for the results.  [default: FOLDER-again]")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Where the images are now, if not where they were. A folder.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the command and leave.")] = False,
) -> None:
    """Repeat a run into a new folder, from nothing but its report; then say what changed.

    The page keeps the command that made it. Only `eyecraft compare` and `eyecraft reproduce` are run again, and never
    with --overwrite: nothing that a page says can touch other files.
    """
    from eyecraft.reports._run_record import read_record

    record = read_record(run)
    words = _words(record, run)
    folder = out or _beside(run)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())) and not _begun(folder):
        raise ValueError(f"--out must be a new or empty folder; {folder} holds something. Choose another one")
    words = _moved(words, record, data)
    words = [*words, "--out", str(folder)]
    typer.echo(f"running: {shlex.join(['eyecraft', *words])}", err=True)
    if dry_run:
        return
    status = _call(words)
    if status:
        raise typer.Exit(status)
    from eyecraft.reports.run_differences import RunDifferences

    typer.echo(f"\nagainst {run}:\n{RunDifferences(record, read_record(folder))}")


def _words(record: dict[str, Any], run: Path) -> list[str]:
    """Return the arguments of the recorded command, without those that say where results go."""
    command = record["protocol"].get("command")
    if not command:
        raise ValueError(
            f"expected a run that a command started; the one in {run} was started from Python, so that its page does "
            "not say all it takes. Repeat the call to `eyecraft.compare`; its protocol and parameters are in the report"
        )
    words = shlex.split(str(command))
    if len(words) < 2 or Path(words[0]).stem != "eyecraft" or words[1] not in _REPEATABLE:
        raise ValueError(
            f"expected a page made by `eyecraft {'` or `eyecraft '.join(_REPEATABLE)}`; this one names {command!r}. "
            "Nothing was run"
        )
    kept, skip = [], False
    for word in words[1:]:
        if not skip and word != "--out" and not word.startswith("--out=") and word != "--overwrite":
            kept.append(word)
        skip = word == "--out"
    return kept


def _moved(words: list[str], record: dict[str, Any], data: Path | None) -> list[str]:
    """Point the command at the images: where the user says, else where they were, else where they were loaded from."""
    place = _place_of_data(words)
    if place is None:
        return words
    if data is None:
        recorded = Path(str(record["dataset"].get("source") or ""))
        if Path(words[place]).exists() or not recorded.is_absolute() or not recorded.is_dir():
            return words  # a folder from here, or a name
        data = recorded
    return [*words[:place], str(data), *words[place + 1 :]]


def _place_of_data(words: list[str]) -> int | None:
    option = _PATHS[words[0]]
    if option is not None:
        return words.index(option) + 1 if option in words else None
    return _first_argument(words)


def _first_argument(words: list[str]) -> int | None:
    """Return the place of the first word that is neither an option nor the value of one."""
    flags = ("--skip-broken", "--overwrite", "--learning-curves", "--robustness", "--label-errors", "--no-checks")
    place = 1
    while place < len(words):
        if not words[place].startswith("-"):
            return place
        place += 1 if words[place] in flags or "=" in words[place] else 2
    return None


def _beside(run: Path) -> Path:
    """Return the first free name beside the run's own folder: digits-again, digits-again-2, ..."""
    folder = (run if run.is_dir() else run.parent).resolve()
    names = (folder.with_name(f"{folder.name}-again{'' if k == 1 else f'-{k}'}") for k in range(1, 1000))
    return next(name for name in names if not name.exists() or _begun(name))


def _begun(folder: Path) -> bool:
    """Tell whether a run was begun there and stopped: the same command goes on with it."""
    return (folder / "run.json").exists() and not (folder / "comparison.json").exists()


def _call(words: list[str]) -> int:
    """Run the command inside this process, as if it had been typed."""
    from .cli import app

    typed = sys.argv
    sys.argv = ["eyecraft", *words]  # the new page records this command, not `rerun`
    try:
        return int(app(args=words, standalone_mode=False) or 0)
    finally:
        sys.argv = typed
