"""What is kept of a training for the report: its course and its filters."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from torch import nn

from eyecraft.features import HOG
from eyecraft.pipelines import CNNClassifier
from eyecraft.pipelines._exhibit_training import (
    TrainingExhibit,
    filter_pictures,
    first_filters,
    most_changed,
    training_of,
)
from eyecraft.pipelines._exhibits import Exhibit, keep_for_exhibit


def strokes(n=24):
    """Draw strokes up and across."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 40, (n, 8, 8), dtype=np.uint8)
    images[::2, :, 2:4] = 255
    images[1::2, 5:7] = 255
    return images, np.array(["up", "across"] * (n // 2))


@pytest.fixture(scope="module")
def trained():
    """Train LeNet-5 for three epochs, as a comparison would."""
    pipeline = Pipeline([("classifier", CNNClassifier(max_epochs=3, batch_size=8, random_state=0, device="cpu"))])
    keep_for_exhibit(pipeline)
    return pipeline.fit(*strokes())


def test_course_and_filters_of_a_training(trained):
    """The history as it is, six filters of five by five, at epochs 0 to 3."""
    shown = training_of(trained)
    history = trained["classifier"].history_
    assert shown.model == "lenet5"
    pd.testing.assert_frame_equal(pd.DataFrame(shown.history), history, check_dtype=False)
    assert shown.filters.shape == (6, 5, 5, 3)
    assert shown.epochs == [0, 1, 2, 3]
    assert shown.evolution.shape == (4, 6, 5, 5, 3)
    np.testing.assert_array_equal(shown.evolution[-1], shown.filters)
    assert (shown.evolution[0] != shown.evolution[-1]).any()


def test_keeping_filters_changes_no_number(trained):
    """The same training without them."""
    images, labels = strokes()
    plain = CNNClassifier(max_epochs=3, batch_size=8, random_state=0, device="cpu").fit(images, labels)
    np.testing.assert_array_equal(plain.decision_function(images), trained.decision_function(images))
    shown = training_of(plain)
    assert (shown.epochs, len(shown.evolution), len(shown.filters)) == ([], 0, 6)


def test_only_what_nobody_chose_is_asked_for():
    """A user's own choice stays; pipelines without a network are left alone."""
    chosen = CNNClassifier(keep_filters=[0])
    keep_for_exhibit(chosen)
    assert chosen.keep_filters == [0]
    search = GridSearchCV(make_pipeline(CNNClassifier()), {"cnnclassifier__lr": [0.1]})
    keep_for_exhibit(search)
    assert search.estimator[-1].keep_filters is True
    keep_for_exhibit(make_pipeline(HOG(), DummyClassifier()))


def test_arrays_and_back(trained):
    """With the other parts left out."""
    exhibit = Exhibit(training=training_of(trained))
    back = Exhibit.from_arrays(exhibit.to_arrays())
    assert back.words is None is back.sights
    for name in ("filters", "evolution"):
        np.testing.assert_array_equal(getattr(back.training, name), getattr(exhibit.training, name))
    assert {name: list(values) for name, values in back.training.history.items()} == {
        name: list(values) for name, values in exhibit.training.history.items()
    }
    with pytest.raises(ValueError, match="another version"):
        Exhibit.from_arrays({"meta": np.array('{"format": 1}')})
    arrays = exhibit.training.to_arrays()
    del arrays["history_epoch"]
    with pytest.raises(KeyError, match="history_epoch"):
        TrainingExhibit.from_arrays(arrays)


def test_pipelines_without_a_training():
    """Nothing that was trained here."""
    images, labels = strokes()
    assert training_of(make_pipeline(HOG(image_size=16), DummyClassifier()).fit(images, labels)) is None
    assert training_of(CNNClassifier()) is None
    assert first_filters(nn.Linear(2, 2)) is None


def test_large_filters_are_shrunk_and_few_are_shown():
    """Of a hundred filters of 31 pixels, 64 of 16 pixels; of several epochs those that changed most."""
    torch.manual_seed(0)
    classifier = CNNClassifier()
    network = nn.Sequential(nn.Conv2d(3, 100, 31))
    start = network[0].weight.detach().numpy().copy()
    end = start.copy()
    end[[5, 50]] *= -1
    history = pd.DataFrame({"epoch": [1], "train_loss": [1.0], "train_acc": [0.5], "lr": [0.1], "dur": [1.0]})
    state = {"module_": network, "history_": history, "filters_": {0: start, 1: end}}
    for name, value in state.items():
        setattr(classifier, name, value)
    classifier.settings_ = type("Settings", (), {"model": "wide"})()
    shown = training_of(classifier)
    assert (shown.n_filters, shown.filters.shape) == (100, (64, 16, 16, 3))
    assert shown.evolution.shape == (2, 16, 16, 16, 3)
    assert most_changed(classifier.filters_, 2).tolist() == [5, 50]


def test_a_weight_of_zero_is_mid_grey():
    """And the largest is white or black, whatever its size."""
    filters = np.array([[[[0.0, 0.2], [-0.4, 0.1]]], [[[0.0, 0], [0, 0]]]])
    pictures = filter_pictures(filters)
    np.testing.assert_allclose(pictures[0, ..., 0], [[0.5, 0.75], [0, 0.625]])
    assert (pictures[1] == 0.5).all()
