"""What the README shows is run: its Python blocks as they stand, its commands as far as their options."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from eyecraft.pipelines import recipes

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", TEXT, re.S)
COMMANDS = [line[2:].split("#")[0].strip() for block in re.findall(r"```console\n(.*?)```", TEXT, re.S)
            for line in block.splitlines() if line.startswith("$ ")]  # fmt: skip


@pytest.mark.parametrize("block", PYTHON, ids=range(len(PYTHON)))
def test_python_block_runs(block: str, tmp_path: Path) -> None:
    """Every block is a whole program."""
    done = subprocess.run([sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_command_is_known(command: str) -> None:
    """Every command's name and options exist: in the Makefile, or in the command's own help."""
    program, *words = shlex.split(command)
    if program == "make":
        assert re.search(rf"^{words[0]}:", (ROOT / "Makefile").read_text(), re.M)
        return
    assert program == "eyecraft"
    environment = os.environ | {"COLUMNS": "200", "NO_COLOR": "1"}
    asked = [sys.executable, "-m", "eyecraft", words[0], "--help"]
    shown = subprocess.run(asked, env=environment, capture_output=True, text=True, check=True).stdout
    for word in words:
        if word.startswith("--"):
            assert word in shown


def test_table_has_the_recipes_that_run_by_themselves() -> None:
    """What `make run` compares is what the table shows."""
    boxed = {recipe.name for recipe in recipes() if recipe.quick and recipe.pretrained in ("", "mini")}
    assert set(re.findall(r"^  [●◆] (\S+)", TEXT, re.M)) == boxed


def test_links_lead_somewhere() -> None:
    """Every relative link and picture exists."""
    for target in re.findall(r"\]\((?!http|#)([^)]+)\)", TEXT):
        assert (ROOT / target).exists(), target
