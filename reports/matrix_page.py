"""Several data sets on one page: which pipeline wins where, as HTML, as Markdown and as a terminal's table."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from eyecraft.pipelines.comparison_matrix import folder_name

from ._files import write_text
from ._matrix import collect_matrix
from ._matrix_markdown import render_matrix_markdown as render_matrix_markdown
from ._matrix_terminal import matrix_table as matrix_table
from ._rank_diagram import lay_out_diagram, lay_out_rows
from ._run_record import RECORD_ID
from ._verdicts import SYMBOLS
from .html import _environment
from .report import write_report

if TYPE_CHECKING:
    from eyecraft.pipelines.comparison_matrix import ComparisonMatrix

_LONGEST = 48  # characters of data sets' names that a heading can hold


def write_matrix_report(
    matrix: ComparisonMatrix,
    folder: str | Path,
    *,
    metric: str | None = None,
    collected: dict[str, Any] | None = None,
) -> dict[str, Path]:
    """Write ``index.html`` and ``index.md``; each appears whole or not at all.

    Data sets whose folder has no ``report.html`` get one, so that every link leads somewhere. The numbers are in
    ``matrix.json`` and ``matrix.csv``, which `ComparisonMatrix.save` writes.

    Parameters
    ----------
    matrix : ComparisonMatrix
    folder : str or Path
        That of the matrix. Older pages in it are replaced.
    metric : str, optional
        The first that all data sets have unless told.
    collected : dict, optional
        What `collect_matrix` gathered from the matrix, if that was done before.

    Returns
    -------
    dict of Path
        ``html`` and ``md``.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    ValueError
        If `metric` was not measured on all data sets.
    """
    collected, links = collect_matrix(matrix, metric) if collected is None else collected, {}
    for name, comparison in matrix.comparisons.items():
        own = Path(folder) / folder_name(name)
        if not (own / "report.html").is_file():
            write_report(comparison, own, metric=metric)
        links[name] = f"{quote(folder_name(name))}/report.html"
    pages = {"html": render_matrix_html(collected, links), "md": render_matrix_markdown(collected, links)}
    return {kind: write_text(Path(folder) / f"index.{kind}", page) for kind, page in pages.items()}


def render_matrix_html(collected: dict[str, Any], links: dict[str, str] | None = None) -> str:
    """Draw what `collect_matrix` gathered as one self-contained page; *links* lead to the data sets' own reports."""
    import markupsafe

    ranking, kinds = collected["ranking"], {row["name"]: row["kind"] for row in collected["rows"]}
    script = (resources.files("eyecraft.reports") / "templates" / "report.js").read_text("utf-8")
    return (
        _environment()
        .get_template("matrix.html.j2")
        .render(
            c=collected,
            links=links or {},
            title=heading(collected),
            record_id=RECORD_ID,
            wide=None if ranking is None else lay_out_diagram(ranking, kinds),
            narrow=None if ranking is None else lay_out_rows(ranking, kinds),
            quickest=_quickest(collected),
            symbols=SYMBOLS,
            script=markupsafe.Markup(script),  # a file of ours: nothing in it comes from outside
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
        )
    )


def heading(collected: dict[str, Any]) -> str:
    """Return the title of the page: the data sets where they fit, else how many there are."""
    names = [dataset["name"] for dataset in collected["datasets"]]
    joined = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    return joined if len(joined) <= _LONGEST else f"{len(names)} data sets"


def _quickest(collected: dict[str, Any]) -> list[float | None]:
    """Return the shortest time per image on each data set."""
    columns = zip(*([cell["seconds"] for cell in row["cells"]] for row in collected["rows"]), strict=True)
    return [min(filter(None, column), default=None) for column in columns]
