"""The matrix of verdicts as a figure."""

import matplotlib.pyplot as plt
import pytest
from references.invented_scores import invented

from eyecraft.pipelines.verdicts import verdicts
from eyecraft.reports.verdict_display import VerdictDisplay


@pytest.fixture(autouse=True)
def _close():
    """Close every figure a test made."""
    plt.switch_backend("agg")
    yield
    plt.close("all")


def test_cells_say_what_the_verdicts_say(many_pipelines, tmp_path):
    """Twenty pipelines: 380 symbols, as many better as worse; the figure can be saved as PNG and SVG."""
    display = VerdictDisplay.from_comparison(many_pipelines)
    symbols = [text.get_text() for text in display.ax_.texts]
    assert len(symbols) == 20 * 19
    assert symbols.count("▲") == symbols.count("▽") == (display.frame()["verdict"] == "better").sum() > 0
    for kind in ("png", "svg"):
        display.figure_.savefig(tmp_path / f"verdicts.{kind}")
        assert (tmp_path / f"verdicts.{kind}").stat().st_size > 5000


def test_few_pipelines_show_their_differences(one_split):
    """The numbers are those of the frame; an axes of the caller's is used."""
    _, ax = plt.subplots()
    display = VerdictDisplay(verdicts(one_split)).plot(ax)
    assert display.ax_ is ax
    assert [text.get_text() for text in ax.texts] == ["?\n+20.0", "?\n−20.0"]
    assert display.frame()["difference"].tolist() == pytest.approx([0.2])


def test_a_slight_lead_has_a_cell_of_its_own():
    """Beyond chance and below the region: neither better nor undecided."""
    base = [0.70, 0.71, 0.69, 0.72, 0.68]
    steps = [0.006, 0.008, 0.011, 0.007, 0.0101]
    scores = {"a": base, "b": [one + step for one, step in zip(base, steps, strict=True)]}
    display = VerdictDisplay(verdicts(invented(scores))).plot()
    assert [text.get_text() for text in display.ax_.texts] == ["≳\n+0.8", "≲\n−0.8"]
    assert "barely better" in display.ax_.get_xlabel()
