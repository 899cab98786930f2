"""`eyecraft diff` as a person uses it."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from eyecraft._diff_command import diff


def _page(folder: Path, **changes: Any) -> Path:
    """Write a page that holds the record of a small run."""
    pipeline = {"name": "hog [bold]", "kind": "hand-crafted", "parameters": "HOG()", "n_features": 9, "error": None}
    record = {
        "format": 1,
        "dataset": {"name": "lights", "fingerprint": "ab", "n_images": 16, "class_names": ["bright", "dark"]},
        "splits": ["one", "two"],
        "protocol": {"cv": "2 folds", "metrics": ["accuracy"], "train_sizes": [8, 8], "test_sizes": [8, 8]},
        "pipelines": [pipeline | {"scores": {"accuracy": changes.pop("accuracy", [0.5, 0.75])}}],
        "environment": {"versions": {"numpy": "2.0"}},
    } | changes
    folder.mkdir()
    text = json.dumps(record)
    (folder / "report.html").write_text(f'<script type="application/json" id="eyecraft-run">{text}</script>', "utf-8")
    return folder / "report.html"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that runs the command on a wide terminal."""
    monkeypatch.setenv("COLUMNS", "200")
    alone = typer.Typer()
    alone.command()(diff)
    return lambda *words: CliRunner().invoke(alone, list(map(str, words)), catch_exceptions=False).output


def test_what_changed_and_why(run: Any, tmp_path: Path) -> None:
    """A version and a score: 62.5 to 81.25 %, and the version is named as what differs."""
    before = _page(tmp_path / "a")
    after = _page(tmp_path / "b", accuracy=[0.75, 0.875], environment={"versions": {"numpy": "2.1"}})
    told = run(before, after)
    assert "versions: numpy 2.0 → 2.1" in told
    assert "data: the same" in told
    assert "hog [bold]" in told
    assert "62.5 %" in told
    assert "81.2 %" in told
    assert "+18.8 (" in told
    assert "What differs: versions of libraries." in told


def test_no_common_pipeline(run: Any, tmp_path: Path) -> None:
    """Two runs may have nothing to set side by side."""
    told = run(_page(tmp_path / "a"), _page(tmp_path / "b", pipelines=[]))
    assert "pipelines: gone: hog [bold]" in told
    assert "No pipeline is in both runs." in told
