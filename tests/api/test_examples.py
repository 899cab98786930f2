"""Every example runs as it stands and prints what it promises."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PROMISES = {
    "01_fit_predict.py": ([], "accuracy on 450 digits: 0.9"),
    "02_compare.py": (["out"], "report.html"),
    "03_what_features_see.py": ([], "what-features-see.png"),
}


def test_every_example_is_run() -> None:
    """No example escapes."""
    assert set(PROMISES) == {path.name for path in EXAMPLES.glob("*.py")}


@pytest.mark.parametrize("name", PROMISES)
def test_example(name: str, tmp_path: Path) -> None:
    """Exit status 0, no warning, and the promised words."""
    arguments, promise = PROMISES[name]
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:eyecraft", str(EXAMPLES / name), *arguments],
        cwd=tmp_path,
        env=os.environ | {"MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert promise in done.stdout
    assert "Warning" not in done.stderr
