"""Tapping every layer: one look at each image, rows equal to the extractor's own, shared splits, resuming."""

from importlib import import_module

import numpy as np
import pytest
import torch
from torch import nn

from eyecraft.data import PerClassSplit
from eyecraft.features.learned import CNNFeatures
from eyecraft.pipelines import LinearSVM

probe_module = import_module("eyecraft.pipelines.probe")
LayerProbe, ProbeResult, default_layers = (
    probe_module.LayerProbe,
    import_module("eyecraft.pipelines._probe_result").ProbeResult,
    probe_module.default_layers,
)
write_probe_report = import_module("eyecraft.reports.probe_report").write_probe_report
Softmax = import_module("eyecraft.pipelines._probe_softmax").Softmax


@pytest.fixture
def network() -> nn.Module:
    """A tiny network whose second layer sees more than its first."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(216, 5)
    )


@pytest.fixture
def pictures(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two classes, 8 pictures each: noise, and noise with a bright bar."""
    images = rng.integers(0, 120, (16, 18, 18, 3), dtype=np.uint8)
    images[8:, 6:12] += 130
    return images, np.repeat(["plain", "bar"], 8)


def probe_of(network, store, **options):
    """Return a probe of the tiny network."""
    return LayerProbe(network, layers=["0", "3"], image_size=18, store=store, device="cpu", **options)


def test_every_layer_pooling_and_classifier(network, pictures, tmp_path):
    """A row for each, in order, over the same splits; pipelines beside them are in the comparison."""
    probe = probe_of(network, tmp_path, pooling=["avg", "spatial"], pool_size=2)
    cv = PerClassSplit(n_train=4, n_test=4, n_splits=2)
    result = probe.run(*pictures, cv=cv, against=["pixels-svm", ("again", LinearSVM())])
    table = result.table()
    expected = [(a, b, c) for a in "03" for b in ("avg", "spatial") for c in ("svm", "softmax")]
    assert list(table[["layer", "pooling", "classifier"]].itertuples(index=False, name=None)) == expected
    assert table["n_features"].tolist() == [4, 4, 16, 16, 6, 6, 24, 24]
    assert table["n_splits"].tolist() == [2] * 8
    assert table["balanced_accuracy"].min() > 0.5
    assert result.against == ["pixels-svm", "again"]
    assert len(result.frame()) == 8 * 2 * 2
    assert result.best()["accuracy"] == table["accuracy"].max()


def test_fully_connected_layer_is_measured_once(network, pictures, tmp_path):
    """Every pooling would give the same; the page has a dash there. A small map has no more cells than places."""
    options = {"layers": ["3", "6"], "image_size": 18, "store": tmp_path, "device": "cpu", "classifiers": ["svm"]}
    result = LayerProbe(network, pooling=["spatial", "max"], pool_size=9, n_workers=1, **options).run(*pictures, cv=2)
    table = result.table()
    assert list(table[["layer", "pooling", "n_features"]].itertuples(index=False, name=None)) == [
        *(("3", "spatial", 216), ("3", "max", 6), ("6", "spatial", 5)),
    ]
    (path,) = [path for path in write_probe_report(result, tmp_path / "page").values() if path.suffix == ".md"]
    row = next(line for line in path.read_text().splitlines() if line.startswith("| 6 "))
    assert row.count("|") == next(line for line in path.read_text().splitlines() if line.startswith("| 3 ")).count("|")


def test_one_pass_per_image(network, pictures, tmp_path, monkeypatch):
    """However many layers, poolings, classifiers and splits, each image goes through the network once."""
    sweep = import_module("eyecraft.pipelines._probe_sweep")
    seen = []
    plain = sweep.Sweep.transform
    monkeypatch.setattr(sweep.Sweep, "transform", lambda self, X: seen.append(len(X)) or plain(self, X))
    monkeypatch.setattr(CNNFeatures, "fit_transform", lambda *_: pytest.fail("a layer was computed by itself"))
    probe = probe_of(network, tmp_path, pooling=["avg", "max"])
    probe.run(*pictures, cv=2)
    assert sum(seen) == 16
    probe.run(*pictures, cv=3)
    assert sum(seen) == 16


def test_rows_are_those_of_the_extractor(network, pictures, tmp_path):
    """Same numbers, under the same key: a pipeline on one layer finds them in the store."""
    images, labels = pictures
    probe_of(network, tmp_path, pooling=["avg", "spatial"], classifiers=["svm"]).run(images, labels, cv=2)
    alone = CNNFeatures(network, layers="3", pooling="spatial", l2=True, resize="warp", image_size=18, device="cpu")
    stored = CNNFeatures(**{**alone.get_params(deep=False), "store": tmp_path})
    stored._compute = lambda *_: pytest.fail("not found in the store")
    np.testing.assert_allclose(stored.fit_transform(images), alone.fit_transform(images), atol=1e-6)


def test_a_lost_row_is_computed_again(network, pictures, tmp_path):
    """Damage between the sweep and its use costs time, not the run."""
    sweep = import_module("eyecraft.pipelines._probe_sweep")
    images, _ = pictures
    tapping = sweep.Sweep(network, layers=["0"], l2=True, resize="warp", image_size=18, device="cpu").fit(images)
    (tap,) = tapping.taps(lambda _: 1.0)
    alone = CNNFeatures(network, layers="0", pooling="spatial", l2=True, resize="warp", image_size=18, device="cpu")
    rows = import_module("eyecraft.pipelines._probe_rows").TappedRows(
        alone, tap.key, 36, image_size=(18, 18), store=tmp_path
    )
    np.testing.assert_allclose(rows.fit_transform(images[:3]), alone.fit_transform(images[:3]), atol=1e-6)


def test_interrupted_and_resumed(network, pictures, tmp_path, monkeypatch):
    """Ctrl-C in the sweep keeps the rows, in the classifiers the splits; the same call goes on and agrees."""
    sweep = import_module("eyecraft.pipelines._probe_sweep")
    compare = import_module("eyecraft.pipelines.compare")
    monkeypatch.setattr(sweep, "_AT_ONCE", 4)
    plain, done = sweep.Sweep.transform, []

    def interrupted(self, X):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(len(X))
        return plain(self, X)

    probe = probe_of(network, tmp_path / "store", classifiers=["svm"])
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(sweep.Sweep, "transform", interrupted)
        probe.run(*pictures, cv=2, out=tmp_path / "out")
    real, finished = compare.measure, []

    def stops(task, *data):
        if len(finished) == 3:
            raise KeyboardInterrupt
        finished.append(task.row.split)
        return real(task, *data)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(sweep.Sweep, "transform", lambda self, X: done.append(len(X)) or plain(self, X))
        patch.setattr(compare, "measure", stops)
        probe.run(*pictures, cv=2, out=tmp_path / "out")
    assert sum(done) == 16  # none twice
    with monkeypatch.context() as patch:
        patch.setattr(compare, "measure", lambda *args: finished.append("last") or real(*args))
        result = probe.run(*pictures, cv=2, out=tmp_path / "out")
    assert len(finished) == 4
    again = ProbeResult.load(tmp_path / "out")
    assert again.table().equals(result.table())
    assert again.layers == ["0", "3"]
    assert again.about == result.about


def test_default_layers():
    """Textbook names in the order they run; of a network without any, its shaping layers, thinned."""
    assert default_layers("squeezenet1_0")[:3] == ["conv1", "pool1", "fire2"]
    assert default_layers("alexnet") == [
        *("conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5", "fc6", "fc7", "fc8")
    ]
    assert default_layers("resnet18") == ["conv1", "pool1", "stage1", "stage2", "stage3", "stage4", "pool5"]
    assert default_layers("mobilenet_v2") == ["stem", *(f"stage{number}" for number in range(1, 6)), "head"]
    assert default_layers("lenet5") == ["c1", "s2", "c3", "s4", "c5", "f6", "output"]
    deep = nn.Sequential(*(nn.Conv2d(3, 3, 3, padding=1) for _ in range(40)))
    assert len(default_layers(deep, 8)) == 16
    assert default_layers(deep, 8)[-1] == "39"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pooling": "mean"}, "`pooling` must be one of"),
        ({"classifiers": ["forest"]}, "`classifiers` must be one of 'svm', 'softmax'; got 'forest'"),
        ({"classifiers": []}, "at least one"),
        ({"layers": "0"}, "`layers` must be a list"),
        ({"layers": ["7"]}, "no layer called '7'"),
    ],
)
def test_mistakes(network, pictures, tmp_path, options, message):
    """Told before any work."""
    probe = LayerProbe(network, **{"layers": ["0"], "image_size": 18, "store": tmp_path, **options})
    with pytest.raises(ValueError, match=message):
        probe.run(*pictures, cv=2)


def test_wrong_recipe_is_told_before_the_sweep(network, pictures, tmp_path, monkeypatch):
    """No image is looked at for nothing."""
    monkeypatch.setattr(probe_module, "sweep_once", lambda *_: pytest.fail("swept"))
    with pytest.raises(ValueError, match="did you mean 'hog-svm'"):
        probe_of(network, tmp_path).run(*pictures, cv=2, against=["hgo-svm"])


def test_softmax_agrees_with_scikit_learn(rng):
    """Probabilities of LogisticRegression, with fewer samples than features and with more."""
    linear_model = import_module("sklearn.linear_model")
    for n_samples, n_features in ((40, 90), (120, 12)):
        X = rng.normal(size=(n_samples, n_features)).astype(np.float32)
        y = rng.choice(["a", "b", "c"], n_samples)
        other = linear_model.LogisticRegression(C=0.5, tol=1e-8, max_iter=1000).fit(X.astype(float), y)
        own = Softmax(C=0.5).fit(X, y)
        np.testing.assert_allclose(own.predict_proba(X), other.predict_proba(X), atol=2e-3)
        assert own.coef_.shape == (3, n_features)
    with pytest.raises(ValueError, match="at least 2 classes"):
        Softmax().fit(X, ["a"] * len(X))
