"""Experiments of papers: a complete table, the protocol kept, the right figure beside ours."""

from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline

from eyecraft.data import Dataset, PerClassSplit, load_digits
from eyecraft.pipelines._protocols import MARKS, Protocol, Published
from eyecraft.pipelines.recipes import build, find
from eyecraft.pipelines.reproduce import Reproduction, find_protocol, protocols, reproduce

module = import_module("eyecraft.pipelines.reproduce")


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Protocol:
    """Return an experiment on the digits that takes a second, and put it into the table."""
    protocol = Protocol(
        name="digits-pixels",
        title="Grey values",
        citation="An example, https://example.org",
        data="scikit-learn's digits",
        n_classes=10,
        recipe="pixels-svm",
        published={5: Published(70.0, 1.5, "quoted", "Table 1"), 10: Published(80.0, None, "from memory", "Table 2")},
        n_test=8,
    )
    monkeypatch.setattr(module, "PROTOCOLS", (*module.PROTOCOLS, protocol))
    return protocol


def test_every_row_of_the_table_is_complete() -> None:
    """A recipe that exists with those parameters, figures with a source and a mark, data that can be found."""
    for protocol in protocols():
        assert find(protocol.recipe).name == protocol.recipe
        build(protocol.recipe, **protocol.parameters)
        assert "https://" in protocol.citation
        assert "https://" in protocol.data
        assert len(protocol.class_names) in (0, protocol.n_classes)
        for n_train, figure in protocol.published.items():
            assert n_train in (15, 30, 100)
            assert 50 < figure.percent < 90
            assert figure.mark in MARKS
            assert figure.source
    expected = {"caltech101-spm", "caltech101-phow", "caltech101-llc", "caltech101-fisher", "scene15-spm"}
    assert expected <= {protocol.name for protocol in protocols()}


def test_figures_that_were_asked_for() -> None:
    """The floors of the project, word for word."""
    spm = find_protocol("caltech101-spm")
    assert (str(spm.published[30]), str(spm.published[15])) == ("64.6 ± 0.8", "56.4")
    assert find_protocol("caltech101-phow").published[15].percent == 64.0
    assert str(find_protocol("scene15-spm").published[100]) == "81.4 ± 0.5"


def test_settings_are_the_papers() -> None:
    """Where the recipe has others: the grid step of Lazebnik, the window and the test images of VLFeat's script."""
    for name in ("caltech101-spm", "scene15-spm"):
        assert build("spm-svm", **find_protocol(name).parameters)["features"].descriptor.step == 8
    phow = find_protocol("caltech101-phow")
    assert phow.n_test == 15
    assert build("phow-svm", **phow.parameters)["features"].descriptor.window_size == 1.5


def test_protocol_is_kept(toy: Protocol) -> None:
    """So many training and test images of each class, drawn as `PerClassSplit` draws them."""
    digits = load_digits()
    done = reproduce("digits-pixels", digits, n_splits=2)
    expected = list(PerClassSplit(5, 8, 2, 0).split(digits.images, digits.labels))
    for (train, test), (train_expected, test_expected) in zip(done.comparison.splits, expected, strict=True):
        np.testing.assert_array_equal(train, train_expected)
        np.testing.assert_array_equal(test, test_expected)
    assert done.comparison.pipelines["name"].tolist() == ["pixels-svm"]
    assert done.scores.shape == (2,)
    assert 0.5 < done.scores.min() <= done.scores.max() <= 1


def test_ours_beside_theirs(toy: Protocol) -> None:
    """Each split, mean and deviation, and the figure with its mark and its source."""
    done = reproduce("digits-pixels", load_digits(), n_splits=2)
    scores = 100 * done.scores
    text = str(done)
    assert "5 training and at most 8 test images per class" in text
    assert f"split 2: {scores[1]:.1f}" in text
    assert f"{scores.mean():.1f} ± {scores.std(ddof=1):.1f}  (2 splits)" in text
    assert "published  70.0 ± 1.5  (Table 1; quoted: as another paper quotes it)" in text
    assert f"ours is {abs(scores.mean() - 70):.1f} points {'above' if scores.mean() > 70 else 'below'}" in text
    row = done.frame().iloc[0]
    assert (row["ours"], row["published"], row["n_splits"]) == (scores.mean(), 70.0, 2)


def test_other_training_sizes(toy: Protocol) -> None:
    """A size with a figure has its own; one without says for which there are figures."""
    digits = load_digits()
    assert "published  80.0  (Table 2; from memory" in str(reproduce("digits-pixels", digits, n_train=10, n_splits=1))
    done = reproduce("digits-pixels", digits, n_train=3, n_splits=1)
    assert done.published is None
    assert "nothing with 3 training images; 70.0 ± 1.5 with 5, 80.0 with 10" in str(done)
    assert "(1 split, no deviation)" in str(done)


def test_goes_on_where_it_stopped(toy: Protocol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A finished split is not computed again."""
    digits = load_digits()
    first = reproduce("digits-pixels", digits, n_splits=2, out=tmp_path)
    monkeypatch.setattr(
        import_module("eyecraft.pipelines.compare"), "measure", lambda *_: pytest.fail("computed again")
    )
    again = reproduce("digits-pixels", digits, n_splits=2, out=tmp_path)
    np.testing.assert_array_equal(again.scores, first.scores)


def test_parameters_of_the_table_reach_the_pipeline(toy: Protocol, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an experiment changes about its recipe is what is measured."""
    monkeypatch.setattr(module, "PROTOCOLS", (replace(toy, parameters={"image_size": (4, 4)}),))
    done = reproduce("digits-pixels", load_digits(), n_splits=1)
    assert done.comparison.pipelines["n_features"].tolist() == [16]


def test_failed_splits_are_told(toy: Protocol, monkeypatch: pytest.MonkeyPatch) -> None:
    """No figure is made up where nothing was finished."""
    broken = Pipeline([("classifier", DummyClassifier(strategy="constant", constant="no such class"))])
    monkeypatch.setattr(module, "_pipelines", lambda *_: [("pixels-svm", broken)])
    done = reproduce("digits-pixels", load_digits(), n_splits=1)
    assert len(done.scores) == 0
    assert np.isnan(done.frame()["ours"].item())
    assert "no split was finished" in str(done)
    assert "constant" in str(done)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("nothing of the kind",),
            r"unknown experiment 'nothing of the kind'\. The experiments are: calt",
        ),
        (
            ("caltech-spm",),
            r"unknown experiment 'caltech-spm'; did you mean 'caltech101-spm'.* experiments are: calt",
        ),
        (("caltech101-spm",), r"an experiment on 102 classes; .* has 10: 0, 1, 2, 3 and 6 more.*BACKGROUND_Google"),
    ],
)
def test_what_cannot_be_repeated(arguments: tuple[str], message: str) -> None:
    """Unknown names come with the nearest; other data is refused before any work, with both numbers."""
    with pytest.raises(ValueError, match=message):
        reproduce(*arguments, load_digits())


def test_as_many_other_classes_will_not_do(toy: Protocol) -> None:
    """Names are compared where they are known, capital letters aside."""
    names = ("Nought", *"123456789")
    digits = load_digits()
    with pytest.raises(
        ValueError, match=r"on other classes than those of .*, which lacks Nought, and has 0\. .*Expected"
    ):
        module.check_data(replace(toy, class_names=names), digits)
    renamed = Dataset(digits.images, np.where(digits.labels == "0", "NOUGHT", digits.labels), name="digits")
    module.check_data(replace(toy, class_names=names), renamed)


def test_one_training_image_a_class(toy: Protocol, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is warned that class names might be numbers to be predicted; warnings are errors here."""
    protocol = replace(toy, n_classes=30)
    monkeypatch.setattr(module, "PROTOCOLS", (protocol,))
    images = load_digits().images[:90]
    many = Dataset(images, np.array([f"class {i % 30}" for i in range(90)]), name="many classes")
    assert len(reproduce("digits-pixels", many, n_train=1, n_splits=1).scores) == 1


def test_impossible_sizes(toy: Protocol) -> None:
    """Numbers of splits and of training images are checked."""
    with pytest.raises(ValueError, match=r"`n_splits` must be a whole number >= 1; got 0"):
        reproduce("digits-pixels", load_digits(), n_splits=0)
    with pytest.raises(ValueError, match="at least 401 images"):
        reproduce("digits-pixels", load_digits(), n_train=400)


@pytest.mark.slow
def test_spatial_pyramid_on_real_pictures(real_data: Path) -> None:
    """Ten classes of Caltech-101, 15 training images: far above chance, in the range of the paper's figures."""
    from eyecraft.data import load_folder

    whole = load_folder(real_data / "caltech-101")
    ten = whole.subset(np.flatnonzero(np.isin(whole.labels, whole.class_names[1:11])))
    assert isinstance(ten, Dataset)
    protocol = replace(find_protocol("caltech101-spm"), n_classes=10, class_names=tuple(ten.class_names))
    module.check_data(protocol, ten)
    pipeline = build("spm-svm", random_state=0, store=None)
    train, test = next(PerClassSplit(15, 15, 1).split(ten.images, ten.labels))
    right = pipeline.fit(ten.images[train], ten.labels[train]).predict(ten.images[test]) == ten.labels[test]
    assert right.mean() > 0.75


def test_reproduction_is_plain_data(toy: Protocol) -> None:
    """What is returned holds the comparison, so that reports can be made of it."""
    done = reproduce("digits-pixels", load_digits(), n_splits=1)
    assert isinstance(done, Reproduction)
    assert set(done.comparison.protocol["metrics"]) == {"balanced_accuracy", "accuracy"}
    best = done.comparison.table(sort_by="balanced_accuracy")["balanced_accuracy"].item()
    assert best == pytest.approx(done.scores[0])
