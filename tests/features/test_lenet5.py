"""LeNet-5 has the layers, sizes and parameters of the paper."""

import pytest
import torch
from torch import nn

from eyecraft.features.learned.layers import TappedNetwork
from eyecraft.features.learned.mini import Mini
from eyecraft.features.learned.networks import LeNet5, ScaledTanh

LAYERS = {  # LeCun 1998, figure 2; c3 sees all six maps here
    "c1": (156, (6, 28, 28)),
    "s2": (0, (6, 14, 14)),
    "c3": (2416, (16, 10, 10)),
    "s4": (0, (16, 5, 5)),
    "c5": (48120, (120, 1, 1)),
    "f6": (10164, (84,)),
    "output": (850, (10,)),
}


@pytest.mark.parametrize("layer", LAYERS)
def test_layer_is_as_in_the_paper(layer: str) -> None:
    """Parameters and output size of each layer."""
    network = LeNet5()
    parameters, shape = LAYERS[layer]
    assert sum(tensor.numel() for tensor in network.get_submodule(layer).parameters()) == parameters
    (values,) = TappedNetwork(network, [layer])(torch.zeros(1, 1, 32, 32))
    assert tuple(values.shape[1:]) == shape


def test_has_61706_parameters() -> None:
    """About sixty thousand, as the paper says."""
    assert sum(tensor.numel() for tensor in LeNet5().parameters()) == 61706
    assert sum(tensor.numel() for tensor in LeNet5(in_channels=3).parameters()) == 61706 + 2 * 150


def test_squashing_function_maps_one_to_one() -> None:
    """Equation 6: f(1) = 1, f(-1) = -1, amplitude 1.7159."""
    values = ScaledTanh()(torch.tensor([-1.0, 0.0, 1.0, 100.0]))
    torch.testing.assert_close(values, torch.tensor([-1.0, 0.0, 1.0, 1.7159]), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("side", "kernel", "stride", "padding", "expected"),
    [(32, 5, 1, 2, 32), (7, 3, 1, 0, 5), (7, 3, 2, 0, 3), (96, 8, 1, 0, 89), (32, 5, 1, 0, 28)],
)
def test_convolution_output_size(side: int, kernel: int, stride: int, padding: int, expected: int) -> None:
    """The textbook's (side - kernel + 2 padding) / stride + 1."""
    layer = torch.nn.Conv2d(1, 2, kernel, stride, padding)
    assert layer(torch.zeros(1, 1, side, side)).shape == (1, 2, expected, expected)
    assert (side - kernel + 2 * padding) // stride + 1 == expected


def test_part_of_a_network_is_a_plain_sequence() -> None:
    """As of any `torch.nn.Sequential`."""
    assert [type(part).__name__ for part in LeNet5()[:2]] == ["Conv2d", "ScaledTanh"]
    assert type(Mini()[1:3]) is nn.Sequential
