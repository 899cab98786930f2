"""The command as a person uses it: what it prints, what it leaves behind, how it fails."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from eyecraft import __version__
from eyecraft.cli import _bytes, _size, main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Return a function that runs the command in a folder of its own: exit status, standard output and error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["eyecraft", *arguments])
        status = 0
        try:
            main()
        except SystemExit as leave:
            status = int(leave.code or 0)
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return call


@pytest.fixture
def pictures(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Two classes told apart by the direction of their stripes, 12 images each, one folder per class."""
    folder = tmp_path / "Streifen und Käse"
    for name, axis in (("across <b>", 0), ("dòwn", 1)):
        (folder / name).mkdir(parents=True)
        for i in range(12):
            stripes = np.sin(np.arange(40) * rng.uniform(0.5, 0.9) + rng.uniform(0, 6)) * 90 + 128
            image = np.broadcast_to(np.expand_dims(stripes, 1 - axis), (40, 40)) + rng.normal(0, 12, (40, 40))
            _, encoded = cv2.imencode(".png", image.clip(0, 255).astype(np.uint8))
            (folder / name / f"{i:02d}.png").write_bytes(encoded.tobytes())
    return folder


def test_version_and_help(run: Run) -> None:
    """`--version` and `--help` answer; no arguments at all is help too."""
    assert run("--version")[1] == f"eyecraft {__version__}\n"
    status, out, _ = run("--help")
    assert status == 0
    for command in ("compare", "recipes", "datasets", "report", "store"):
        assert command in out


def test_recipes_and_datasets_are_listed(run: Run) -> None:
    """Both lists name what can be asked for."""
    assert "hog-svm" in run("recipes")[1]
    assert "digits" in run("datasets")[1]


def test_compare_a_folder_end_to_end(run: Run, pictures: Path, tmp_path: Path) -> None:
    """A folder in; a table, a report, a Markdown twin and the numbers out. The stripes are told apart."""
    status, out, err = run(
        "compare", str(pictures), "--recipes", "hog-svm,color-svm", "--train-per-class", "6", "--splits", "2",
        "--out", "result",
    )  # fmt: skip
    assert status == 0, err
    assert "hog-svm" in out
    assert "report.html" in out
    assert "2 splits are too few to tell 2 pipelines apart" in " ".join(out.split())
    numbers = json.loads((tmp_path / "result" / "comparison.json").read_text())
    assert set(numbers) == {"dataset", "protocol", "pipelines", "environment"}
    by_name = {entry["name"]: entry for entry in numbers["pipelines"]}
    assert by_name["hog-svm"]["kind"] == "hand-crafted"
    assert by_name["hog-svm"]["error"] is None
    assert by_name["hog-svm"]["scores"]["accuracy"] == [1.0, 1.0]
    assert len(by_name["color-svm"]["scores"]["balanced_accuracy"]) == 2
    assert "--recipes hog-svm,color-svm" in numbers["protocol"]["command"]
    html = (tmp_path / "result" / "report.html").read_text()
    assert "across &lt;b&gt;" in html
    assert "across <b>" not in html
    assert "dòwn" in (tmp_path / "result" / "report.md").read_text()

    (tmp_path / "result" / "report.html").unlink()
    status, out, _ = run("report", "result")
    assert status == 0
    assert (tmp_path / "result" / "report.html").exists()


def test_second_run_extracts_nothing_again(run: Run, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same features under another protocol come from the store."""
    from eyecraft.features import HOG

    run("compare", str(pictures), "-r", "hog-svm", "--folds", "2", "--out", "a")
    monkeypatch.setattr(HOG, "_extract", lambda self, image: 1 / 0)
    status, _, err = run("compare", str(pictures), "-r", "hog-svm", "--folds", "3", "--out", "b")
    assert status == 0, err
    status, out, _ = run("store")
    assert "HOG" in out
    assert "\n24 " in out
    assert run("store", "--older-than", "0")[0] == 0
    assert "HOG" not in run("store")[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("compare", "nowhere-at-all"), "nowhere-at-all"),
        (("compare", "digitz"), "digits"),
        (("compare", "digits", "-r", "hog-svn"), "hog-svm"),
        (("compare", "digits", "--folds", "3", "--train-per-class", "2"), "two protocols"),
        (("compare", "digits", "--splits", "2"), "--train-per-class"),
        (("compare", "digits", "-r", "pixels-svm", "--train-per-class", "500"), "500"),
        (("report", "nowhere"), "nowhere"),
        (("store", "--max-size", "huge"), "500M or 2G"),
    ],
)
def test_mistakes_are_one_line(run: Run, arguments: tuple[str, ...], message: str) -> None:
    """Status 2, the reason in words, no traceback, nothing on standard output but what was read."""
    status, _, err = run(*arguments)
    assert status == 2
    assert err.startswith("error: ")
    assert message in err
    assert "Traceback" not in err


def test_broken_image_stops_or_is_left_out(run: Run, pictures: Path, tmp_path: Path) -> None:
    """A text file named .jpg is named; with --skip-broken the rest goes on and the report says what was left out."""
    (pictures / "dòwn" / "no-image.jpg").write_text("<html>404</html>")
    status, _, err = run("compare", str(pictures), "-r", "pixels-svm", "--folds", "2", "--out", "x")
    assert status == 2
    assert "no-image.jpg" in err
    assert "--skip-broken" in err
    status, out, err = run("compare", str(pictures), "-r", "pixels-svm", "--folds", "2", "--out", "x", "--skip-broken")
    assert status == 0, err
    assert "left out: 1" in out
    assert "no-image.jpg" in (tmp_path / "x" / "report.html").read_text()


def test_sizes() -> None:
    """Sizes are read and written the way people do."""
    assert _bytes("500M") == 500 * 1024**2
    assert _bytes("2GB") == 2 * 1024**3
    assert _bytes("100") == 100
    assert _size(2 * 1024**3) == "2.00 GiB"
    assert _size(1536) == "2 KiB"
