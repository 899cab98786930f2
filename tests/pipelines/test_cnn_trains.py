"""What trains in a `CNNClassifier`, how fast, and under which loss."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from eyecraft.pipelines import CNNClassifier
from eyecraft.pipelines._average import MovingAverage
from eyecraft.pipelines._losses import Loss, Targets
from eyecraft.pipelines._network_models import run_once
from eyecraft.pipelines._network_parts import Parts


def small() -> nn.Sequential:
    """Return two normalised convolutions and a linear layer, always the same."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers: list[nn.Module] = [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3)]
        layers += [nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)]
        return nn.Sequential(*layers)


def plain() -> nn.Sequential:
    """Return a network without normalisation or dropout, always the same."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(1, 4, 3), nn.Tanh(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 3))


def quick(model: Any = None, **parameters: Any) -> CNNClassifier:
    """Return a classifier of 8x8 images that fits in an instant."""
    settings = {"image_size": 8, "max_epochs": 2, "batch_size": 12, "random_state": 0, "device": "cpu"}
    return CNNClassifier(small() if model is None else model, **{**settings, "augment": None, **parameters})


@pytest.fixture(scope="module")
def bars() -> tuple[np.ndarray, np.ndarray]:
    """Return 36 gray images 8x8 with a bright third, and where it is."""
    images = np.random.default_rng(0).integers(0, 50, (36, 8, 8), dtype=np.uint8)
    names = np.array(["bottom", "middle", "top"])[np.arange(36) % 3]
    for image, name in zip(images, names, strict=True):
        start = {"top": 0, "middle": 3, "bottom": 5}[name]
        image[start : start + 3] += 180
    return images, names


def state(classifier: CNNClassifier) -> dict[str, torch.Tensor]:
    """Return weights and statistics by name."""
    return dict(classifier.module_.state_dict())


def changed(classifier: CNNClassifier) -> set[str]:
    """Return the names of the tensors that are no longer those of `small`."""
    start = small().state_dict()
    return {name for name, value in state(classifier).items() if not torch.equal(value, start[name])}


@pytest.mark.parametrize(
    ("trainable", "modules"),
    [("head", {"8"}), ("3", {"3", "4", "8"}), ("5", {"8"}), ("all", {"0", "1", "3", "4", "8"})],
)
def test_only_what_is_asked_for_trains(trainable: str, modules: set[str], bars: tuple[np.ndarray, np.ndarray]) -> None:
    """The rest keeps its weights, and its batch normalisation its statistics, to the last bit."""
    classifier = quick(trainable=trainable).fit(*bars)
    assert {name.split(".")[0] for name in changed(classifier)} == modules
    assert classifier.settings_.trainable == trainable


def test_gradual_unfreezing_goes_from_the_head_down() -> None:
    """The head in the first epoch, everything from half of the epochs on."""
    network = small()
    parts = Parts(network, run_once(network, 1, (8, 8), "small", 3))
    assert [part.name for part in parts.parts] == ["0", "3", "8"]
    assert [parts.first("gradual", epoch, 8) for epoch in range(8)] == [2, 2, 1, 0, 0, 0, 0, 0]
    parts.let_train(1)
    assert [name for name, value in network.named_parameters() if not value.requires_grad] == [
        *("0.weight", "0.bias", "1.weight", "1.bias")
    ]
    assert parts.held_still == [network[1]]


def test_gradual_unfreezing_reaches_the_first_layer(bars: tuple[np.ndarray, np.ndarray]) -> None:
    """In the end everything has moved, but nothing below the head in the first epoch."""
    assert changed(quick(trainable="gradual", max_epochs=1).fit(*bars)) == {"8.weight", "8.bias"}
    assert "0.weight" in changed(quick(trainable="gradual", max_epochs=3).fit(*bars))


def test_layers_by_textbook_name() -> None:
    """conv5 of AlexNet is the tenth layer; what is behind it trains too."""
    from torchvision.models import alexnet

    network = alexnet(weights=None, num_classes=2)
    parts = Parts(network, run_once(network, 3, (64, 64), "alexnet", 2))
    assert parts.parts[parts.first("conv5")].name == "features.10"
    assert parts.parts[parts.first("pool5")].name == "classifier.1"
    assert parts.parts[parts.first("head")].name == "classifier.6"
    with pytest.raises(ValueError, match=r"no layer called 'conv6'.*did you mean 'conv5'"):
        parts.first("conv6")


def test_blocks_of_a_residual_network_are_its_parts() -> None:
    """A stage is named by its first block, the stem holds its normalisation."""
    from torchvision.models import resnet18

    network = resnet18(weights=None, num_classes=2)
    parts = Parts(network, run_once(network, 3, (32, 32), "resnet18", 2))
    assert [part.name for part in parts.parts][:4] == ["conv1", "layer1.0", "layer1.1", "layer2.0"]
    assert parts.parts[parts.first("layer4")].name == "layer4.0"
    assert parts.parts[parts.first("layer4.1.conv2")].name == "layer4.1"
    listed = [name for part in parts.parts for name in part.parameters]
    assert sorted(listed) == sorted(name for name, _ in network.named_parameters())


def test_rates_fall_layer_by_layer(bars: tuple[np.ndarray, np.ndarray]) -> None:
    """Half as fast per part below the head, and the backbone at a tenth."""
    network = small()
    parts = Parts(network, run_once(network, 1, (8, 8), "small", 3))
    factors = parts.factors(0.1, 0.5)
    assert factors["8.weight"] == 1
    assert factors["4.bias"] == factors["3.weight"] == pytest.approx(0.05)
    assert factors["0.weight"] == pytest.approx(0.025)
    still = quick(trainable="all", backbone_factor=0).fit(*bars)
    assert not changed(still) & {"0.weight", "3.weight"}
    assert "8.weight" in changed(still)


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adam", "adamw"])
def test_optimisers_learn(optimizer: str, bars: tuple[np.ndarray, np.ndarray]) -> None:
    """Each with the rate that is its own default."""
    history = quick(plain(), optimizer=optimizer, max_epochs=6).fit(*bars).history_
    assert history["train_loss"].iloc[-1] < history["train_loss"].iloc[0]


def test_plain_momentum_and_nesterov_differ(bars: tuple[np.ndarray, np.ndarray]) -> None:
    """Three kinds of SGD, three results."""
    kinds: list[dict[str, Any]] = [{"momentum": 0.0}, {"nesterov": False}, {}]
    found = [state(quick(plain(), **kind).fit(*bars))["0.weight"] for kind in kinds]
    assert not torch.equal(found[0], found[1])
    assert not torch.equal(found[1], found[2])


@pytest.mark.parametrize("loss", ["hinge", "mse", functional.cross_entropy, nn.CrossEntropyLoss(reduction="none")])
def test_losses_learn(loss: Any, bars: tuple[np.ndarray, np.ndarray]) -> None:
    """By name, or the user's own, averaged or not."""
    classifier = quick(plain(), loss=loss, max_epochs=6).fit(*bars)
    assert classifier.history_["train_loss"].iloc[-1] < classifier.history_["train_loss"].iloc[0]
    np.testing.assert_allclose(classifier.predict_proba(bars[0][:2]).sum(axis=1), 1)


def test_own_cross_entropy_is_ours(bars: tuple[np.ndarray, np.ndarray]) -> None:
    """torch's mean loss and ours give the same weights."""
    ours, own = (state(quick(plain(), loss=loss).fit(*bars)) for loss in ("cross_entropy", functional.cross_entropy))
    for name, value in ours.items():
        torch.testing.assert_close(value, own[name], rtol=1e-4, atol=1e-6)


def test_weight_two_is_an_image_twice(bars: tuple[np.ndarray, np.ndarray]) -> None:
    """In one batch of everything; an image of weight zero is as if it were not there."""
    images, names = bars
    twice = np.r_[np.arange(36), np.arange(12)]

    def after(rows: np.ndarray, weights: Any = None) -> torch.Tensor:
        # a first fit learns the pixels' mean and deviation, which otherwise would be those of other images
        classifier = quick(plain(), batch_size=200, warm_start=True, max_epochs=1).fit(images, names)
        return state(classifier.fit(images[rows], names[rows], sample_weight=weights))["4.weight"]

    expected = after(twice)
    torch.testing.assert_close(after(np.arange(36), np.where(np.arange(36) < 12, 2.0, 1.0)), expected)
    torch.testing.assert_close(after(np.arange(36), (np.arange(36) < 12) * 3.0), after(np.arange(12)))


def test_class_weights_move_the_border(bars: tuple[np.ndarray, np.ndarray]) -> None:
    """A class that counts a hundred times is answered more often."""
    images, names = bars
    counts = [
        (quick(plain(), class_weight=weight, lr=0.01).fit(images, names).predict(images) == "top").sum()
        for weight in (None, {"top": 100.0})
    ]
    assert counts[1] > counts[0]
    balanced = quick(plain(), class_weight="balanced").fit(images, names)  # they are balanced
    torch.testing.assert_close(state(balanced), state(quick(plain()).fit(images, names)))


def test_accumulation_takes_the_same_steps(bars: tuple[np.ndarray, np.ndarray]) -> None:
    """A batch in one piece or in four; without batch normalisation nobody can tell."""
    whole, dealt = (state(quick(plain(), accumulate=n).fit(*bars)) for n in (1, 4))
    torch.testing.assert_close(whole, dealt, rtol=1e-4, atol=1e-6)


def test_moving_average_lags_behind(bars: tuple[np.ndarray, np.ndarray]) -> None:
    """It is what answers, between the start and the last weights."""
    last, averaged = (state(quick(plain(), ema_decay=decay).fit(*bars))["4.weight"] for decay in (None, 0.999))
    start = quick(plain(), lr=1e-30).fit(*bars).module_[4].weight.detach()
    assert 0 < (averaged - start).norm() < (last - start).norm()


def test_moving_average_takes_statistics_along() -> None:
    """Those of the batches belong to the weights that made them; the counter has no mean."""
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    average = MovingAverage(network, 0.5)
    with torch.no_grad():
        network[1].running_mean += 1.0
    average.update(network)
    average.give(network)
    assert 0 < network[1].running_mean[0] < 1
    assert "1.num_batches_tracked" not in average.values


def test_mixed_images_bring_their_own_weights() -> None:
    """Half of one that counts once, half of the one before it, which counts three times, and the other way round."""
    scores, codes = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1])
    targets = Targets(codes, torch.tensor([1.0, 3.0])).mixed(0.5)
    each = [nn.functional.cross_entropy(scores, code, reduction="none") for code in (codes, codes.roll(1))]
    expected = (0.5 * each[0] * torch.tensor([1.0, 3.0]) + 0.5 * each[1] * torch.tensor([3.0, 1.0])).mean()
    assert Loss("cross_entropy")(scores, targets, 2) == pytest.approx(float(expected))


def test_bfloat16_is_near_float32(bars: tuple[np.ndarray, np.ndarray]) -> None:
    """The weights stay float32."""
    exact, rough = (quick(plain(), precision=p).fit(*bars) for p in ("float32", "bfloat16"))
    assert state(rough)["0.weight"].dtype == torch.float32
    np.testing.assert_allclose(exact.predict_proba(bars[0]), rough.predict_proba(bars[0]), atol=0.05)


def test_dropout_is_set_or_put_before_the_head(bars: tuple[np.ndarray, np.ndarray]) -> None:
    """Training meets it, prediction does not."""
    with_layer = nn.Sequential(nn.Flatten(), nn.Dropout(0.1), nn.Linear(64, 3))
    assert quick(with_layer, dropout=0.4).fit(*bars).module_[1].p == 0.4
    classifier = quick(plain(), dropout=0.5).fit(*bars)
    assert not torch.equal(state(classifier)["4.weight"], state(quick(plain()).fit(*bars))["4.weight"])
    np.testing.assert_array_equal(classifier.predict_proba(bars[0]), classifier.predict_proba(bars[0]))


@pytest.mark.parametrize(
    ("augment", "mix"),
    [("flip", None), ("shift-flip", "mixup"), ("crop-flip", "cutmix"), ("color", "both"), ("randaugment", None)],
)
def test_augmentations_train(augment: str, mix: Any, bars: tuple[np.ndarray, np.ndarray]) -> None:
    """Every preset runs, twice alike, on gray images and in colour."""
    first, second = (state(quick(plain(), augment=augment, mix=mix).fit(*bars)) for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_rate_finder(bars: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    """A rate between nothing happens and running away, used where asked for; the classifier itself stays unfitted."""
    monkeypatch.setattr("eyecraft.pipelines._rate_search._STEPS", 25)
    classifier = quick(plain())
    search = classifier.search_rate(*bars)
    assert 1e-6 < search.suggestion < 1
    assert search.curve.columns.tolist() == ["lr", "loss", "smooth"]
    assert (np.diff(search.curve["lr"]) > 0).all()
    assert not hasattr(classifier, "module_")
    found = quick(plain(), lr="find").fit(*bars)
    assert found.settings_.lr == found.rate_search_.suggestion == search.suggestion
    torch.testing.assert_close(state(found), state(quick(plain(), lr=search.suggestion).fit(*bars)))


def test_filters_are_kept_on_the_way(bars: tuple[np.ndarray, np.ndarray]) -> None:
    """From before training to the end, at doubling distances, or when asked."""
    kept = quick(keep_filters=True, max_epochs=3).fit(*bars).filters_
    assert sorted(kept) == [0, 1, 2, 3]
    np.testing.assert_array_equal(kept[0], small()[0].weight.detach())
    assert not np.array_equal(kept[0], kept[3])
    assert kept[3].shape == (4, 1, 3, 3)
    assert sorted(quick(keep_filters=[2]).fit(*bars).filters_) == [2]
