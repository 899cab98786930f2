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
