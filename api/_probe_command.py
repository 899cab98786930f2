"""The command ``eyecraft probe``."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer


def probe(
    source: Annotated[str, typer.Argument(help="A folder (one sub-folder per class, or train/ and test/), or a name.")],
    model: Annotated[str, typer.Option(help="A torchvision model, mini or timm:NAME.")] = "squeezenet1_0",
    weights: Annotated[
        str, typer.Option(help="A file, a name such as IMAGENET1K_V1, or none for a random start.")
    ] = "DEFAULT",
    layers: Annotated[
        str | None, typer.Option(help="Comma-separated names; see `eyecraft layers`. Textbook names if not given.")
    ] = None,
    pooling: Annotated[str, typer.Option(help="Comma-separated: spatial, avg, max, flatten.")] = "spatial",
    pool_size: Annotated[int, typer.Option(min=1, help="Cells on a side of --pooling spatial.")] = 3,
    classifiers: Annotated[str, typer.Option(help="Comma-separated: svm, softmax.")] = "svm,softmax",
    activation: Annotated[str, typer.Option(help="post or pre: behind the non-linearity, or before it.")] = "post",
    resize: Annotated[str, typer.Option(help="warp, crop or native: how images come to the input size.")] = "warp",
    precision: Annotated[str, typer.Option(help="float32, bfloat16, or float16 on a GPU.")] = "float32",
    against: Annotated[
        str | None, typer.Option(help="Comma-separated recipes to measure beside the layers, such as hog-svm.")
    ] = None,
    train_per_class: Annotated[int | None, typer.Option(min=1, help="Training images per class in each split.")] = None,
    test_per_class: Annotated[
        int | None, typer.Option(min=1, help="At most so many test images per class; all the rest if not given.")
    ] = None,
    folds: Annotated[int | None, typer.Option(min=2, help="Cross-validation with so many stratified folds.")] = None,
    splits: Annotated[int | None, typer.Option(min=1, help="How many random splits, with --train-per-class.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the splits and of random weights.")] = 0,
    image_size: Annotated[
        int | None, typer.Option(min=1, help="Side of the network's input, pixels; its own if not given.")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Splits at once; -1 means all cores.")] = -1,
    device: Annotated[str, typer.Option(help="Where the network runs: auto, cpu or cuda.")] = "auto",
    weights_dir: Annotated[
        Path | None, typer.Option(help="Folder of weight files, used before any download. [env: EYECRAFT_WEIGHTS]")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for results and report.  [default: runs/NAME-MODEL-layers]")
    ] = None,
    skip_broken: Annotated[bool, typer.Option("--skip-broken", help="Leave unreadable images out.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is in the output folder.")] = False,
) -> None:
    """Tap every layer of a network: how well does each serve on your images?

    Each image goes through the network once. The same command again goes on where a stopped run left off.
    """
    from eyecraft.data import load_dataset
    from eyecraft.pipelines.probe import LayerProbe
    from eyecraft.reports.probe_report import probe_table, write_probe_report

    from ._compare_command import _about
    from .cli import _console, _protocol

    dataset = load_dataset(source, on_error="skip" if skip_broken else "raise")
    cv = _protocol(dataset, train_per_class, test_per_class, folds, splits, seed)
    folder = out or Path("runs") / f"{dataset.name}-{model.replace(':', '-')}-layers"
    options: Any = {"activation": activation, "resize": resize, "precision": precision}
    tapping = LayerProbe(
        model,
        None if weights == "none" else weights,
        _names(layers),
        pooling=_names(pooling) or [],
        pool_size=pool_size,
        classifiers=_names(classifiers) or [],
        image_size=image_size,
        random_state=seed,
        device=device,
        weights_dir=weights_dir,
        n_jobs=jobs,
        **options,
    )
    console = _console()
    for line in _about(dataset):
        console.print(line, soft_wrap=True)
    try:
        result = tapping.run(
            dataset,
            cv=cv,
            against=_names(against) or [],
            out=folder,
            overwrite=overwrite,
            random_state=seed,
            command=shlex.join(["eyecraft", *sys.argv[1:]]),
        )
    except KeyboardInterrupt:
        typer.echo("\nstopped; features and finished splits are kept; the same command goes on from there", err=True)
        raise typer.Exit(130) from None
    if tapping.weights is None:
        console.print("[bold yellow]the weights are random[/bold yellow]: this network has learned nothing")
    paths = write_probe_report(result, folder)
    console.print(probe_table(result))
    console.print(f"report: {paths['html']}", soft_wrap=True, markup=False)
    if all(result.comparison.pipelines["error"].notna()):
        raise typer.Exit(1)


def _names(text: str | None) -> list[str] | None:
    """Return the names in a comma-separated list, or None."""
    names = [name.strip() for name in (text or "").split(",") if name.strip()]
    return names or None
