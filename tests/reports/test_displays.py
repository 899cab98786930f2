"""The figures on their own: drawn marks and `frame()` are the same numbers."""

import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest

from eyecraft.reports import AccuracyCostDisplay, ConfusionDisplay, PerClassDisplay, ScoreDisplay, collect

ODD = 'hog <b>&"é" | x'
DISPLAYS = [ScoreDisplay, AccuracyCostDisplay, PerClassDisplay, ConfusionDisplay]


@pytest.fixture(autouse=True)
def agg():
    """Draw without a screen and close what was opened."""
    mpl.use("Agg")
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


@pytest.mark.parametrize("display", DISPLAYS)
def test_shape_of_a_display(display, comparison):
    """`from_comparison` draws; `plot` draws again where it is told; `frame` is a copy."""
    import matplotlib.pyplot as plt

    shown = display.from_comparison(comparison)
    assert shown.ax_.figure is shown.figure_
    _, ax = plt.subplots()
    assert shown.plot(ax) is shown
    assert shown.ax_ is ax
    frame = shown.frame()
    frame.iloc[0, 0] = frame.iloc[-1, 0]
    assert not frame.equals(shown.frame()), "changing what `frame` gave does not change the figure"


@pytest.mark.parametrize("display", DISPLAYS)
def test_saves_as_png_and_svg(display, comparison, tmp_path):
    """Odd names are drawn as they are, in both formats."""
    shown = display.from_comparison(comparison)
    for ending in ("png", "svg"):
        shown.figure_.savefig(tmp_path / f"figure.{ending}")
        assert (tmp_path / f"figure.{ending}").stat().st_size > 1000


def test_score_frame_is_what_is_drawn(comparison):
    """The marks sit at the values, the bars at the means."""
    shown = ScoreDisplay.from_comparison(comparison)
    frame = shown.frame()
    assert frame["value"].tolist() == pytest.approx([0.8, 0.8, 0.4, 0.6])
    drawn = [line.get_xdata() for line in shown.ax_.lines if line.get_linestyle() == "None"]
    np.testing.assert_allclose(np.concatenate(drawn), frame["value"])
    assert [text.get_text() for text in shown.ax_.get_yticklabels()] == [ODD, "net"]


def test_cost_frame_is_collected_and_drawn(comparison):
    """Seconds and means equal the collected ones and the positions of the marks."""
    frame = AccuracyCostDisplay.from_comparison(comparison).frame()
    rows = collect(comparison, thumbnails=False)["rows"][:2]
    assert frame["seconds_per_image"].tolist() == [row["seconds_per_image"] for row in rows]
    assert frame["mean"].tolist() == [row["mean"] for row in rows]
    assert frame["on_front"].tolist() == [True, True]


def test_front_leaves_out_what_is_beaten(comparison):
    """Dearer and worse is not on the front."""
    comparison.costs.loc[comparison.costs["pipeline"] == "net", "seconds_per_image"] *= 100
    frame = AccuracyCostDisplay.from_comparison(comparison).frame()
    assert dict(zip(frame["pipeline"], frame["on_front"], strict=True)) == {ODD: True, "net": False}


def test_confusion_frame(comparison):
    """Counts by name; the best pipeline unless told; an unknown one is refused with the known ones."""
    shown = ConfusionDisplay.from_comparison(comparison)
    assert shown.pipeline == ODD
    assert shown.frame().loc["dog & co", "<b>cat</b>"] == 2
    assert shown.pairs().iloc[0].tolist() == ["dog & co", "<b>cat</b>", 2, 5]
    np.testing.assert_allclose(shown.ax_.images[0].get_array()[1], np.sqrt([0.4, 0.6, 0.0]))
    assert ConfusionDisplay.from_comparison(comparison, "net").frame().to_numpy().sum() == 10
    with pytest.raises(ValueError, match=r"net\); got 'broken'"):
        ConfusionDisplay.from_comparison(comparison, "broken")


def test_per_class_frame(comparison):
    """Shares by class and pipeline; an unknown pipeline is refused."""
    shown = PerClassDisplay.from_comparison(comparison, ["net"])
    assert shown.frame()["score"].tolist() == pytest.approx([0.5, 0.6, 0.0])
    assert [text.get_text() for text in shown.ax_.get_yticklabels()] == ["émeu|bird", "<b>cat</b>", "dog & co"]
    np.testing.assert_allclose(shown.ax_.lines[0].get_xdata(), [0.0, 0.5, 0.6])
    with pytest.raises(ValueError, match="got 'nobody'"):
        PerClassDisplay.from_comparison(comparison, ["nobody"])


@pytest.mark.parametrize("display", [ScoreDisplay, AccuracyCostDisplay, PerClassDisplay])
def test_nothing_to_draw(display, all_failed):
    """With no result the figure is empty, not an error."""
    assert display.from_comparison(all_failed).frame().empty


def test_importing_reports_loads_no_matplotlib():
    """matplotlib waits until something is drawn with it."""
    program = "import sys, eyecraft.reports; print({'matplotlib', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
