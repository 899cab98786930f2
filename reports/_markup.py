"""Pieces of GitHub Markdown, with everything from outside escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$&])")


def plain(text: object) -> str:
    r"""Escape what Markdown or HTML would read as markup, on one line.

    Examples
    --------
    >>> print(plain("a|b <i>*x*"))
    a\|b \<i\>\*x\*
    """
    return " ".join(_SPECIAL.sub(r"\\\1", str(text)).split())


def code(text: object) -> str:
    """Write text as a code span, which may itself hold backticks (not in a table: a pipe would split the cell)."""
    content = " ".join(str(text).split())
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", content)), default=0))
    pad = " " if content.startswith("`") or content.endswith("`") else ""
    return f"{fence}{pad}{content}{pad}{fence}"


def block(text: str) -> str:
    """Write text as a fenced block whose fence is longer than any run of backticks inside."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}text\n{text.rstrip()}\n{fence}"


def table(head: list[str], rows: Iterable[list[str]], *, left: int = 1) -> str:
    """Write a table of cells that are escaped already; the columns after the first `left` ones are aligned right."""
    rule = [":---" if k < left else "---:" for k in range(len(head))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, rule, *rows])


def folded(title: str, content: str) -> str:
    """Hide `content` behind a line that opens it."""
    return f"<details><summary>{title}</summary>\n\n{content}\n\n</details>"
