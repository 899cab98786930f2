"""Recipes of visual words: the papers' parameters, and pictures of any size told apart."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import cross_val_score

from eyecraft.features import BagOfVisualWords, DenseSIFT
from eyecraft.pipelines import build, compare, default_recipes, recipes
from eyecraft.pipelines._word_recipes import WORD_RECIPES

NAMES = [recipe.name for recipe in WORD_RECIPES]
Pictures = tuple[list[np.ndarray], np.ndarray]

FEW = {f"features__{side}__extractor__n_words": 8 for side in ("fisher", "llc", "color", "patches")}
FEW |= {f"features__{side}__extractor__n_components": 8 for side in ("fisher", "color")}


@pytest.fixture
def make_pictures(rng: np.random.Generator) -> Callable[[int], Pictures]:
    """Return a function that draws 16 square pictures, half of them dotted and half of them striped."""

    def make(side: int) -> Pictures:
        labels = np.repeat(["dots", "stripes"], 8)
        rows, columns = np.indices((side, side))
        pictures = []
        for label in labels:
            period = side / rng.uniform(5, 6)
            wave = np.sin(2 * np.pi * (columns / period + rng.uniform()))
            if label == "dots":
                wave = wave * np.sin(2 * np.pi * (rows / period + rng.uniform()))
            noisy = 128 + 80 * wave + rng.normal(0, 4, (side, side))
            pictures.append(noisy.clip(0, 255).astype(np.uint8))
        return pictures, labels

    return make


def test_the_names_of_the_issue() -> None:
    """Every recipe that was promised is there, after the hand-crafted ones and before the learned ones."""
    promised = {"bovw-svm", "spm-svm", "phow-svm", "llc-svm", "vlad-svm", "fisher-svm", "fisher-ridge", "champion-svm"}
    assert promised | {"patches-kmeans-svm", "sift-keypoints-bovw-svm"} <= set(NAMES)
    kinds = [recipe.kind for recipe in recipes()]
    assert kinds == sorted(kinds), "hand-crafted, then learned"


@pytest.mark.parametrize(
    ("name", "n_features"),
    [
        ("bovw-svm", 200),
        ("spm-svm", 21 * 200),
        ("phow-svm", 20 * 600),
        ("llc-svm", 21 * 2048),
        ("vlad-svm", 4 * 256 * 82),
        ("fisher-svm", 8 * 256 * 2 * 82),
        ("patches-kmeans-svm", 4 * 1600),
        ("sift-keypoints-bovw-svm", 1000),
    ],
)
def test_length_of_a_row_is_the_papers(name: str, n_features: int) -> None:
    """Words times cells (times numbers per word), as the parameters say."""
    bag = build(name)["features"]
    bag = getattr(bag, "extractor", bag)
    assert isinstance(bag, BagOfVisualWords)
    cells = sum(rows * columns for rows, columns in bag.pyramid)
    length = (bag.n_components or 0) + 2 * bool(bag.append_xy)
    assert cells * bag.n_words * {"vlad": length, "fisher": 2 * length}.get(bag.encoding, 1) == n_features


@pytest.mark.parametrize("side", [8, 40])
@pytest.mark.parametrize("name", NAMES)
def test_thumbnails_are_told_apart(name: str, side: int, make_pictures: Callable[[int], Pictures]) -> None:
    """The settings for small images work from 8 x 8 pixels on."""
    pictures, labels = make_pictures(side)
    few = {"n_words": 16} | ({"n_components": 8} if name in ("fisher-svm", "fisher-ridge", "vlad-svm") else {})
    if name == "patches-kmeans-svm":
        few["step"] = 3
    if name == "champion-svm":
        few = FEW
    pipeline = build(name, small=True, store=None, random_state=0, **few).fit(pictures[::2], labels[::2])
    least = 0.7 if name.startswith("sift") and side == 8 else 1.0  # hardly a keypoint in 64 pixels
    assert np.mean(pipeline.predict(pictures[1::2]) == labels[1::2]) >= least


@pytest.mark.parametrize("name", ["spm-svm", "phow-svm", "sift-keypoints-bovw-svm"])
def test_pictures_of_usual_size_are_told_apart(name: str, make_pictures: Callable[[int], Pictures]) -> None:
    """The settings of the papers work on pictures of a hundred pixels, with words enough for so few of them."""
    pictures, labels = make_pictures(100)
    pipeline = build(name, store=None, random_state=0, n_words=20).fit(pictures[::2], labels[::2])
    assert pipeline.predict(pictures[1::2]).tolist() == labels[1::2].tolist()


def test_only_quick_ones_run_unasked() -> None:
    """What takes tens of milliseconds an image has to be asked for by name."""
    unasked = default_recipes()
    assert {"bovw-svm", "spm-svm"} <= set(unasked)
    assert not {"fisher-svm", "llc-svm", "phow-svm"} & set(unasked)


def test_long_rows_stay_out_of_the_default_store(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """A megabyte per image and codebook is kept only where the user names a store."""
    assert build("spm-svm")["features"].store == "default"
    assert build("llc-svm")["features"].store is None
    assert build("llc-svm", store=tmp_path)["features"].store == tmp_path


def test_a_cross_validation_describes_every_image_once(
    make_pictures: Callable[[int], Pictures], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the folds, and for both recipes, whose codebooks differ and whose descriptors do not."""
    calls = []
    original = DenseSIFT._compute
    monkeypatch.setattr(DenseSIFT, "_compute", lambda self, pixels: calls.append(1) or original(self, pixels))
    pictures, labels = make_pictures(40)
    for name in ("bovw-svm", "spm-svm"):
        pipeline = build(name, small=True, store=tmp_path, random_state=0, n_words=12)
        assert cross_val_score(pipeline, pictures, labels, cv=3).mean() == 1.0
    assert len(calls) == len(pictures)


def test_champion_adds_up_kernels(make_pictures: Callable[[int], Pictures]) -> None:
    """Centred, the sides weigh 1, 1 and thrice a quarter; the length reported is that of all rows."""
    pictures, labels = make_pictures(40)
    champion = build("champion-svm", small=True, store=None, random_state=0, **FEW)
    rows = champion["features"].fit_transform(pictures)
    sides = [span.n_features_out_ for _, span in champion["features"].transformer_list]
    squares = [(part**2).sum(axis=1) for part in np.split(rows, np.cumsum(sides)[:-1], axis=1)]
    np.testing.assert_allclose(np.mean(squares, axis=1), [1, 1, 0.25, 0.25, 0.25], rtol=1e-2)
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-3)
    result = compare([("champion", champion)], pictures, labels, cv=2)
    assert result.pipelines["n_features"].tolist() == [2 * 8 * 8 * 2 * 10 + 21 * 8 + 16 * 31 + 21 * 8]


def test_codebook_belongs_to_the_training_images(make_pictures: Callable[[int], Pictures]) -> None:
    """Other test images change nothing about the words: each split of a comparison learns its own."""
    pictures, labels = make_pictures(40)
    settings = {"small": True, "store": None, "random_state": 0, "n_words": 12}
    words = build("spm-svm", **settings).fit(pictures[:12], labels[:12])["features"].words_
    others = build("spm-svm", **settings).fit(pictures[4:], labels[4:])["features"].words_
    assert not np.array_equal(words, others)
    result = compare([("spm-svm", build("spm-svm", **settings))], pictures, labels, cv=2, store=None)
    assert result.errors.empty
    assert result.scores.query("metric == 'accuracy'")["value"].tolist() == [1.0, 1.0]
