"""The command ``eyecraft compare``."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer


def compare(
    source: Annotated[str, typer.Argument(help="A folder (one sub-folder per class, or train/ and test/), or a name.")],
    recipes: Annotated[
        str | None, typer.Option("--recipes", "-r", help="Comma-separated names; see `eyecraft recipes`.")
    ] = None,
    train_per_class: Annotated[int | None, typer.Option(min=1, help="Training images per class in each split.")] = None,
    test_per_class: Annotated[
        int | None, typer.Option(min=1, help="At most so many test images per class; all the rest if not given.")
    ] = None,
    folds: Annotated[int | None, typer.Option(min=2, help="Cross-validation with so many stratified folds.")] = None,
    splits: Annotated[int | None, typer.Option(min=1, help="How many random splits, with --train-per-class.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the splits and of everything random.")] = 0,
    jobs: Annotated[int, typer.Option(help="Work in parallel; -1 means all cores.")] = -1,
    device: Annotated[str, typer.Option(help="Where networks run: auto, cpu or cuda.")] = "auto",
    weights_dir: Annotated[
        Path | None, typer.Option(help="Folder of weight files, used before any download. [env: EYECRAFT_WEIGHTS]")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for results and report.  [default: runs/NAME]")] = None,
    skip_broken: Annotated[bool, typer.Option("--skip-broken", help="Leave unreadable images out.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is in the output folder.")] = False,
) -> None:
    """Compare pipelines on your images and write a report.

    The same command again goes on where a stopped run left off; features are computed once per image and kept.
    """
    from eyecraft.data import load_dataset
    from eyecraft.pipelines import compare as measure
    from eyecraft.pipelines import default_recipes
    from eyecraft.reports import score_table, write_report

    from .cli import _console, _protocol

    dataset = load_dataset(source, on_error="skip" if skip_broken else "raise")
    folder = out or Path("runs") / dataset.name
    cv = _protocol(dataset, train_per_class, test_per_class, folds, splits, seed)
    names = [name.strip() for name in recipes.split(",") if name.strip()] if recipes else None
    console = _console()
    console.print(f"[bold]{dataset.name}[/bold]: {len(dataset)} images, {len(dataset.class_names)} classes")
    if dataset.skipped:
        console.print(f"left out: {len(dataset.skipped)} files that are no readable images; the report lists them")
    try:
        result = measure(
            names or default_recipes(weights_dir),
            dataset,
            cv=cv,
            out=folder,
            n_jobs=jobs,
            random_state=seed,
            device=device,
            weights_dir=weights_dir,
            overwrite=overwrite,
            command=shlex.join(["eyecraft", *sys.argv[1:]]),
        )
    except KeyboardInterrupt:
        typer.echo(f"\nstopped; what was finished is kept in {folder}; the same command goes on from there", err=True)
        raise typer.Exit(130) from None
    paths = write_report(result, folder)
    console.print(score_table(result))
    console.print(f"report: {paths['html']}", soft_wrap=True)
    if all(result.pipelines["error"].notna()):
        raise typer.Exit(1)
