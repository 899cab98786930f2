"""What a fitted pipeline is: its size on disk without a disk, a fresh copy of it, and its networks' products."""

import pickle

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline, make_union

from eyecraft.features import HOG, CNNFeatures, RawPixels, TrainingSpan
from eyecraft.features.learned.card import describe
from eyecraft.pipelines import CNNClassifier, LinearSVM
from eyecraft.pipelines._model_cost import inside, multiply_adds, network_bytes, pack

LABELS = np.arange(12) % 3


@pytest.fixture
def images(rng):
    """Twelve gray images of noise."""
    return rng.integers(0, 256, (12, 32, 32), dtype=np.uint8)


def test_as_long_as_its_pickle(images):
    """Within a hundredth, though no array was copied."""
    for classifier in (LinearSVM(), KNeighborsClassifier(1)):
        fitted = make_pipeline(RawPixels(image_size=32), classifier).fit(images, LABELS)
        packed = pack(fitted)
        assert packed.n_bytes == pytest.approx(len(pickle.dumps(fitted)), rel=0.01)
        assert len(packed.pickled) < 0.5 * packed.n_bytes


def test_the_copy_answers_alike_and_shares_the_arrays(images):
    """A second pipeline, not a second model in memory."""
    fitted = make_pipeline(HOG(), LinearSVM()).fit(images, LABELS)
    twin = pack(fitted).unpack()
    assert twin is not fitted
    assert twin[1].coef_ is fitted[1].coef_
    np.testing.assert_array_equal(twin.predict(images), fitted.predict(images))


def test_a_network_in_a_pickle_is_counted_and_shared(images):
    """Weights of a trained network, four bytes each; the copy answers alike."""
    fitted = CNNClassifier(max_epochs=1, random_state=0).fit(images, LABELS)
    packed = pack(fitted)
    weights = sum(parameter.numel() for parameter in fitted.module_.parameters())
    assert 4 * weights < packed.n_bytes == pytest.approx(len(pickle.dumps(fitted)), rel=0.1)
    np.testing.assert_array_equal(packed.unpack().predict_proba(images), fitted.predict_proba(images))


def test_what_is_inside_is_what_was_fitted(images):
    """Extractors in fitted attributes are found, the ones they were cloned from are not."""
    span = TrainingSpan(RawPixels(image_size=8))
    fitted = make_pipeline(make_union(span, HOG()), LinearSVM()).fit(images, LABELS)
    found = list(inside(fitted))
    assert span.extractor_ in found
    assert span.extractor not in found
    assert {type(part).__name__ for part in found} == {
        "Pipeline", "FeatureUnion", "TrainingSpan", "RawPixels", "HOG", "LinearSVM",
    }  # fmt: skip


def test_multiply_adds_of_lenet(images):
    """As its card says."""
    fitted = CNNClassifier(max_epochs=1, random_state=0).fit(images, LABELS)
    assert multiply_adds(fitted) == describe(fitted.module_, 32, channels=1).multiply_adds


def test_multiply_adds_end_at_the_layer_tapped(images):
    """conv1 of SqueezeNet 1.0 on 64 x 64: 29 x 29 positions of 96 filters of 7 x 7 x 3; the rest is not run."""
    first = CNNFeatures("squeezenet1_0", weights=None, layers="conv1", image_size=64, resize="warp")
    fitted = make_pipeline(first, KNeighborsClassifier(1)).fit(images, LABELS)
    assert multiply_adds(fitted) == 29 * 29 * 96 * 7 * 7 * 3
    assert network_bytes(fitted) == 4 * (96 * 7 * 7 * 3 + 96)
    both = make_union(first, CNNFeatures("squeezenet1_0", weights=None, layers="fire2", image_size=64, resize="warp"))
    card = describe("squeezenet1_0", 64)
    names = [layer.name for layer in card]
    upto = card.layers[: names.index("features.3.expand3x3_activation") + 1]
    expected = sum(layer.multiply_adds for layer in upto)
    found = multiply_adds(make_pipeline(both, KNeighborsClassifier(1)).fit(images, LABELS))
    assert found == expected + 29 * 29 * 96 * 7 * 7 * 3


def test_a_tapped_classifier_is_counted_once(images):
    """Its network lies in the pickle, so nothing is loaded by name; the layer is f6, before the classes."""
    network = CNNClassifier(max_epochs=1, random_state=0).fit(images, LABELS)
    fitted = make_pipeline(CNNFeatures(network, layers="f6"), KNeighborsClassifier(1)).fit(images, LABELS)
    card = describe(network.module_, 32, channels=1)
    assert multiply_adds(fitted) == card.multiply_adds - card.layers[-1].multiply_adds
    assert network_bytes(fitted) == 0


def test_nothing_to_count_without_a_network(images):
    """Missing, not zero."""
    fitted = make_pipeline(HOG(), LinearSVM()).fit(images, LABELS)
    assert multiply_adds(fitted) is None
    assert network_bytes(fitted) == 0
