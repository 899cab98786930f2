"""Both files of a report at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ._files import write_text
from .collect import collect
from .html import render_html
from .markdown import render_markdown

if TYPE_CHECKING:
    from eyecraft.pipelines.comparison import Comparison
    from eyecraft.pipelines.studies import Studies


def write_report(
    comparison: Comparison, folder: str | Path, *, metric: str | None = None, studies: Studies | None = None
) -> dict[str, Path]:
    """Write ``report.html`` and ``report.md``; each appears whole or not at all.

    Parameters
    ----------
    comparison : Comparison
    folder : str or Path
        Made if it is not there. Older reports in it are replaced.
    metric : str, optional
        The metric that sorts the table; the first one measured unless told.
    studies : Studies, optional
        What `eyecraft.pipelines.studies.study` found; by default what *folder* holds of it.

    Returns
    -------
    dict of Path
        ``html`` and ``md``.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    ValueError
        If `metric` was not measured.
    """
    if studies is None:
        from eyecraft.pipelines.studies import Studies as Kept

        studies = Kept.load(folder, comparison)
    collected = collect(comparison, metric=metric, studies=studies)
    pages = {"html": render_html(collected), "md": render_markdown(collected)}
    return {kind: write_text(Path(folder) / f"report.{kind}", page) for kind, page in pages.items()}
