"""Accuracy against cost in the Markdown report: who is worth its price, and the tables of costs."""

from __future__ import annotations

from typing import Any

from ._cost_table import cost_tables
from ._format import metric_words, score_text, seconds_text
from ._markup import plain, table

_MARKS = {"hand-crafted": "●", "learned": "◆"}


def cost_section(c: dict[str, Any]) -> list[str]:
    """Return the pipelines with a score and a price, cheapest first, then what each costs."""
    priced = [row for row in c["rows"] if row["seconds_per_image"] and row["mean"] is not None]
    priced.sort(key=lambda row: row["seconds_per_image"])
    head = ["Pipeline, cheapest first", "time per image", plain(metric_words(c["metric"])), "unbeaten"]
    cells = [
        [
            _named(row),
            seconds_text(row["seconds_per_image"]),
            score_text(row["mean"], c["metric"]),
            "yes" if row["on_front"] else "",
        ]
        for row in priced
    ]
    blocks = ["## Accuracy against cost"]
    if cells:
        blocks += ["*Unbeaten*: no other pipeline is both better and cheaper.", table(head, cells)]
    else:
        blocks.append("No pipeline has both a score and a time.")
    for one in cost_tables(c["rows"]):
        lines = [[_named(row), *map(plain, texts)] for row, texts in one["lines"]]
        blocks += [f"### {one['title']}", plain(one["note"]), table(one["head"], lines)]
    return blocks


def _named(row: dict[str, Any]) -> str:
    return f"{_MARKS.get(row['kind'], '■')} {plain(row['name'])}"
