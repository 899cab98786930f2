"""Visual words in the report: what is gathered, and the HTML and Markdown made of it."""

import base64
import html
import io
import re

import numpy as np
import pytest
from PIL import Image

from eyecraft.reports import collect, render_html, render_markdown
from eyecraft.reports._words_pictures import AGAINST, FOR, heat_map, heat_over, mosaic, places_in_picture
from eyecraft.reports._words_sampling import MOST_DOTS, sampling_marks

ODD = 'hog <b>&"é" | x'
CAT = "<b>cat</b>"


def pixels(uri):
    """Decode a data URI."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))))


def section(page):
    """Return the section of visual words."""
    return re.search(r'<section id="words".*?</section>', page, flags=re.DOTALL)[0]


def test_nothing_without_words(comparison):
    """Reports of other features have neither the section nor the link."""
    collected = collect(comparison)
    assert collected["words"] == []
    assert 'id="words"' not in render_html(collected)
    assert 'href="#words"' not in render_html(collected)
    assert "Visual words" not in render_markdown(collected)


def test_what_is_gathered(with_words):
    """Forty-eight words with a strip of six patches each, a sampling picture and three images with votes."""
    (bag,) = collect(with_words)["words"]
    assert [word["number"] for word in bag["words"]] == list(range(47, -1, -1))
    assert pixels(bag["words"][0]["src"]).shape == (32, 192, 3)
    assert pixels(bag["words"][-1]["src"]).shape == (32, 128, 3), "the last word has four patches only"
    assert bag["words"][1]["speaks_for"] == "dog & co"
    assert len(bag["samples"]) == 3
    first = bag["samples"][0]
    assert first["votes_for"] + first["votes_against"] + first["base"] == pytest.approx(first["lead"], abs=1e-4)
    assert "every 8 pixels" in bag["sampling"]["words"]
    assert "16, 32 pixels wide" in bag["sampling"]["words"]
    assert "1,024 words learned from DenseSIFT" in bag["summary"]


def test_without_pictures(with_words):
    """The Markdown report encodes none."""
    (bag,) = collect(with_words, thumbnails=False)["words"]
    assert {word["src"] for word in bag["words"]} == {None}
    assert {one["heat"] for one in bag["samples"]} == {None}
    assert "data:image" not in section(render_html(collect(with_words, thumbnails=False)))


def test_heat_is_where_the_votes_are(with_words):
    """Orange on the left, purple on the right; the heat sums to the votes."""
    sample = with_words.exhibits[ODD].words.samples[0]
    heat = heat_map(sample)
    assert heat.shape == (128, 256)
    assert heat[20:100, 30:110].min() > 0 > heat[20:100, 150:230].max()
    assert heat.sum() == pytest.approx(sample.votes.sum(), rel=1e-3)
    painted = heat_over(np.full((128, 256, 3), 128, np.uint8), heat).astype(int)
    left, right = painted[30:90, 40:100].mean(axis=(0, 1)), painted[30:90, 160:220].mean(axis=(0, 1))
    assert np.abs(left - FOR).sum() < np.abs(left - AGAINST).sum()
    assert np.abs(right - AGAINST).sum() < np.abs(right - FOR).sum()


def test_no_heat_leaves_a_grey_picture(with_words):
    """Votes of zero colour nothing."""
    picture = with_words.exhibits[ODD].words.samples[0].picture
    painted = heat_over(picture, np.zeros(picture.shape[:2]))
    assert (painted[..., 0] == painted[..., 2]).all()


def test_places_are_scaled_to_the_picture(with_words):
    """Pixel centres: the middle of the image is the middle of the picture."""
    sample = with_words.exhibits[ODD].words.samples[0]
    sample.places[0] = (199.5, 99.5, 50, 0)
    x, y, width = (part[0] for part in places_in_picture(sample))
    assert (x, y, width) == pytest.approx((127.5, 63.5, 32))


def test_grid_windows_are_drawn_to_scale():
    """One dot, one window of 4 x 4 cells: ten lines, 16 pixels wide around its centre."""
    marks = sampling_marks(np.array([[30.0, 20, 16, 0]]), (40, 60), grid=True, cells=4)
    assert marks["dots"] == [[30, 20]]
    (window,) = marks["windows"]
    ends = np.array(window).reshape(-1, 2)
    assert len(window) == 10
    assert (ends.min(axis=0).tolist(), ends.max(axis=0).tolist()) == ([22, 12], [38, 28])


def test_keypoints_show_their_angle():
    """The radius points along the angle, clockwise from the right as y points down; the window turns with it."""
    marks = sampling_marks(np.array([[50.0, 50, 16, 90], [20, 20, 40, 0]]), (100, 100), grid=False, cells=4)
    x, y, radius, end_x, end_y = marks["circles"][0]
    assert (x, y, radius) == (50, 50, 2)
    assert (end_x, end_y) == pytest.approx((50, 52))
    ends = np.array(marks["windows"][0]).reshape(-1, 2)
    np.testing.assert_allclose([ends.min(axis=0), ends.max(axis=0)], [[42, 42], [58, 58]])


def test_a_fine_grid_is_thinned_evenly():
    """Whole rows and columns are left out."""
    x, y = (part.ravel() for part in np.meshgrid(np.arange(0, 400, 2.0), np.arange(0, 300, 2.0)))
    places = np.stack([x, y, np.full(len(x), 16.0), np.zeros(len(x))], axis=1)
    marks = sampling_marks(places, (300, 400), grid=True, cells=4)
    dots = np.array(marks["dots"])
    assert MOST_DOTS / 2.5 < len(dots) <= MOST_DOTS
    assert len(dots) == len(np.unique(dots[:, 0])) * len(np.unique(dots[:, 1]))
    assert marks["total"] == 30_000


def test_no_descriptors_is_nothing_to_draw():
    """An image without keypoints."""
    marks = sampling_marks(np.zeros((0, 4)), (30, 40), grid=False, cells=4)
    assert (marks["dots"], marks["circles"], marks["windows"], marks["total"]) == ([], [], [], 0)


def test_section_is_self_contained_small_and_escaped(with_words):
    """Data URIs only, words for every picture, names as text, under 300 kB."""
    page = render_html(collect(with_words))
    part = section(page)
    assert 'href="#words"' in page
    assert len(part) < 300_000
    sources = re.findall(r'(?:src|href)="([^"]*)"', part)
    assert len(sources) == 48 + 1 + 6
    assert all(source.startswith("data:image/webp") for source in sources)
    assert len(re.findall(r'<img [^>]*alt="[^"]+"', part)) == part.count("<img") == 6
    assert part.count('role="img" aria-label="Word ') == 48
    assert CAT not in part
    assert html.escape(CAT) in part
    assert "taken for" in part
    assert "answered right" in part


def test_where_votes_cannot_be_told(with_words, make_exhibit):
    """Words and sampling are shown, and why there is no map."""
    with_words.exhibits = {ODD: make_exhibit(votes=False, grid=False)}
    collected = collect(with_words)
    part = section(render_html(collected))
    assert "There is no map of votes: PCA mixes &lt;the&gt; words." in part
    assert part.count("<img") == 0
    assert 'class="rings"' in part
    assert "There is no map of votes" in render_markdown(collected)


def test_only_the_first_of_several_is_open(with_words, make_exhibit):
    """The page does not become endless."""
    with_words.exhibits["net"] = make_exhibit(grid=False, n_words=5)
    part = section(render_html(collect(with_words)))
    assert re.findall(r"<details[^>]*?( open)?>", part) == [" open", ""]


def test_markdown_twin(with_words):
    """Two tables: the words with their sources, and the votes of three images."""
    text = render_markdown(collect(with_words, thumbnails=False))
    part = text[text.index("## Visual words") : text.index("## Failures")]
    lines = [line for line in part.splitlines() if line.startswith("| ")]
    assert len(lines) == (1 + 1 + 48) + (1 + 1 + 3)
    assert "| 47 | \\<b\\>cat\\</b\\> | 1 | 100, 101, 102, 103, 104, 105 |" in part
    assert "| 0 | \\<b\\>cat\\</b\\> | ✓ | 966 |" in part
    assert text.index("## Image by image") < text.index("## Visual words")


def test_mosaic_lays_words_out():
    """Two words beside one another, the third below."""
    patches = np.arange(3 * 2, dtype=np.uint8).reshape(3, 2, 1, 1, 1) * np.ones((1, 1, 4, 4, 3), np.uint8)
    sheet, corners = mosaic(patches, columns=2)
    for word, (x, y) in enumerate(corners):
        assert (sheet[y : y + 4, x : x + 4] == 2 * word).all()
        assert (sheet[y : y + 4, x + 7 : x + 11] == 2 * word + 1).all()
    assert corners[1, 1] == corners[0, 1] < corners[2, 1]


def test_a_real_bag_of_words_and_its_saved_copy(tmp_path, rng):
    """From `compare` to the page, and the same page from the folder."""
    from sklearn.pipeline import make_pipeline

    from eyecraft.features import BagOfVisualWords, DenseSIFT
    from eyecraft.pipelines import Comparison, LinearSVM, compare
    from eyecraft.reports import write_report

    labels = np.repeat(["fine", "rough"], 8)
    grain = np.where(labels == "fine", 40, 90)[:, None, None]
    images = (128 + grain * rng.uniform(-1, 1, (16, 40, 40))).astype(np.uint8)
    words = BagOfVisualWords(DenseSIFT(step=6, bin_sizes=(4,)), n_words=6, pyramid=((1, 1),), random_state=0)
    compared = compare({"words": make_pipeline(words, LinearSVM())}, images, labels, cv=2, out=tmp_path / "run")
    first = write_report(compared, tmp_path / "first")
    second = write_report(Comparison.load(tmp_path / "run"), tmp_path / "second")
    assert first["html"].read_bytes() == second["html"].read_bytes()
    part = section(first["html"].read_text("utf-8"))
    assert part.count('aria-label="Word ') == 6
    assert part.count("<img") == 6
