"""`eyecraft layers` as a person uses it."""

from collections.abc import Callable
from importlib import import_module

import pytest
import typer
from typer.testing import CliRunner

Run = Callable[..., str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs the command alone and returns what it prints."""
    monkeypatch.setenv("COLUMNS", "160")
    app = typer.Typer()
    app.command()(import_module("eyecraft._layers_command").layers)

    def call(*arguments: str) -> str:
        done = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    return call


def test_table_of_alexnet(run: Run) -> None:
    """Names, sizes and totals; what keeps the shape is left out and said to be."""
    out = run("alexnet")
    lines = {line.split()[0]: line.split() for line in out.splitlines() if line.strip()}
    assert " ".join(lines["features.0"]) == "features.0 conv1 Conv2d * 64 x 55 x 55 23,296 70,276,800 11 4"
    assert " ".join(lines["classifier.1"]) == "classifier.1 fc6 Linear 4096 37,752,832 37,748,736 whole image"
    assert " ".join(lines["total"]) == "total 61,100,840 714,188,480"
    assert "ReLU" not in out
    assert "not shown: 9 layers that keep the shape (0 parameters)" in out
    assert "features.0: 1 of rows, 1 of columns" in out
    assert "features.1 " in run("alexnet", "--all")


@pytest.mark.parametrize("model", ["alexnet", "resnet50", "vit_b_32", "swin_t"])
def test_eighty_columns_are_enough(model: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The textbook's name alone and rounded numbers; no line is longer, no number is cut."""
    monkeypatch.setenv("COLUMNS", "80")
    table = run(model).partition("not shown")[0]
    assert max(map(len, table.splitlines())) <= 80
    assert "…" not in table
    lines = {line.split()[0]: " ".join(line.split()) for line in table.splitlines() if line.strip()}
    if model == "alexnet":
        assert lines["conv1"] == "conv1 Conv2d * 64x55x55 23.3 k 70.3 M 11 4"
        assert lines["fc6"] == "fc6 Linear 4096 37.8 M 37.7 M all"
        assert lines["total"] == "total 61.1 M 714 M"


def test_a_pipe_has_no_edge(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read by a program has the modules' names and whole numbers, a line for each."""
    monkeypatch.delenv("COLUMNS")
    line = next(line for line in run("vit_b_32").splitlines() if "encoder_layer_11.mlp.0" in line)
    assert " ".join(line.split()).startswith("encoder.layers.encoder_layer_11.mlp.0 Linear 50 x 3072 2,362,368")


def test_image_size(run: Run) -> None:
    """One number, or height and width."""
    assert "64 x 29 x 29" in run("alexnet", "--image-size", "120")
    assert "64 x 29 x 39" in run("alexnet", "--image-size", "120x160")


def test_our_own_networks(run: Run) -> None:
    """LeNet-5 has one size, the convnet is made for the image."""
    assert "61,706" in run("lenet5")
    out = run("convnet")
    assert "convnet, image 3 x 64 x 64" in out
    assert "conv4_2" in out
    out = run("convnet", "--image-size", "32x28")
    assert "128 x 4 x 3" in out
    assert "conv4_2" not in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("resnet51",), "did you mean 'resnet"),
        (("alexnet", "--image-size", "big"), "--image-size must be a number of pixels, or HEIGHTxWIDTH"),
        (("alexnet", "--image-size", "16"), "alexnet cannot take images of 16 x 16 pixels"),
    ],
)
def test_mistakes(run: Run, arguments: tuple[str, ...], message: str) -> None:
    """Errors that `eyecraft` makes one line of."""
    with pytest.raises(ValueError, match=message):
        run(*arguments)
