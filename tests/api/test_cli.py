"""The command as a person uses it: what it prints, what it leaves behind, how it fails."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from eyecraft import __version__
from eyecraft.cli import _bytes, _size, main
from eyecraft.pipelines import recipes

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
        (("compare", "nowhere-at-all", "-r", "hog-svn"), "unknown recipe 'hog-svn'; did you mean 'hog-svm'"),
        (("compare", "", "-r", "hog-svm"), "SOURCE must be a folder or the name of a data set"),
        (("compare", "digits", "-r", ","), "--recipes must name at least one"),
        (("compare", "digits", "-r", ""), "--recipes must name at least one"),
        (("compare", "digits", "--jobs", "0"), "--jobs must be a number of workers"),
        (("compare", "digits", "--seed", "-1"), "--seed must be a whole number from 0"),
        (("compare", "digits", "--device", "gpu"), "--device must be auto, cpu, cuda"),
        (("compare", "digits", "--weights-dir", "nowhere"), "--weights-dir must be a folder of weight files; there is"),
        (("store", "--max-size", "huge"), "500M or 2G"),
        (("store", "--max-size", "-5"), "500M or 2G"),
        (("store", "--folder", "nowhere"), "--folder must be the folder of a feature store; 'nowhere' is not there"),
    ],
)
def test_mistakes_are_one_line(run: Run, arguments: tuple[str, ...], message: str) -> None:
    """Status 2, the reason in words, no traceback, nothing on standard output but what was read."""
    status, _, err = run(*arguments)
    assert status == 2
    assert err.startswith("error: ")
    assert message in err
    assert "Traceback" not in err
    assert "EYECRAFT_DEBUG" not in err


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


def test_a_weights_folder_of_the_environment_must_be_there(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not passed over in silence."""
    monkeypatch.setenv("EYECRAFT_WEIGHTS", "/nonexistent")
    assert "EYECRAFT_WEIGHTS must be a folder of weight files" in run("compare", "digits", "-r", "pixels-svm")[2]


@pytest.mark.parametrize(("file", "content"), [("comparison.json", "[1]"), ("run.json", "[1]"), ("rows", "{}")])
def test_damaged_results_end_in_words_or_are_made_again(
    run: Run, pictures: Path, tmp_path: Path, file: str, content: str
) -> None:
    """JSON of another kind than expected is damage: told by `report`, mended by `compare`."""
    command = ("compare", str(pictures), "-r", "pixels-svm", "--folds", "2", "--out", "x", "--no-checks", "--jobs", "1")
    assert run(*command)[0] == 0
    if file == "rows":
        for row, scores in zip(sorted(tmp_path.glob("x/rows/*/*.json")), ({}, None), strict=True):
            row.write_text(json.dumps({**json.loads(row.read_text()), "scores": scores}))
    else:
        (tmp_path / "x" / file).write_text(content)
    if file == "comparison.json":
        status, _, err = run("report", "x")
        assert status == 2
        assert "cannot be read" in err
    status, out, err = run(*command)
    assert status == 0, err
    assert "● pixels-svm" in out


def test_names_that_look_like_markup(run: Run, pictures: Path, tmp_path: Path) -> None:
    """Brackets in paths are printed as they are, and a class whose name is no text does not cost the report."""
    odd = pictures.rename(tmp_path / "[bold]xyz [x]")
    if sys.platform == "linux":
        os.rename(odd / "dòwn", os.fsencode(odd) + b"/caf\xe9")  # noqa: PTH104
    command = ("compare", str(odd), "-r", "pixels-svm", "--folds", "2", "--out", "o/x[/y]z", "--jobs", "1")
    status, out, err = run(*command)
    assert status == 0, err
    assert "[bold]xyz [x]: 24 images, 2 classes" in out
    assert "report: o/x[/y]z/report.html" in out
    assert run("report", "o/x[/y]z")[0] == 0
    store = tmp_path / "st[/bold]x"
    store.mkdir(parents=True)
    assert run("store", "--folder", str(store))[1].startswith(f"{store}: 0 B")


def test_what_nobody_foresaw_is_no_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line that says how to find out more; a missing package and too little memory are told as such."""
    errors = (KeyError("x"), "KeyError: 'x'. This should not happen; EYECRAFT_DEBUG=1 shows where"), (
        ImportError("timm is not installed: pip install 'eyecraft[timm]'"),
        "error: timm is not installed",
    ), (MemoryError("64 GiB"), "there was not enough memory (64 GiB). Try --jobs 1")  # fmt: skip
    for error, message in errors:

        def broken(error: BaseException = error) -> None:
            raise error

        monkeypatch.setattr("eyecraft.pipelines.recipes", broken)
        status, _, err = run("recipes")
        assert (status, message in err, "Traceback" in err) == (2, True, False), err


def test_help_keeps_its_brackets(run: Run) -> None:
    """Defaults and variables in brackets are not taken for styles."""
    out = run("compare", "-h")[1]
    assert "[env: EYECRAFT_WEIGHTS]" in out
    assert "[default: runs/NAME or runs/NAME+NAME]" in out


def test_lists_are_not_wrapped_for_other_programs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line each where output is piped."""
    monkeypatch.delenv("COLUMNS")
    for command in ("recipes", "datasets"):
        lines = run(command)[1].splitlines()
        assert max(map(len, lines)) > 80
        assert all(line.split()[0].strip() for line in lines)
    assert len(run("recipes")[1].splitlines()) == 1 + len(recipes())


def test_what_is_not_compared_is_said(run: Run, pictures: Path, rng: np.random.Generator) -> None:
    """Classes without an image, files beside the folders, pipelines that leave the table, copies in training."""
    (pictures / "nothing").mkdir()
    cv2.imwrite(str(pictures / "loose.png"), rng.integers(0, 256, (40, 40), dtype=np.uint8))
    for i in range(12):
        (pictures / "dòwn" / f"copy {i}.png").write_bytes((pictures / "dòwn" / f"{i:02d}.png").read_bytes())
    options = (str(pictures), "--folds", "2", "--out", "x", "--jobs", "1")
    status, out, err = run("compare", "-r", "pixels-svm,color-svm", *options)
    assert status == 0, err
    assert "no readable image in: nothing" in out
    assert "not looked at: 1 file of other kinds" in out
    assert "test images are nearly the same as a training image" in err
    status, out, err = run("compare", "-r", "pixels-svm", *options)
    assert "no longer in the table: color-svm, measured here before" in out


@pytest.mark.skipif(sys.platform == "win32", reason="locks files in another way")
def test_one_run_at_a_time_from_the_first_row_to_the_report(run: Run, pictures: Path, tmp_path: Path) -> None:
    """A folder that another run studies is refused to `compare`, `study` and `report` alike."""
    import fcntl

    options = (str(pictures), "-r", "pixels-svm", "--folds", "2", "--out", "x", "--jobs", "1")
    assert run("compare", *options)[0] == 0
    with (tmp_path / "x" / ".lock").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for command in (("compare", *options), ("study", "x"), ("report", "x")):
            status, _, err = run(*command)
            assert status == 2
            assert "another run is writing to x. Wait until it has finished, or choose another `--out`" in err
    assert run("report", "x")[0] == 0


def test_sizes() -> None:
    """Sizes are read and written the way people do."""
    assert _bytes("500M") == 500 * 1024**2
    assert _bytes("2GB") == 2 * 1024**3
    assert _bytes("100") == 100
    assert _size(2 * 1024**3) == "2.00 GiB"
    assert _size(1536) == "2 KiB"
