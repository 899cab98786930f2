"""`eyecraft probe` as a person uses it."""

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

Run = Callable[..., Result]
TINY = ("--model", "mini", "--weights", "none", "--layers", "pool1,pool2", "--image-size", "64", "--jobs", "1")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Return a function that runs the command in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    app = typer.Typer()
    app.command()(import_module("eyecraft._probe_command").probe)
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


@pytest.fixture
def bars(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Two classes, noise and noise with a bright bar, 6 images each, one folder per class."""
    folder = tmp_path / "two bars"
    for name, bright in (("plain", 0), ("bar", 130)):
        (folder / name).mkdir(parents=True)
        for i in range(6):
            image = rng.integers(0, 120, (40, 40, 3), dtype=np.uint8)
            image[12:24] += np.uint8(bright)
            cv2.imwrite(str(folder / name / f"{i}.png"), image)
    return folder


def test_table_page_and_numbers(run: Run, bars: Path, tmp_path: Path) -> None:
    """A folder in; a table on the terminal, a page, Markdown and JSON in the folder. Random weights are said loudly."""
    done = run(
        str(bars), *TINY, "--train-per-class", "3", "--splits", "2", "--against", "pixels-svm", "--resize", "crop"
    )
    assert done.exit_code == 0, done.output
    assert "the weights are random" in done.output
    assert "pool2" in done.output
    folder = tmp_path / "runs" / "two bars-mini-layers"
    assert "weights are random" in (folder / "probe.html").read_text("utf-8")
    assert "pixels-svm" in (folder / "probe.md").read_text("utf-8")
    numbers = json.loads((folder / "probe.json").read_text("utf-8"))
    assert [row["layer"] for row in numbers["table"]] == ["pool1", "pool1", "pool2", "pool2"]
    assert numbers["against"] == ["pixels-svm"]
    assert numbers["about"]["weights"] == "random start"


def test_interrupted(run: Run, bars: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C leaves with status 130 and says how to go on."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(import_module("eyecraft.pipelines.probe"), "sweep_once", interrupt)
    done = run(str(bars), *TINY, "--folds", "2")
    assert done.exit_code == 130
    assert "goes on from there" in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--layers", "conv9"), "no layer called 'conv9'"),
        (("--pooling", "mean"), "`pooling` must be one of"),
        (("--train-per-class", "3", "--folds", "2"), "two protocols"),
    ],
)
def test_mistakes(run: Run, bars: Path, arguments: tuple[str, ...], message: str) -> None:
    """Errors that `eyecraft` makes one line of."""
    done = run(str(bars), *TINY, *arguments)
    assert isinstance(done.exception, ValueError)
    assert message in str(done.exception)
