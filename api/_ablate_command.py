"""The command ``eyecraft ablate``."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer


def ablate(
    source: Annotated[str, typer.Argument(help="A folder (one sub-folder per class, or train/ and test/), or a name.")],
    removed: Annotated[
        str, typer.Option(help="Layers to take out, 2 to 7; variants are separated by commas.")
    ] = "7,6-7,3-4,3-4-6-7",
    epochs: Annotated[int, typer.Option(min=1, help="Runs through the training images, the same for all.")] = 30,
    lr: Annotated[float | None, typer.Option(help="Rate of learning, the same for all.  [default: 0.05]")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images per step.")] = 64,
    train_per_class: Annotated[int | None, typer.Option(min=1, help="Training images per class in each split.")] = None,
    test_per_class: Annotated[
        int | None, typer.Option(min=1, help="At most so many test images per class; all the rest if not given.")
    ] = None,
    folds: Annotated[int | None, typer.Option(min=2, help="Cross-validation with so many stratified folds.")] = None,
    splits: Annotated[int | None, typer.Option(min=1, help="How many random splits, with --train-per-class.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the splits and of the networks.")] = 0,
    jobs: Annotated[int, typer.Option(help="Threads that decode images; -1 means all cores.")] = -1,
    device: Annotated[str, typer.Option(help="Where the networks train: auto, cpu or cuda.")] = "auto",
    out: Annotated[Path | None, typer.Option(help="Folder for results.  [default: runs/NAME-depth]")] = None,
    skip_broken: Annotated[bool, typer.Option("--skip-broken", help="Leave unreadable images out.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is in the output folder.")] = False,
) -> None:
    """How important is depth? Take layers out of a network, train what is left, and see what is lost.

    An AlexNet-shaped network for 64x64 pixels, from a random start; 6 and 7 are fully connected. The same command again
    goes on where a stopped run left off.
    """
    from eyecraft.data import load_dataset
    from eyecraft.pipelines.ablation import DepthAblation
    from eyecraft.reports.ablation_display import ablation_table, headline
    from eyecraft.reports.ablation_report import write_ablation_report

    from ._compare_command import _about
    from .cli import _console, _protocol

    ablation = DepthAblation(
        _layers(removed), max_epochs=epochs, lr=lr, batch_size=batch_size, n_jobs=jobs, device=device
    )
    dataset = load_dataset(source, on_error="skip" if skip_broken else "raise")
    cv = _protocol(dataset, train_per_class, test_per_class, folds, splits, seed)
    folder = out or Path("runs") / f"{dataset.name}-depth"
    console = _console()
    for line in _about(dataset):
        console.print(line, soft_wrap=True)
    try:
        result = ablation.run(
            dataset,
            cv=cv,
            out=folder,
            overwrite=overwrite,
            random_state=seed,
            command=shlex.join(["eyecraft", *sys.argv[1:]]),
        )
    except KeyboardInterrupt:
        typer.echo(f"\nstopped; finished splits are kept in {folder}; the same command goes on from there", err=True)
        raise typer.Exit(130) from None
    console.print(ablation_table(result))
    console.print(headline(result), soft_wrap=True, markup=False)
    paths = write_ablation_report(result, folder)
    console.print(f"report: {paths['html']}", soft_wrap=True, markup=False)
    if all(result.comparison.pipelines["error"].notna()):
        raise typer.Exit(1)


def _layers(text: str) -> list[list[int]]:
    """Return the layers that ``7,6-7`` means: 7, and 6 with 7."""
    variants = [part.strip().split("-") for part in text.split(",") if part.strip()]
    if not variants or not all(layer.strip().isdecimal() for variant in variants for layer in variant):
        raise ValueError(f"--removed must be numbers of layers such as 7,6-7,3-4-6-7; got {text!r}")
    return [[int(layer) for layer in variant] for variant in variants]
