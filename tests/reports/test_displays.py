"""The figures on their own: drawn marks and `frame()` are the same numbers."""

import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest

from eyecraft.pipelines.studies import Studies
from eyecraft.reports import (
    AccuracyCostDisplay,
    AgreementDisplay,
    ClassGapDisplay,
    ConfusionDisplay,
    GalleryDisplay,
    PerClassDisplay,
    ScoreDisplay,
    StageCostDisplay,
    collect,
)

ODD = 'hog <b>&"é" | x'
DISPLAYS = [
    ScoreDisplay,
    AccuracyCostDisplay,
    PerClassDisplay,
    ConfusionDisplay,
    ClassGapDisplay,
    StageCostDisplay,
    AgreementDisplay,
]


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


def test_names_keep_off_marks_and_each_other(many_classes):
    """Six pipelines close together: no name covers another one, and none begins on a mark."""
    shown = AccuracyCostDisplay.from_comparison(many_classes)
    shown.figure_.canvas.draw()
    boxes = [text.get_window_extent() for text in shown.ax_.texts]
    assert len(boxes) == 6
    assert not any(one.overlaps(other) for k, one in enumerate(boxes) for other in boxes[k + 1 :])
    marks = shown.ax_.transData.transform(shown.frame()[["seconds_per_image", "mean"]].to_numpy(float))
    assert not any(box.contains(*mark) for box in boxes for mark in marks)


def test_gaps_by_class(comparison):
    """As on the page: 0.6 each on the second class, which is no gap; any two pipelines may be asked for."""
    shown = ClassGapDisplay.from_comparison(comparison)
    frame = shown.frame()
    assert shown.names == (ODD, "net")
    assert frame["class"].tolist() == ["émeu|bird", "<b>cat</b>"]
    assert frame["gap"].tolist() == pytest.approx([1.0, 0.5])
    turned = ClassGapDisplay.from_comparison(comparison, "net", ODD).frame()
    assert turned["gap"].tolist() == pytest.approx([-1.0, -0.5])
    with pytest.raises(ValueError, match=r"two pipelines with predictions \(hog.*got 'broken'"):
        ClassGapDisplay.from_comparison(comparison, "broken")


def test_stages_by_hand(comparison):
    """A quarter, a half and a quarter, as bars."""
    shown = StageCostDisplay.from_comparison(comparison)
    frame = shown.frame()
    assert frame["seconds_per_image"].tolist() == pytest.approx([0.001, 0.002, 0.001, 0.00025, 0.0005, 0.00025])
    assert [bar.get_width() for bar in shown.ax_.patches] == pytest.approx(frame["share"].tolist())
    assert [text.get_text() for text in shown.ax_.texts] == ["4.0 ms", "1.0 ms"]


def test_agreement_by_hand(comparison):
    """Two images for nobody, three for one, five for both; three of these three for the first alone."""
    shown = AgreementDisplay.from_comparison(comparison)
    assert shown.frame().to_dict("list") == {"n_right": [0, 1, 2], "n_images": [2, 3, 5]}
    assert shown.duel.to_numpy().tolist() == [[5, 3], [0, 2]]
    assert [text.get_text() for text in shown.ax_.get_yticklabels()] == ["none", "1", "all"]


def test_galleries_of_the_studies(with_studies):
    """The pairs and the doubtful labels of the page; without that study it says what to run."""
    pairs = GalleryDisplay.from_duplicates(with_studies, with_studies.studies)
    assert pairs.frame()[["first", "second", "n_apart"]].to_numpy().tolist() == [[1, 101, 1], [0, 100, 1]]
    assert len(pairs.ax_.images) == 2
    doubts = GalleryDisplay.from_label_errors(with_studies, with_studies.studies)
    assert doubts.frame()["suggested"].tolist() == ["dog & co", "dog & co"]
    assert doubts.ax_.texts[0].get_text() == "<b>cat</b>\n→ dog & co?"
    with pytest.raises(ValueError, match="must hold `checks`"):
        GalleryDisplay.from_duplicates(with_studies, Studies())
