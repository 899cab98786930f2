"""`eyecraft finetune`, `predict` and `ablate` as a person uses them."""

import csv
import json
from collections.abc import Callable
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import typer
from safetensors.torch import load_file
from typer.testing import CliRunner, Result

from eyecraft.pipelines import CNNClassifier

Run = Callable[..., Result]
TINY = ("--model", "lenet5", "--epochs", "3", "--batch-size", "6", "--device", "cpu", "--jobs", "1")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Return a function that runs a command in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    app = typer.Typer()
    for name in ("finetune", "predict", "ablate"):
        app.command()(getattr(import_module(f"eyecraft._{name}_command"), name))
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def bars(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Two classes, dark noise and bright noise, 10 images each, one folder per class."""
    folder = tmp_path / "bright or dark"
    for name, bright in (("dark", 0), ("bright", 130)):
        (folder / name).mkdir(parents=True)
        for i in range(10):
            image = rng.integers(0, 120, (40, 40, 3), dtype=np.uint8) + np.uint8(bright)
            cv2.imwrite(str(folder / name / f"{i}.png"), image)
    return folder


def test_train_and_ask(run: Run, bars: Path, tmp_path: Path) -> None:
    """A folder in; a network, its accuracy and two pictures out; then answers in three forms, all the same."""
    done = run("finetune", bars, *TINY, "--out", "net")
    assert done.exit_code == 0, done.output
    for part in ("16 images to train on, 4 held out, 2 classes", "epoch 3/3", "held-out accuracy: 100.0 % of 4 images"):
        assert part in done.output
    for name in ("classifier.json", "network.safetensors", "training.png", "filters.png"):
        assert (tmp_path / "net" / name).stat().st_size
    record = json.loads((tmp_path / "net" / "classifier.json").read_text("utf-8"))
    assert record["parameters"]["checkpoint_dir"] is None
    assert record["classes"]["values"] == ["bright", "dark"]

    image = bars / "dark" / "3.png"
    answers = json.loads(run("predict", "net", image, "--format", "json", "--device", "cpu").stdout)
    assert [answer["image"] for answer in answers] == [str(image)]
    assert [one["label"] for one in answers[0]["predictions"]] == ["dark", "bright"]
    chances = [one["probability"] for one in answers[0]["predictions"]]
    assert sum(chances) == pytest.approx(1, abs=1e-5)
    expected = CNNClassifier.load("net", device="cpu").predict_proba([str(image)])[0]
    assert chances == pytest.approx(sorted(expected, reverse=True), abs=1e-6)

    rows = list(csv.DictReader(StringIO(run("predict", "net", image, "--format", "csv", "--device", "cpu").stdout)))
    assert [(row["rank"], row["label"]) for row in rows] == [("1", "dark"), ("2", "bright")]
    assert [float(row["probability"]) for row in rows] == chances
    table = run("predict", "net", bars / "bright", "--top", "1", "--device", "cpu").stdout
    assert len(table.splitlines()) == 11  # a heading and ten images
    assert "dark" not in table.replace(str(bars), "")


def test_convnet_is_kept_with_its_shape(run: Run, bars: Path, tmp_path: Path) -> None:
    """A network that is made for the size of the images comes back without being given again."""
    done = run("finetune", bars, *TINY, "--model", "convnet", "--epochs", "1", "--image-size", "32", "--out", "net")
    assert done.exit_code == 0, done.output
    done = run("predict", "net", bars / "dark" / "0.png", "--format", "json", "--device", "cpu")
    assert done.exit_code == 0, done.output
    assert {one["label"] for one in json.loads(done.stdout)[0]["predictions"]} == {"bright", "dark"}


def test_stopped_and_gone_on(run: Run, bars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C after the second epoch: the same command trains the third, and the network is the unbroken one's."""
    checkpoints = import_module("eyecraft.pipelines._checkpoints")
    write = checkpoints.Checkpoint.write
    epochs: list[int] = []

    def stopping(self: Any, epoch: int, *rest: Any) -> None:
        write(self, epoch, *rest)
        epochs.append(epoch)
        if epochs == [1, 2]:
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints.Checkpoint, "write", stopping)
    stopped = run("finetune", bars, *TINY, "--out", "net")
    assert stopped.exit_code == 130
    assert "goes on from there" in stopped.output
    assert not (tmp_path / "net" / "classifier.json").exists()
    assert run("finetune", bars, *TINY, "--out", "net").exit_code == 0
    assert epochs == [1, 2, 3]
    assert run("finetune", bars, *TINY, "--out", "whole").exit_code == 0
    ours, whole = (load_file(tmp_path / name / "network.safetensors") for name in ("net", "whole"))
    assert all(bool((ours[key] == whole[key]).all()) for key in whole)


def test_overwriting_is_gone_on_with_too(run: Run, bars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped with --overwrite, the same command goes on; another one with it begins anew; without it, is told."""
    assert run("finetune", bars, *TINY, "--epochs", "1", "--out", "net").exit_code == 0
    checkpoints = import_module("eyecraft.pipelines._checkpoints")
    write, epochs = checkpoints.Checkpoint.write, []

    def stopping(self: Any, epoch: int, *rest: Any) -> None:
        write(self, epoch, *rest)
        epochs.append(epoch)
        if len(epochs) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints.Checkpoint, "write", stopping)
    again = (*TINY, "--out", "net", "--overwrite")
    assert run("finetune", bars, *again).exit_code == 130
    assert not (tmp_path / "net" / "classifier.json").exists()
    assert run("finetune", bars, *again).exit_code == 0
    assert epochs == [1, 2, 3]
    epochs.clear()
    assert run("finetune", bars, *again).exit_code == 130
    assert "lr was 0.05" in str(run("finetune", bars, *again[:-1], "--lr", "0.01").exception)
    assert run("finetune", bars, *again, "--lr", "0.01").exit_code == 0
    assert epochs == [1, 2, 1, 2, 3]


def test_how_it_is_trained(run: Run, bars: Path, tmp_path: Path) -> None:
    """What the class can be told, the command can."""
    options = {
        "optimizer": "adamw",
        "schedule": "none",
        "weight-decay": 0.01,
        "layer-decay": 0.9,
        "loss": "mse",
        "label-smoothing": 0.1,
        "dropout": 0.2,
        "mix": "mixup",
        "ema-decay": 0.5,
        "accumulate": 2,
    }
    given = [text for name, value in options.items() for text in (f"--{name}", value)]
    done = run("finetune", bars, *TINY, "--epochs", "1", *given, "--balanced", "--out", "net")
    assert done.exit_code == 0, done.output
    record = json.loads((tmp_path / "net" / "classifier.json").read_text("utf-8"))
    expected = {name.replace("-", "_"): value for name, value in options.items()} | {"schedule": None}
    assert {name: record["settings"][name] for name in expected} == expected
    assert record["parameters"]["class_weight"] == "balanced"


def test_labels_of_any_kind_and_files_that_are_broken(run: Run, bars: Path, tmp_path: Path) -> None:
    """Labels kept as objects; the images that can be read are answered, the others listed, and the status is 1."""
    images = [str(path) for path in sorted(bars.rglob("*.png"))]
    names = np.array([Path(path).parent.name for path in images], dtype=object)
    CNNClassifier("lenet5", max_epochs=1, random_state=0, device="cpu").fit(images, names).save(tmp_path / "net")
    broken = tmp_path / "broken.jpg"
    broken.write_text("no image")
    done = run("predict", "net", images[0], broken, images[1], "--format", "json", "--device", "cpu")
    assert done.exit_code == 1
    answers = json.loads(done.stdout)
    assert [answer["image"] for answer in answers] == images[:2]
    assert {one["label"] for one in answers[0]["predictions"]} == {"bright", "dark"}
    assert "1 of 3 images could not be read:" in done.stderr
    assert f"cannot read {str(broken)!r}: it is no image" in done.stderr


def test_checkpoint_goes_when_the_network_is_there(run: Run, bars: Path, tmp_path: Path) -> None:
    """Unless asked to stay: then the same command has nothing to do, and another one is told what differs."""
    short = (*TINY, "--epochs", "1", "--out", "net")
    assert run("finetune", bars, *short).exit_code == 0
    assert not (tmp_path / "net" / "checkpoint").exists()
    again = run("finetune", bars, *short)
    assert "holds a trained network already" in str(again.exception)
    assert run("finetune", bars, *short, "--overwrite", "--keep-checkpoint").exit_code == 0
    other = run("finetune", bars, *short, "--lr", "0.01")
    assert "lr was 0.05 and is 0.01" in str(other.exception)
    assert run("finetune", bars, *short).exit_code == 0
    assert not (tmp_path / "net" / "checkpoint").exists()


def test_everything_is_trained_on(run: Run, bars: Path) -> None:
    """Without held-out images nothing is claimed."""
    done = run("finetune", bars, *TINY, "--epochs", "1", "--test-share", "0", "--out", "net")
    assert "20 images to train on, 0 held out" in done.output
    assert "how good it is, is not known" in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("finetune", "SET", "--model", "resnet81"), "did you mean 'resnet18'"),
        (("finetune", "SET", "--model", "lenet5", "--weights", "DEFAULT"), "--weights must be none for lenet5"),
        (("finetune", "SET", "--model", "lenet5", "--lr", "fast"), "--lr must be a number such as 0.01, or find"),
        (
            ("finetune", "SET", "--model", "lenet5", "--trainable", "conv9", "--device", "cpu"),
            "no layer called 'conv9'",
        ),
        (("finetune", "SET", "--model", "lenet5", "--loss", "huber"), "--loss must be one of 'cross_entropy'"),
        (("finetune", "SET", "--model", "lenet5", "--lr", "1e9", *TINY[2:]), "such as --lr 0.05, or --lr find"),
        (("finetune", "SET", "--model", "resnet18", "--device", "cpu"), "name the folder by --weights-dir or"),
        (("finetune", "SET", "--model", "resnet18", "--device", "cpu"), "--weights none to train from scratch"),
        (("predict", "nothing", "SET/dark/0.png"), "holds no classifier"),
        (("predict", "nothing", "SET/dark/none.png"), "there is no"),
        (("ablate", "SET", "--removed", "six"), "--removed must be numbers of layers such as 7,6-7,3-4-6-7; got 'six'"),
        (("ablate", "SET", "--removed", "8"), "`removed` must be a whole number >= 2 and <= 7; got 8"),
    ],
)
def test_mistakes(
    run: Run, bars: Path, arguments: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Errors that `eyecraft` makes one line of, in the words of the command."""
    monkeypatch.delenv("EYECRAFT_WEIGHTS", raising=False)

    def offline(*_: Any, **__: Any) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr("torch.hub.load_state_dict_from_url", offline)
    done = run(*(argument.replace("SET", str(bars)) for argument in arguments))
    assert isinstance(done.exception, (ValueError, OSError))
    assert message in str(done.exception)


def test_ablation(run: Run, bars: Path, tmp_path: Path) -> None:
    """A table of variants; the numbers and a page in a folder."""
    options = ("--removed", "3-4-6-7", "--epochs", "1", "--batch-size", "8", "--folds", "2", "--device", "cpu")
    done = run("ablate", bars, *options, "--jobs", "1", "--out", "depth")
    assert done.exit_code == 0, done.output
    assert "without 3, 4, 6, 7" in done.output
    assert "84 %" in done.output  # of the weights
    rows = json.loads((tmp_path / "depth" / "ablation.json").read_text("utf-8"))["table"]
    assert "without 3, 4, 6, 7" in (tmp_path / "depth" / "ablation.html").read_text("utf-8")
    assert [row["variant"] for row in rows] == ["all layers", "without 3, 4, 6, 7"]
    assert all(row["n_splits"] == 2 for row in rows)


def test_ablation_interrupted(run: Run, bars: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C leaves with status 130."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(import_module("eyecraft.pipelines.ablation"), "compare", interrupt)
    done = run("ablate", bars, "--folds", "2")
    assert done.exit_code == 130
    assert "goes on from there" in done.output
