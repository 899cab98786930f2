"""The part of the Markdown report that is about what each feature sees."""

from __future__ import annotations

from typing import Any

from ._format import names_text
from ._markup import plain, table


def sights_section(c: dict[str, Any]) -> list[str]:
    """Say which pictures there are and how to read them; nothing where nothing was gathered."""
    found = c["sights"]
    if not found:
        return []
    shown = names_text([f"{image['label']} (image {image['index']})" for image in found["images"]])
    rows = [[plain(one["name"]), plain("; ".join(one["titles"]))] for one in found["pipelines"]]
    rows += [[plain(one["name"]), plain(f"no picture: {one['why']}")] for one in found["without"]]
    return [
        "## What each feature sees",
        f"The pictures are in `report.html`, of {plain(shown)}.",
        table(["Pipeline", "Pictures"], rows, left=2),
        "\n".join(f"- {plain(kind['name'])}: {plain(kind['words'])}" for kind in found["kinds"]),
    ]
