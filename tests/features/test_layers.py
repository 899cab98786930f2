"""Tapped values are those of a plain forward pass with hooks, before and after the non-linearity."""

from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torchvision
from torch import nn

from eyecraft.features.learned.aliases import aliases
from eyecraft.features.learned.layers import TappedNetwork, default_layer, layer_names
from eyecraft.features.learned.pooling import grid, pool, pooled_names

BUILDERS: dict[str, Callable[[], nn.Module]] = {
    "alexnet": torchvision.models.alexnet,
    "vgg11": lambda: torchvision.models.vgg11(init_weights=False),
    "resnet18": torchvision.models.resnet18,
    "squeezenet1_0": torchvision.models.squeezenet1_0,
    "densenet121": torchvision.models.densenet121,
}

# family -> activation -> layer -> (module whose output it is, which of its calls)
TAPS: dict[str, dict[str, dict[str, tuple[str, int]]]] = {
    "alexnet": {
        "pre": {
            "conv1": ("features.0", 0),
            "conv5": ("features.10", 0),
            "pool5": ("features.12", 0),
            "fc6": ("classifier.1", 0),
            "fc7": ("classifier.4", 0),
            "fc8": ("classifier.6", 0),
        },
        "post": {
            "conv1": ("features.1", 0),
            "conv5": ("features.11", 0),
            "pool5": ("features.12", 0),
            "fc6": ("classifier.2", 0),
            "fc7": ("classifier.5", 0),
            "classifier.4": ("classifier.5", 0),
            "fc8": ("classifier.6", 0),
            "penultimate": ("classifier.5", 0),
        },
    },
    "vgg11": {
        "pre": {"conv1": ("features.0", 0), "fc6": ("classifier.0", 0), "fc7": ("classifier.3", 0)},
        "post": {
            "conv3_1": ("features.7", 0),
            "conv5": ("features.19", 0),
            "pool5": ("features.20", 0),
            "fc6": ("classifier.1", 0),
            "fc7": ("classifier.4", 0),
        },
    },
    "resnet18": {
        "pre": {
            "conv1": ("bn1", 0),
            "layer1.0.conv1": ("layer1.0.bn1", 0),
            "layer1.0.bn2": ("layer1.0.bn2", 0),  # summed into in place by the block
            "layer1.0.conv2": ("layer1.0.conv2", 0),
            "avgpool": ("avgpool", 0),
        },
        "post": {
            "conv1": ("relu", 0),
            "layer1.0.conv1": ("layer1.0.relu", 0),
            "layer1.0.relu_1": ("layer1.0.relu", 1),
            "layer1.0.bn2": ("layer1.0.bn2", 0),
            "layer4": ("layer4", 0),
            "fc": ("fc", 0),
        },
    },
    "squeezenet1_0": {
        "pre": {"conv1": ("features.0", 0), "features.12.expand1x1": ("features.12.expand1x1", 0)},
        "post": {
            "features.12": ("features.12", 0),
            "fire9": ("features.12", 0),
            "pool1": ("features.2", 0),
            "features.3.squeeze": ("features.3.squeeze_activation", 0),
            "conv10": ("classifier.2", 0),
        },
    },
    "densenet121": {
        "pre": {"features.norm5": ("features.norm5", 0), "relu": ("features.norm5", 0)},  # rectified in place behind it
        "post": {"features.norm5": ("features.norm5", 0)},
    },
}


@pytest.fixture(scope="module", params=TAPS)
def family(request: pytest.FixtureRequest) -> tuple[str, nn.Module, torch.Tensor, dict[str, list[torch.Tensor]]]:
    """Return a network, images, and what every module gave at each call, copied at once."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = BUILDERS[request.param]().eval()
        images = torch.randn(2, 3, 64, 64)
    return request.param, network, images, hooked(network, images)


def hooked(network: nn.Module, images: torch.Tensor) -> dict[str, list[torch.Tensor]]:
    """Return a copy of each module's output at each call of a plain forward pass."""
    seen: dict[str, list[torch.Tensor]] = defaultdict(list)
    handles = [
        part.register_forward_hook(lambda _, args, value, name=name: seen[name].append(value.clone()))
        for name, part in network.named_modules()
    ]
    with torch.inference_mode():
        network(images)
    for handle in handles:
        handle.remove()
    return seen


@pytest.mark.parametrize("activation", ["pre", "post"])
def test_equals_plain_forward_with_hooks(family: Any, activation: Any) -> None:
    """All layers of a family together, none spoilt by another's in-place ReLU or sum."""
    name, network, images, expected = family
    taps = TAPS[name][activation]
    with torch.inference_mode():
        values = TappedNetwork(network, list(taps), activation)(images)
    for (layer, (source, call)), value in zip(taps.items(), values, strict=True):
        torch.testing.assert_close(value, expected[source][call], msg=lambda text, layer=layer: f"{layer}: {text}")


def test_block_before_its_last_non_linearity(family: Any) -> None:
    """A residual block's value before the ReLU is the sum; a fire module's what enters its two ReLUs, side by side."""
    name, network, images, expected = family
    if name == "resnet18":
        with torch.inference_mode():
            (value,) = TappedNetwork(network, ["layer4"], "pre")(images)
        torch.testing.assert_close(value, expected["layer4.1.bn2"][0] + expected["layer4.0"][0])
    elif name == "squeezenet1_0":
        with torch.inference_mode():
            value, _ = TappedNetwork(network, ["features.12", "features.12.expand1x1"], "pre").settled()(images)
        parts = [expected[f"features.12.expand{size}"][0] for size in ("1x1", "3x3")]
        torch.testing.assert_close(value, torch.cat(parts, 1), atol=1e-4, rtol=1e-4)
        assert (value < 0).any()
    else:
        with pytest.raises(ValueError, match="'penultimate' is the input of the classes' layer"):
            TappedNetwork(network, ["penultimate"], "pre")


def test_fc6_before_activation_has_negatives_beside_fc7() -> None:
    """The trap of in-place ReLU: asked for together with fc7, fc6 stays as it was."""
    fc6, fc7 = TappedNetwork(torchvision.models.alexnet(), ["fc6", "fc7"], "pre")(torch.randn(2, 3, 64, 64))
    assert (fc6 < 0).float().mean() > 0.2
    assert (fc7 < 0).float().mean() > 0.2


def test_stops_behind_the_last_layer() -> None:
    """What comes after the last layer is not computed; here it could not be."""
    network = torchvision.models.squeezenet1_1()
    network.classifier[1] = nn.Conv2d(7, 7, 1)  # of a wrong size
    (values,) = TappedNetwork(network, ["fire2"])(torch.zeros(1, 3, 32, 32))
    assert values.shape[1] == 128


class Untraceable(nn.Module):
    """A network that looks at its input, which no graph can hold."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout(0.9))
        self.head = nn.Linear(4, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return two logits per image."""
        images = self.body(images)
        return self.head(images.mean((2, 3)) if images.sum() > 0 else images.amax((2, 3)))


def test_untraceable_network_is_run_with_hooks() -> None:
    """Same meaning of names, same values, nothing left behind on the network."""
    network = Untraceable().eval()
    images = torch.randn(2, 3, 8, 8)
    expected = hooked(network, images)
    layers = ["body.0", "body", "penultimate"]
    pre, _, _ = TappedNetwork(network, layers[:1] * 3, "pre")(images)
    post, body, last = TappedNetwork(network, layers)(images)
    torch.testing.assert_close(pre, expected["body.1"][0])
    torch.testing.assert_close(post, expected["body.2"][0])
    torch.testing.assert_close(body, expected["body"][0])
    torch.testing.assert_close(last, expected["body"][0].mean((2, 3)))
    assert not network.body[0]._forward_hooks
    with pytest.raises(ValueError, match=r"no layer called 'bodi.0'.*did you mean 'body.0'"):
        TappedNetwork(network, ["bodi.0"])


def test_stays_in_evaluation_mode() -> None:
    """Neither a network in training mode nor a later train() makes batch statistics drift."""
    network = torchvision.models.resnet18().train()
    before = network.bn1.running_mean.clone()
    tapped = TappedNetwork(network, ["layer1"]).train()
    tapped(torch.randn(4, 3, 32, 32))
    assert not any(part.training for part in tapped.modules())
    assert torch.equal(network.bn1.running_mean, before)
    assert not any(parameter.requires_grad for parameter in tapped.parameters())


@pytest.mark.parametrize(
    ("name", "layer", "nearest"),
    [("alexnet", "fc9", "fc8"), ("squeezenet1_0", "features.1 2", "features.12"), ("resnet18", "layer5", "layer4")],
)
def test_wrong_name_lists_the_nearest(name: str, layer: str, nearest: str) -> None:
    """A wrong layer name is answered with names that exist."""
    with torch.device("meta"):
        network = BUILDERS[name]()
    with pytest.raises(ValueError, match=rf"no layer called '{layer}'.*did you mean .*'{nearest}"):
        TappedNetwork(network, [layer])


def test_default_layer_is_the_last_before_the_classes() -> None:
    """fc7 on AlexNet, fire9 on SqueezeNet, the input of the last linear layer elsewhere."""
    with torch.device("meta"):
        networks = {name: BUILDERS[name]() for name in ("alexnet", "vgg11", "squeezenet1_0", "resnet18")}
    assert [default_layer(network) for network in networks.values()] == ["fc7", "fc7", "fire9", "penultimate"]
    assert {"conv1", "pool5", "fc6", "features.3", "penultimate"} <= set(layer_names(networks["alexnet"]))
    assert "layer1.0.relu_1" in layer_names(networks["resnet18"])


def test_layer_that_is_no_tensor_is_refused() -> None:
    """Attention gives a pair."""
    network = torchvision.models.VisionTransformer(32, 16, num_layers=1, num_heads=2, hidden_dim=16, mlp_dim=16)
    attention = "encoder.layers.encoder_layer_0.self_attention"
    with pytest.raises(ValueError, match=f"Layer '{attention}' gives a tuple, not one tensor"):
        TappedNetwork(network, [attention])(torch.zeros(1, 3, 32, 32))


class Gives(nn.Module):
    """Hands its input on in a dictionary."""

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the images by name."""
        return {"out": images}


def test_modules_without_a_value_of_their_own() -> None:
    """A dictionary, and a layer whose weights alone are used: said so, and not among the names."""
    attention = "encoder.layers.encoder_layer_0.self_attention.out_proj"
    vit = torchvision.models.VisionTransformer(32, 16, num_layers=1, num_heads=2, hidden_dim=16, mlp_dim=16)
    gives = nn.Sequential(OrderedDict(a=nn.Conv2d(3, 4, 3), b=Gives()))
    for network, layer in ((vit, attention), (gives, "b")):
        with pytest.raises(ValueError, match=f"Layer '{layer}' has no value to take: the network never calls it"):
            TappedNetwork(network, [layer])
        assert layer not in layer_names(network)


@pytest.mark.parametrize(
    ("shape", "pooling", "length", "last"),
    [
        ((2, 12, 6, 4), "flatten", 288, "l_map11_r5_c3"),
        ((2, 12, 6, 4), "avg", 12, "l_map11"),
        ((2, 12, 6, 4), "max", 12, "l_map11"),
        ((2, 12, 6, 4), "spatial", 72, "l_map11_r2_c1"),
        ((2, 5), "spatial", 5, "l_4"),
        ((2, 7, 20), "avg", 20, "l_19"),
        ((2, 7, 20), "spatial", 20, "l_19"),
        ((2, 12, 2, 1), "spatial", 24, "l_map11_r1_c0"),
        ((2, 7, 20), "flatten", 140, "l_token6_19"),
    ],
)
def test_pooling_gives_named_numbers(shape: tuple[int, ...], pooling: str, length: int, last: str) -> None:
    """One name per number, all different."""
    cells = grid(shape[1:], (3, 2))
    names = pooled_names("l", shape[1:], pooling, cells)
    rows = pool(torch.rand(shape), pooling, cells)
    assert rows.shape == (2, length)
    assert len(set(names)) == length
    assert names[-1] == last


def test_spatial_pooling_averages_cells() -> None:
    """A 4x4 ramp in 2x2 cells, by hand."""
    ramp = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert pool(ramp, "spatial", (2, 2)).tolist() == [[2.5, 4.5, 10.5, 12.5]]
    assert pool(ramp, "max", (2, 2)).tolist() == [[15.0]]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("stem", "stages", "norm_pre"), {"stem": "stem", "stage1": "stages.0", "stage2": "stages.1"}),
        (
            ("patch_embed", "blocks", "norm"),
            {"stem": "patch_embed", "block1": "blocks.0", "block2": "blocks.1", "norm": "norm"},
        ),
        (
            ("patch_embed", "layers", "norm"),
            {"stem": "patch_embed", "stage1": "layers.0", "stage2": "layers.1", "norm": "norm"},
        ),
        (("conv_stem", "bn1", "blocks"), {"stem": "conv_stem", "stage1": "blocks.0", "stage2": "blocks.1"}),
        (("stem", "s1", "s2", "s3", "s4"), {"stem": "stem"} | {f"stage{n}": f"s{n}" for n in range(1, 5)}),
        (("trunk", "blocks"), {}),
    ],
)
def test_names_of_networks_made_as_timm_makes_them(parts: tuple[str, ...], expected: dict[str, str]) -> None:
    """ConvNeXt, ViT, Swin, EfficientNet and RegNet, known by their parts."""
    network = nn.Module()
    for name in parts:
        held = name in ("stages", "blocks", "layers")
        network.add_module(name, nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)) if held else nn.Linear(2, 2))
    assert aliases(network) == expected


class Tokens(nn.Module):
    """Mixes tokens as Swin of timm does, and lays them out as a map again; keeps a table of five dimensions."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.mix = nn.LayerNorm(3), nn.Linear(3, 3)
        self.table = nn.Parameter(torch.zeros(1, 2, 1, 2, 2))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return maps with the channels last."""
        n, channels, height, width = images.shape
        maps = self.norm(images.permute(0, 2, 3, 1))
        return self.mix(maps.reshape(n, -1, channels)).reshape(n, height, width, channels)


def test_tokens_laid_out_as_a_map_come_with_channels_in_front() -> None:
    """The value of the last reshape is (n, height, width, channels); it is turned as all others are."""
    network = Tokens()
    images = torch.rand(2, 3, 4, 5)
    tapped = TappedNetwork(network, ["reshape_1"]).settled()
    torch.testing.assert_close(tapped(images)[0], network(images).permute(0, 3, 1, 2))


class Flattened(nn.Module):
    """Flattens its maps with `view`, which wants them in torch's usual order in memory."""

    def __init__(self, *, traceable: bool) -> None:
        super().__init__()
        self.conv, self.head, self.traceable = nn.Conv2d(3, 4, 3), nn.Linear(4 * 36, 5), traceable

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return scores; a branch on the numbers cannot be traced."""
        if not self.traceable and images.sum() > 1e9:
            return images
        return self.head(self.conv(images).view(len(images) if not self.traceable else -1, 4 * 36))


@pytest.mark.parametrize("traceable", [True, False])
def test_networks_that_flatten_with_view(traceable: bool) -> None:
    """Whatever order makes the network fast, its rows are those of a plain forward pass."""
    network = Flattened(traceable=traceable)
    images = torch.rand(2, 3, 8, 8)
    expected = network(images)
    tapped = TappedNetwork(network, ["head"]).settled()
    assert (tapped.memory_format == torch.channels_last) == traceable
    values = tapped(images.contiguous(memory_format=tapped.memory_format))[0]
    torch.testing.assert_close(values, expected)
