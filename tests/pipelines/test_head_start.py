"""A new head begins as a linear classifier on what the frozen network gives."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from eyecraft.features.learned.preprocessing import Preprocessing
from eyecraft.pipelines import CNNClassifier
from eyecraft.pipelines._head_start import solve_head
from eyecraft.pipelines._network_epochs import Epochs
from eyecraft.pipelines._training import Images


def bars(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy pictures with one of three bars in them, and which."""
    images, labels = rng.integers(0, 120, (count, 24, 24, 3), dtype=np.uint8), np.arange(count) % 3
    for image, label in zip(images, labels, strict=True):
        image[:, 4 + 6 * label : 8 + 6 * label] = 255
    return images, np.array(["left", "middle", "right"])[labels]


class Net(nn.Module):
    """Three features, as large as *scale* says, and a head: linear, or a convolution whose maps are averaged."""

    def __init__(self, scale: float, *, convolution: bool, n_classes: int = 5) -> None:
        super().__init__()
        self.scale, self.convolution = scale, convolution
        self.layer = nn.Conv2d(3, 8, 3, stride=2)
        self.head: nn.Module = nn.Conv2d(8, n_classes, 1) if convolution else nn.Linear(8 * 121, n_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return scores."""
        maps = self.scale * self.layer(images).relu()
        return self.head(maps).mean(dim=(2, 3)) if self.convolution else self.head(maps.flatten(1))


@pytest.mark.parametrize("convolution", [False, True])
def test_head_separates_the_training_images_before_any_step(convolution: bool) -> None:
    """The classifier of the rows is that of the network, and the size of what enters it is told."""
    torch.manual_seed(0)
    images, labels = bars(30, np.random.default_rng(0))
    network = Net(20.0, convolution=convolution, n_classes=3)
    _, codes = np.unique(labels, return_inverse=True)
    held = Images(images, codes, (24, 24), "rgb", None).hold()
    ready = Preprocessing((24, 24), None, (0.5,) * 3, (0.25,) * 3)
    entered: list[torch.Tensor] = []
    handle = network.head.register_forward_pre_hook(lambda _, inputs: entered.append(inputs[0]))
    size = solve_head(network, held, ready, batch_size=7, precision="float32", device="cpu")
    handle.remove()
    rows = torch.cat(entered).mean(dim=(2, 3)) if convolution else torch.cat(entered)
    assert size == pytest.approx(float(rows.norm(dim=1).mean()) / rows.shape[1] ** 0.5, rel=1e-4)
    scores = network(ready.normalise(held.pixels))
    share = float((scores.argmax(dim=1) == held.codes).float().mean())
    assert share == 1.0 if not convolution else share > 0.5  # averages do not say where the bar is


def test_heads_it_does_not_know_are_left_as_they_are() -> None:
    """A 3x3 convolution is no linear classifier of averages."""
    network = nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    before = network[0].weight.clone()
    held = Images(np.zeros((4, 8, 8, 3), dtype=np.uint8), np.array([0, 1, 0, 1]), (8, 8), "rgb", None).hold()
    assert solve_head(network, held, Preprocessing((8, 8)), batch_size=2, precision="float32", device="cpu") is None
    assert torch.equal(network[0].weight, before)


def classifier(**parameters: object) -> CNNClassifier:
    """Return mini, its head alone to be trained for one epoch at a rate that changes nothing."""
    return CNNClassifier(
        "mini",
        weights="DEFAULT",
        trainable="head",
        max_epochs=1,
        lr=1e-12,
        augment=None,
        random_state=0,
        device="cpu",
        **parameters,
    )


def test_pretrained_network_knows_its_images_from_the_start() -> None:
    """With the linear start the first epoch already has them right; at random it guesses."""
    images, labels = bars(30, np.random.default_rng(0))
    started, random = (classifier(head_start=start).fit(images, labels) for start in (True, False))
    assert started.settings_.head_start
    assert started.score(images, labels) == 1.0
    assert random.score(images, labels) < 0.8


def test_weights_of_images_count() -> None:
    """An image that counts a thousand times as much draws the head to its own label."""
    images, labels = bars(12, np.random.default_rng(0))
    images[:] = images[0]  # all alike: only the weights tell the labels apart
    counts = np.where(labels == "right", 1000.0, 1.0)
    assert set(classifier().fit(images, labels, sample_weight=counts).predict(images)) == {"right"}


def test_where_there_is_nothing_to_start_from() -> None:
    """From scratch, or with a loss of another kind, the head is random."""
    images, labels = bars(12, np.random.default_rng(0))
    for parameters in ({"loss": "hinge"}, {"loss": "mse"}):
        assert not classifier(**parameters).fit(images, labels).settings_.head_start
    scratch = CNNClassifier("mini", max_epochs=1, random_state=0, device="cpu").fit(images, labels)
    assert not scratch.settings_.head_start


def test_large_features_slow_the_head_down() -> None:
    """By the square of their size in plain descent, by the size in Adam's; small ones change nothing."""
    images, labels = bars(12, np.random.default_rng(0))
    found = {}
    for scale in (0.01, 50.0):
        for optimizer in ("sgd", "adamw"):
            torch.manual_seed(0)
            tried = CNNClassifier(
                Net(scale, convolution=False),
                weights="DEFAULT",
                image_size=24,
                optimizer=optimizer,
                max_epochs=1,
                lr=1e-6,
                random_state=0,
                device="cpu",
            ).fit(images, labels)
            found[scale, optimizer] = tried.settings_.head_factor
            told = tried.history_["lr"][0]
            assert told == pytest.approx(1e-6 * tried.settings_.head_factor)  # of the last layer
    assert found[0.01, "sgd"] == found[0.01, "adamw"] == 1.0
    assert 0 < found[50.0, "adamw"] < 0.2
    assert found[50.0, "sgd"] == pytest.approx(found[50.0, "adamw"] ** 2)


def test_search_speaks_of_the_rate_that_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slowly the head learns, the curve begins at the lowest `lr` that is tried."""
    monkeypatch.setattr("eyecraft.pipelines._rate_search._STEPS", 3)
    tried = CNNClassifier(Net(50.0, convolution=False), weights="DEFAULT", image_size=24, random_state=0, device="cpu")
    assert tried.search_rate(*bars(12, np.random.default_rng(0))).curve["lr"][0] == pytest.approx(1e-6)


def test_resumed_training_equals_the_unbroken_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The start is not made again, but the optimiser finds its groups as they were."""
    images, labels = bars(24, np.random.default_rng(0))

    def trained(folder: Path, epochs: int) -> CNNClassifier:
        return CNNClassifier(
            "mini",
            weights="DEFAULT",
            trainable="all",
            schedule=None,
            max_epochs=epochs,
            checkpoint_dir=folder,
            random_state=0,
            device="cpu",
        ).fit(images, labels)

    class Stop(Exception):  # noqa: N818
        pass

    whole = trained(tmp_path / "whole", 2)
    with pytest.MonkeyPatch.context() as patch:
        real = Epochs.on_epoch_end

        def once(self: Epochs, net: object, **options: object) -> None:
            real(self, net, **options)
            raise Stop

        patch.setattr(Epochs, "on_epoch_end", once)
        with pytest.raises(Stop):
            trained(tmp_path / "broken", 2)
    monkeypatch.setattr("eyecraft.pipelines._network_fit.start_head", None)
    again = trained(tmp_path / "broken", 2)
    for one, other in zip(whole.module_.parameters(), again.module_.parameters(), strict=True):
        assert torch.equal(one, other)
