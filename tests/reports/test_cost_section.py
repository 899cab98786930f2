"""What pipelines cost, as a report shows it: the same cells in HTML and Markdown, and nothing that was not measured."""

import html
import re

import pandas as pd
import pytest

from eyecraft.pipelines._frames import tidy
from eyecraft.reports._cost_markdown import cost_section
from eyecraft.reports._cost_table import cost_tables, products_text, size_text
from eyecraft.reports._rows import collect_rows
from eyecraft.reports.collect import collect
from eyecraft.reports.html import render_html

ODD = 'hog <b>&"é" | x'
HOG = {
    "pipeline": ODD,
    "cold_seconds": 0.25,
    "warm_seconds": 0.004,
    "warm_decode": 0.001,
    "warm_extract": 0.002,
    "warm_predict": 0.001,
    "warm_wall": 0.0044,
    "single_seconds": 0.007,
    "n_images": 32,
    "answer_memory": 3 * 2**20,
    "bytes_per_row": 1296,
    "model_bytes": 50_000,
}
NET = HOG | {"pipeline": "net", "bytes_per_row": pd.NA, "gpu_memory": 2**30, "multiply_adds": 714_188_480}


@pytest.fixture
def priced(comparison):
    """The three pipelines after a pass of its own; the broken one has nothing to show."""
    comparison.resources = tidy("resources", [HOG, NET, {"pipeline": "broken"}])
    return comparison


def cells(row, table):
    """Return the texts of a row by column."""
    return {cell["title"]: cell["text"] for cell in row["prices"][table]["cells"]}


def test_cells_by_hand(priced):
    """Times of the costs and of the pass, sizes in bytes, a dash for what is missing."""
    hog, net, broken = collect_rows(priced)
    assert cells(hog, "time") == {
        "Sum": "4.0 ms", "Decode": "1.0 ms", "Extract": "2.0 ms", "Predict": "1.0 ms", "Alone": "7.0 ms",
        "First, cold": "250 ms", "Fit": "400 ms",
    }  # fmt: skip
    assert cells(hog, "needs") == {
        "Model": "49 KiB", "Memory to answer": "3.0 MiB", "GPU memory": "–", "Feature row": "1.3 KiB",
        "Multiply-adds": "–", "Peak memory": "200 MiB",
    }  # fmt: skip
    assert (cells(net, "needs")["GPU memory"], cells(net, "needs")["Multiply-adds"]) == ("1.0 GiB", "714 M")
    assert cells(net, "needs")["Feature row"] == "–"
    assert set(cells(broken, "needs").values()) == {"–"}
    assert hog["prices"]["shares"] == [25.0, 50.0, 25.0]
    assert broken["prices"]["shares"] is None
    assert hog["timed_apart"]
    assert hog["resources"]["cold_decode"] is None


def test_html_shows_the_numbers(priced):
    """In the section on cost, sorted by value, with the way they were measured; names escaped."""
    page = render_html(collect(priced, thumbnails=False))
    section = page[page.index('<section id="cost"') :]
    section = section[: section.index("</section>")]
    for text in ("250 ms", "7.0 ms", "49 KiB", "1.3 KiB", "714 M", "1.0 GiB"):
        assert f">{text.replace(' ', chr(160))}<" in section
    assert 'data-value="714188480"' in section
    assert "in a pass of its own, once all splits of a pipeline were done" in section
    assert "on 32 test images at once of the first split" in section
    assert "one thread, no stored features" in section
    assert "The machine was busy" not in section
    assert html.escape(ODD, quote=False).replace('"', "&#34;") in section
    assert re.findall(r'<i class="\w+" style="width:([\d.]+)%">', section)[:3] == ["25.0", "50.0", "25.0"]
    lines = re.findall(r"<tbody>(.*?)</tbody>", section)
    assert [line.count("<tr>") for line in lines] == [2, 2]  # not the broken one
    assert "on one thread and without stored features" in page


def test_without_a_pass_nothing_of_it_is_shown(comparison):
    """Comparisons of older versions: stages as they were, and where they come from."""
    rows = collect_rows(comparison)
    assert list(cells(rows[0], "time")) == ["Sum", "Decode", "Extract", "Predict", "Fit"]
    assert list(cells(rows[0], "needs")) == ["Peak memory"]
    assert not rows[0]["timed_apart"]
    page = render_html(collect(comparison, thumbnails=False))
    assert "timed when the features were first computed" in page
    assert "in a pass of its own" not in page
    assert "First, cold" not in page


def test_nothing_known(all_failed):
    """No table without a number in it."""
    assert cost_tables(collect_rows(all_failed)) == []
    assert "What it takes" not in render_html(collect(all_failed, thumbnails=False))


def test_tables_as_plain_text(priced):
    """What Markdown writes: heads, texts, and a note that explains every column that needs it."""
    time, needs = cost_tables(collect_rows(priced))
    assert time["head"] == ["Pipeline", "Sum", "Decode", "Extract", "Predict", "Alone", "First, cold", "Fit"]
    assert [row["name"] for row, _ in time["lines"]] == [ODD, "net"]
    assert time["lines"][0][1] == ["4.0 ms", "1.0 ms", "2.0 ms", "1.0 ms", "7.0 ms", "250 ms", "400 ms"]
    assert time["note"].startswith("Measured in a pass of its own")
    assert "First, cold: from the pickled pipeline to its first answer" in time["note"]
    assert needs["note"].startswith("Model: length of the fitted pipeline's pickle")
    assert "Multiply-adds: of networks" in needs["note"]


def test_some_without_a_pass_means_all(priced):
    """Where a pipeline could not be timed apart, the report does not say that they were."""
    priced.resources.loc[priced.resources["pipeline"] == "net", "warm_seconds"] = float("nan")
    assert not any(row["timed_apart"] for row in collect_rows(priced))


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (10_200, "10 KiB"), (2**40, "1024.0 GiB")]
)
def test_sizes(value, text):
    """Two digits or more."""
    assert size_text(value) == text


@pytest.mark.parametrize(("value", "text"), [(999, "0.999 k"), (999_600, "1 M"), (11_300_000_000, "11.3 G")])
def test_products(value, text):
    """Three digits; thousands, millions, thousands of millions."""
    assert products_text(value) == text


def test_markdown_has_the_same_cells(priced):
    """Cheapest first, then both tables; names escaped."""
    text = "\n\n".join(cost_section(collect(priced, thumbnails=False)))
    assert text.startswith("## Accuracy against cost\n\n*Unbeaten*")
    assert text.index("◆ net") > text.index("cheapest first")
    assert '| ● hog \\<b\\>\\&"é" \\| x | 4.0 ms | 1.0 ms | 2.0 ms | 1.0 ms | 7.0 ms | 250 ms | 400 ms |' in text
    assert "### What it takes to put it to use" in text
    assert "| 49 KiB | 3.0 MiB | – | 1.3 KiB | – | 200 MiB |" in text


def test_markdown_without_prices(all_failed):
    """A sentence in place of tables."""
    section = cost_section(collect(all_failed, thumbnails=False))
    assert section == ["## Accuracy against cost", "No pipeline has both a score and a time."]


def test_a_busy_machine_and_smaller_batches_are_said(priced):
    """What the wall's clock said beside the processor's, and how few images a slow pipeline was given at once."""
    priced.resources = tidy("resources", [HOG, NET | {"warm_wall": 0.012, "n_images": 3}, {"pipeline": "broken"}])
    note = cost_tables(collect_rows(priced))[0]["note"]
    assert "on 32 test images at once (3 at least, the slower a pipeline the fewer) of the first split" in note
    assert (
        "The machine was busy meanwhile: by the clock on the wall, answers took up to 3.0 times as long (net)." in note
    )
