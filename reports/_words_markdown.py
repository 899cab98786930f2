"""The part of the Markdown report that is about visual words."""

from __future__ import annotations

from typing import Any

from ._format import count_text
from ._markup import folded, plain, table


def words_section(c: dict[str, Any]) -> list[str]:
    """Write words and votes as tables; nothing where no pipeline has words."""
    if not c["words"]:
        return []
    return ["## Visual words", *(block for bag in c["words"] for block in _bag(bag))]


def _bag(bag: dict[str, Any]) -> list[str]:
    head = ["word", "speaks for", "strength", "nearest patches come from images"]
    cells = [
        [
            str(word["number"]),
            plain(word["speaks_for"]) or "–",
            f"{word['strength']:.3g}",
            ", ".join(map(str, word["sources"])),
        ]
        for word in bag["words"]
    ]
    blocks = [
        f"### {plain(bag['name'])}",
        plain(bag["summary"]),
        plain(bag["chosen"]),
        folded(f"{len(cells)} words", table(head, cells, left=4)),
        plain(f"{bag['sampling']['label']}: {bag['sampling']['words']}") if bag["sampling"] else "",
    ]
    if not bag["samples"]:
        return [*blocks, f"There is no map of votes: {plain(bag['why_not'])}." if bag["why_not"] else ""]
    head = ["image", "true class", "answer", "descriptors", "votes for it", "against it", "without words", "lead"]
    rows = [
        [
            str(one["index"]),
            plain(one["label"]),
            "✓" if one["predicted"] == one["label"] else plain(one["predicted"]),
            count_text(one["n"]),
            f"{one['votes_for']:+.3f}",
            f"{one['votes_against']:+.3f}",
            f"{one['base']:+.3f}",
            f"{one['lead']:+.3f}",
        ]
        for one in bag["samples"]
    ]
    return [*blocks, f"Who voted for the answer: {plain(bag['how'])}", table(head, rows, left=3)]
