"""The matrix page in a real browser: it fits a phone and a desk, sorts, asks for nothing, and nothing goes wrong."""

from importlib import import_module

import pytest
from references.browser import BROWSER, WITHOUT, use

from eyecraft.pipelines.comparison_matrix import ComparisonMatrix, datasets_table

page = import_module("eyecraft.reports.matrix_page")
pytestmark = pytest.mark.skipif(BROWSER is None, reason=WITHOUT)

STEPS = """
  const table = document.querySelector("table.across"), heads = [...table.tHead.rows[0].cells];
  const names = () => [...table.tBodies[0].rows].map((row) => row.querySelector("th").dataset.value);
  seen.first = names();
  heads[3].querySelector("button").click();
  seen.second = names();
  heads[1].querySelector("button").click();
  seen.again = names();
  seen.links = [...table.tFoot.querySelectorAll("a")].map((link) => link.getAttribute("href"));
  seen.diagrams = [...document.querySelectorAll("svg.ranks")].map((one) => getComputedStyle(one).display);
  const shade = (cell) => getComputedStyle(cell).backgroundColor;
  seen.shades = new Set([...table.querySelectorAll("td[style]")].map(shade)).size;
"""


@pytest.mark.parametrize("width", [390, 1280])
def test_sorts_fits_and_asks_for_nothing(width, make_comparison, tmp_path):
    """Columns sort by their scores and missing ones stay last; the diagram suits the width; no sideways scrolling."""
    labels = [["cat"] * 4 + ["dog"] * 4] * 2
    right = labels[0]
    wrong = ["dog", "dog", *right[2:]]
    kinds, seconds = {"hog": "hand-crafted", "net": "learned", "odd <b>": "learned"}, {"hog": 0.1, "net": 0.2}

    def compared(name, hog, net):
        made = make_comparison(
            {"hog": hog, "net": net}, labels, kinds=kinds, seconds=seconds, failed={"odd <b>": "oh"}, name=name
        )
        made.dataset["fingerprint"] = name
        return made

    names = ["pets", "a rather long name of a data set, and then some", "cars"]
    comparisons = {
        names[0]: compared(names[0], [right, wrong], [wrong, wrong]),
        names[1]: compared(names[1], [wrong, wrong], [right, right]),
        names[2]: compared(names[2], [right, right], [wrong, wrong]),
    }
    rows = [{"name": name, "source": name, "folder": name, "error": None} for name in names]
    collected = page.collect_matrix(ComparisonMatrix(datasets_table(rows), comparisons, f"eyecraft {'x' * 400}"))
    text = page.render_matrix_html(collected, {"pets": "pets/report.html"})
    seen = use(text, STEPS, tmp_path, width)
    assert seen["first"] == ["hog", "net", "odd <b>"]
    assert seen["second"] == ["net", "hog", "odd <b>"], "what is missing stays last"
    assert seen["again"] == seen["first"]
    assert seen["links"] == ["pets/report.html"]
    assert seen["diagrams"] == (["none", "block"] if width == 390 else ["block", "none"])
    assert seen["shades"] >= 2
    assert (seen["requests"], seen["told"], seen["wide"]) == ([], [], [])
    assert seen["scroll"] <= 0
