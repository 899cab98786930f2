"""The command ``eyecraft compare``."""

import json
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._settings import check_settings
from ._wording import explained, for_terminal

if TYPE_CHECKING:
    from eyecraft.data import Dataset
    from eyecraft.pipelines import Comparison
    from eyecraft.pipelines.comparison_matrix import ComparisonMatrix


def compare(
    context: typer.Context,
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE",
            help="A folder (one sub-folder per class, or train/ and test/), or a name. With several, each is compared "
            "by itself, and a page sets them side by side.",
        ),
    ],
    recipes: Annotated[
        str | None, typer.Option("--recipes", "-r", help="Comma-separated names; see `eyecraft recipes`.")
    ] = None,
    train_per_class: Annotated[int | None, typer.Option(min=1, help="Training images per class in each split.")] = None,
    test_per_class: Annotated[
        int | None, typer.Option(min=1, help="At most so many test images per class; all the rest if not given.")
    ] = None,
    folds: Annotated[int | None, typer.Option(min=2, help="Cross-validation with so many stratified folds.")] = None,
    repeats: Annotated[
        int, typer.Option(min=1, help="How many times the folds are drawn: more to tell small gaps.")
    ] = 1,
    keep_copies_together: Annotated[
        bool,
        typer.Option("--keep-copies-together", help="No near duplicate of a training image among the test images."),
    ] = False,
    splits: Annotated[int | None, typer.Option(min=1, help="How many random splits, with --train-per-class.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the splits and of everything random.")] = 0,
    jobs: Annotated[int, typer.Option(help="Work in parallel; -1 means all cores.")] = -1,
    device: Annotated[str, typer.Option(help="Where networks run: auto, cpu or cuda.")] = "auto",
    weights_dir: Annotated[
        Path | None, typer.Option(help="Folder of weight files, used before any download. [env: EYECRAFT_WEIGHTS]")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for results and report; with several sources, one folder for each in there.  "
            "[default: runs/NAME or runs/NAME+NAME]"
        ),
    ] = None,
    learning_curves: Annotated[
        bool, typer.Option("--learning-curves", help="Also: how many labels each pipeline needs.")
    ] = False,
    robustness: Annotated[
        bool, typer.Option("--robustness", help="Also: scores under shift, noise, blur and the like.")
    ] = False,
    label_errors: Annotated[
        bool, typer.Option("--label-errors", help="Also: wrong labels, by five more fits of the best pipeline.")
    ] = False,
    no_checks: Annotated[bool, typer.Option("--no-checks", help="Do not look for near duplicates.")] = False,
    skip_broken: Annotated[bool, typer.Option("--skip-broken", help="Leave unreadable images out.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is in the output folder.")] = False,
) -> None:
    """Compare pipelines on your images and write a report.

    The same command again goes on where a stopped run left off; features are computed once per image and kept.
    """
    names = None if recipes is None else [name.strip() for name in recipes.split(",") if name.strip()]
    if repeats > 1 and train_per_class is not None:
        raise ValueError("--repeats draws --folds several times; with --train-per-class, --splits says how many draws")
    settings = {"n_jobs": jobs, "random_state": seed, "device": device, "weights_dir": weights_dir}
    settings |= {"repeats": repeats, "groups": "copies" if keep_copies_together else None}
    studies = {
        "learning_curves": learning_curves,
        "robustness": robustness,
        "label_errors": label_errors,
        "checks": not no_checks,
    }
    protocol = (train_per_class, test_per_class, folds, splits, seed)
    wanted = _Wanted(names, protocol, settings, studies, skip_broken, overwrite)
    wanted.check(sources)
    if len(sources) == 1:
        _compare_one(sources[0], out, wanted)
    else:
        _compare_several(_named(sources), out, wanted, context)


@dataclass(frozen=True)
class _Wanted:
    """What the options ask for, the same on every data set."""

    recipes: list[str] | None
    protocol: tuple[Any, ...]
    settings: dict[str, Any]
    studies: dict[str, bool]
    skip_broken: bool
    overwrite: bool

    def check(self, sources: list[str]) -> None:
        """Raise ``ValueError`` for words that no data set could make right, before any data is read."""
        from eyecraft.pipelines.recipes import find

        from .cli import _protocol

        if not all(source.strip() for source in sources):
            raise ValueError("SOURCE must be a folder or the name of a data set; got an empty word")
        if self.recipes == []:
            raise ValueError("--recipes must name at least one; `eyecraft recipes` lists them")
        check_settings(
            device=self.settings["device"],
            weights_dir=self.settings["weights_dir"],
            jobs=self.settings["n_jobs"],
            seed=self.settings["random_state"],
        )
        for name in self.recipes or ():
            find(name)
        _protocol(SimpleNamespace(splits=None), *self.protocol)  # type: ignore[arg-type]

    def load(self, name: str | None, source: str) -> "Dataset":
        """Return the data set, by that name if one is given."""
        from eyecraft.data import load_dataset
        from eyecraft.pipelines.several import load_named

        options: dict[str, Any] = {"on_error": "skip" if self.skip_broken else "raise"}
        return load_dataset(source, **options) if name is None else load_named(name, source, **options)

    def run(self, dataset: "Dataset", folder: Path, command: str) -> "Comparison":
        """Compare on one data set, write its report and print its table."""
        from eyecraft.pipelines._run_folder import folder_lock

        from .cli import _protocol

        cv = _protocol(dataset, *self.protocol)
        with folder_lock(folder):
            return self._run(dataset, cv, folder, command)

    def _run(self, dataset: "Dataset", cv: Any, folder: Path, command: str) -> "Comparison":
        from eyecraft.pipelines import compare as measure
        from eyecraft.pipelines import default_recipes
        from eyecraft.pipelines._verdict_best import few_splits
        from eyecraft.reports import score_table

        from ._studies_command import run_studies
        from .cli import _console

        console = _console()
        recipes = self.recipes or default_recipes(self.settings["weights_dir"])
        for line in _about(dataset):
            console.print(line, soft_wrap=True)
        n_splits = cv * self.settings["repeats"] if isinstance(cv, int) else getattr(cv, "n_splits", None)
        if n_splits and (few := few_splits(len(recipes), n_splits)):
            console.print(few, style="yellow")
        before = [] if self.overwrite else _measured(folder)
        result = measure(
            recipes,
            dataset,
            cv=cv,
            out=folder,
            overwrite=self.overwrite,
            command=command,
            **self.settings,
        )
        options = {name: self.settings[name] for name in ("n_jobs", "device", "weights_dir")}
        paths = run_studies(
            result, dataset, folder, command=command, overwrite=self.overwrite, **self.studies, **options
        )
        console.print(score_table(for_terminal(result)))
        gone = [name for name in before if name not in set(result.pipelines["name"])]
        if gone:
            console.print(
                f"no longer in the table: {', '.join(gone)}, measured here before. "
                "Their rows are kept; name them in --recipes, too, to see all side by side",
                soft_wrap=True,
                markup=False,
            )
        console.print(f"report: {paths['html']}", soft_wrap=True, markup=False)
        return result


def _about(dataset: "Dataset") -> list[Any]:
    """Return lines that say what is compared on, and what is not."""
    from rich.text import Text

    title = Text(dataset.name, style="bold")
    lines = [title.append(f": {len(dataset)} images, {len(dataset.class_names)} classes", style="not bold")]
    if dataset.skipped:
        n = len(dataset.skipped)
        what = "1 file that is no readable image" if n == 1 else f"{n} files that are no readable images"
        lines.append(Text(f"left out: {what}; the report lists {'it' if n == 1 else 'them'}"))
    if dataset.empty_classes:
        lines.append(Text(f"no readable image in: {', '.join(dataset.empty_classes)}"))
    if dataset.n_ignored:
        what = "1 file" if dataset.n_ignored == 1 else f"{dataset.n_ignored:,} files"
        lines.append(Text(f"not looked at: {what} of other kinds, or outside the classes' folders"))
    return lines


def _measured(folder: Path) -> list[str]:
    """Return the pipelines in the comparison that a folder holds."""
    try:
        content = json.loads((folder / "comparison.json").read_text("utf-8"))
        return [str(entry["name"]) for entry in content["pipelines"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _compare_one(source: str, out: Path | None, wanted: _Wanted) -> None:
    from eyecraft.pipelines.comparison_matrix import MATRIX_FILE

    dataset = wanted.load(None, source)
    folder = out or Path("runs") / dataset.name
    if (folder / MATRIX_FILE).exists():
        raise ValueError(f"{folder} holds several data sets; one alone goes into another folder. Choose another --out")
    try:
        result = wanted.run(dataset, folder, _typed())
    except KeyboardInterrupt:
        raise _stopped(folder) from None
    if all(result.pipelines["error"].notna()):
        raise typer.Exit(1)


def _compare_several(sources: Mapping[str, str], out: Path | None, wanted: _Wanted, context: typer.Context) -> None:
    from eyecraft.pipelines.comparison_matrix import folder_name
    from eyecraft.pipelines.several import run_each

    folder = out or Path("runs") / _joined(list(sources))

    def work(name: str, source: str) -> "Comparison":
        own = folder / folder_name(name)
        return wanted.run(wanted.load(name, source), own, _alone(context, source, own))

    def told(name: str, error: Exception) -> None:
        if os.environ.get("EYECRAFT_DEBUG"):
            raise error
        typer.secho(f"{name} failed: ", fg="red", bold=True, err=True, nl=False)
        typer.echo(explained(error), err=True)

    try:
        matrix = run_each(sources, work, out=folder, command=_typed(), on_error=told)
        _show(matrix, folder)
    except KeyboardInterrupt:
        raise _stopped(folder) from None
    failed = [name for name in sources if name not in matrix.comparisons]
    failed += [name for name, each in matrix.comparisons.items() if all(each.pipelines["error"].notna())]
    if failed:
        typer.echo(f"no result on {len(failed)} of {len(sources)} data sets: {', '.join(failed)}", err=True)
        raise typer.Exit(1)


def report_several(folder: Path, out: Path) -> None:
    """Write the reports of all data sets in a folder again, and the page over them."""
    from eyecraft.pipelines._run_folder import folder_lock
    from eyecraft.pipelines.comparison_matrix import ComparisonMatrix, folder_name
    from eyecraft.pipelines.studies import Studies
    from eyecraft.reports import write_report

    matrix = ComparisonMatrix.load(folder)
    for name, comparison in matrix.comparisons.items():
        studies = Studies.load(folder / folder_name(name), comparison)
        with folder_lock(out / folder_name(name)):
            write_report(comparison, out / folder_name(name), studies=studies)
    _show(matrix, out)


def _show(matrix: "ComparisonMatrix", folder: Path) -> None:
    """Write the page over all data sets and print its table."""
    from eyecraft.reports.matrix_page import collect_matrix, matrix_table, write_matrix_report

    from .cli import _console

    console, collected = _console(), collect_matrix(matrix)
    paths = write_matrix_report(matrix, folder, collected=collected)
    if matrix.comparisons:
        console.print(matrix_table(collected, width=console.width))
    console.print(f"all data sets: {paths['html']}", soft_wrap=True, markup=False)


def _named(sources: list[str]) -> dict[str, str]:
    """Return the sources by the names of their data sets, all different."""
    from eyecraft.pipelines.several import distinct, source_name

    places = [os.path.abspath(Path(source).expanduser()) for source in sources]  # noqa: PTH100 - as data sets do
    twice = sorted({source for source, place in zip(sources, places, strict=True) if places.count(place) > 1})
    if twice:
        raise ValueError(f"every data set is to be given once; {' and '.join(map(repr, twice))} came more than once")
    return dict(zip(distinct(map(source_name, sources)), sources, strict=True))


def _joined(names: list[str]) -> str:
    """Return the folder of several data sets: all names where they fit."""
    from eyecraft.pipelines.comparison_matrix import folder_name

    return folder_name("+".join(names))


def _typed() -> str:
    return shlex.join(["eyecraft", *sys.argv[1:]])


def _alone(context: typer.Context, source: str, folder: Path) -> str:
    """Return the command that does one of the data sets alone: for its page, which can then be run again by itself."""
    words = ["eyecraft", "compare", source]
    for option in context.command.params:
        name = str(option.name)
        given = context.get_parameter_source(name)
        if name in ("sources", "out", "overwrite") or given is None or given.name != "COMMANDLINE":
            continue
        value = context.params[name]
        words += [option.opts[0]] if value is True else [option.opts[0], str(value)]
    return shlex.join([*words, "--out", str(folder)])


def _stopped(folder: Path) -> typer.Exit:
    typer.echo(f"\nstopped; what was finished is kept in {folder}; the same command goes on from there", err=True)
    return typer.Exit(130)
