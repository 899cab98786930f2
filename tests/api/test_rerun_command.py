"""`eyecraft rerun` as a person uses it."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from eyecraft._rerun_command import rerun
from eyecraft._rerun_words import recorded_words, split_studies, with_data, with_weights
from eyecraft.cli import app

Run = Callable[..., Any]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Return a function that runs the command in a folder of its own; errors come out as they are."""
    monkeypatch.chdir(tmp_path)
    alone = typer.Typer()
    alone.command()(rerun)
    return lambda *words: CliRunner().invoke(alone, list(map(str, words)), catch_exceptions=False)


@pytest.fixture
def finished(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rng: np.random.Generator) -> Path:
    """Compare two pipelines on bright and dark squares, by the command; return the folder of the results."""
    monkeypatch.chdir(tmp_path)
    for name, light in (("bright", 120), ("dark", 0)):
        (tmp_path / "two lights" / name).mkdir(parents=True)
        for i in range(8):
            pixels = rng.integers(light, light + 120, (20, 20), dtype=np.uint8)
            cv2.imwrite(str(tmp_path / "two lights" / name / f"{i}.png"), pixels)
    words = ["compare", "two lights", "-r", "pixels-svm,sobel-svm", "--folds", "2", "--overwrite", "--out", "first"]
    monkeypatch.setattr(sys, "argv", ["eyecraft", *words])
    app(args=words, standalone_mode=False)
    return tmp_path / "first"


def test_the_page_alone_repeats_the_run(finished: Path, run: Run, tmp_path: Path) -> None:
    """The same scores in a new folder, the new page names the command that made it, and nothing has changed."""
    page = tmp_path / "mailed" / "report.html"
    page.parent.mkdir()
    shutil.copy(finished / "report.html", page)
    told = run(page, "--out", "second")
    assert told.exit_code == 0
    assert "data: the same" in told.output
    assert "The same on every split." in told.output
    first, second = (
        json.loads((tmp_path / name / "comparison.json").read_text("utf-8")) for name in ("first", "second")
    )
    assert [each["scores"] for each in first["pipelines"]] == [each["scores"] for each in second["pipelines"]]
    assert second["protocol"]["command"] == (
        "eyecraft compare 'two lights' -r pixels-svm,sobel-svm --folds 2 --out second"
    )
    with pytest.raises(ValueError, match="second holds something"):
        run(page, "--out", "second")

    (tmp_path / "two lights").rename(tmp_path / "moved")
    dry = run(finished, "--dry-run", "--data", tmp_path / "moved")
    assert dry.exit_code == 0
    assert f"eyecraft compare {tmp_path / 'moved'} -r pixels-svm,sobel-svm --folds 2 --out" in dry.output
    assert f"{finished}-again" in dry.output


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (None, "started from Python"),
        ("rm -r everything", "Nothing was run"),
        ("eyecraft store --older-than 0", "Nothing was run"),
    ],
)
def test_other_commands_are_not_run(command: str | None, message: str, run: Run, tmp_path: Path) -> None:
    """A page cannot make us run anything but a comparison."""
    record = {"format": 1, "protocol": {"command": command}}
    page = f'<script type="application/json" id="eyecraft-run">{json.dumps(record)}</script>'
    (tmp_path / "report.html").write_text(page, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        run(tmp_path / "report.html")


def _record(command: str, **about: Any) -> dict[str, Any]:
    """Return what a page keeps of a run of two recipes."""
    return {
        "format": 1,
        "protocol": {"command": command},
        "dataset": {"source": None},
        "pipelines": [{"name": "hog-svm"}, {"name": "pixels-svm"}],
        "environment": {},
        "studies": {},
    } | about


def test_the_recipes_of_that_day_are_named() -> None:
    """A default may change; what was asked for by name stays as it was, and `reproduce` knows its own."""
    page = Path("page")
    assert recorded_words(_record("eyecraft compare pets --folds 2 --out x"), page) == [
        "compare", "pets", "--folds", "2", "--recipes", "hog-svm,pixels-svm",
    ]  # fmt: skip
    asked = _record("eyecraft compare pets -r hog-svm --overwrite")
    assert recorded_words(asked, page) == ["compare", "pets", "-r", "hog-svm"]
    several = {"format": 1, "protocol": {"command": "eyecraft compare a b"}, "datasets": {"a": asked, "b": None}}
    assert recorded_words(several, page)[-1] == "hog-svm,pixels-svm"
    assert recorded_words(_record("eyecraft reproduce spm --data pets"), page)[-1] == "pets"


def test_studies_that_were_added_are_repeated() -> None:
    """Those that `compare` would do just so stay with it; the others become options of `eyecraft study`."""
    done = {
        "learning curves": {"n_splits": 3},
        "robustness": {"n_images": 40},
        "wrong labels": {"judge": "hog-svm"},
        "near duplicates": {"n_pairs": 0},
    }
    record = _record("", studies=done)
    words = ["compare", "pets", "--learning-curves", "--robustness", "--no-checks"]
    apart = ["--learning-curves", "--draws", "3", "--label-errors"]
    assert split_studies(words, record) == (["compare", "pets", "--robustness"], [apart])
    assert split_studies(words, _record("")) == (words, [])


def test_studies_of_some_pipelines_are_repeated_for_those() -> None:
    """One call of `eyecraft study` for each set of pipelines; `compare` itself studies them all."""
    done = {
        "learning curves": {"n_splits": 5, "means": {"hog-svm": [0.5]}},
        "robustness": {"n_images": 500, "means": {"hog-svm": [0.5], "pixels-svm": [0.4]}},
        "wrong labels": {"judge": "hog-svm"},
    }
    words = ["compare", "pets", "--learning-curves", "--robustness"]
    assert split_studies(words, _record("", studies=done)) == (
        ["compare", "pets", "--robustness"],
        [["--recipes", "hog-svm", "--learning-curves", "--draws", "5"], ["--label-errors"]],
    )


def test_the_weights_of_that_day_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the environment variable of that run, relative to where it was given; said where they are gone."""
    monkeypatch.delenv("EYECRAFT_WEIGHTS", raising=False)
    (tmp_path / "weights").mkdir()
    there = {"directory": str(tmp_path), "weights": "weights"}
    told: list[str] = []
    words = with_weights(["compare", "pets"], _record("", environment=there), told.append)
    assert words == ["compare", "pets", "--weights-dir", str(tmp_path / "weights")]
    given = ["compare", "pets", "--weights-dir", "weights", "--folds", "2"]
    assert with_weights(given, _record("", environment=there), told.append)[3] == str(tmp_path / "weights")
    assert not told
    gone = _record("", environment=there | {"weights": "/no/such/folder"})
    assert with_weights(["compare", "pets"], gone, told.append) == ["compare", "pets"]
    assert "/no/such/folder, which is not here" in told[0]


def test_images_of_several_data_sets_are_found(tmp_path: Path) -> None:
    """Each where it was; options and their values are no data sets."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    one, other = (_record("", dataset={"source": str(tmp_path / name)}) for name in ("a", "b"))
    record = {"datasets": {"a": one, "b": other, "lost": None}, "names": ["a", "lost", "b"]}
    words = ["compare", "--robustness", "a", "-r", "hog-svm", "lost", "--folds=2", "b", "--seed", "1"]
    moved = with_data(words, record, None)
    assert (moved[2], moved[5], moved[7]) == (str(tmp_path / "a"), "lost", str(tmp_path / "b"))
    assert [word for word, now in zip(words, moved, strict=True) if word == now] == [
        "compare", "--robustness", "-r", "hog-svm", "lost", "--folds=2", "--seed", "1",
    ]  # fmt: skip
    with pytest.raises(ValueError, match=r"this run has 3\. Nothing was run"):
        with_data(words, record, tmp_path)
