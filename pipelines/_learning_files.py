"""Files of learning curves while they are measured: one per point, so that a killed run goes on where it was."""

import json
import shutil
from pathlib import Path
from typing import Any

from ._files import slug, write_json


class Points:
    """Finished points (one pipeline, size and split each) in a folder, written as they finish."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def read(self, pipeline: str, size: int, split: int) -> dict[str, Any] | None:
        """Return what `write` was given; None if it is missing or damaged."""
        if self._folder is None:
            return None
        try:
            content = json.loads(self._path(self._folder, pipeline, size, split).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return content if isinstance(content, dict) else None

    def write(self, pipeline: str, size: int, split: int, content: dict[str, Any]) -> None:
        """Keep a point; on return it survives a kill."""
        if self._folder is not None:
            write_json(self._path(self._folder, pipeline, size, split), content)

    def _path(self, folder: Path, pipeline: str, size: int, split: int) -> Path:
        return folder / "points" / slug(pipeline) / f"size-{size:05d}-split-{split:03d}.json"


def begin_anew(folder: Path) -> None:
    """Remove the points of an earlier run, and what was made of them."""
    shutil.rmtree(folder / "points", ignore_errors=True)
    (folder / "learning_curves.json").unlink(missing_ok=True)
