"""What features see: the right picture for every kind of extractor, the same images for every pipeline."""

import logging

import numpy as np
import pytest
import torch
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer
from torch import nn

from eyecraft.features import (
    HOG,
    SIFT,
    BagOfVisualWords,
    CNNFeatures,
    ColorHistogram,
    DenseSIFT,
    Patches,
    RawPixels,
    RobinsonCompass,
    Sobel,
    TrainingSpan,
)
from eyecraft.pipelines import CNNClassifier, Comparison, LinearSVM, _sights, compare
from eyecraft.pipelines._exhibit_pictures import Picture, pack, picture_of, shrunk, unpack
from eyecraft.pipelines._sights import Sights, chosen_images, sights_of
from eyecraft.pipelines._sights_maps import network_views
from eyecraft.pipelines._sights_views import NoViewError, glyphs, views_of
from eyecraft.pipelines._sights_words import word_colours


def photographs(n=6, size=(48, 64)):
    """Draw coloured squares on soft noise."""
    rng = np.random.default_rng(0)
    images = rng.normal(90, 10, (n, *size, 3)).clip(0, 255)
    for k, image in enumerate(images):
        image[8 + k : 30 + k, 10 + k : 40] = (220, 40 * (k % 5), 30)
    return images.astype(np.uint8)


def bag(**changed):
    """Return a small bag of visual words."""
    return BagOfVisualWords(
        **{"descriptor": DenseSIFT(step=6, bin_sizes=(4,)), "n_words": 8, "pyramid": ((1, 1),), "random_state": 0}
        | changed
    )


class Small(nn.Sequential):
    """A network with normalisation and a fully connected layer."""

    def __init__(self):
        torch.manual_seed(0)
        super().__init__(
            nn.Conv2d(3, 5, 3, padding=1),
            nn.BatchNorm2d(5),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(5, 7, 3),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(7, 3),
        )


def frozen(layers):
    """Return an extractor around the small network."""
    return CNNFeatures(Small(), layers=layers, pooling="flatten", image_size=32, resize="warp", device="cpu")


KINDS = {
    "pixels": (RawPixels(image_size=(16, 24)), ["pixels"]),
    "coloured pixels": (RawPixels(color="rgb"), ["pixels"]),
    "colours": (ColorHistogram(bins=3, space="hsv", grid=2), ["colours"]),
    "sobel": (Sobel(), ["sobel"]),
    "robinson": (RobinsonCompass(image_size=(40, 40)), ["robinson"]),
    "hog": (HOG(image_size=(48, 64), transform_sqrt=True), ["hog"]),
    "uoctti": (HOG(variant="uoctti", color=True, image_size=64), ["hog"]),
    "words": (bag(), ["words"]),
    "patches": (bag(descriptor=Patches(step=3), encoding="triangle", whiten="zca"), ["words"]),
    "fisher": (bag(encoding="fisher", n_words=3, n_components=16, append_xy=True), ["words"]),
    "keypoints": (bag(descriptor=SIFT(), n_words=4), ["keypoints"]),
    "span": (TrainingSpan(Sobel()), ["sobel"]),
    "network": (frozen("4"), ["heat", "maps"]),
    "network's end": (frozen("7"), ["heat", "maps"]),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_extractor_has_a_picture(name):
    """Small, of bytes, not of one colour, the same twice, with as many numbers in every column."""
    extractor, kinds = KINDS[name]
    images = photographs()
    pipeline = make_pipeline(extractor, LinearSVM()).fit(images, ["a", "b", "a", "b", "a", "b"])
    views, again = views_of(pipeline, images[0]), views_of(pipeline, images[0])
    assert [view.kind for view in views] == kinds
    for view, other in zip(views, again, strict=True):
        assert view.picture.dtype == np.uint8
        assert view.picture.ndim == 2 or view.picture.shape[2] == 3
        assert max(view.picture.shape[:2]) <= 192
        assert len(np.unique(view.picture)) > 3
        np.testing.assert_array_equal(view.picture, other.picture)
        assert len({len(column) for column in view.numbers.values()}) == 1


def test_edges_of_one_direction_have_one_hue():
    """A horizontal edge and a vertical one differ; dark above bright is another compass direction than the reverse."""
    step = np.zeros((40, 40), np.uint8)
    step[20:] = 200
    hues = {}
    for name, image in {"down": step, "up": step[::-1], "right": step.T}.items():
        for extractor in (Sobel(), RobinsonCompass()):
            (view,) = views_of(extractor, np.ascontiguousarray(image))
            edge = view.picture[view.picture.max(axis=2) > 0].astype(int)
            assert len(edge) == 80, "two rows or columns"
            assert np.ptp(edge, axis=0).max() <= 1, "one colour"
            hues[view.kind, name] = tuple((edge[0] // 8).tolist())
    assert hues["sobel", "down"] == hues["sobel", "up"] != hues["sobel", "right"]
    assert len({hues["robinson", name] for name in ("down", "up", "right")}) == 3


@pytest.mark.parametrize("variant", ["dalal", "uoctti"])
def test_strokes_run_along_the_edge(variant):
    """A horizontal edge: bright along the middle of the cell, dark above it."""
    step = np.zeros((32, 32), np.uint8)
    step[16:] = 200
    (view,) = views_of(HOG(image_size=None, pixels_per_cell=32, cells_per_block=1, variant=variant), step)
    height, width = view.picture.shape
    assert view.picture[height // 2 - 3 : height // 2 + 3, 40:-40].max(axis=0).min() > 150
    assert view.picture[: height // 4, width // 2].max() < 60


def test_very_many_cells_are_averaged():
    """A hundred cells on a side become twenty."""
    picture = glyphs(np.ones((100, 50, 2)), np.array([0.25, 0.75]))
    assert picture.shape == (160, 80)


def test_pixels_of_a_bin_have_its_mean_colour():
    """Two shades of red in one bin become one."""
    image = np.zeros((10, 20, 3), np.uint8)
    image[:, :10], image[:, 10:] = (200, 0, 0), (240, 0, 0)
    (view,) = views_of(ColorHistogram(bins=2), image)
    assert (view.picture == (220, 0, 0)).all()
    assert len(np.unique(view.numbers["bin"])) == 1


def test_places_of_one_texture_have_one_colour():
    """Stripes on the left and on the right run differently, so their words and colours differ; flat places are grey."""
    image = np.full((60, 120, 3), 128, np.uint8)
    y, x = np.mgrid[:60, :120]
    stripes = np.where(x < 50, np.sin(x), np.sin(y))
    image[(x < 50) | (x > 70)] = (128 + 100 * stripes[(x < 50) | (x > 70)]).astype(np.uint8)[:, None]
    fitted = bag(descriptor=DenseSIFT(step=4, bin_sizes=(3,)), n_words=2).fit([image])
    (view,) = views_of(fitted, image)
    words, x = view.numbers["word"], view.numbers["x"]
    left, right = words[x < 40], words[x > 80]
    assert len(set(left.tolist())) == len(set(right.tolist())) == 1
    assert left[0] != right[0]
    grey = np.ptp(view.picture[30, 60])
    assert grey == 0 < np.ptp(view.picture[30, 20])


def test_no_keypoints_are_a_grey_picture():
    """A flat image."""
    fitted = bag(descriptor=SIFT(), n_words=4).fit(photographs())
    (view,) = views_of(fitted, np.full((30, 40, 3), 90, np.uint8))
    assert view.picture.shape == (30, 40, 3)
    assert len(np.unique(view.picture)) == 1
    assert len(view.numbers["word"]) == 0


def test_like_words_have_like_colours():
    """Three near ones and one far away."""
    words = np.array([[0.0, 0], [0.01, 0], [5, 5], [5, 5.01]])
    colours = word_colours(words).astype(int)
    near, far = np.abs(colours[0] - colours[1]).sum(), np.abs(colours[0] - colours[2]).sum()
    assert near < far
    assert word_colours(words[:1]).shape == (1, 3)


def test_activations_are_the_extractors_own():
    """The numbers behind the picture are the mean absolute values of the features at the tapped layer."""
    extractor, image = frozen("4"), photographs()[0]
    heat, maps = views_of(extractor, image)
    features = extractor.fit([image]).transform([image]).reshape(7, 14, 14)
    np.testing.assert_allclose(heat.numbers["activation"].reshape(14, 14), np.abs(features).mean(axis=0), rtol=1e-5)
    first = frozen("0")
    own = first.fit([image]).transform([image]).reshape(5, 32, 32)
    np.testing.assert_allclose(maps.numbers["activation"].reshape(5, 32, 32), own, atol=1e-5)
    assert (heat.title, maps.title) == ("4: mean of 7 maps", "0: 5 of 5 maps")


def test_a_layer_without_places_shows_the_last_one_with():
    """Behind the pooling nothing has places any more."""
    assert views_of(frozen("7"), photographs()[0])[0].title == "4: mean of 7 maps"


def test_a_watched_network_stays_as_it_was():
    """No hooks are left behind, and its mode is what it was."""
    images = photographs(8)
    classifier = CNNClassifier(Small(), image_size=32, max_epochs=1, batch_size=4, random_state=0, device="cpu")
    classifier.fit(images, list("abcabcab"))
    before = classifier.decision_function(images)
    classifier.module_.train()
    network_views(classifier, images[0])
    assert classifier.module_.training
    assert not any(part._forward_hooks for part in classifier.module_.modules())
    np.testing.assert_array_equal(classifier.decision_function(images), before)


def test_features_side_by_side_show_the_first_two():
    """One picture each, of different extractors; what cannot be drawn is passed over."""
    union = FeatureUnion(
        [
            ("strange", FunctionTransformer()),
            ("hog", Pipeline([("hog", HOG(image_size=32)), ("unit", Normalizer())])),
            ("small hog", HOG(image_size=24)),
            ("net", frozen("7")),
            ("colours", ColorHistogram()),
        ]
    )
    views = views_of(make_pipeline(union, LinearSVM()), photographs()[0])
    assert [view.kind for view in views] == ["hog", "heat"]


def test_strangers():
    """An extractor with a method `visualize` draws itself; another has no picture, and the message names it."""

    class Own(FunctionTransformer):
        def visualize(self, image):
            return np.linspace(-1, 1, 600).reshape(20, 30)

    (view,) = views_of(make_pipeline(Own(), DummyClassifier()), photographs()[0])
    assert (view.kind, view.picture.min(), view.picture.max()) == ("own", 0, 255)
    with pytest.raises(NoViewError, match="FunctionTransformer is of no kind"):
        views_of(make_pipeline(FunctionTransformer(), DummyClassifier()), photographs()[0])
    with pytest.raises(NoViewError, match="DummyClassifier is of no kind"):
        views_of(DummyClassifier(), photographs()[0])


@pytest.mark.parametrize("extractor", [RawPixels(image_size=None), ColorHistogram(), Sobel(grid=1), HOG(image_size=24)])
def test_the_smallest_images(extractor):
    """A single pixel, and a digit of eight by eight."""
    for size in (1, 8):
        (view,) = views_of(extractor, np.full((size, size), 200, np.uint8))
        assert min(view.picture.shape[:2]) >= 1


def test_a_search_shows_its_best_pipeline():
    """GridSearchCV is looked through."""
    images = photographs(8)
    search = GridSearchCV(make_pipeline(Sobel(), LinearSVM()), {"linearsvm__C": [0.1, 1]}, cv=2)
    assert views_of(search.fit(images, list("abababab")), images[0])[0].kind == "sobel"


# -- images and files --------------------------------------------------------------------------------------------------


def test_images_are_of_classes_spread_evenly():
    """The first of classes 0, 3, 6 and 9 of ten; of two classes two each; never more than there are."""
    labels = np.arange(100) % 10
    assert chosen_images(np.arange(100), labels) == [0, 3, 6, 9]
    assert chosen_images(np.arange(50, 100), labels) == [50, 53, 56, 59]
    assert chosen_images(np.arange(6), np.array(list("ababab"))) == [0, 1, 2, 3]
    assert chosen_images(np.array([4, 2]), np.array(list("ababb"))) == [2, 4]
    assert chosen_images(np.array([], int), labels) == []


def test_pictures_are_small():
    """Noise is squeezed to the size asked for; few colours and tiny pictures lose nothing."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (160, 160, 3), dtype=np.uint8)
    assert len(picture_of(noise).data) <= 7000
    assert picture_of(noise).pixels().shape == noise.shape
    for exact in (noise[:48, :20], np.repeat(noise[:4, :4], 40, axis=0).repeat(40, axis=1), noise[:9, :9, 0]):
        colours = exact if exact.ndim == 3 else np.repeat(exact[..., None], 3, axis=2)
        np.testing.assert_array_equal(picture_of(exact).pixels(), colours)
    assert shrunk(noise[:, :80], 40).shape == (40, 20, 3)


def test_packed_pictures_are_all_there():
    """A file that was cut off is noticed."""
    pictures = [Picture(b"one", 3, 4), Picture(b"three", 1, 2)]
    data, sizes = pack(pictures)
    assert unpack(data, sizes) == pictures
    with pytest.raises(ValueError, match="7 bytes where 8 are listed"):
        unpack(data[:-1], sizes)


@pytest.fixture(scope="module")
def compared():
    """Compare three pipelines, one of which has no pictures."""
    images, labels = photographs(16), np.array(list("abcd") * 4)
    pipelines = {
        "hog": make_pipeline(HOG(image_size=32), LinearSVM()),
        "pixels": make_pipeline(RawPixels(), LinearSVM()),
        "guess": DummyClassifier(),
    }
    return compare(pipelines, images, labels, cv=2)


def test_every_pipeline_shows_the_same_images(compared):
    """Four of the first test part, with the answers of the split; and why the third shows none."""
    shown = {name: one.sights for name, one in compared.exhibits.items()}
    chosen = chosen_images(compared.splits[0][1], np.array(list("abcd") * 4))
    for name in ("hog", "pixels"):
        assert [one.index for one in shown[name].images] == chosen
        answers = compared.predictions.query("pipeline == @name and split == 0").set_index("index")["predicted"]
        assert [one.predicted for one in shown[name].images] == [answers[index] for index in chosen]
        assert [one.picture.width for one in shown[name].images] == [64] * 4
    assert shown["guess"] == Sights(why_not="DummyClassifier is of no kind that has a picture")


def test_saved_and_loaded(compared, tmp_path):
    """Byte for byte."""
    loaded = Comparison.load(compared.save(tmp_path))
    assert {name: one.sights for name, one in loaded.exhibits.items()} == {
        name: one.sights for name, one in compared.exhibits.items()
    }


def test_a_failure_leaves_no_picture_and_a_line(monkeypatch, caplog):
    """The comparison is whole."""

    def fail(*_):
        raise MemoryError("no room for decorations")

    monkeypatch.setattr(_sights, "views_of", fail)
    with caplog.at_level(logging.INFO, logger="eyecraft"):
        found = compare({"pixels": make_pipeline(RawPixels(), LinearSVM())}, photographs(8), list("abababab"), cv=2)
    assert found.exhibits == {}
    assert found.pipelines["error"].tolist() == [None]
    assert "no exhibit of pipeline 'pixels': its sights" in caplog.text


def test_a_slow_pipeline_shows_fewer(monkeypatch):
    """The first image is drawn in any case."""
    monkeypatch.setattr(_sights, "_SECONDS", -1.0)
    images, labels = photographs(8), np.array(list("abababab"))
    pipeline = make_pipeline(RawPixels(), LinearSVM()).fit(images, labels)
    assert len(sights_of("slow", pipeline, images, labels, np.arange(8), labels).images) == 1
