"""`eyecraft reproduce` as a person uses it."""

import json
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
import pytest

from eyecraft.cli import main
from eyecraft.pipelines import protocols
from eyecraft.pipelines._protocols import Protocol, Published

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Return a function that runs the command in a folder of its own: exit status, standard output and error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["eyecraft", "reproduce", *arguments])
        status = 0
        try:
            main()
        except SystemExit as leave:
            status = int(leave.code or 0)
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return call


@pytest.fixture
def stripes(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Two classes told apart by the direction of their stripes, 10 images each, one folder per class."""
    folder = tmp_path / "two stripes"
    for name, axis in (("across", 0), ("down", 1)):
        (folder / name).mkdir(parents=True)
        for i in range(10):
            wave = np.sin(np.arange(40) * rng.uniform(0.5, 0.9) + rng.uniform(0, 6)) * 90 + 128
            image = np.broadcast_to(np.expand_dims(wave, 1 - axis), (40, 40)) + rng.normal(0, 12, (40, 40))
            cv2.imwrite(str(folder / name / f"{i}.png"), image.clip(0, 255).astype(np.uint8))
    return folder


@pytest.fixture
def two_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put an experiment on two classes into the table."""
    module = import_module("eyecraft.pipelines.reproduce")
    protocol = Protocol(
        name="stripes-hog",
        title="HOG on stripes",
        citation="Nobody, https://example.org",
        data="two folders of stripes",
        n_classes=2,
        recipe="hog-svm",
        published={4: Published(99.0, None, "from memory", "nowhere")},
        n_test=None,
    )
    monkeypatch.setattr(module, "PROTOCOLS", (*module.PROTOCOLS, protocol))


def test_without_a_name_they_are_listed(run: Run) -> None:
    """Names, published figures, how far each was checked."""
    status, out, _ = run()
    assert status == 0
    for word in ("caltech101-spm", "caltech101-fisher", "scene15-spm", "64.6 ± 0.8", "verified", "from memory"):
        assert word in out


def test_the_list_fits_a_narrow_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole names and figures at 80 columns: they are what the next command needs."""
    monkeypatch.setenv("COLUMNS", "80")
    lines = run()[1].splitlines()
    assert max(map(len, lines)) <= 80
    for protocol in protocols():
        assert any(line.split()[0] == protocol.name for line in lines)
    assert "64.6 ± 0.8" in "".join(lines)


@pytest.mark.usefixtures("two_classes")
def test_another_seed_is_another_folder(run: Run, stripes: Path, tmp_path: Path) -> None:
    """Neither is in the other's way; nothing is announced before the data was looked at."""
    for seed in ("0", "1"):
        status, _, err = run("stripes-hog", "--data", str(stripes), "--splits", "1", "--seed", seed)
        assert status == 0, err
        assert f"results go to runs/stripes-hog-4x1-seed{seed}" in err
    assert len(list((tmp_path / "runs").iterdir())) == 2
    assert "results go to" not in run("caltech101-spm", "--data", str(stripes))[2]


@pytest.mark.usefixtures("two_classes")
def test_ours_beside_the_published_figure(run: Run, stripes: Path, tmp_path: Path) -> None:
    """A folder in; the comparison with the paper, a report and the numbers out. The default folder says what it is."""
    status, out, err = run("stripes-hog", "--data", str(stripes), "--splits", "2", "--jobs", "2")
    assert status == 0, err
    assert "ours       100.0 ± 0.0  (2 splits)" in out
    assert "published  99.0  (nowhere; from memory: not yet checked against the source)" in out
    assert "ours is 1.0 points above" in out
    folder = tmp_path / "runs" / "stripes-hog-4x2-seed0"
    assert (folder / "report.html").exists()
    numbers = json.loads((folder / "comparison.json").read_text())
    assert numbers["pipelines"][0]["scores"]["balanced_accuracy"] == [1.0, 1.0]
    assert "eyecraft reproduce stripes-hog" in numbers["protocol"]["command"]


@pytest.mark.usefixtures("two_classes")
def test_the_same_command_goes_on(run: Run, stripes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second call computes nothing; another number of training images is another folder."""
    arguments = ("stripes-hog", "--data", str(stripes), "--splits", "2", "--jobs", "1")
    first = run(*arguments)[1]
    monkeypatch.setattr(
        import_module("eyecraft.pipelines.compare"), "measure", lambda *_: pytest.fail("computed again")
    )
    assert run(*arguments)[1] == first
    monkeypatch.undo()


@pytest.mark.usefixtures("two_classes")
def test_interrupted(run: Run, stripes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C leaves with status 130 and says how to go on."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(import_module("eyecraft.pipelines.compare"), "measure", interrupt)
    status, _, err = run("stripes-hog", "--data", str(stripes), "--splits", "1")
    assert status == 130
    assert "goes on from there" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("caltech101-spn", "--data", "."), "did you mean 'caltech101-spm'"),
        (("caltech101-spm",), "--data must be the folder of the images. caltech101-spm needs Caltech-101"),
        (("caltech101-spm", "--data", "nowhere-at-all"), "nowhere-at-all"),
        (("caltech101-spm", "--data", "two stripes"), "on 102 classes"),
        (("scene15-spm", "--data", "two stripes"), "has 2: across, down."),
    ],
)
def test_mistakes_are_one_line(run: Run, stripes: Path, arguments: tuple[str, ...], message: str) -> None:
    """Status 2, the reason in words, no traceback."""
    status, _, err = run(*arguments)
    assert status == 2
    assert message in err
    assert "Traceback" not in err
