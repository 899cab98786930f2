"""`eyecraft study` as a person uses it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from eyecraft._studies_command import _options, run_studies, study
from eyecraft.data import load_folder
from eyecraft.pipelines import Comparison, compare, studies
from eyecraft.reports._run_record import read_record

Run = Callable[..., Any]
QUICK = ("--draws", "2", "--images", "4", "--jobs", "1")


@pytest.fixture
def run() -> Run:
    """Return a function that runs the command; errors come out as they are."""
    alone = typer.Typer()
    alone.command()(study)
    return lambda *words: CliRunner().invoke(alone, list(map(str, words)), catch_exceptions=False)


@pytest.fixture
def pictures(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Write bright and dark squares; one bright file is there twice."""
    folder = tmp_path / "two lights"
    for name, light in (("bright", 120), ("dark", 0)):
        (folder / name).mkdir(parents=True)
        for i in range(6):
            pixels = rng.integers(light, light + 120, (34, 34), dtype=np.uint8)
            cv2.imwrite(str(folder / name / f"{i}.png"), pixels)
    shutil.copy(folder / "bright" / "0.png", folder / "bright" / "copy.png")
    return folder


@pytest.fixture
def finished(pictures: Path, tmp_path: Path) -> Path:
    """Compare two recipes on them; return the folder of the results."""
    recipes = ["pixels-svm", "sobel-svm"]
    compare(recipes, load_folder(pictures), cv=2, out=tmp_path / "run", device="auto", random_state=0)
    return tmp_path / "run"


def test_a_finished_run_is_studied(finished: Path, run: Run) -> None:
    """All sections are in both reports; the same command again measures nothing and writes the same page."""
    told = run(finished, "--learning-curves", "--robustness", "--label-errors", *QUICK)
    assert told.exit_code == 0
    assert "studying: near duplicates, wrong labels, learning curves, robustness" in told.output
    page = (finished / "report.html").read_text("utf-8")
    assert all(f'id="{name}"' in page for name in ("labels", "robustness", "clean"))
    assert "1 pair of near duplicates" in page
    text = (finished / "report.md").read_text("utf-8")
    assert all(f"## {title}?" in text for title in ("How many labels", "How robust", "Is the data clean"))
    points = {path: path.stat().st_mtime_ns for path in finished.rglob("size-*.json")}
    assert len(points) == 2 * 2 * 3, "two recipes, two draws, sizes 1, 2 and 5"
    assert run(finished, "--learning-curves", "--robustness", "--label-errors", *QUICK).exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("size-*.json")} == points
    assert (finished / "report.html").read_text("utf-8") == page


def test_some_of_the_pipelines(finished: Path, run: Run) -> None:
    """The others have no curve; a name that was not compared is refused, and so is no name."""
    told = run(finished, "--learning-curves", "--recipes", " sobel-svm,", *QUICK)
    assert told.exit_code == 0
    record = read_record(finished / "report.html")
    assert list(record["studies"]["learning curves"]["means"]) == ["sobel-svm"]
    for wrong, message in (("hog-svm", "hog-svm"), (" , ", "at least one")):
        with pytest.raises(ValueError, match=message):
            run(finished, "--robustness", "--recipes", wrong, *QUICK)


def test_images_that_moved_or_changed(finished: Path, pictures: Path, run: Run, tmp_path: Path) -> None:
    """--data says where they are; others are refused and the report stays whole."""
    moved = pictures.rename(tmp_path / "moved")
    with pytest.raises(ValueError, match="--data must say where the images of 'two lights' are now; there is nothing"):
        run(finished)
    assert run(finished, "--data", moved).exit_code == 0
    (moved / "dark" / "5.png").unlink()
    with pytest.raises(ValueError, match=r"13 images of 'two lights'.*got 12"):
        run(finished, "--data", moved)
    assert "1 pair of near duplicates" in (finished / "report.html").read_text("utf-8")


def test_stopped(finished: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C leaves a report of what was finished, and says how to go on."""

    def interrupted(*args: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("eyecraft.pipelines.studies.measure_curves", interrupted)
    told = run(finished, "--learning-curves", *QUICK)
    assert told.exit_code == 130
    assert "goes on from there" in told.output
    page = (finished / "report.html").read_text("utf-8")
    assert 'id="clean"' in page
    assert 'id="labels"' not in page


def test_the_report_is_there_before_and_between(finished: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known can be read while the next study runs."""
    seen: list[list[str]] = []
    measure = studies.measure_curves

    def watched(*args: Any, **options: Any) -> Any:
        page = (finished / "report.html").read_text("utf-8")
        seen.append([name for name in ("labels", "robustness", "clean") if f'id="{name}"' in page])
        return measure(*args, **options)

    def look(*args: Any) -> Any:
        assert (finished / "report.html").is_file()
        return look_over(*args)

    look_over = studies.look_over
    monkeypatch.setattr(studies, "look_over", look)
    monkeypatch.setattr(studies, "measure_curves", watched)
    assert run(finished, "--learning-curves", *QUICK).exit_code == 0
    assert seen == [["clean"]]


def test_without_checks(finished: Path, pictures: Path) -> None:
    """`eyecraft compare --no-checks` comes to this: nothing is looked at, the report is written."""
    paths = run_studies(Comparison.load(finished), load_folder(pictures), finished, checks=False)
    assert not (finished / "studies").exists()
    assert "near duplicate" not in paths["md"].read_text("utf-8").replace("not searched for near duplicates", "")


def test_options_of_a_recorded_command() -> None:
    """Both spellings of an option, and none."""
    command = "eyecraft compare 'a b' --device=cuda --weights-dir '/my weights'"
    assert _options(command, "--device", "--weights-dir") == {"--device": "cuda", "--weights-dir": "/my weights"}
    assert _options("", "--device") == {"--device": None}
