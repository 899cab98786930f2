"""What each feature sees, in the report and as a figure."""

import functools
import html
import re

import matplotlib as mpl
import numpy as np
import pytest

from eyecraft.features import HOG, RobinsonCompass, Sobel
from eyecraft.pipelines._exhibit_pictures import picture_of
from eyecraft.pipelines._exhibits import Exhibit
from eyecraft.pipelines._sights import Look, Sight, Sights
from eyecraft.reports import collect, render_html, render_markdown
from eyecraft.reports.feature_view_display import FeatureViewDisplay

ODD = 'hog <b>&"é" | x'
CAT, DOG = "<b>cat</b>", "dog & co"


@pytest.fixture(autouse=True)
def agg():
    """Draw without a screen and close what was opened."""
    mpl.use("Agg")
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


@functools.cache
def picture(seed, side=12):
    """Return an encoded picture of noise."""
    return picture_of(np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8))


def sights(answers, kinds=("hog",), seed=0):
    """Invent what a pipeline sees of two cats, which it answers so."""
    images = []
    for k, answer in enumerate(answers):
        looks = [Look(kind, f"<{kind}> 8 × 8", picture(seed + k)) for kind in kinds]
        images.append(Sight(k, CAT, answer, picture(100 + k, 60), looks))
    return Sights(images)


@pytest.fixture
def seen(comparison):
    """Two pipelines that see the same, one of them something else besides."""
    comparison.exhibits = {
        ODD: Exhibit(sights=sights([CAT, DOG])),
        "net": Exhibit(sights=sights([CAT, CAT], ("hog", "sobel"))),
    }
    return comparison


def section(page):
    """Return the section of what features see."""
    return re.search(r'<section id="sights".*?</section>', page, flags=re.DOTALL)[0]


def test_nothing_without_sights(comparison):
    """Neither the section nor a word of it."""
    collected = collect(comparison)
    assert collected["sights"] is None
    assert 'id="sights"' not in render_html(collected)
    assert "What each feature sees" not in render_markdown(collected)
    comparison.exhibits = {ODD: Exhibit(sights=Sights(why_not="it has no picture"))}
    assert collect(comparison)["sights"] is None


def test_pipelines_that_see_the_same_share_a_picture(seen):
    """One figure with two answers, and one of the second pipeline alone."""
    found = collect(seen)["sights"]
    assert [image["index"] for image in found["images"]] == [0, 1]
    first, second = found["images"][1]["figures"]
    assert first["answers"] == [{"name": ODD, "predicted": DOG}, {"name": "net", "predicted": CAT}]
    assert second["answers"] == [{"name": "net", "predicted": CAT}]
    assert [kind["kind"] for kind in found["kinds"]] == ["hog", "sobel"]
    assert found["folded"] is False


def test_section_is_escaped_and_self_contained(seen):
    """Data URIs, words for every picture, ticks with words for those who do not see them."""
    seen.exhibits["broken"] = Exhibit(sights=Sights(why_not="<it> has none"))
    seen.exhibits["net"].sights.images[0].looks[0] = Look("hog", "other", picture(7))
    page = render_html(collect(seen))
    part = section(page)
    assert part.count("<img") == len(re.findall(r'<img [^>]*src="data:image/webp;base64,[^"]+"', part)) == 2 + 3 + 2
    assert part.count("<img") == len(re.findall(r'alt="[^"]+"', part))
    for raw in (CAT, ODD, "<hog>", "<it>"):
        assert raw not in part
    for text in (CAT, DOG, "<hog>\u00a08\u00a0×\u00a08".replace(">\u00a08", "> 8")):
        assert html.escape(text) in part
    assert "✗" in part
    assert "wrong:" in part
    if 'class="hidden"> right' not in part:
        pytest.fail("a tick must have a word")
    assert part.count("<svg") == part.count('aria-hidden="true"') - part.count('class="tick"')


def test_many_pictures_are_folded_after_two_images(seen):
    """Twenty pipelines."""
    for k in range(20):
        seen.exhibits[f"more {k}"] = Exhibit(sights=sights([CAT] * 4, seed=1000 + 10 * k))
    names = [ODD, *(f"more {k}" for k in range(20))]
    from eyecraft.reports._sights import collect_sights

    found = collect_sights(seen, names)
    assert found["folded"] is True
    assert [len(image["figures"]) for image in found["images"]] == [21, 21, 20, 20]


def test_without_pictures(seen):
    """The Markdown report encodes none, and says what there is."""
    collected = collect(seen, thumbnails=False)
    assert "data:image" not in section(render_html(collected))
    text = render_markdown(collected)
    part = text[text.index("## What each feature sees") :].split("\n## ")[0]
    assert "| net | \\<hog\\> 8 × 8; \\<sobel\\> 8 × 8 |" in part
    assert "- Sobel edges: The brighter" in part
    assert "\\<b\\>cat\\</b\\> (image 0)" in part


# -- the figure --------------------------------------------------------------------------------------------------------


def edge():
    """Return a step from dark to bright, seen from above."""
    image = np.zeros((32, 48), np.uint8)
    image[16:] = 200
    return image


def test_figure_of_an_extractor_gives_its_numbers():
    """Strength and angle per pixel; the histogram per cell; letters of the compass."""
    shown = FeatureViewDisplay.from_estimator(Sobel(), edge()).frame()
    assert list(shown.columns) == ["view", "row", "column", "magnitude", "angle"]
    assert len(shown) == 32 * 48
    assert shown.loc[shown["magnitude"] > 0, "angle"].unique().tolist() == [90]
    shown = FeatureViewDisplay.from_estimator(HOG(image_size=32), edge()).frame()
    assert shown.groupby("bin")["value"].sum().idxmax() == 4
    shown = FeatureViewDisplay.from_estimator(RobinsonCompass(), edge()).frame()
    assert shown.loc[shown["response"] > 0, "direction"].unique().tolist() == ["e"]


def test_figure_of_a_comparison(seen):
    """The image and the pictures side by side on one axes, the answer in the title."""
    shown = FeatureViewDisplay.from_comparison(seen, "net")
    assert len(shown.ax_.images) == 3
    assert shown.ax_.get_title() == f"net: {CAT}, right"
    frame = shown.frame()
    assert list(frame.columns) == ["view", "row", "column", "red", "green", "blue"]
    pixels = seen.exhibits["net"].sights.images[0].looks[0].picture.pixels()
    np.testing.assert_array_equal(frame["green"][: 12 * 12], pixels[..., 1].ravel())
    wrong = FeatureViewDisplay.from_comparison(seen, sample=1, ax=shown.ax_)
    assert wrong.ax_ is shown.ax_
    assert wrong.ax_.get_title() == f"{ODD}: {CAT}, taken for {DOG}"


def test_figures_that_cannot_be(seen):
    """Unknown pipelines, those without pictures, and images that are not there."""
    seen.exhibits["broken"] = Exhibit(sights=Sights(why_not="it has none"))
    with pytest.raises(ValueError, match="got 'broken': it has none"):
        FeatureViewDisplay.from_comparison(seen, "broken")
    with pytest.raises(ValueError, match=r"those with pictures are: .*, net"):
        FeatureViewDisplay.from_comparison(seen, "nobody")
    with pytest.raises(ValueError, match="from 0 to 1; got 2"):
        FeatureViewDisplay.from_comparison(seen, "net", sample=2)
    seen.exhibits = {}
    with pytest.raises(ValueError, match="none"):
        FeatureViewDisplay.from_comparison(seen)
