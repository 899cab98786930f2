"""Layers told by what they do: every non-linearity, norms that are called, networks without classes or untraceable."""

import copy
import importlib.util
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from eyecraft.features.learned.kinds import Kind, kind_of_call, kind_of_module
from eyecraft.features.learned.layers import TappedNetwork
from eyecraft.features.learned.networks import LeNet5

HAS_TIMM = importlib.util.find_spec("timm") is not None


def tapped(network: nn.Module, layer: str, activation: Any, images: torch.Tensor) -> torch.Tensor:
    """Return a layer's value, from a copy of the network made fast."""
    with torch.inference_mode():
        (value,) = TappedNetwork(copy.deepcopy(network), [layer], activation).settled()(images)
    return value


class Calls(nn.Module):
    """A convolution, its normalisation and its non-linearity, which need not be modules; perhaps not traceable."""

    def __init__(self, bend: Callable[[torch.Tensor], torch.Tensor], *, traceable: bool) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)
        self.bend, self.traceable = bend, traceable
        self.register_buffer("mean", torch.randn(4))
        self.register_buffer("variance", torch.rand(4) + 0.5)

    def before(self, images: torch.Tensor) -> torch.Tensor:
        """Return what enters the non-linearity."""
        maps = self.conv(images)
        torch._assert(maps.ndim == 4, "maps have four dimensions")  # looks at them, and uses them for nothing
        return functional.batch_norm(maps, self.mean, self.variance)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return two scores."""
        if not self.traceable and images.sum() > 1e9:
            return images
        return self.head(functional.dropout(self.bend(self.before(images)), training=False).mean((2, 3)))


@pytest.mark.parametrize("traceable", [True, False])
@pytest.mark.parametrize(
    "bend",
    [
        *(functional.relu_, functional.celu, functional.hardsigmoid, functional.softsign, functional.logsigmoid),
        *(
            torch.clamp_min_,
            torch.Tensor.relu_,
            nn.Softshrink(0.1),
            nn.RReLU(inplace=True),
            nn.Tanhshrink(),
            nn.PReLU(),
        ),
    ],
)
def test_before_and_behind_any_non_linearity(bend: Any, traceable: bool) -> None:
    """Functions, methods and modules, behind a norm that is a call; traced or watched, in place or not."""
    if bend is torch.clamp_min_:
        bend = lambda maps: torch.clamp_min_(maps, 0.1)  # noqa: E731
    network, images = Calls(bend, traceable=traceable).eval(), torch.randn(2, 3, 8, 8)
    with torch.inference_mode():
        before = network.before(images)
        behind = bend(before.clone())
    torch.testing.assert_close(tapped(network, "conv", "pre", images), before, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(tapped(network, "conv", "post", images), behind, atol=1e-5, rtol=1e-5)


def test_norm_that_is_a_call_is_folded() -> None:
    """As timm's are; the network given keeps its own."""
    network = Calls(torch.relu, traceable=True).eval()
    run: Any = TappedNetwork(network, ["head"]).settled()._run
    assert not [node for node in run.graph.nodes if kind_of_call(node.target) is Kind.NORM]
    assert "norm" in str(TappedNetwork(network, ["head"])._run.code)


def test_every_activation_of_torch_is_known() -> None:
    """All of torch's file but those that share a row out; a new one of a later torch is in by itself."""
    kinds = {
        name: kind_of_module(getattr(nn, name)()) for name in ("Softsign", "LogSigmoid", "Hardshrink", "GLU", "CELU")
    }
    assert all(kind.is_non_linear for kind in kinds.values()), kinds
    assert kind_of_module(nn.Softmax(1)) is Kind.OTHER
    assert kind_of_module(LeNet5().tanh1) is Kind.NON_LINEAR
    assert kind_of_call("add_") is Kind.OTHER


class Backbone(nn.Module):
    """Two layers and global pooling, the classes' layer taken off or not; perhaps not traceable."""

    def __init__(self, head: nn.Module, *, traceable: bool = True, wrap: Any = None) -> None:
        super().__init__()
        self.one, self.two, self.head = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 6, 3), head
        self.traceable, self.wrap = traceable, wrap or (lambda value: value)

    def pooled(self, images: torch.Tensor) -> torch.Tensor:
        """Return six numbers per image."""
        return functional.relu(self.two(functional.relu(self.one(images)))).mean((2, 3))

    def forward(self, images: torch.Tensor) -> Any:
        """Return what the head makes of the numbers."""
        if not self.traceable and images.sum() > 1e9:
            return images
        return self.wrap(self.head(self.pooled(images)))


@pytest.mark.parametrize("traceable", [True, False])
@pytest.mark.parametrize(
    ("head", "wrap"),
    [
        (nn.Identity(), None),
        (nn.Linear(6, 3), None),
        (nn.Linear(6, 3), lambda scores: {"logits": scores.sigmoid().view(-1, 3)}),
        (nn.Sequential(nn.Dropout(), nn.Linear(6, 3), nn.LogSoftmax(1)), None),
    ],
)
def test_penultimate_with_and_without_a_layer_of_classes(head: nn.Module, wrap: Any, traceable: bool) -> None:
    """What enters the classes' layer; of a headless network what it gives, not the input of its last convolution."""
    network, images = Backbone(head, traceable=traceable, wrap=wrap).eval(), torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(tapped(network, "penultimate", "post", images), network.pooled(images))


@pytest.mark.parametrize("traceable", [True, False])
def test_penultimate_of_several_values_is_refused(traceable: bool) -> None:
    """Which of them gives the classes is not to be guessed."""
    network = Backbone(nn.Linear(6, 3), traceable=traceable, wrap=lambda scores: (scores, scores + 1))
    with pytest.raises(ValueError, match=r"gives 2 values \(tuple\), not one, so it has no layer 'penultimate'"):
        tapped(network, "penultimate", "post", torch.randn(2, 3, 8, 8))


class Branches(nn.Module):
    """Two rectified branches side by side, then a rectified sum; nothing of it traceable."""

    def __init__(self) -> None:
        super().__init__()
        self.fire, self.sum = nn.Identity(), nn.Identity()
        self.left, self.right = nn.Conv2d(3, 2, 1), nn.Conv2d(3, 1, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return three maps."""
        if images.sum() > 1e9:
            return images
        joined = self.fire(torch.cat([self.left(images).relu_(), self.right(images).relu()], 1))
        joined = joined.clone()
        joined += images
        return self.sum(functional.relu(joined, inplace=True))


def test_watched_blocks_before_their_last_non_linearity() -> None:
    """A joint of two branches, and a sum that was written over."""
    network, images = Branches().eval(), torch.randn(2, 3, 5, 5)
    with torch.inference_mode():
        parts = torch.cat([network.left(images), network.right(images)], 1)
    torch.testing.assert_close(tapped(network, "fire", "pre", images), parts)
    torch.testing.assert_close(tapped(network, "fire", "post", images), parts.relu())
    torch.testing.assert_close(tapped(network, "sum", "pre", images), parts.relu() + images)


class Residual(nn.Module):
    """A ReLU module used twice: once behind a convolution, once behind a sum that is written over."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.relu = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1), nn.ReLU()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return three maps."""
        first = self.one(images)
        bent = self.relu(first)
        out = self.two(bent)
        out += first
        return self.relu(out)


def test_non_linearities_write_only_over_what_nobody_reads() -> None:
    """The first is read again by the sum; the second is free; the module of the caller stays as it was."""
    network, images = Residual().eval(), torch.randn(2, 3, 5, 5)
    layers = ["one", "two", "relu_1"]
    run = TappedNetwork(network, layers).settled()
    assert [part.inplace for part in run._run.modules() if isinstance(part, nn.ReLU)] == [False, True]
    with torch.inference_mode():
        values, expected = run(images), TappedNetwork(network, layers)(images)
    for value, wanted in zip(values, expected, strict=True):
        torch.testing.assert_close(value, wanted)
    assert not network.relu.inplace


class Moved(nn.Module):
    """Brings the channels to the end and back by `movedim`."""

    def __init__(self) -> None:
        super().__init__()
        self.mix, self.conv = nn.Linear(3, 5), nn.Conv2d(5, 4, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return four maps."""
        return self.conv(torch.moveaxis(self.mix(images.movedim(1, -1)), -1, 1))


def test_channels_that_movedim_moves() -> None:
    """Behind the linear layer they are last and come in front; moved back they stay."""
    network, images = Moved(), torch.randn(2, 3, 6, 7)
    last = network.mix(images.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    for layer in ("mix", "moveaxis"):
        torch.testing.assert_close(tapped(network, layer, "post", images), last)


@pytest.mark.skipif(not HAS_TIMM, reason="needs timm")
@pytest.mark.parametrize(
    ("name", "layer", "norm"),
    [
        ("efficientnet_b0", "conv_stem", "bn1"),
        ("tf_efficientnet_b0", "conv_stem", "bn1"),
        ("regnetx_002", "stem.conv", "stem.bn"),
        ("mobilenetv3_small_100", "conv_stem", "bn1"),
    ],
)
def test_norms_of_timm_that_carry_their_activation(name: str, layer: str, norm: str) -> None:
    """The convolution stands for both, as elsewhere; nothing is left to normalise."""
    timm = importlib.import_module("timm")
    network, images = timm.create_model(name).eval(), torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        raw = network.get_submodule(layer)(images)
        behind = network.get_submodule(norm)(raw)
    torch.testing.assert_close(tapped(network, layer, "post", images), behind, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(tapped(network, layer, "pre", images), behind)
