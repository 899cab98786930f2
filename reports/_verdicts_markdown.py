"""Verdicts in the Markdown report: the cells of the table of scores, the matrix, and a sentence per pair."""

from __future__ import annotations

from typing import Any

from ._format import DASH, difference_text, range_text, signed_text
from ._markup import folded, plain, table
from ._verdicts import SYMBOLS

_MOST_COLUMNS = 12  # a wider matrix does not fit a page


def interval(c: dict[str, Any], name: str) -> str:
    """Return the interval of the mean of a pipeline."""
    ends = c["verdicts"]["intervals"][name]
    return range_text(ends[0], ends[1], c["metric"]) if ends else DASH


def against_best(c: dict[str, Any], name: str) -> str:
    """Return the verdict of a pipeline against the best, with the difference and its interval."""
    found = c["verdicts"]
    best = found["names"][0] if found["pairs"] else None
    cell = found["against"].get(name)
    if cell is None:
        return "the best" if best is not None and name == best else DASH
    ends = "" if cell["low"] is None else f" ({range_text(cell['low'], cell['high'], c['metric'])})"
    return f"{cell['verdict']}, {signed_text(cell['difference'], c['metric'])}{ends}"


def verdicts_section(c: dict[str, Any]) -> list[str]:
    """Return the matrix and the sentences."""
    found = c["verdicts"]
    if not found["pairs"]:
        return ["## Who beats whom", "Fewer than two pipelines have a score, so there is no pair to judge."]
    names = found["names"]
    says = (
        "The row against the column: ▲ better, ▽ worse (beyond chance at 5 %, all pairs taken together; ≳ and ≲ where "
        f"the difference is probably below {difference_text(found['rope'], c['metric'])}), = equivalent "
        f"(less than {difference_text(found['rope'], c['metric'])} apart with a probability of 95 % or more), "
        "? undecided."
    )
    cells = [
        [f"{rank}. {plain(name)}", *("" if name == other else _symbol(found, name, other) for other in names)]
        for rank, name in enumerate(names, 1)
    ]
    matrix = table(["", *map(str, range(1, len(names) + 1))], cells)
    notes = [f"- {plain(pair['sentence'])} {plain(pair['note'])}".rstrip() for pair in found["pairs"]]
    return [
        "## Who beats whom",
        says,
        matrix if len(names) <= _MOST_COLUMNS else folded(f"All {len(names)} pipelines", matrix),
        folded(f"Every pair in a sentence ({len(notes)})", "\n".join(notes)),
    ]


def _symbol(found: dict[str, Any], name: str, other: str) -> str:
    verdict = found["cells"][name][other]["verdict"]
    return f"{SYMBOLS[verdict]} {verdict}" if len(found["names"]) <= 6 else SYMBOLS[verdict]
