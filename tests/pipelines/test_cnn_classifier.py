"""A network with scikit-learn's manners: labels as given, the same seed the same weights, nothing left behind."""

import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from torch import nn

from eyecraft.features.learned import CNNFeatures
from eyecraft.pipelines.cnn_classifier import CNNClassifier


def quick(**parameters: Any) -> CNNClassifier:
    """Return a classifier that trains in a fraction of a second."""
    return CNNClassifier(**{"max_epochs": 4, "batch_size": 16, "random_state": 0, "device": "cpu", **parameters})


@pytest.fixture(scope="module")
def strokes() -> tuple[np.ndarray, np.ndarray]:
    """Return 90 gray images of strokes in three directions, and what they are called."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 60, (90, 16, 16), dtype=np.uint8)
    names = np.array(["across", "slanting", "up"])[np.arange(90) % 3]
    for image, name in zip(images, names, strict=True):
        place = rng.integers(4, 11)
        if name == "across":
            image[place : place + 2] = 255
        elif name == "up":
            image[:, place : place + 2] = 255
        else:
            image[np.eye(16, k=place - 7, dtype=bool)] = 255
    return images, names


@pytest.fixture(scope="module")
def fitted(strokes: tuple[np.ndarray, np.ndarray]) -> CNNClassifier:
    """Return a classifier that knows strokes."""
    return quick(max_epochs=12).fit(*strokes)


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's 1,797 digits as gray levels, with names for labels."""
    bunch = load_digits()
    return (bunch.images * 255 / 16).round().astype(np.uint8), np.array([f"digit {i}" for i in bunch.target])


def test_digits_fold_is_read(digits: tuple[np.ndarray, np.ndarray]) -> None:
    """One of five folds with a third of the training: well above what a line through pixels reaches (96 %)."""
    images, labels = digits
    train, test = next(StratifiedKFold(5, shuffle=True, random_state=0).split(images, labels))
    classifier = CNNClassifier(max_epochs=10, random_state=0, device="cpu").fit(images[train], labels[train])
    assert classifier.score(images[test], labels[test]) >= 0.97


@pytest.mark.slow
def test_digits_reach_98_5_percent(digits: tuple[np.ndarray, np.ndarray]) -> None:
    """LeNet-5 as it stands, five folds."""
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    scores = cross_val_score(CNNClassifier(random_state=0, device="cpu"), *digits, cv=folds)
    assert scores.mean() >= 0.985


def test_labels_come_back_as_given(fitted: CNNClassifier, strokes: tuple[np.ndarray, np.ndarray]) -> None:
    """Strings in, the same strings out, in sorted order in `classes_`."""
    images, names = strokes
    assert fitted.classes_.tolist() == ["across", "slanting", "up"]
    assert fitted.predict(images).dtype == names.dtype
    assert fitted.score(images, names) > 0.95
    assert is_classifier(fitted)


@pytest.mark.parametrize("labels", [[-3, 7], [True, False], ["b", "a"], [1.0, 2.0]])
def test_any_two_labels_do(labels: list[Any], strokes: tuple[np.ndarray, np.ndarray]) -> None:
    """Two classes: one column of decisions, its sign tells the class."""
    images, names = strokes
    some = names != "slanting"
    y = np.where(names[some] == "up", labels[0], labels[1])
    classifier = quick(max_epochs=10).fit(images[some], y)
    decisions = classifier.decision_function(images[some])
    assert decisions.shape == (60,)
    np.testing.assert_array_equal(classifier.classes_[(decisions > 0).astype(int)], classifier.predict(images[some]))
    assert (classifier.predict(images[some]) == y).mean() > 0.9


def test_probabilities_add_up(fitted: CNNClassifier, strokes: tuple[np.ndarray, np.ndarray]) -> None:
    """To one, with the predicted class on top, and from the logits by softmax."""
    images, names = strokes
    probabilities = fitted.predict_proba(images)
    assert probabilities.shape == (90, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-9)
    np.testing.assert_array_equal(fitted.classes_[probabilities.argmax(axis=1)], fitted.predict(images))
    logits = fitted.decision_function(images).astype(float)
    np.testing.assert_allclose(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), probabilities, atol=1e-6)
    assert log_loss(names, probabilities) < 0.5


def weights(classifier: CNNClassifier) -> torch.Tensor:
    """Return all weights in a row."""
    return torch.cat([tensor.flatten() for tensor in classifier.module_.parameters()])


@pytest.mark.parametrize("parameters", [{}, {"early_stopping": True}, {"optimizer": "adamw", "lr": 0.003}])
def test_same_seed_same_weights(parameters: dict[str, Any], strokes: tuple[np.ndarray, np.ndarray]) -> None:
    """To the last bit, whatever torch's own generator was doing, which goes on undisturbed."""
    first = weights(quick(**parameters).fit(*strokes))
    torch.manual_seed(123)
    before = torch.random.get_rng_state()
    assert torch.equal(weights(quick(**parameters).fit(*strokes)), first)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not torch.equal(weights(quick(**parameters, random_state=1).fit(*strokes)), first)


def test_number_of_threads_does_not_matter(strokes: tuple[np.ndarray, np.ndarray]) -> None:
    """LeNet-5 is trained on one, and torch gets its own number back."""
    before = torch.get_num_threads()
    try:
        found = []
        for count in (1, 2):
            torch.set_num_threads(count)
            found.append(weights(quick().fit(*strokes)))
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*found)


def test_random_state_may_be_a_generator(strokes: tuple[np.ndarray, np.ndarray]) -> None:
    """A RandomState moves on from fit to fit, as everywhere in scikit-learn."""
    random = np.random.RandomState(0)
    assert not torch.equal(*(weights(quick(random_state=random).fit(*strokes)) for _ in range(2)))


def test_images_may_come_in_any_form(
    fitted: CNNClassifier, strokes: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    """Paths, lists, PIL images and gray stored as colour give one and the same answer."""
    images = strokes[0][:4]
    paths = [str(tmp_path / f"{i}.png") for i in range(4)]
    for path, image in zip(paths, images, strict=True):
        cv2.imwrite(path, image)
    expected = fitted.predict_proba(images)
    forms: list[Any] = [paths, np.array(paths), list(images), [Image.fromarray(i) for i in images], pd.Series(paths)]
    for form in [*forms, np.repeat(images[..., None], 3, axis=-1)]:
        np.testing.assert_allclose(fitted.predict_proba(form), expected, atol=1e-6)


def test_row_does_not_depend_on_its_neighbours(fitted: CNNClassifier, strokes: tuple[np.ndarray, np.ndarray]) -> None:
    """One by one as all together: no augmentation, no batch statistics in prediction."""
    images = strokes[0][:20]
    alone = np.concatenate([fitted.predict_proba(images[i : i + 1]) for i in range(20)])
    np.testing.assert_allclose(fitted.predict_proba(images), alone, atol=1e-6)


def test_channels_follow_the_training_images(strokes: tuple[np.ndarray, np.ndarray]) -> None:
    """Gray if every image is gray, whatever its file says; one coloured pixel makes colour."""
    images, names = strokes
    colour = np.repeat(images[..., None], 3, axis=-1)
    assert quick(max_epochs=1).fit(colour, names).module_.c1.in_channels == 1
    colour[7, 0, 0] = (255, 0, 0)
    classifier = quick(max_epochs=1).fit(colour, names)
    assert classifier.module_.c1.in_channels == 3
    assert quick(max_epochs=1, color="gray").fit(colour, names).module_.c1.in_channels == 1
    assert classifier.predict(images[:2]).shape == (2,)


def test_standardisation_is_that_of_the_training_images(strokes: tuple[np.ndarray, np.ndarray]) -> None:
    """Mean and standard deviation by hand, at the network's size; a constant image is not blown up."""
    images, names = strokes
    enlarged = np.stack([cv2.resize(image, (32, 32), interpolation=cv2.INTER_LINEAR) for image in images]) / 255
    preprocessing = quick(max_epochs=1).fit(images, names).preprocessing_
    np.testing.assert_allclose(preprocessing.mean, [enlarged.mean()], atol=1e-9)
    np.testing.assert_allclose(preprocessing.std, [enlarged.std()], atol=1e-9)
    flat = quick(max_epochs=1).fit(np.full((4, 8, 8), 9, np.uint8), list("abab"))
    assert np.isfinite(flat.predict_proba(images[:1])).all()


def test_images_beyond_memory_are_decoded_batch_by_batch(
    strokes: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same weights in the end."""
    expected = weights(quick(early_stopping=True).fit(*strokes))
    monkeypatch.setattr("eyecraft.pipelines._training._SHARE_OF_MEMORY", 0.0)
    assert torch.equal(weights(quick(early_stopping=True, n_jobs=2).fit(*strokes)), expected)


def test_history_tells_each_epoch(strokes: tuple[np.ndarray, np.ndarray]) -> None:
    """A frame with losses, rate and seconds; the rate falls along a cosine."""
    history = quick().fit(*strokes).history_
    assert history.columns.tolist() == ["epoch", "train_loss", "train_acc", "lr", "dur"]
    assert history["epoch"].tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(history["lr"], 0.05 * (1 + np.cos(np.pi * np.arange(4) / 4)) / 2)
    assert history["train_loss"].iloc[-1] < history["train_loss"].iloc[0]
    assert (quick(schedule=None).fit(*strokes).history_["lr"] == 0.05).all()


def test_early_stopping_keeps_the_best(strokes: tuple[np.ndarray, np.ndarray]) -> None:
    """Stops before the end, on images it has not seen."""
    images, names = strokes
    noise = np.random.default_rng(1).permutation(names)  # nothing to be learned: it gets worse soon
    classifier = quick(max_epochs=200, early_stopping=True, patience=3, schedule=None).fit(images, noise)
    history = classifier.history_
    assert len(history) < 100
    assert len(history) == history["valid_loss"].argmin() + 1 + 3
    with pytest.raises(ValueError, match="at least 2 each; 'rare' has 1"):
        quick(early_stopping=True).fit(images, ["rare", *names[1:]])


def test_pickle_and_clone(fitted: CNNClassifier, strokes: tuple[np.ndarray, np.ndarray]) -> None:
    """The pickle answers alike and carries no images; a clone is not fitted."""
    written = pickle.dumps(fitted)
    assert len(written) < 1_500_000
    np.testing.assert_array_equal(pickle.loads(written).predict_proba(strokes[0]), fitted.predict_proba(strokes[0]))
    held_out = quick(early_stopping=True, max_epochs=1).fit(*strokes)
    assert len(pickle.dumps(held_out)) < 1_500_000
    with pytest.raises(NotFittedError):
        clone(fitted).predict(strokes[0])


def test_works_in_pipeline_and_searches(strokes: tuple[np.ndarray, np.ndarray]) -> None:
    """Pipeline, cross_validate, GridSearchCV."""
    images, names = strokes
    scores = cross_validate(make_pipeline(quick(max_epochs=10)), images, names, cv=3, error_score="raise")
    assert scores["test_score"].mean() > 0.8
    search = GridSearchCV(quick(), {"max_epochs": [1, 10]}, cv=2, error_score="raise").fit(images, names)
    assert search.best_params_ == {"max_epochs": 10}


def test_its_layers_can_be_tapped(fitted: CNNClassifier, strokes: tuple[np.ndarray, np.ndarray]) -> None:
    """The last layer through CNNFeatures is the decision function; clones stay fitted."""
    images = strokes[0][:5]
    logits = clone(CNNFeatures(fitted, layers="output", device="cpu")).fit_transform(images)
    np.testing.assert_allclose(logits, fitted.decision_function(images), atol=1e-4)
    before = CNNFeatures(fitted, layers="f6", activation="pre", device="cpu").fit_transform(images)
    after = CNNFeatures(fitted, layers="f6", device="cpu").fit_transform(images)
    np.testing.assert_allclose(after, 1.7159 * np.tanh(before * 2 / 3), atol=1e-4)
    with pytest.raises(ValueError, match="`model` is a CNNClassifier without a network: fit it"):
        CNNFeatures(quick()).fit(images)


def tiny(in_channels: int, n_classes: int) -> nn.Module:
    """Return a network of one's own."""
    return nn.Sequential(
        nn.Conv2d(in_channels, 8, 3), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(8, n_classes)
    )


def test_network_of_ones_own(strokes: tuple[np.ndarray, np.ndarray]) -> None:
    """Anything that makes a module of channels and classes."""
    classifier = quick(model=tiny, image_size=(16, 12), max_epochs=2).fit(*strokes)
    assert classifier.predict_proba(strokes[0]).shape == (90, 3)
    with pytest.raises(ValueError, match="`image_size` must be given"):
        quick(model=tiny).fit(*strokes)


def test_diverging_loss_stops(strokes: tuple[np.ndarray, np.ndarray]) -> None:
    """Names the step and a rate to try."""
    with pytest.raises(ValueError, match=r"loss became .* at step \d+ of epoch 1, with lr=1e\+20. Try .* lr=0.05,"):
        quick(lr=1e20, model=tiny, image_size=16).fit(*strokes)


def test_interruption_is_not_swallowed(strokes: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends the fit instead of giving a half-trained network."""

    def interrupt(*args: Any, **kwargs: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("eyecraft.pipelines._network_engine.Engine.train_step", interrupt)
    classifier = quick()
    with pytest.raises(KeyboardInterrupt):
        classifier.fit(*strokes)
    assert not hasattr(classifier, "module_")


def test_verbose_prints_epochs(strokes: tuple[np.ndarray, np.ndarray], capsys: pytest.CaptureFixture[str]) -> None:
    """One line each; silent by default."""
    quick(max_epochs=2).fit(*strokes)
    assert capsys.readouterr().out == ""
    quick(max_epochs=2, verbose=1).fit(*strokes)
    assert "epoch 2/2  loss" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a"] * 90, r"at least two classes; got one class: every label is 'a'"),
        (["a", "b"], "`y` must have one label per image; got 2 labels for 90 images"),
        (None, "needs labels: `y` is None"),
        (
            np.array(["a", 1, "b"] * 30, dtype=object),
            "`y` must hold labels of one kind, text or numbers; got numbers, te",
        ),
        (np.array(["a", None, "b"] * 30, dtype=object), "`y` must hold labels of one kind.*; got None, text"),
        (np.linspace(0, 1, 90), "Unknown label type: continuous"),
    ],
)
def test_labels_that_cannot_be(labels: Any, message: str, strokes: tuple[np.ndarray, np.ndarray]) -> None:
    """One class, too few, none, several kinds, no classes at all; partial_fit says the same."""
    with pytest.raises(ValueError, match=message):
        quick().fit(strokes[0], labels)
    with pytest.raises(ValueError, match=message):
        quick().partial_fit(strokes[0], labels)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"model": "lenet"}, "`model` must be 'lenet5', 'convnet', 'mini'.*; got 'lenet'; did you mean 'lenet5'"),
        ({"optimizer": "adamax"}, "`optimizer` must be one of 'sgd', 'rmsprop', 'adam', 'adamw'"),
        ({"schedule": "steps"}, "`schedule` must be one of 'cosine', 'step', 'one-cycle', None; got 'steps'"),
        ({"augment": "flop"}, "`augment` must be one of 'auto', 'shift', 'flip'"),
        ({"color": "hsv"}, "`color` must be one of 'auto', 'gray', 'rgb'"),
        ({"lr": 0}, "`lr` must be a number > 0; got 0"),
        ({"max_epochs": 0}, "`max_epochs` must be a whole number >= 1; got 0"),
        ({"image_size": 64}, "`image_size` must be 32 pixels for LeNet-5; got 64"),
        ({"device": "gpu"}, "`device` must be 'auto', 'cpu', 'cuda'"),
        ({"random_state": "x"}, r"`random_state` must be None, a whole number >= 0 and < 2\*\*32"),
        ({"random_state": -1}, "`random_state` must be None"),
        ({"n_jobs": "x"}, "`n_jobs` must be None, a number of threads, or -1"),
        ({"keep_filters": 3}, "`keep_filters` must be True, None or a collection of epochs"),
        ({"checkpoint_dir": 3}, "`checkpoint_dir` must be the path of a folder"),
        ({"checkpoint_dir": __file__}, "`checkpoint_dir` must be a folder, there or not; .* is a file"),
        ({"class_weight": "even"}, "`class_weight` must be 'balanced', None or a dictionary"),
        ({"class_weight": {"up": -1, "across": 1, "slanting": 1}}, "finite numbers >= 0; got {'up': -1"),
        ({"class_weight": {"up": 0, "across": 0, "slanting": 0}}, "leave no image that counts"),
        ({"class_weight": {"up": 0, "across": 0, "slanting": 1}}, "all but those of 'slanting' have weight 0"),
    ],
)
def test_wrong_parameters(parameters: dict[str, Any], message: str, strokes: tuple[np.ndarray, np.ndarray]) -> None:
    """Each says what it should be and what came."""
    with pytest.raises(ValueError, match=message):
        quick(**parameters).fit(*strokes)


def test_too_many_held_out(strokes: tuple[np.ndarray, np.ndarray]) -> None:
    """Ninety percent of nine images leave one, of three classes."""
    with pytest.raises(ValueError, match=r"`validation_fraction`=0.9 holds 8 of 9 images out.* 3 classes"):
        quick(early_stopping=True, validation_fraction=0.9).fit(strokes[0][:9], strokes[1][:9])
