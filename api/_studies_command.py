"""The command ``eyecraft study``, and what `eyecraft compare` asks of it."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._settings import check_settings

if TYPE_CHECKING:
    from eyecraft.data import Dataset
    from eyecraft.data.checks import DataCheck
    from eyecraft.pipelines import Comparison


def study(
    folder: Annotated[Path, typer.Argument(help="Folder of a comparison, as `eyecraft compare --out` made it.")],
    learning_curves: Annotated[
        bool, typer.Option("--learning-curves", help="How many labels: scores for growing training sets.")
    ] = False,
    robustness: Annotated[
        bool, typer.Option("--robustness", help="Scores under shift, rotation, noise, blur, JPEG and the like.")
    ] = False,
    label_errors: Annotated[
        bool, typer.Option("--label-errors", help="Look for wrong labels with five more fits of the best pipeline.")
    ] = False,
    recipes: Annotated[
        str | None, typer.Option("--recipes", "-r", help="Only these of the compared pipelines, comma-separated.")
    ] = None,
    draws: Annotated[int, typer.Option(min=1, help="Draws of training images behind the learning curves.")] = 5,
    images: Annotated[int, typer.Option(min=1, help="At most so many test images are perturbed.")] = 500,
    data: Annotated[
        str | None, typer.Option(help="Where the images are now, if not where they were: a folder or a name.")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Threads that read images; -1 means all cores.")] = -1,
    device: Annotated[
        str | None, typer.Option(help="Where networks run: auto, cpu or cuda.  [default: as compared]")
    ] = None,
    weights_dir: Annotated[
        Path | None, typer.Option(help="Folder of weight files.  [default: as compared; env: EYECRAFT_WEIGHTS]")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Measure again what the folder holds of it.")] = False,
) -> None:
    """Study a finished comparison further and write its report again after each: labels, robustness, clean data.

    Near duplicates, broken files and doubtful labels are always looked for. The same command again goes on where a
    stopped one left off.
    """
    from eyecraft.pipelines import Comparison

    check_settings(device=device, weights_dir=weights_dir, jobs=jobs)
    comparison = Comparison.load(folder)
    dataset = _dataset(comparison, data)
    names = None if recipes is None else [name.strip() for name in recipes.split(",") if name.strip()]
    if names == []:
        raise ValueError("--recipes must name at least one of the compared pipelines")
    before = _options(str(comparison.protocol.get("command") or ""), "--device", "--weights-dir")
    try:
        paths = run_studies(
            comparison,
            dataset,
            folder,
            learning_curves=learning_curves,
            robustness=robustness,
            label_errors=label_errors,
            overwrite=overwrite,
            pipelines=names,
            n_splits=draws,
            n_images=images,
            n_jobs=jobs,
            device=device or before["--device"] or "auto",
            weights_dir=weights_dir or before["--weights-dir"],
        )
    except KeyboardInterrupt:
        typer.echo(f"\nstopped; what was finished is kept in {folder}; the same command goes on from there", err=True)
        raise typer.Exit(130) from None
    typer.echo(f"report: {paths['html']}")


def run_studies(
    comparison: "Comparison",
    dataset: "Dataset",
    folder: Path,
    *,
    learning_curves: bool = False,
    robustness: bool = False,
    label_errors: bool = False,
    checks: bool = True,
    command: str | None = None,
    **options: Any,
) -> dict[str, Path]:
    """Run what is asked on a finished comparison and write its report: before, after each study, and if one fails.

    Parameters
    ----------
    comparison, dataset : Comparison, Dataset
    folder : Path
        The comparison's folder.
    learning_curves, robustness, label_errors, checks : bool
        See `eyecraft.pipelines.studies.study`, which also takes the *options*.
    command : str, optional
        Kept with the studies; what was typed if not given.

    Returns
    -------
    dict of Path
        As `write_report` gives it.
    """
    from eyecraft.pipelines._run_folder import folder_lock
    from eyecraft.pipelines.studies import study as run
    from eyecraft.reports import write_report

    if comparison.predictions.empty:
        learning_curves = robustness = label_errors = False  # every pipeline failed
    wanted = {"near duplicates": checks, "wrong labels": label_errors}
    wanted |= {"learning curves": learning_curves, "robustness": robustness}
    names = ", ".join(name for name in wanted if wanted[name])
    if names:
        typer.echo(f"studying: {names}, for the report", err=True)
    with folder_lock(folder):
        write_report(comparison, folder)  # studies may take hours
        try:
            found = run(
                comparison,
                dataset,
                learning_curves=learning_curves,
                robustness=robustness,
                label_errors=label_errors,
                checks=checks,
                out=folder,
                command=command or shlex.join(["eyecraft", *sys.argv[1:]]),
                on_done=lambda: write_report(comparison, folder),
                **options,
            )
        finally:
            paths = write_report(comparison, folder)
    if found.checks is not None:
        _tell_leakage(found.checks)
    return paths


def _tell_leakage(checks: "DataCheck") -> None:
    """Say it where test images are nearly the same as training images, for then no score means much."""
    leaked, tested = int(checks.leakage["n_leaked"].sum()), int(checks.leakage["n_test"].sum())
    if leaked:
        typer.echo(
            f"warning: {leaked:,} of {tested:,} test images are nearly the same as a training image: scores are too "
            "good. The report shows the pairs",
            err=True,
        )


def _dataset(comparison: "Comparison", data: str | None) -> "Dataset":
    """Load what was compared on: from where the user says, else from where it was, else by its name."""
    from eyecraft.data import datasets, load_dataset

    about = comparison.dataset
    if data is None:
        source, name = str(about.get("source") or ""), str(about.get("name"))
        if Path(source).is_absolute() and Path(source).is_dir():
            data = source
        elif name in datasets().index:
            data = name
        else:
            raise ValueError(
                f"--data must say where the images of {name!r} are now; "
                f"{f'there is nothing left at {source}' if source else 'the comparison does not know'}"
            )
    return load_dataset(data, on_error="skip" if about.get("skipped") else "raise")


def _options(command: str, *names: str) -> dict[str, str | None]:
    """Return the values that a recorded command gave to options."""
    words = shlex.split(command)
    found: dict[str, str | None] = dict.fromkeys(names)
    for place, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in found:
            found[name] = value if equals else (words[place + 1] if place + 1 < len(words) else None)
    return found
