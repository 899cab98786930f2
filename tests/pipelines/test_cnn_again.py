"""A `CNNClassifier` that is trained again: warm starts, portions, and checkpoints of something else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from eyecraft.pipelines import CNNClassifier
from eyecraft.pipelines._divergence import Diverged
from eyecraft.pipelines._network_identity import _of_code

Bars = tuple[np.ndarray, np.ndarray]


class Small(nn.Module):
    """A network whose layers' order and kind can be told."""

    def __init__(self, n_classes: int, middle: nn.Module, sizes: tuple[int, int] = (4, 8)) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, sizes[0]), nn.BatchNorm1d(sizes[0]), middle)
        self.more = nn.Linear(sizes[0], sizes[1])
        self.head = nn.Linear(sizes[1], n_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return scores."""
        return self.head(self.more(self.layers(images.flatten(1))).relu())


def small(in_channels: int, n_classes: int) -> nn.Module:
    """Return the network as it usually is."""
    return Small(n_classes, nn.ReLU())


def with_middle(middle: nn.Module, **options: Any) -> Callable[[int, int], nn.Module]:
    """Return a function of the same name that makes another one."""

    def other(in_channels: int, n_classes: int) -> nn.Module:
        return Small(n_classes, middle, **options)

    other.__name__ = "small"
    return other


def quick(**parameters: Any) -> CNNClassifier:
    """Return a classifier of 8x8 images that fits in an instant."""
    settings = {"model": small, "image_size": 8, "max_epochs": 1, "batch_size": 12, "random_state": 0, "device": "cpu"}
    return CNNClassifier(**{**settings, **parameters})


@pytest.fixture(scope="module")
def bars() -> Bars:
    """Return 36 gray images 8x8 of noise, and labels."""
    return np.random.default_rng(0).integers(0, 250, (36, 8, 8), dtype=np.uint8), np.array(["a", "b", "c"] * 12)


def weights(classifier: CNNClassifier) -> dict[str, torch.Tensor]:
    """Return a copy of all weights and statistics."""
    return {name: value.clone() for name, value in classifier.module_.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Tell whether two networks are the same to the last bit."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_warm_start_sees_images_as_the_network_does(bars: Bars) -> None:
    """Gray ones after coloured ones, and whatever `image_size` says by now: the network keeps its input."""
    images, names = bars
    coloured = images[..., None] // np.array([1, 2, 3], dtype=np.uint8)
    classifier = CNNClassifier("lenet5", max_epochs=1, warm_start=True, random_state=0, device="cpu")
    classifier.fit(coloured, names).fit(images, names)
    assert classifier.preprocessing_.color == "rgb"
    own = quick(warm_start=True).fit(images, names).set_params(image_size=16).fit(images, names)
    assert own.preprocessing_.input_size == (8, 8)


def test_warm_start_does_not_take_its_own_end_for_its_checkpoint(bars: Bars, tmp_path: Path) -> None:
    """The finished training there began from other weights."""
    classifier = quick(warm_start=True, checkpoint_dir=tmp_path).fit(*bars)
    with pytest.raises(ValueError, match=r"of another training: the starting weights are not the same. Nothing"):
        classifier.fit(*bars)
    before = weights(classifier)
    classifier.set_params(checkpoint_dir=tmp_path / "second").fit(*bars)
    assert not same(before, weights(classifier))


def interrupted(*_: Any, **__: Any) -> None:
    """Stand for Ctrl-C."""
    raise KeyboardInterrupt


@pytest.mark.parametrize("call", ["fit", "partial_fit"])
@pytest.mark.parametrize("after_a_pickle", [False, True])
def test_what_fails_leaves_the_network_as_it_was(
    call: str, after_a_pickle: bool, bars: Bars, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rate too high, and Ctrl-C after some steps; what follows is as if nothing had been."""
    classifier, other = (quick(warm_start=True, ema_decay=0.9).fit(*bars) for _ in range(2))
    if after_a_pickle:
        del classifier._last, classifier._trained_with, other._last, other._trained_with
    before = weights(classifier)
    with pytest.raises(Diverged):
        getattr(classifier.set_params(lr=1e30), call)(*bars)
    assert same(before, weights(classifier))
    classifier.set_params(lr=None)
    with monkeypatch.context() as patch:
        patch.setattr("eyecraft.pipelines._network_epochs.Epochs.on_epoch_end", interrupted)
        with pytest.raises(KeyboardInterrupt):
            getattr(classifier, call)(*bars)
    assert same(before, weights(classifier))
    classifier._seeds = None
    for one in (classifier, other):
        getattr(one, call)(*bars)
    assert same(weights(classifier), weights(other))


def test_portions_after_new_parameters_and_a_new_fit(bars: Bars) -> None:
    """A rate that is set holds from the next call on; the seed begins anew with each fit."""
    classifier = quick().partial_fit(*bars)
    assert classifier.filters_ == {}
    assert classifier.rate_search_ is None
    classifier.set_params(lr=0.002).partial_fit(*bars)
    assert classifier.settings_.lr == classifier.history_["lr"].iloc[-1] == 0.002
    found = [weights(classifier.fit(*bars).partial_fit(*bars)) for _ in range(2)]
    assert same(*found)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"model": with_middle(nn.Sigmoid())}, r"layer 'layers.2' was ReLU\(\) and is Sigmoid\(\)"),
        ({"model": with_middle(nn.ReLU(), sizes=(8, 4))}, r"layer 'layers.0' was Linear\(in_features=64, out_feat"),
        ({"loss": lambda scores, codes: nn.functional.cross_entropy(scores, codes) * 2}, "code of the loss is not"),
        ({"augment": lambda image: image.flip(1)}, "the code of the augmentation is not the same"),
        ({"keep_filters": True}, r"keep_filters was \[\] and is \[0, 1\]"),
    ],
)
def test_checkpoint_of_nearly_the_same(changed: dict[str, Any], said: str, bars: Bars, tmp_path: Path) -> None:
    """What has the same names but is not the same is told apart."""
    own = {"loss": lambda scores, codes: nn.functional.cross_entropy(scores, codes), "augment": lambda image: image}
    quick(checkpoint_dir=tmp_path, **own).fit(*bars)
    quick(checkpoint_dir=tmp_path, **own).fit(*bars)  # the same once more
    with pytest.raises(ValueError, match=said):
        quick(checkpoint_dir=tmp_path, **{**own, **changed}).fit(*bars)


def test_functions_are_told_apart_by_what_they_do() -> None:
    """By their code, defaults and what they hold; one that calls itself has an end."""

    def scaled(by: float) -> Callable[[int], float]:
        def scale(times: int, first: float = 1.0) -> float:
            return first if times == 0 else by * scale(times - 1)

        return scale

    assert _of_code([scaled(2.0)]) == _of_code([scaled(2.0)]) != _of_code([scaled(3.0)])
    assert _of_code([lambda x, y=1: x]) != _of_code([lambda x, y=2: x])


def test_other_starting_weights(bars: Bars, tmp_path: Path) -> None:
    """A module that has been trained on since is not the one the checkpoint began with."""
    network = small(1, 3)
    quick(model=network, checkpoint_dir=tmp_path).fit(*bars)
    with torch.no_grad():
        network.head.weight += 1
    with pytest.raises(ValueError, match="the starting weights are not the same"):
        quick(model=network, checkpoint_dir=tmp_path).fit(*bars)


def test_half_written_files_go(bars: Bars, tmp_path: Path) -> None:
    """What a kill in the middle of writing left is cleared away, and nothing else."""
    for name in ("epoch-00007.safetensors.99-abc.part", "checkpoint.json.99-abc.part", "notes.txt"):
        (tmp_path / name).touch()
    quick(checkpoint_dir=tmp_path).fit(*bars)
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint.json", "epoch-00001.safetensors", "notes.txt"}
