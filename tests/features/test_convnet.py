"""The textbook's pattern: layers in order, sizes by the formula, errors that name the layer, and that it learns."""

import pickle
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

from eyecraft.features.learned.convnet import ConvNet
from eyecraft.features.learned.layers import TappedNetwork
from eyecraft.pipelines import CNNClassifier


def kinds(network: nn.Sequential) -> str:
    """Write the layers as letters: convolution, relu, maximum, average, flatten, linear, dropout, norm."""
    letters = {"Conv2d": "c", "ReLU": "r", "MaxPool2d": "m", "AvgPool2d": "a", "Flatten": "-", "Linear": "l"}
    letters |= {"Dropout": "d", "BatchNorm2d": "n", "BatchNorm1d": "n"}
    return "".join(letters[type(layer).__name__] for layer in network)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, "crcrmcrcrmcrcrm-lrl"),
        ({"n_blocks": 4, "n_convs": 1}, "crmcrmcrmcrm-lrl"),
        ({"n_convs": 1, "n_blocks": 2, "n_hidden": 0, "filters": 4}, "crmcrm-l"),
        ({"n_convs": (1, 2), "n_blocks": 2, "n_hidden": 2, "filters": 4, "pooling": "average"}, "cracrcra-lrlrl"),
        ({"n_convs": 1, "n_blocks": 3, "pooling": ("max", None, "average")}, "crmcrcra-lrl"),
        ({"n_convs": 1, "n_blocks": 1, "filters": 4, "dropout": 0.5, "batch_norm": True}, "cnrm-dlnrdl"),
    ],
)
def test_pattern(parameters: dict[str, Any], expected: str) -> None:
    """[(conv - relu) x N - pool?] x M - (fc - relu) x K - fc, and one score per class."""
    network = ConvNet(3, 7, **parameters).eval()
    assert kinds(network) == expected
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 7)


@pytest.mark.parametrize(
    ("parameters", "layer", "shape"),
    [
        ({"image_size": 28, "kernel_size": 5, "padding": 0}, "conv1_1", (6, 24, 24)),  # 28 - 5 + 1
        ({"image_size": 227, "kernel_size": 11, "stride": 4, "padding": 0}, "conv1_1", (6, 55, 55)),  # AlexNet's
        ({"image_size": 55, "pool_size": 3, "pool_stride": 2}, "pool1", (6, 27, 27)),  # overlapping
        ({"image_size": (20, 33), "pool_size": 2}, "pool1", (6, 10, 16)),
        ({"image_size": 32, "kernel_size": 5}, "conv1_1", (6, 32, 32)),  # padded by 2
    ],
)
def test_sizes(parameters: dict[str, Any], layer: str, shape: tuple[int, ...]) -> None:
    """(side - window + 2 padding) / stride + 1, and a fully connected layer that fits what is left."""
    network = ConvNet(1, 3, n_convs=1, n_blocks=1, filters=6, **parameters)
    height, width = network.image_size
    (values,) = TappedNetwork(network, [layer])(torch.zeros(1, 1, height, width))
    assert tuple(values.shape[1:]) == shape
    assert network(torch.zeros(1, 1, height, width)).shape == (1, 3)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"image_size": 8, "n_blocks": 4, "filters": 4}, r"before pool4 leave 1 x 1 pixels.*windows of 2 x 2 \(`pool_"),
        (
            {"image_size": 9, "kernel_size": 7, "padding": 0, "n_convs": 2, "pooling": None},
            r"before conv1_2 leave 3 x 3 pixels.*windows of 7 x 7 \(`kernel_size`\)",
        ),
        ({"filters": (8, 16)}, r"`filters` must be one value, or one for each of the 3 blocks.*got 2"),
        ({"pooling": "mean"}, "`pooling` must be one of 'max', 'average', None; got 'mean'"),
        ({"n_convs": 0}, "`n_convs` must be a whole number >= 1; got 0"),
        ({"stride": 0}, "`stride` must be a whole number of pixels >= 1; got 0"),
        ({"dropout": 1.0}, "`dropout` must be a number"),
        ({"n_hidden": -1}, "`n_hidden` must be a whole number >= 0; got -1"),
        ({"kernel_size": 2.5}, "`kernel_size` must be a whole number of pixels >= 1; got 2.5"),
    ],
)
def test_what_does_not_fit(parameters: dict[str, Any], message: str) -> None:
    """The layer, what it gets, and what to change."""
    with pytest.raises(ValueError, match=message):
        ConvNet(3, 5, **parameters)


def test_starts_as_he_proposes() -> None:
    """Variance 2 / fan-in, so that activations keep their size through many layers."""
    torch.manual_seed(0)
    network = ConvNet(3, 5, n_convs=4, n_blocks=2, filters=64, pooling=None, image_size=16)
    assert float(network.conv2_1.weight.detach().std()) == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.05)
    (values,) = TappedNetwork(network, ["relu2_4"])(torch.randn(4, 3, 16, 16))  # behind eight convolutions
    assert 0.3 < float(values.square().mean()) < 3


@pytest.fixture(scope="module")
def bars() -> tuple[np.ndarray, np.ndarray]:
    """Return 40 images with a bar, upright or lying."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 80, (40, 16, 16, 3), dtype=np.uint8)
    for number, image in enumerate(images):
        place = rng.integers(2, 13)
        if number % 2:
            image[:, place : place + 2] = 255
        else:
            image[place : place + 2] = 255
    return images, np.array(["lying", "upright"] * 20)


def test_learns_in_the_classifier(bars: tuple[np.ndarray, np.ndarray]) -> None:
    """As a function of (in_channels, n_classes): the same seed, the same weights; clone and pickle work."""
    shape = partial(ConvNet, image_size=16, n_convs=1, n_blocks=2, filters=8, hidden_units=16, batch_norm=True)
    classifier = CNNClassifier(
        shape, image_size=16, augment=None, max_epochs=8, batch_size=8, random_state=0, device="cpu"
    )
    fitted = classifier.fit(*bars)
    assert fitted.score(*bars) >= 0.95
    again = clone(classifier).fit(*bars)
    assert torch.equal(again.module_.conv1_1.weight, fitted.module_.conv1_1.weight)
    assert pickle.loads(pickle.dumps(fitted)).predict(bars[0][:2]).tolist() == ["lying", "upright"]


def test_module_gets_a_head_for_the_labels(bars: tuple[np.ndarray, np.ndarray]) -> None:
    """A network made for ten classes serves two; what was given stays as it was."""
    network = ConvNet(image_size=16, n_convs=1, n_blocks=1, filters=4, hidden_units=8)
    classifier = CNNClassifier(network, image_size=16, max_epochs=1, random_state=0, device="cpu").fit(*bars)
    assert classifier.predict_proba(bars[0]).shape == (40, 2)
    assert network.output.out_features == 10


def test_images_of_another_size_are_refused(bars: tuple[np.ndarray, np.ndarray]) -> None:
    """The classifier's size and the network's must be one."""
    with pytest.raises(ValueError, match=r"cannot take images of 24 x 24 pixels"):
        CNNClassifier(ConvNet(image_size=16), image_size=24, device="cpu").fit(*bars)
