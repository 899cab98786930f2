"""Every benchmark runs, with one round; what it measures is for quiet machines, not for tests."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from safetensors.torch import save_file
from torchvision.models import squeezenet1_0

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
SMALLER = {
    "bench_linear_svm.py": ["--small"],
    "crossings.py": ["--runs", "5"],
    "false_alarms.py": ["--runs", "2"],
    "precision.py": ["--help"],
    "pretrain.py": ["--help"],
    "report.py": ["--help"],
}
ON_PHOTOGRAPHS = {  # what makes them small, on what is written below in the place of the real data sets
    "finetune.py": ["--pairs", "1", "--train", "3", "--epochs", "1", "--model", "mini"],
    "finetune_caltech.py": [
        *("--classes", "2", "--train", "3", "--test", "2", "--image-size", "64"),
        *("--epochs", "1", "--scratch-epochs", "1", "--out", "out"),
    ],
    "small_photographs.py": [
        *("--classes", "2", "--epochs", "1", "--only", "lenet5", "hog-svm"),
        *("--data", "small.zip", "--out", "out"),
    ],
}
SCRIPTS = sorted(path.name for path in FOLDER.glob("[!_]*.py"))


def benchmark(script: str, *arguments: str, folder: Path | None = None, **variables: str) -> str:
    """Run a script and return what it prints."""
    done = subprocess.run(
        [sys.executable, str(FOLDER / script), *arguments],
        env=os.environ | {"EYECRAFT_BENCH_ROUNDS": "1"} | variables,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("script", [script for script in SCRIPTS if script not in ON_PHOTOGRAPHS])
def test_benchmark_runs(script: str) -> None:
    """Exit status 0, and something printed."""
    assert benchmark(script, *SMALLER.get(script, []))


@pytest.fixture
def photographs(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Folder with noise in the place of Caltech-101 and of Tiny ImageNet, and SqueezeNet with random weights."""

    def noise(kind: str) -> bytes:
        return cv2.imencode(kind, rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))[1].tobytes()

    for i in range(3 * 14):
        path = tmp_path / "caltech-101" / "abc"[i % 3] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(noise(".png"))
    with zipfile.ZipFile(tmp_path / "small.zip", "w") as archive:
        numbers = [f"n{i:02d}" for i in range(11)]  # every tenth is taken
        archive.writestr("words.txt", "".join(f"{number}\tthing {number}\n" for number in numbers))
        for part, number, i in ((part, n, i) for part in ("train", "val") for n in numbers for i in range(4)):
            archive.writestr(f"{part}/{number}/{i}.webp", noise(".webp"))
    save_file(squeezenet1_0().state_dict(), tmp_path / "squeezenet1_0-random.safetensors")
    return tmp_path


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("finetune.py", ["mini", " a / b ", "of 22 images", "goal 92 %"]),
        ("finetune_caltech.py", ["SqueezeNet fine-tuned", "behind SqueezeNet probe", "mini from scratch behind SPM"]),
        ("small_photographs.py", ["lenet5", "hog-svm alone on"]),
    ],
)
def test_benchmark_on_photographs_runs(script: str, said: list[str], photographs: Path) -> None:
    """Trains, measures and prints its table."""
    folder = str(photographs)
    told = benchmark(
        script, *ON_PHOTOGRAPHS[script], folder=photographs, EYECRAFT_REAL_DATA=folder, EYECRAFT_WEIGHTS=folder
    )
    for part in said:
        assert part in told


def test_every_benchmark_is_in_the_readme() -> None:
    """The numbers of each script are written down."""
    text = (FOLDER / "README.md").read_text()
    for path in FOLDER.glob("bench_*.py"):
        assert path.name in text
