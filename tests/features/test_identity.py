"""The digits that stand for what a network computes besides its weights."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from eyecraft.features.learned import CNNFeatures
from eyecraft.features.learned.identity import computation_digest

OFFSET = 1.0


class Scaled(nn.Module):
    """Two convolutions and a plain number between them, which neither weights nor modules tell; maybe untraceable."""

    def __init__(self, scale: Any, *, traceable: bool = True) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.one, self.two = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)
        self.scale, self.traceable = scale, traceable

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return four maps."""
        if not self.traceable and images.sum() > 1e9:
            return images
        return self.two(torch.relu(self.one(images)) * self.scale + OFFSET)


class Otherwise(Scaled):
    """The same modules, another forward pass."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return four maps."""
        return self.two(torch.tanh(self.one(images)) * self.scale)


def digits(network: nn.Module) -> str:
    """Return the digits of a network as it is."""
    return computation_digest(network, network)


@pytest.mark.parametrize("traceable", [True, False])
@pytest.mark.parametrize(
    "scales", [(1.0, -5.0), (torch.ones(4, 1, 1), torch.zeros(4, 1, 1)), (np.ones(1), np.zeros(1))]
)
def test_plain_attributes_count(scales: tuple[Any, Any], traceable: bool) -> None:
    """Numbers, tensors and arrays; equal ones give equal digits."""
    if traceable and isinstance(scales[0], np.ndarray):
        scales = (2, 3)
    one, again, other = (Scaled(scale, traceable=traceable) for scale in (scales[0], scales[0], scales[1]))
    assert digits(one) == digits(again) == digits(pickle.loads(pickle.dumps(one)))
    assert digits(one) != digits(other)


def test_the_forward_pass_counts() -> None:
    """The same modules and weights, put together otherwise."""
    assert digits(Scaled(1.0)) != digits(Otherwise(1.0))


def test_what_no_text_tells_stands_for_itself_only() -> None:
    """A function that was made somewhere: one object is itself, another is not."""

    def local(maps: torch.Tensor) -> torch.Tensor:
        return maps

    one, other = (Scaled(1.0, traceable=False) for _ in range(2))
    one.bend = other.bend = local
    assert digits(one) == digits(one)
    assert digits(one) != digits(other)


def test_store_gives_no_other_networks_rows(tmp_path: Path, rng: np.random.Generator) -> None:
    """Two networks that differ in a plain number keep their rows apart; the same again finds its own."""
    images = rng.integers(0, 256, (2, 20, 20, 3), dtype=np.uint8)
    parameters: dict[str, Any] = {"layers": "two", "image_size": 16, "device": "cpu"}
    first, second = Scaled(1.0), Scaled(-5.0)
    stored = [CNNFeatures(one, store=tmp_path, **parameters).fit_transform(images) for one in (first, second)]
    np.testing.assert_array_equal(stored[1], CNNFeatures(second, **parameters).fit_transform(images))
    assert CNNFeatures(Scaled(1.0), **parameters).store_key() == CNNFeatures(first, **parameters).store_key()
