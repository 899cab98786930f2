"""Every supported family, judged by a plain forward pass with hooks: each module, before and after its activation."""

import copy
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torchvision
from torch import fx, nn

from eyecraft.features.learned.aliases import aliases
from eyecraft.features.learned.layers import TappedNetwork, layer_names
from eyecraft.features.learned.mini import Mini

FAMILIES: dict[str, Callable[[], nn.Module]] = {
    "alexnet": torchvision.models.alexnet,
    "vgg11_bn": lambda: torchvision.models.vgg11_bn(init_weights=False),
    "squeezenet1_1": torchvision.models.squeezenet1_1,
    "resnet50": torchvision.models.resnet50,
    "googlenet": lambda: torchvision.models.googlenet(init_weights=False),
    "mobilenet_v2": torchvision.models.mobilenet_v2,
    "mobilenet_v3_small": torchvision.models.mobilenet_v3_small,
    "efficientnet_b0": torchvision.models.efficientnet_b0,
    "convnext_tiny": torchvision.models.convnext_tiny,
    "swin_t": torchvision.models.swin_t,
    "vit": lambda: torchvision.models.VisionTransformer(
        64, 16, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=24, num_classes=7
    ),
    "regnet_y_400mf": torchvision.models.regnet_y_400mf,
    "densenet121": torchvision.models.densenet121,
    "mini": Mini,
    "inception_v3": lambda: torchvision.models.inception_v3(init_weights=False),
    "mnasnet0_5": torchvision.models.mnasnet0_5,
    "shufflenet_v2_x0_5": torchvision.models.shufflenet_v2_x0_5,
    "swin_v2_t": torchvision.models.swin_v2_t,
}

# family -> layer -> (module whose output is the value before the activation, module whose output is the one after it)
PRE_AND_POST: dict[str, dict[str, tuple[str, str]]] = {
    "alexnet": {"conv1": ("features.0", "features.1"), "fc6": ("classifier.1", "classifier.2")},
    "vgg11_bn": {
        "conv1": ("features.1", "features.2"),
        "conv3_1": ("features.9", "features.10"),
        "conv5": ("features.26", "features.27"),
        "pool5": ("features.28", "features.28"),
        "fc6": ("classifier.0", "classifier.1"),
        "fc7": ("classifier.3", "classifier.4"),
        "fc8": ("classifier.6", "classifier.6"),
    },
    "squeezenet1_1": {
        "conv1": ("features.0", "features.1"),
        "features.3.squeeze": ("features.3.squeeze", "features.3.squeeze_activation"),
    },
    "resnet50": {
        "conv1": ("bn1", "relu"),
        "pool1": ("maxpool", "maxpool"),
        "layer2.0.conv1": ("layer2.0.bn1", "layer2.0.relu"),
        "pool5": ("avgpool", "avgpool"),
    },
    "googlenet": {
        "conv1": ("conv1.bn", "conv1"),
        "inception4a.branch2.1": ("inception4a.branch2.1.bn", "inception4a.branch2.1"),
        "pool2": ("maxpool2", "maxpool2"),
        "pool5": ("avgpool", "avgpool"),
    },
    "mobilenet_v2": {
        "stem": ("features.0.1", "features.0"),
        "block3": ("features.3", "features.3"),
        "stage5": ("features.17", "features.17"),
        "features.3.conv.0.0": ("features.3.conv.0.1", "features.3.conv.0.2"),
        "head": ("features.18.1", "features.18"),
    },
    "mobilenet_v3_small": {
        "stem": ("features.0.1", "features.0"),
        "stage2": ("features.3", "features.3"),
        "head": ("features.12.1", "features.12"),
        "classifier.0": ("classifier.0", "classifier.1"),
    },
    "efficientnet_b0": {
        "stem": ("features.0.1", "features.0"),
        "stage7": ("features.7", "features.7"),
        "features.2.0.block.0.0": ("features.2.0.block.0.1", "features.2.0.block.0"),
        "features.2.0.block.2.fc1": ("features.2.0.block.2.fc1", "features.2.0.block.2.activation"),
        "head": ("features.8.1", "features.8"),
    },
    "convnext_tiny": {
        "stem": ("features.0", "features.0"),
        "stage4": ("features.7", "features.7"),
        "features.1.0.block.3": ("features.1.0.block.3", "features.1.0.block.4"),
    },
    "swin_t": {
        "stage1": ("features.1", "features.1"),
        "features.1.0.mlp.0": ("features.1.0.mlp.0", "features.1.0.mlp.1"),
    },
    "vit": {
        "stem": ("conv_proj", "conv_proj"),
        "block2": ("encoder.layers.encoder_layer_1", "encoder.layers.encoder_layer_1"),
        "encoder.layers.encoder_layer_0.mlp.0": (
            "encoder.layers.encoder_layer_0.mlp.0",
            "encoder.layers.encoder_layer_0.mlp.1",
        ),
        "norm": ("encoder.ln", "encoder.ln"),
    },
    "regnet_y_400mf": {"stem": ("stem.1", "stem")},
    "densenet121": {
        "stem": ("features.norm0", "features.relu0"),
        "stage1": ("features.denseblock1", "features.denseblock1"),
    },
    "inception_v3": {
        "stem": ("Conv2d_4a_3x3.bn", "Conv2d_4a_3x3"),
        "pool2": ("maxpool2", "maxpool2"),
        "Mixed_6e.branch7x7_3": ("Mixed_6e.branch7x7_3.bn", "Mixed_6e.branch7x7_3"),
        "pool5": ("avgpool", "avgpool"),
    },
    "mnasnet0_5": {
        "stem": ("layers.1", "layers.2"),
        "stage6": ("layers.13", "layers.13"),
        "head": ("layers.15", "layers.16"),
    },
    "shufflenet_v2_x0_5": {
        "conv1": ("conv1.1", "conv1"),
        "stage2": ("stage2", "stage2"),
        "conv5": ("conv5.1", "conv5"),
    },
    "swin_v2_t": {
        "stage1": ("features.1", "features.1"),
        "features.1.0.mlp.0": ("features.1.0.mlp.0", "features.1.0.mlp.1"),
    },
    "mini": {
        "conv1": ("norm1", "relu1"),
        "conv5": ("norm5", "relu5"),
        "pool5": ("pool5", "pool5"),
        "fc6": ("norm6", "relu6"),
        "fc7": ("norm7", "relu7"),
        "fc8": ("fc8", "fc8"),
    },
}
# values that have their channels last: what linear layers and layer norms give and get, and all of Swin's body
LAST = {
    "convnext_tiny": lambda name: ".block." in name and name.rsplit(".", 1)[1] in "12345",
    "swin_t": lambda name: name.startswith(("features", "norm")) and name != "features.0.0",
    "swin_v2_t": lambda name: name.startswith(("features", "norm")) and name != "features.0.0",
}


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> tuple[str, nn.Module, torch.Tensor, dict[str, list[Any]]]:
    """Return a network with lively statistics, images, and what every module gave at each call, copied at once."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = FAMILIES[request.param]().eval()
        for part in network.modules():
            if isinstance(part, nn.BatchNorm2d | nn.BatchNorm1d):
                nn.init.uniform_(part.weight, 0.5, 1.5), nn.init.uniform_(part.bias, -0.3, 0.3)
                part.running_mean.uniform_(-0.3, 0.3), part.running_var.uniform_(0.5, 1.5)
        side = 75 if request.param == "inception_v3" else 64
        images = torch.randn(2, 3, side, side)
    return request.param, network, images, hooked(copy.deepcopy(network), images)


def hooked(network: nn.Module, images: torch.Tensor) -> dict[str, list[Any]]:
    """Return a copy of each module's output at each call of a plain forward pass."""
    seen: dict[str, list[Any]] = defaultdict(list)
    for name, part in network.named_modules():
        part.register_forward_hook(
            lambda _, args, value, name=name: seen[name].append(value.clone() if torch.is_tensor(value) else None)
        )
    with torch.inference_mode():
        network(images)
    return seen


def expected(name: str, source: str, seen: dict[str, list[Any]]) -> torch.Tensor:
    """Return what a module gave at its first call, as (n, maps, height, width)."""
    value = seen[source][0]
    return value.permute(0, 3, 1, 2) if value.ndim == 4 and LAST.get(name, lambda _: False)(source) else value


def close(actual: torch.Tensor, wanted: torch.Tensor, what: str, share: float = 1e-5) -> None:
    """Assert equality up to a share of the largest number."""
    assert actual.shape == wanted.shape, what
    worst = (actual - wanted).abs().max().item()
    assert worst <= share * max(wanted.abs().max().item(), 1e-3), (what, worst)


def test_every_module_alone_is_what_a_hook_sees(family: Any) -> None:
    """All modules but convolutions and linear layers (which stand for their activation too), from one pass."""
    name, network, images, seen = family
    parts = dict(network.named_modules())
    wanted = [
        layer
        for layer, values in seen.items()
        if layer
        and len(values) == 1
        and torch.is_tensor(values[0])
        and not isinstance(parts[layer], nn.Conv2d | nn.Linear)
    ]
    assert len(wanted) > 5
    with torch.inference_mode():
        values = TappedNetwork(copy.deepcopy(network), wanted)(images)
    for layer, value in zip(wanted, values, strict=True):
        close(value, expected(name, layer, seen), layer)


def test_before_and_after_the_activation(family: Any) -> None:
    """The table above, all layers of a family from one pass."""
    name, network, images, seen = family
    table = PRE_AND_POST[name]
    for side, activation in enumerate(("pre", "post")):
        with torch.inference_mode():
            values = TappedNetwork(copy.deepcopy(network), list(table), activation)(images)
        for (layer, sources), value in zip(table.items(), values, strict=True):
            close(value, expected(name, sources[side], seen), f"{layer} {activation}")
            if activation == "pre" and sources[0] != sources[1]:
                assert (value < 0).any(), layer


def test_settled_network_gives_the_same_numbers(family: Any) -> None:
    """Folding and the order of the memory change 1e-5 at most; the network itself keeps its normalisations."""
    name, network, images, seen = family
    original = copy.deepcopy(network)
    table = PRE_AND_POST[name]
    tapped = TappedNetwork(original, list(table), "pre").settled()
    norms = [node for node in tapped._run.graph.nodes if isinstance(_module(tapped._run, node), nn.BatchNorm2d)]
    assert name == "densenet121" or not norms  # DenseNet normalises before it convolves
    with torch.inference_mode():
        values = tapped(images)
        torch.testing.assert_close(original(images), network(images))
    for (layer, sources), value in zip(table.items(), values, strict=True):
        close(value, expected(name, sources[0], seen), layer)


def _module(graph: fx.GraphModule, node: fx.Node) -> nn.Module | None:
    return graph.get_submodule(str(node.target)) if node.op == "call_module" else None


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("resnet50", {"pool1", "conv2_x", "conv5_x", "stage1", "stage4", "pool5"}),
        ("googlenet", {"pool1", "pool4", "pool5", "stage3", "stage5"}),
        ("mobilenet_v2", {"stem", "block1", "block17", "stage1", "stage5", "head"}),
        ("mobilenet_v3_small", {"stem", "block1", "block11", "stage4", "head"}),
        ("efficientnet_b0", {"stem", "stage1", "stage7", "head"}),
        ("convnext_tiny", {"stem", "stage1", "stage4"}),
        ("swin_t", {"stem", "stage1", "stage4"}),
        ("vit", {"stem", "block1", "block2", "norm"}),
        ("regnet_y_400mf", {"stem", "stage1", "stage4"}),
        ("densenet121", {"stem", "pool1", "stage1", "stage4"}),
        ("inception_v3", {"stem", "pool1", "pool2", "stage3", "stage5", "pool5"}),
        ("mnasnet0_5", {"stem", "stage1", "stage6", "head"}),
        ("shufflenet_v2_x0_5", {"conv1", "pool1", "stage2", "stage4", "conv5"}),
    ],
)
def test_stage_names(name: str, names: set[str]) -> None:
    """Each family has the names of its papers, all of them modules; and no stage too many."""
    network = FAMILIES[name]()
    known = aliases(network)
    assert names <= known.keys()
    assert set(known.values()) <= set(dict(network.named_modules()))
    numbers = [int(key.removeprefix("stage")) for key in known if key.startswith("stage")]
    assert not numbers or f"stage{max(numbers)}" in names
    assert names <= set(layer_names(network))


def test_residual_stage_before_its_last_activation() -> None:
    """Before the last ReLU of a residual stage is the sum of its two branches."""
    network, images = FAMILIES["resnet50"]().eval(), torch.randn(2, 3, 64, 64)
    seen = hooked(copy.deepcopy(network), images)
    with torch.inference_mode():
        (value,) = TappedNetwork(network, ["stage4"], "pre")(images)
    close(value, seen["layer4.2.bn3"][0] + seen["layer4.1"][0], "stage4 pre")


def test_inception_block_before_its_activations() -> None:
    """Four branches, each rectified in place, then joined: what enters the four, joined; one branch beside it too."""
    network, images = FAMILIES["googlenet"]().eval(), torch.randn(2, 3, 64, 64)
    seen = hooked(copy.deepcopy(network), images)
    names = ["branch1.bn", "branch2.1.bn", "branch3.1.bn", "branch4.1.bn"]
    wanted = torch.cat([seen[f"inception5b.{name}"][0] for name in names], 1)
    with torch.inference_mode():
        value, branch = TappedNetwork(network, ["stage5", "inception5b.branch1.conv"], "pre").settled()(images)
    close(value, wanted, "stage5 pre")
    close(branch, seen["inception5b.branch1.bn"][0], "branch1 pre")
