"""`eyecraft compare A B C` as a person uses it: a folder each, a page over them, failures told, stopped and resumed."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from eyecraft import _compare_command
from eyecraft.cli import main

Run = Callable[..., tuple[int, str, str]]
OPTIONS = ("-r", "pixels-svm,color-svm", "--folds", "2", "--jobs", "1")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Return a function that runs the command in a folder of its own: exit status, standard output and error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

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
def pictures(tmp_path: Path, rng: np.random.Generator) -> Callable[..., str]:
    """Return a function that writes bright and dark squares, four each, into a folder."""

    def write(name: str, contrast: int = 120) -> str:
        for label, light in (("bright", contrast), ("dark <i>", 0)):
            (tmp_path / name / label).mkdir(parents=True)
            for i in range(4):
                pixels = rng.integers(light, light + 100, (20, 20), dtype=np.uint8)
                cv2.imwrite(str(tmp_path / name / label / f"{i}.png"), pixels)
        return name

    return write


def test_three_data_sets_and_their_page(run: Run, pictures: Callable[..., str], tmp_path: Path) -> None:
    """Each has its own report and the command for it alone; the page links to them; the table fits 80 columns."""
    sources = [pictures("one"), pictures("two/one"), pictures("three & <b>")]
    status, out, err = run("compare", *sources, *OPTIONS)
    assert status == 0, err
    folder = tmp_path / "runs" / "one+one-2+three & <b>"
    assert f"all data sets: runs/{folder.name}/index.html" in out
    assert max(map(len, out.splitlines())) <= 80
    page = (folder / "index.html").read_text("utf-8")
    for name, quoted in (("one", "one"), ("one-2", "one-2"), ("three & <b>", "three%20%26%20%3Cb%3E")):
        assert (folder / name / "report.html").exists()
        assert f'href="{quoted}/report.html"' in page
    assert "three &amp; &lt;b&gt;" in page
    assert "three & <b>" not in page
    kept = json.loads((folder / "matrix.json").read_text("utf-8"))
    assert [row["name"] for row in kept["datasets"]] == ["one", "one-2", "three & <b>"]
    assert kept["command"].startswith("eyecraft compare one two/one 'three & <b>' -r")
    second = json.loads((folder / "one-2" / "comparison.json").read_text("utf-8"))
    assert second["dataset"]["name"] == "one-2"
    alone = "eyecraft compare two/one --recipes pixels-svm,color-svm --folds 2 --jobs 1"
    assert second["protocol"]["command"] == f"{alone} --out 'runs/{folder.name}/one-2'"


def test_a_bad_source_does_not_stop_the_others(run: Run, pictures: Callable[..., str], tmp_path: Path) -> None:
    """Status 1, the reason in words of the command, and the page says what is missing."""
    sources = [pictures("one"), pictures("broken"), pictures("two")]
    (tmp_path / "broken" / "bright" / "no-image.jpg").write_text("<html>404</html>")
    status, out, err = run("compare", *sources, "nowhere/at-all", *OPTIONS, "--out", "x")
    assert status == 1
    assert "broken failed: " in err
    assert "--skip-broken" in err
    assert "no result on 2 of 4 data sets: broken, at-all" in err
    assert "Traceback" not in err
    assert "no results on broken, at-all" in " ".join(out.split())
    page = (tmp_path / "x" / "index.html").read_text("utf-8")
    assert "no-image.jpg" in page
    assert page.count('<td class="num gone" data-value="">no data</td>') == 4
    assert (tmp_path / "x" / "two" / "report.html").exists()
    assert not (tmp_path / "x" / "broken").exists()


def test_goes_on_where_it_was_stopped(
    run: Run, pictures: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the second data set: status 130; what there is can be looked at; again, and the first is not redone."""
    sources, do = [pictures("one"), pictures("two")], _compare_command._Wanted.run

    def stopped(self: _compare_command._Wanted, dataset: object, *rest: object) -> object:
        if dataset.name == "two":  # type: ignore[attr-defined]
            raise KeyboardInterrupt
        return do(self, dataset, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(_compare_command._Wanted, "run", stopped)
    status, _, err = run("compare", *sources, *OPTIONS, "--out", "x")
    assert status == 130
    assert "the same command goes on" in err
    monkeypatch.setattr(_compare_command._Wanted, "run", do)
    (tmp_path / "x" / "one" / "report.html").unlink()
    _compare_command.report_several(tmp_path / "x", tmp_path / "x")
    assert (tmp_path / "x" / "one" / "report.html").exists()
    assert "two</strong>: <code>not finished" in (tmp_path / "x" / "index.html").read_text("utf-8")
    rows = sorted((tmp_path / "x" / "one" / "rows").rglob("*.json"))
    before = [row.stat().st_mtime_ns for row in rows]
    status, _, err = run("compare", *sources, *OPTIONS, "--out", "x")
    assert status == 0, err
    assert [row.stat().st_mtime_ns for row in rows] == before
    assert "not finished" not in (tmp_path / "x" / "index.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("one", "./one"), "given once; './one' and 'one'"),
        (("one", "two", "-r", "hog-svn"), "hog-svm"),
        (("one", "two", "--folds", "2", "--train-per-class", "2"), "two protocols"),
    ],
)
def test_mistakes_are_told_before_any_work(run: Run, arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    """Status 2, no traceback, and no folder made, though neither data set is there."""
    status, _, err = run("compare", *arguments)
    assert status == 2
    assert message in err
    assert not (tmp_path / "runs").exists()


def test_one_and_several_do_not_share_a_folder(run: Run, pictures: Callable[..., str], tmp_path: Path) -> None:
    """Several data sets do not go where one has been compared, nor the reverse."""
    sources = [pictures("one"), pictures("two")]
    for name, file in (("x", "run.json"), ("y", "matrix.json")):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text("{}")
    status, _, err = run("compare", *sources, *OPTIONS, "--out", "x")
    assert (status, "x holds the comparison of one data set" in err) == (2, True)
    status, _, err = run("compare", "one", *OPTIONS, "--out", "y")
    assert (status, "y holds several data sets" in err) == (2, True)


def test_folds_several_times_and_copies_together(run: Run, pictures: Callable[..., str], tmp_path: Path) -> None:
    """Both options reach the splits, and the page says so; --repeats does not go with draws per class."""
    folder = pictures("one")
    status, _, err = run("compare", folder, *OPTIONS, "--repeats", "2", "--keep-copies-together", "--out", "x")
    assert status == 0, err
    protocol = json.loads((tmp_path / "x" / "comparison.json").read_text("utf-8"))["protocol"]
    assert protocol["n_splits"] == 4
    assert "drawn 2 times" in protocol["cv"]
    assert "kept together" in protocol["cv"] or "to keep together" in protocol["cv"]
    status, _, err = run("compare", folder, "--train-per-class", "2", "--repeats", "2")
    assert (status, "--splits says how many draws" in err) == (2, True)
