"""The figures of visual words on their own."""

import matplotlib as mpl
import numpy as np
import pytest

from eyecraft.features import SIFT, DenseSIFT, Patches
from eyecraft.reports import SamplingDisplay, VisualWordsDisplay, VoteMapDisplay
from eyecraft.reports._words_pictures import heat_map, heat_over

ODD = 'hog <b>&"é" | x'
DISPLAYS = [VisualWordsDisplay, SamplingDisplay, VoteMapDisplay]


@pytest.fixture(autouse=True)
def agg():
    """Draw without a screen and close what was opened."""
    mpl.use("Agg")
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


@pytest.mark.parametrize("display", DISPLAYS)
def test_shape_of_a_display(display, with_words, tmp_path):
    """`from_comparison` draws; `plot` draws again where it is told; `frame` is a copy; odd names are drawn."""
    import matplotlib.pyplot as plt

    shown = display.from_comparison(with_words)
    assert shown.ax_.figure is shown.figure_
    assert ODD in shown.ax_.get_title()
    shown.figure_.savefig(tmp_path / "figure.png")
    _, ax = plt.subplots()
    assert shown.plot(ax) is shown
    assert shown.ax_ is ax
    frame = shown.frame()
    frame.iloc[0, 0] = 77
    assert not frame.equals(shown.frame())


@pytest.mark.parametrize("display", DISPLAYS)
def test_pipelines_without_words_are_refused(display, with_words, comparison):
    """The message names those that have some."""
    with pytest.raises(ValueError, match=r"begins with a bag of visual words.*got 'net'"):
        display.from_comparison(with_words, "net")
    comparison.exhibits = {}
    with pytest.raises(ValueError, match="none did"):
        display.from_comparison(comparison)


def test_words_frame(with_words):
    """One row per patch that there is."""
    frame = VisualWordsDisplay.from_comparison(with_words).frame()
    assert len(frame) == 47 * 6 + 4
    assert frame.iloc[0].tolist() == [47, 0, "<b>cat</b>", 1.0, 100, 0.0]


def test_sampling_frame_and_marks(with_words):
    """The frame is in pixels of the picture, the dots sit at its places."""
    shown = SamplingDisplay.from_comparison(with_words, sample=1)
    frame = shown.frame()
    np.testing.assert_allclose(frame["x"].min(), (16 + 0.5) * 0.64 - 0.5)
    drawn = np.array(shown.ax_.lines[0].get_data()).T
    assert {tuple(place) for place in drawn.tolist()} <= {
        tuple(place) for place in frame[["x", "y"]].to_numpy().tolist()
    }
    with pytest.raises(ValueError, match="sample must be from 0 to 2; got 3"):
        SamplingDisplay.from_comparison(with_words, sample=3)


@pytest.mark.parametrize("descriptor", [DenseSIFT(step=6), SIFT(), Patches(step=3)])
def test_sampling_of_a_descriptor(descriptor, rng):
    """Grids have dots, keypoints have circles; the frame is what `describe` gives."""
    import cv2

    image = cv2.GaussianBlur(rng.integers(0, 256, (90, 120), dtype=np.uint8), (0, 0), 2) * 3
    shown = SamplingDisplay.from_descriptor(descriptor, image)
    found = descriptor.describe(image)
    np.testing.assert_allclose(shown.frame()["x"], found.x)
    assert len(found) > 0
    assert bool(shown.ax_.lines) == (not isinstance(descriptor, SIFT))


def test_sampling_of_an_empty_image():
    """No keypoint, no error."""
    shown = SamplingDisplay.from_descriptor(SIFT(), np.zeros((40, 50), np.uint8))
    assert shown.frame().empty


def test_vote_frame_is_what_is_drawn(with_words, make_exhibit):
    """The votes are the sample's; the picture is its heat map; without votes the message says why."""
    shown = VoteMapDisplay.from_comparison(with_words, sample=2)
    sample = with_words.exhibits[ODD].words.samples[2]
    assert shown.frame()["vote"].sum() == pytest.approx(sample.lead - sample.base, abs=1e-4)
    np.testing.assert_array_equal(shown.ax_.images[0].get_array(), heat_over(sample.picture, heat_map(sample)))
    assert "is <b>cat</b>" in shown.ax_.get_title()
    with_words.exhibits = {ODD: make_exhibit(votes=False)}
    with pytest.raises(ValueError, match="has none: PCA mixes"):
        VoteMapDisplay.from_comparison(with_words)
    with pytest.raises(ValueError, match="sample must have votes"):
        VoteMapDisplay(with_words.exhibits[ODD].words.samples[0])
