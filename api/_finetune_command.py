"""The command ``eyecraft finetune``."""

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

if TYPE_CHECKING:
    from eyecraft.data import Dataset
    from eyecraft.pipelines import CNNClassifier

CHECKPOINTS = "checkpoint"  # folder of the unfinished training, in the output folder
RECORD = "classifier.json"  # what makes a trained network whole
_WORDS = {
    "`checkpoint_dir`": "--out",
    "`max_epochs`": "--epochs",
    "`model='mini'`": "--model mini",
    "`weights=None` for random weights": "--weights none to train from scratch",
    "early_stopping=False": "no --early-stopping",
}


def finetune(
    source: Annotated[str, typer.Argument(help="A folder (one sub-folder per class, or train/ and test/), or a name.")],
    model: Annotated[str, typer.Option(help="A torchvision model, mini, lenet5, convnet or timm:NAME.")] = "resnet18",
    weights: Annotated[
        str | None,
        typer.Option(help="A file, a name, or none to train from scratch.  [default: DEFAULT if there are any]"),
    ] = None,
    trainable: Annotated[
        str | None, typer.Option(help="all, head, gradual, or the first layer to train, such as conv5.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Runs through the training images.")] = None,
    lr: Annotated[str | None, typer.Option(help="Rate of learning of the last layer, or find.")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images per step.")] = 64,
    optimizer: Annotated[str, typer.Option(help="sgd, rmsprop, adam or adamw.")] = "sgd",
    schedule: Annotated[str, typer.Option(help="cosine, step, one-cycle, or none for a rate that stays.")] = "cosine",
    weight_decay: Annotated[float, typer.Option(min=0, help="Strength of the l2 penalty.")] = 5e-4,
    layer_decay: Annotated[
        float, typer.Option(help="Rate of each part of the network, as a share of that of the part behind it.")
    ] = 1.0,
    loss: Annotated[str, typer.Option(help="cross_entropy, hinge or mse.")] = "cross_entropy",
    label_smoothing: Annotated[float, typer.Option(min=0, help="Share of the target spread over all classes.")] = 0.0,
    balanced: Annotated[bool, typer.Option("--balanced", help="Let every class count alike, rare or not.")] = False,
    dropout: Annotated[
        float | None, typer.Option(min=0, help="Share dropped in front of the last layers; as the network has it.")
    ] = None,
    mix: Annotated[str, typer.Option(help="Mix images with one another: mixup, cutmix, both or none.")] = "none",
    ema_decay: Annotated[
        float | None, typer.Option(help="Answer with a moving average of the weights, such as 0.999.")
    ] = None,
    accumulate: Annotated[int, typer.Option(min=1, help="Parts a batch is dealt out in, where memory is short.")] = 1,
    augment: Annotated[
        str, typer.Option(help="auto, shift, flip, shift-flip, crop-flip, color, randaugment or none.")
    ] = "auto",
    image_size: Annotated[
        int | None, typer.Option(min=1, help="Side of the network's input, pixels; its own if not given.")
    ] = None,
    test_share: Annotated[
        float, typer.Option(min=0, max=0.9, help="Share held out for the accuracy at the end; 0: none.")
    ] = 0.2,
    early_stopping: Annotated[
        bool, typer.Option("--early-stopping", help="Stop when a tenth of the training images gets no better.")
    ] = False,
    precision: Annotated[str, typer.Option(help="float32, bfloat16, or float16 on a GPU.")] = "float32",
    seed: Annotated[int, typer.Option(help="Seed of the split and of everything random.")] = 0,
    jobs: Annotated[int, typer.Option(help="Threads that decode images; -1 means all cores.")] = -1,
    device: Annotated[str, typer.Option(help="Where the network trains: auto, cpu or cuda.")] = "auto",
    weights_dir: Annotated[
        Path | None, typer.Option(help="Folder of weight files, used before any download. [env: EYECRAFT_WEIGHTS]")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the network.  [default: runs/NAME-MODEL]")] = None,
    skip_broken: Annotated[bool, typer.Option("--skip-broken", help="Leave unreadable images out.")] = False,
    keep_checkpoint: Annotated[
        bool, typer.Option("--keep-checkpoint", help="Leave the state of the training there when it is over.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Forget what is in the output folder.")] = False,
) -> None:
    """Train a network on your images, from pretrained weights or from scratch, and keep it.

    What is not given is chosen by the network and the number of images. Until training is over each epoch is kept: the
    same command again goes on where a stopped one left off. `eyecraft predict` uses what is in the folder.
    """
    from eyecraft.data import load_dataset
    from eyecraft.pipelines import CNNClassifier

    from .cli import _console

    dataset = load_dataset(source, on_error="skip" if skip_broken else "raise")
    folder = out or Path("runs") / f"{dataset.name}-{model.replace(':', '-')}"
    train, test = _split(dataset, test_share, seed)
    options: dict[str, Any] = {
        "optimizer": optimizer,
        "schedule": _unless_none(schedule),
        "weight_decay": weight_decay,
        "layer_decay": layer_decay,
        "loss": loss,
        "label_smoothing": label_smoothing,
        "class_weight": "balanced" if balanced else None,
        "dropout": dropout,
        "mix": _unless_none(mix),
        "ema_decay": ema_decay,
        "accumulate": accumulate,
        "precision": precision,
        "device": device,
        "weights_dir": weights_dir,
    }
    classifier = CNNClassifier(
        **_network(model, weights, image_size),
        trainable=trainable,
        max_epochs=epochs,
        lr=_rate(lr),
        batch_size=batch_size,
        augment=_unless_none(augment),
        early_stopping=early_stopping,
        checkpoint_dir=folder / CHECKPOINTS,
        keep_filters=True,
        random_state=seed,
        n_jobs=jobs,
        verbose=1,
        **options,
    )
    _make_way(folder, overwrite)
    console = _console()
    console.print(
        f"[bold]{dataset.name}[/bold]: {len(train)} images to train on, {len(test)} held out, "
        f"{len(dataset.class_names)} classes"
    )
    try:
        _fit(classifier, dataset.images[train], dataset.labels[train], folder, overwrite)
    except KeyboardInterrupt:
        typer.echo(f"\nstopped; finished epochs are kept in {folder}; the same command goes on from there", err=True)
        raise typer.Exit(130) from None
    except (ValueError, OSError) as error:
        raise in_words_of_the_command(error) from error
    classifier.checkpoint_dir = None  # of this machine, and no business of whoever loads the network
    classifier.save(folder)
    if not keep_checkpoint:
        shutil.rmtree(folder / CHECKPOINTS)
    settings = classifier.settings_
    console.print(
        f"{settings.model} ({settings.weights}), trained: {settings.trainable}, {len(classifier.history_)} epochs, "
        f"rate {settings.lr:.3g}{_of_last_layer(settings)}",
        soft_wrap=True,
        markup=False,
    )
    for line in [*_held_out(classifier, dataset, test), *_pictures(classifier, folder)]:
        console.print(line, soft_wrap=True, markup=False)
    console.print(f"network: {folder}  (eyecraft predict {folder} IMAGES...)", soft_wrap=True, markup=False)


def _of_last_layer(settings: Any) -> str:
    """Say at which rate the last layer learned, where its start has lowered that."""
    return f" (last layer {settings.lr * settings.head_factor:.2g})" if settings.head_factor != 1 else ""


def _make_way(folder: Path, overwrite: bool) -> None:
    """Forget the finished network in the folder if asked; raise ``ValueError`` if it would be lost unasked.

    An unfinished training stays: the same command again, --overwrite and all, goes on with it.
    """
    if not (folder / RECORD).is_file():
        return
    if overwrite:
        shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
        (folder / RECORD).unlink()
    elif not (folder / CHECKPOINTS).is_dir():
        raise ValueError(
            f"--out: {str(folder)!r} holds a trained network already. Nothing was done; give another folder, or "
            "--overwrite to train anew."
        )


def _fit(classifier: "CNNClassifier", images: Any, labels: Any, folder: Path, overwrite: bool) -> None:
    """Train; the unfinished training of another command is forgotten if that was asked for."""
    from eyecraft.pipelines._checkpoints import OtherTraining

    try:
        classifier.fit(images, labels)
    except OtherTraining:
        if not overwrite:
            raise
        shutil.rmtree(folder / CHECKPOINTS)
        classifier.fit(images, labels)


def in_words_of_the_command(error: ValueError | OSError) -> ValueError | OSError:
    """Return the error with options in the place of a script's parameters."""
    if len(error.args) != 1:
        return error
    text = str(error)
    for in_scripts, here in _WORDS.items():
        text = text.replace(in_scripts, here)
    text = re.sub(r"\b(lr|trainable|precision)='?([\w.+-]*\w)'?", r"--\1 \2", text)
    return type(error)(re.sub(r"`(\w+)`", lambda name: f"--{name[1].replace('_', '-')}", text))


def _unless_none(text: str) -> str | None:
    return None if text == "none" else text


def _network(model: str, weights: str | None, image_size: int | None) -> dict[str, Any]:
    """Return the classifier's parameters that say which network it is, and what it starts from."""
    own = model in ("lenet5", "convnet")
    if weights in (None, "none"):
        start = None if own or weights == "none" else "DEFAULT"
    elif own:
        raise ValueError(f"--weights must be none for {model}, which has no pretrained weights; got {weights!r}")
    else:
        start = weights
    return {"model": model, "weights": start, "image_size": image_size}


def _rate(text: str | None) -> Any:
    if text is None or text == "find":
        return text
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"--lr must be a number such as 0.01, or find; got {text!r}") from None


def _split(dataset: "Dataset", test_share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions to train on and those held out: the data set's own, else the same share of each class."""
    if test_share == 0:
        return np.arange(len(dataset)), np.arange(0)
    if dataset.splits:
        train, test = dataset.splits[0]
        return np.asarray(train), np.asarray(test)
    random = np.random.default_rng(seed)
    held_out = []
    for name in dataset.class_names:
        own = random.permutation(np.flatnonzero(dataset.labels == name))
        if len(own) < 2:
            raise ValueError(
                f"--test-share holds out images of every class, which takes at least 2 each; {name!r} has {len(own)}. "
                "Add images, or give --test-share 0."
            )
        held_out.append(own[: min(max(1, round(test_share * len(own))), len(own) - 1)])
    test = np.sort(np.concatenate(held_out))
    return np.setdiff1d(np.arange(len(dataset)), test), test


def _held_out(classifier: "CNNClassifier", dataset: "Dataset", test: np.ndarray) -> list[str]:
    """Return the sentence on the images that were held out."""
    if not len(test):
        return ["no images were held out: how good it is, is not known"]
    from eyecraft.reports._format import score_text

    labels = dataset.labels[test]
    right = classifier.predict(dataset.images[test]) == labels
    per_class = [right[labels == name].mean() for name in np.unique(labels)]
    accuracy, balanced = score_text(right.mean()), score_text(float(np.mean(per_class)))
    return [f"held-out accuracy: {accuracy} of {len(test)} images (mean per-class accuracy {balanced})"]


def _pictures(classifier: "CNNClassifier", folder: Path) -> list[str]:
    """Draw the course of the training and the filters; return a line on where they are."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    from eyecraft.reports.filters_display import FiltersDisplay
    from eyecraft.reports.training_display import TrainingDisplay

    displays: dict[str, Any] = {"training.png": TrainingDisplay.from_classifier(classifier)}
    if classifier.filters_:
        displays["filters.png"] = FiltersDisplay.from_classifier(classifier, evolution=True)
    for name, display in displays.items():
        display.figure_.savefig(folder / name, dpi=150)
        plt.close(display.figure_)
    return [f"pictures: {', '.join(str(folder / name) for name in displays)}"]
