"""The parts of a comparison's exhibits that sections of the report are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from eyecraft.pipelines.comparison import Comparison


def parts_of(comparison: Comparison, part: Literal["words", "sights", "training"]) -> dict[str, Any]:
    """Return one part of the exhibits by pipeline; none for comparisons that know of none."""
    exhibits = getattr(comparison, "exhibits", None) or {}
    found = {name: getattr(exhibit, part) for name, exhibit in exhibits.items()}
    return {name: content for name, content in found.items() if content is not None}
