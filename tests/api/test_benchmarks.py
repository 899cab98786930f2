"""Every benchmark runs, with one round; what it measures is for quiet machines, not for tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
SMALLER = {
    "bench_linear_svm.py": ["--small"],
    "caltech101.py": ["--help"],
    "crossings.py": ["--runs", "5"],
    "finetune.py": ["--help"],
    "finetune_caltech.py": ["--help"],
    "false_alarms.py": ["--runs", "2"],
    "precision.py": ["--help"],
    "pretrain.py": ["--help"],
    "small_photographs.py": ["--help"],
}
SCRIPTS = sorted(path.name for path in FOLDER.glob("[!_]*.py"))


@pytest.mark.parametrize("script", SCRIPTS)
def test_benchmark_runs(script: str) -> None:
    """Exit status 0, and something printed."""
    done = subprocess.run(
        [sys.executable, str(FOLDER / script), *SMALLER.get(script, [])],
        env=os.environ | {"EYECRAFT_BENCH_ROUNDS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_every_benchmark_is_in_the_readme() -> None:
    """The numbers of each script are written down."""
    text = (FOLDER / "README.md").read_text()
    for path in FOLDER.glob("bench_*.py"):
        assert path.name in text
