"""Trainings of a `CNNClassifier` that are killed and go on, and classifiers that are written and read."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

from eyecraft.pipelines import CNNClassifier
from eyecraft.pipelines._checkpoints import Checkpoint

Bars = tuple[np.ndarray, np.ndarray]


class Killed(BaseException):
    """Stands for the end of the process."""


def small(in_channels: int, n_classes: int) -> nn.Module:
    """Return a network with batch statistics and random dropout."""
    layers: list[nn.Module] = [nn.Conv2d(in_channels, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.2), nn.Linear(4, n_classes))


def quick(**parameters: Any) -> CNNClassifier:
    """Return a classifier of 8x8 images that fits in an instant."""
    settings = {"model": small, "image_size": 8, "max_epochs": 3, "batch_size": 12, "random_state": 0, "device": "cpu"}
    return CNNClassifier(**{**settings, **parameters})


@pytest.fixture(scope="module")
def bars() -> Bars:
    """Return 36 gray images 8x8 with a bright third, and where it is."""
    images = np.random.default_rng(0).integers(0, 50, (36, 8, 8), dtype=np.uint8)
    names = np.array(["bottom", "middle", "top"])[np.arange(36) % 3]
    for image, name in zip(images, names, strict=True):
        start = {"top": 0, "middle": 3, "bottom": 5}[name]
        image[start : start + 3] += 180
    return images, names


def same(one: CNNClassifier, other: CNNClassifier) -> bool:
    """Tell whether two classifiers have the same weights and statistics to the last bit."""
    first, second = one.module_.state_dict(), other.module_.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def killed_after(writes: int, monkeypatch: pytest.MonkeyPatch, *, before: bool = False) -> None:
    """Let the process end at a checkpoint: once it is written, or when only its tensors are."""
    write, count = Checkpoint.write, [0]

    def then_die(self: Checkpoint, *args: Any) -> None:
        count[0] += 1
        if before and count[0] > writes:
            monkeypatch.setattr("eyecraft.pipelines._checkpoints.write_json", die)
        write(self, *args)
        if not before and count[0] == writes:
            raise Killed

    def die(*args: Any) -> None:
        raise Killed

    monkeypatch.setattr(Checkpoint, "write", then_die)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"optimizer": "adamw", "ema_decay": 0.9, "trainable": "gradual", "mix": "mixup", "keep_filters": True},
        {"early_stopping": True, "schedule": "one-cycle", "accumulate": 2},
    ],
)
def test_killed_training_goes_on_to_the_same_result(
    parameters: dict[str, Any], bars: Bars, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bit for bit, with the same history and filters."""
    unbroken = quick(**parameters).fit(*bars)
    with monkeypatch.context() as patch:
        killed_after(2, patch)
        with pytest.raises(Killed):
            quick(**parameters, checkpoint_dir=tmp_path).fit(*bars)
    resumed = quick(**parameters, checkpoint_dir=tmp_path).fit(*bars)
    assert same(unbroken, resumed)
    columns = unbroken.history_.columns.drop("dur")
    assert unbroken.history_[columns].equals(resumed.history_[columns])
    assert unbroken.filters_.keys() == resumed.filters_.keys()
    assert all(np.array_equal(unbroken.filters_[epoch], resumed.filters_[epoch]) for epoch in unbroken.filters_)


def test_killed_while_writing_the_older_checkpoint_serves(
    bars: Bars, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tensors of the second epoch are there, the record still speaks of the first."""
    with monkeypatch.context() as patch:
        killed_after(1, patch, before=True)
        with pytest.raises(Killed):
            quick(checkpoint_dir=tmp_path).fit(*bars)
    assert json.loads((tmp_path / "checkpoint.json").read_text())["epoch"] == 1
    assert same(quick(checkpoint_dir=tmp_path).fit(*bars), quick().fit(*bars))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.json", "epoch-00003.safetensors"]


def test_finished_training_is_not_repeated(bars: Bars, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same call reads the result; without a seed it takes the one of the checkpoint."""
    first = quick(checkpoint_dir=tmp_path, random_state=None).fit(*bars)
    monkeypatch.setattr("eyecraft.pipelines._network_engine.Engine.train_step", None)
    assert same(quick(checkpoint_dir=tmp_path, random_state=None).fit(*bars), first)


def test_checkpoint_of_something_else(bars: Bars, tmp_path: Path) -> None:
    """Says what differs, and loads nothing."""
    images, names = bars
    quick(checkpoint_dir=tmp_path, max_epochs=1).fit(images, names)
    with pytest.raises(ValueError, match=r"of another training: .*without 'top' and with 'up' besides"):
        quick(checkpoint_dir=tmp_path, max_epochs=1).fit(images, np.where(names == "top", "up", names))
    with pytest.raises(ValueError, match="model was 'small' and is 'lenet5'"):
        quick(checkpoint_dir=tmp_path, max_epochs=1, model="lenet5", image_size=None).fit(images, names)
    with pytest.raises(ValueError, match=r"lr was 0.05 and is 0.01.*Nothing was loaded"):
        quick(checkpoint_dir=tmp_path, max_epochs=1, lr=0.01).fit(images, names)
    with pytest.raises(ValueError, match="the images and labels are not the same"):
        quick(checkpoint_dir=tmp_path, max_epochs=1).fit(255 - images, names)
    (tmp_path / "checkpoint.json").write_text("{")
    with pytest.raises(ValueError, match=r"checkpoint.json cannot be read.*Delete the folder"):
        quick(checkpoint_dir=tmp_path, max_epochs=1).fit(images, names)


@pytest.mark.parametrize("labels", [["a", "b", "c"], [3, -1, 7], [True, False, True]])
def test_saved_and_loaded(labels: list[Any], bars: Bars, tmp_path: Path) -> None:
    """Answers, labels, settings and history come back; nothing in the folder is a pickle."""
    images, names = bars
    y = np.array(labels)[np.unique(names, return_inverse=True)[1]]
    classifier = quick(model="lenet5", image_size=None, max_epochs=1, keep_filters=True).fit(images, y)
    classifier.save(tmp_path)
    loaded = CNNClassifier.load(tmp_path)
    np.testing.assert_array_equal(loaded.predict_proba(images), classifier.predict_proba(images))
    assert loaded.classes_.dtype == classifier.classes_.dtype
    assert loaded.settings_ == classifier.settings_
    assert loaded.history_.equals(classifier.history_)
    np.testing.assert_array_equal(loaded.filters_[1], classifier.filters_[1])
    assert loaded.get_params()["max_epochs"] == 1
    suffixes = {path.suffix for path in tmp_path.iterdir()}
    assert suffixes == {".json", ".safetensors"}


def lenet(**parameters: Any) -> CNNClassifier:
    """Return the cheapest network that comes back by its name."""
    return quick(model="lenet5", image_size=None, max_epochs=1, **parameters)


def test_saved_over_another_one(bars: Bars, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The filters of the old one go; a kill between the files is noticed, whichever they are."""
    old, new = lenet(keep_filters=True).fit(*bars), lenet(random_state=1).fit(*bars)
    old.save(tmp_path)
    new.save(tmp_path)
    assert CNNClassifier.load(tmp_path).filters_ == {}
    with monkeypatch.context() as patch:

        def die(*_: Any) -> None:
            raise Killed

        patch.setattr("eyecraft.pipelines._network_files.write_json", die)
        with pytest.raises(Killed):
            old.save(tmp_path)
    with pytest.raises(ValueError, match=r"network.safetensors' must be the file .*; it is another one or damaged, as"):
        CNNClassifier.load(tmp_path)
    old.save(tmp_path)
    (tmp_path / "filters.safetensors").unlink()
    with pytest.raises(ValueError, match=r"filters.safetensors' must be .*; it is not there"):
        CNNClassifier.load(tmp_path)


@pytest.mark.parametrize("key", ["model", "classes", "parameters", "settings", "preprocessing", "digests"])
def test_damaged_record(key: str, bars: Bars, tmp_path: Path) -> None:
    """Whatever is missing, or is something else, the file is named."""
    path = tmp_path / "classifier.json"
    lenet().fit(*bars).save(tmp_path)
    record = json.loads(path.read_text())
    for broken in ({name: value for name, value in record.items() if name != key}, {**record, key: 3}):
        path.write_text(json.dumps(broken))
        with pytest.raises(ValueError, match=r"classifier.json' is damaged \(.*Nothing was loaded"):
            CNNClassifier.load(tmp_path)


def test_parameters_that_json_has_no_word_for(bars: Bars, tmp_path: Path) -> None:
    """Weights of classes come back, whatever the labels; of a loss of one's own it is said that it does not."""
    images, names = bars
    numbers = np.unique(names, return_inverse=True)[1]
    lenet(class_weight={0: 1.0, 1: 2.0, 2: 0.5}).fit(images, numbers).save(tmp_path / "plain")
    assert CNNClassifier.load(tmp_path / "plain").class_weight == {0: 1.0, 1: 2.0, 2: 0.5}
    own = lenet(loss=nn.CrossEntropyLoss(), augment=lambda image: image).fit(images, numbers)
    own.save(tmp_path / "own")
    with pytest.warns(UserWarning, match="'augment', 'loss' could not be written"):
        assert CNNClassifier.load(tmp_path / "own").loss == "cross_entropy"


def test_network_of_ones_own_is_given_again(bars: Bars, tmp_path: Path) -> None:
    """It is not written; another one is told apart by its layers."""
    classifier = quick(max_epochs=1, dropout=0.5).fit(*bars)
    classifier.save(tmp_path)
    with pytest.raises(ValueError, match=r"'small', which is not written. Give it"):
        CNNClassifier.load(tmp_path)
    loaded = CNNClassifier.load(tmp_path, model=small)
    np.testing.assert_array_equal(loaded.predict(bars[0]), classifier.predict(bars[0]))
    with pytest.raises(ValueError, match=r"are not for small: 7 are not known to small .*0.weight is \(4, 1, 3, 3\)"):
        CNNClassifier.load(tmp_path, model=lambda channels, n: nn.Sequential(nn.Conv2d(channels, n, 8), nn.Flatten()))
    with pytest.raises(FileNotFoundError, match="holds no classifier"):
        CNNClassifier.load(tmp_path / "elsewhere")


def test_going_on_after_a_pickle(bars: Bars) -> None:
    """partial_fit of the copy works, with a new optimiser."""
    classifier = quick(max_epochs=1).fit(*bars)
    copy = pickle.loads(pickle.dumps(classifier))
    assert same(copy, classifier)
    copy.partial_fit(*bars)
    assert len(copy.history_) == 2
    assert not same(copy, classifier)


def test_partial_fit_sees_images_in_portions(bars: Bars) -> None:
    """All classes are named at first; each call is a row of the history; same seed, same weights."""
    images, names = bars
    first, second = (clone(quick(lr=0.01)) for _ in range(2))
    for classifier in (first, second):
        for epoch in range(3):
            for rows in (slice(0, 20), slice(20, 36)):
                classifier.partial_fit(images[rows], names[rows], classes=["bottom", "middle", "top"])
            assert len(classifier.history_) == 2 * epoch + 2
    assert same(first, second)
    assert first.history_["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    assert first.history_["train_loss"].iloc[-1] < first.history_["train_loss"].iloc[0]
    assert first.predict(images).dtype == names.dtype


def test_label_that_was_not_there(bars: Bars) -> None:
    """partial_fit refuses it by name; score counts it as an error and says so."""
    images, names = bars
    classifier = quick(max_epochs=1).fit(images, names)
    odd = names.astype("<U9")
    odd[:3] = "left-hand"
    with pytest.raises(ValueError, match="`y` has 'left-hand', not among the classes"):
        classifier.partial_fit(images, odd)
    with pytest.warns(UserWarning, match="'left-hand': their images count as errors"):
        found = classifier.score(images, odd)
    assert found == pytest.approx(np.mean(classifier.predict(images)[3:] == names[3:]) * 33 / 36)


def test_warm_start_goes_on(bars: Bars) -> None:
    """From the weights that are there; other classes are refused."""
    images, names = bars
    classifier = quick(warm_start=True, max_epochs=2).fit(images, names)
    before = classifier.history_["train_loss"].iloc[-1]
    classifier.fit(images, names)
    assert classifier.history_["train_loss"].iloc[0] < before * 1.2
    with pytest.raises(ValueError, match=r"`warm_start` goes on with the same classes; .*new: 'up'; gone: 'top'"):
        classifier.fit(images, np.where(names == "top", "up", names))
