"""Networks by name in a `CNNClassifier`: heads, defaults, weights."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models import get_model

from eyecraft.features import CNNFeatures
from eyecraft.pipelines import CNNClassifier
from eyecraft.pipelines._network_models import build_network, plan_model, run_once
from eyecraft.pipelines._network_settings import resolve_settings

Photographs = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def photographs() -> Photographs:
    """Return 12 coloured images, red or blue ones."""
    images = np.random.default_rng(0).integers(0, 120, (12, 40, 48, 3), dtype=np.uint8)
    images[0::2, ..., 0] += 130
    images[1::2, ..., 2] += 130
    return images, np.array(["red", "blue"] * 6)


@pytest.mark.parametrize(
    ("name", "head", "size"),
    [
        ("resnet18", "fc", 32),
        ("alexnet", "classifier.6", 64),
        ("squeezenet1_1", "classifier.1", 32),
        ("mobilenet_v3_small", "classifier.3", 32),
        ("mini", "fc8", 64),
    ],
)
def test_heads_are_sized_from_the_labels(name: str, head: str, size: int) -> None:
    """Whatever kind of layer they are, for five classes."""
    plan = plan_model(name, None, None, None)
    network = build_network(plan, name, 3, 5, (size, size))
    order = run_once(network, 3, (size, size), name, 5)
    assert head in order
    layer = network.get_submodule(head)
    assert getattr(layer, "out_features", getattr(layer, "out_channels", None)) == 5


def test_head_of_squeezenet_may_be_negative() -> None:
    """The ReLU behind it is gone, and the weights still go by the same names."""
    network = build_network(plan_model("squeezenet1_1", None, None, None), "squeezenet1_1", 3, 4, (32, 32))
    assert network.state_dict().keys() == get_model("squeezenet1_1").state_dict().keys()
    assert (network.eval()(torch.randn(8, 3, 32, 32)) < 0).any()


@pytest.mark.parametrize(("size", "last"), [(None, "conv4_2"), (32, "conv3_2"), ((32, 48), "conv3_2")])
def test_convnet_by_name(size: Any, last: str, photographs: Photographs, tmp_path: Path) -> None:
    """It is made for the size of the images and for their channels, and comes back from a folder by itself."""
    quick: dict[str, Any] = {"max_epochs": 1, "device": "cpu", "random_state": 0}
    classifier = CNNClassifier("convnet", image_size=size, **quick).fit(*photographs)
    convolutions = [name for name, layer in classifier.module_.named_modules() if isinstance(layer, nn.Conv2d)]
    assert convolutions[-1] == last
    classifier.save(tmp_path)
    loaded = CNNClassifier.load(tmp_path, device="cpu")
    np.testing.assert_array_equal(loaded.predict_proba(photographs[0]), classifier.predict_proba(photographs[0]))
    with pytest.raises(ValueError, match="must be None where `model` is 'convnet'"):
        CNNClassifier("convnet", weights="DEFAULT").fit(*photographs)


class Viewing(nn.Module):
    """A network that flattens its maps as many tutorials do, which asks for torch's usual order in memory."""

    def __init__(self, in_channels: int, n_classes: int) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(in_channels, 4, 3, padding=1), nn.Linear(4 * 64, n_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return scores."""
        return self.fc(self.conv(images).view(len(images), -1))


@pytest.mark.parametrize("augment", [None, "crop-flip"])
@pytest.mark.parametrize("model", [Viewing, Viewing(3, 2)])
def test_networks_that_use_view(model: Any, augment: str | None, photographs: Photographs, tmp_path: Path) -> None:
    """They train, predict, and come back from a folder; others get pixels with their channels together."""
    quick: dict[str, Any] = {"image_size": 8, "max_epochs": 1, "augment": augment, "device": "cpu", "random_state": 0}
    classifier = CNNClassifier(model, early_stopping=True, validation_fraction=0.2, **quick).fit(*photographs)
    assert classifier.module_.conv.weight.is_contiguous()
    classifier.save(tmp_path)
    loaded = CNNClassifier.load(tmp_path, model=model, device="cpu")
    np.testing.assert_array_equal(loaded.predict_proba(photographs[0]), classifier.predict_proba(photographs[0]))


def test_order_in_memory(photographs: Photographs) -> None:
    """On the CPU pixel by pixel, in the classifier and in its copies."""
    classifier = CNNClassifier("squeezenet1_1", image_size=32, max_epochs=1, device="cpu").fit(*photographs)
    weight = classifier.module_.get_submodule("features.3.expand3x3").weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert not weight.is_contiguous()


class Given:
    """Parameters of a classifier at their defaults."""

    def __init__(self, **parameters: Any) -> None:
        self.__dict__.update(CNNClassifier().get_params(deep=False) | parameters)


def chosen(name: str, n_images: int, *, pretrained: bool = False, **parameters: Any) -> Any:
    """Return the settings for a network and a number of images."""
    plan = plan_model(name, None, None, None)
    if pretrained:
        plan = type(plan)(**{**vars(plan), "pretrained": True})
    return resolve_settings(Given(**parameters), plan, nn.BatchNorm2d(1), (224, 224), n_images)


def test_defaults_follow_weights_and_size() -> None:
    """Few images and weights: gently, from the head down; many: everything, for fewer epochs; none: long."""
    few, many = (chosen("resnet18", n, pretrained=True) for n in (200, 200_000))
    assert (few.trainable, few.max_epochs, few.lr, few.backbone_factor) == ("gradual", 20, 0.01, 0.1)
    assert (many.trainable, many.max_epochs, many.lr, many.augment) == ("all", 5, 0.01, "crop-flip")
    scratch = chosen("resnet18", 200_000)
    assert (scratch.trainable, scratch.max_epochs, scratch.backbone_factor, scratch.lr) == ("all", 30, 1.0, 0.05)
    assert chosen("resnet18", 200, optimizer="adamw").lr == 1e-3
    small = chosen("lenet5", 200)
    assert (small.max_epochs, small.lr, small.augment, small.warmup_epochs) == (30, 0.05, "shift", 0.0)
    assert chosen("lenet5", 200, schedule="one-cycle").warmup_epochs == pytest.approx(9)


def test_pretrained_weights_from_a_file(photographs: Photographs, tmp_path: Path) -> None:
    """A folder of weights serves; what does not train is the file's to the last bit; pixels are ImageNet's."""
    torch.manual_seed(0)
    state = get_model("squeezenet1_1").state_dict()
    save_file(state, tmp_path / "squeezenet1_1-mine.safetensors")
    options = {"image_size": 32, "max_epochs": 1, "random_state": 0, "device": "cpu", "weights_dir": tmp_path}
    classifier = CNNClassifier("squeezenet1_1", "DEFAULT", trainable="head", **options).fit(*photographs)
    found = classifier.module_.state_dict()
    assert torch.equal(found["features.0.weight"], state["features.0.weight"])
    assert found["classifier.1.weight"].shape == (2, 512, 1, 1)
    assert classifier.settings_.pretrained
    assert classifier.settings_.weights.endswith("squeezenet1_1-mine.safetensors")
    assert classifier.preprocessing_.mean == (0.485, 0.456, 0.406)
    assert classifier.preprocessing_.input_size == (32, 32)
    features = CNNFeatures(classifier, layers="fire2", device="cpu").fit_transform(photographs[0])
    assert features.shape == (12, 128)
    classifier.save(tmp_path / "saved")
    loaded = CNNClassifier.load(tmp_path / "saved", device="cpu")
    np.testing.assert_array_equal(loaded.predict_proba(photographs[0]), classifier.predict_proba(photographs[0]))


def test_weights_of_another_architecture(photographs: Photographs, tmp_path: Path) -> None:
    """The message says what differs."""
    path = tmp_path / "net.safetensors"
    save_file(get_model("squeezenet1_1").state_dict(), path)
    with pytest.raises(ValueError, match=r"are not for resnet18: .* are missing"):
        CNNClassifier("resnet18", str(path), image_size=32).fit(*photographs)


def test_module_is_copied_and_may_bring_its_weights(photographs: Photographs) -> None:
    """The user's network stays as it is; one with other outputs gets a new head."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 9))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    options = {"image_size": 16, "max_epochs": 1, "random_state": 0, "device": "cpu"}
    classifier = CNNClassifier(network, "DEFAULT", trainable="head", **options).fit(*photographs)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert torch.equal(classifier.module_[0].weight, before["0.weight"])
    assert classifier.module_[4].out_features == 2
    assert classifier.settings_.pretrained


def test_gray_where_three_channels_are_built_in(photographs: Photographs) -> None:
    """A named network sees gray images as colour, and cannot be asked for one channel."""
    classifier = CNNClassifier("mini", max_epochs=1, random_state=0, device="cpu")
    assert classifier.fit(photographs[0][..., 0], photographs[1]).preprocessing_.color == "rgb"
    with pytest.raises(ValueError, match="`color` must be 'auto' or 'rgb' for resnet18"):
        CNNClassifier("resnet18", color="gray").fit(*photographs)


@pytest.mark.slow
def test_residual_network_from_scratch(photographs: Photographs) -> None:
    """resnet18 as it stands, on 32x32 pixels, learns red and blue."""
    classifier = CNNClassifier("resnet18", image_size=32, max_epochs=6, batch_size=4, random_state=0, device="cpu")
    assert classifier.fit(*photographs).score(*photographs) == 1.0
