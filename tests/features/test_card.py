"""The architecture card: worked examples of lectures, published totals, and receptive fields measured by gradients."""

from importlib import import_module

import pandas as pd
import pytest
import torch
import torchvision
from torch import nn

describe = import_module("eyecraft.features.learned.card").describe


def only(module: nn.Module, size: int | tuple[int, int], **options):
    """Return the card's row of a single layer."""
    (layer,) = describe(module, size, **options)
    return layer


# -- worked examples -----------------------------------------------------------------------------------------------


def test_ten_filters_on_a_small_colour_image():
    """32x32x3, ten 5x5 filters, stride 1, pad 2: 32x32x10 and 76 x 10 parameters."""
    layer = only(nn.Conv2d(3, 10, 5, stride=1, padding=2), 32)
    assert layer.output == (10, 32, 32)
    assert layer.parameters == 760
    assert layer.multiply_adds == 10 * 32 * 32 * 5 * 5 * 3


@pytest.mark.parametrize(
    ("stride", "side", "left_out", "fits"), [(1, 5, (0, 0), True), (2, 3, (0, 0), True), (3, 2, (1, 1), False)]
)
def test_seven_pixels_and_three(stride, side, left_out, fits):
    """7x7 with a 3x3 filter: 5x5, 3x3, and with stride 3 the last row and column are reached by no window."""
    layer = only(nn.Conv2d(1, 1, 3, stride=stride), 7)
    assert layer.output == (1, side, side)
    assert (layer.left_out, layer.fits) == (left_out, fits)


def test_many_filters_on_a_large_image():
    """400 filters of 8x8 on 96x96: 400 x 89 x 89 = 3,168,400 numbers."""
    layer = only(nn.Conv2d(1, 400, 8), 96)
    assert layer.output == (400, 89, 89)
    assert layer.size == 3_168_400


@pytest.mark.parametrize(("n_layers", "kernel"), [(1, 3), (2, 3), (3, 3), (5, 5), (4, 7)])
def test_a_stack_of_convolutions(n_layers, kernel):
    """L layers of KxK see 1 + L (K - 1) pixels."""
    card = describe(nn.Sequential(*(nn.Conv2d(1, 1, kernel) for _ in range(n_layers))), 64)
    expected = 1 + n_layers * (kernel - 1)
    assert card.layers[-1].receptive_field == (expected, expected)
    assert card.layers[-1].stride == (1, 1)


def test_a_filter_larger_than_the_image():
    """What cannot be is an error that names sizes and layer."""
    with pytest.raises(ValueError, match=r"4 x 4 pixels \(channels: 1\): layer 'itself' \(Conv2d, given 1 x 4 x 4\)"):
        describe(nn.Conv2d(1, 1, 5), 4)


# -- published networks --------------------------------------------------------------------------------------------


def test_lenet5():
    """About sixty thousand parameters; c5 sees the whole 32x32 pixels."""
    card = describe("lenet5")
    assert card.parameters == 61_706
    assert [card[name].output for name in ("c1", "s2", "c3", "s4", "c5", "f6", "output")] == [
        *((6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5), (120, 1, 1), (84,), (10,))
    ]
    assert [card[name].receptive_field[0] for name in ("c1", "s2", "c3", "s4", "c5")] == [5, 6, 14, 16, 32]
    assert [card[name].stride for name in ("c1", "s2", "s4", "f6")] == [(1, 1), (2, 2), (4, 4), None]


@pytest.mark.parametrize(
    ("model", "millions"),
    [("alexnet", 61.1), ("vgg16", 138.4), ("googlenet", 6.6), ("resnet152", 60.2), ("squeezenet1_0", 1.2)],
)
def test_published_parameters(model, millions):
    """Millions of parameters, as the papers' networks have them in torchvision."""
    assert round(describe(model).parameters / 1e6, 1) == millions


@pytest.mark.parametrize(
    "model",
    [
        *("alexnet", "vgg16_bn", "googlenet", "resnet152", "resnext50_32x4d", "squeezenet1_1", "densenet121"),
        *("mobilenet_v3_small", "efficientnet_b0", "shufflenet_v2_x1_0", "mnasnet0_5", "convnext_tiny", "vit_b_16"),
        *("swin_v2_t", "maxvit_t"),
    ],
)
def test_parameters_and_multiply_adds_as_torchvision_publishes_them(model):
    """The total parameters exactly, multiply-adds (GMACs) to the three digits that are published."""
    published = next(iter(torchvision.models.get_model_weights(model))).value.meta
    card = describe(model)
    assert card.parameters == published["num_params"]
    assert round(card.multiply_adds / 1e9, 3) == published["_ops"]


@pytest.mark.parametrize(
    ("model", "layer", "field", "stride"),
    [
        *(("alexnet", "conv1", 11, 4), ("alexnet", "pool5", 195, 32), ("vgg16", "pool5", 212, 32)),
        *(("vgg16", "conv5_3", 196, 16), ("resnet50", "layer4.2.conv3", 427, 32)),
    ],
)
def test_published_receptive_fields(model, layer, field, stride):
    """Araujo et al. 2019, "Computing receptive fields": 195 for AlexNet, 212 for VGG-16."""
    found = describe(model)[layer]
    assert (found.receptive_field, found.stride) == ((field, field), (stride, stride))


def test_aliases():
    """Textbook names lead to the layers, conv5 of VGG to the last convolution of its block; blocks have rows too."""
    vgg, squeezenet = describe("vgg16"), describe("squeezenet1_0")
    assert vgg["conv5"] is vgg["conv5_3"] is vgg["features.28"]
    assert vgg["fc6"].parameters == 25088 * 4096 + 4096
    assert squeezenet["fire9"].output == (512, 13, 13)
    assert squeezenet["fire9"].parameters == 0  # its convolutions have rows of their own
    with pytest.raises(KeyError, match="no layer called 'conv5_9'; did you mean 'conv5_"):
        vgg["conv5_9"]


def test_mini():
    """The network in the box, for 64x64 pixels."""
    card = describe("mini")
    assert card.image_size == (64, 64)
    assert card.parameters == sum(
        one.numel() for one in import_module("eyecraft.features.learned.mini").Mini().parameters()
    )
    assert card["conv5"].output == (192, 8, 8)


# -- receptive fields, against the gradient ------------------------------------------------------------------------


class Branches(nn.Module):
    """A long path and a short one, joined by channels; then a dilated residual block; then pooling."""

    def __init__(self):
        super().__init__()
        self.long = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.Conv2d(2, 2, 5, padding=2))
        self.short = nn.Conv2d(1, 2, 1)
        self.dilated = nn.Conv2d(4, 4, 3, padding=2, dilation=2)
        self.pool = nn.AvgPool2d(3, 2, padding=1)
        self.last = nn.Conv2d(4, 1, (3, 1), padding=(1, 0))

    def forward(self, x):
        """Return one map."""
        x = torch.cat([self.long(x), self.short(x)], dim=1)
        return self.last(self.pool(x + self.dilated(x)))


def measured_field(module: nn.Module, size: int) -> tuple[int, int]:
    """Return rows and columns of pixels that the middle output's gradient reaches."""
    module = module.eval()
    for weight in module.parameters():
        nn.init.constant_(weight, 0.1)
    image = torch.ones(1, 1, size, size, requires_grad=True)
    out = module(image)
    out[0, 0, out.shape[2] // 2, out.shape[3] // 2].backward()
    reached = image.grad[0, 0].abs() > 0
    rows, columns = reached.any(1).nonzero().ravel(), reached.any(0).nonzero().ravel()
    return int(rows[-1] - rows[0] + 1), int(columns[-1] - columns[0] + 1)


def test_the_longest_path_counts():
    """Branches, a residual, dilation, strides and oblong filters: as the gradient reaches."""
    module = Branches()
    card = describe(module, 65)
    assert card.layers[-1].receptive_field == measured_field(module, 65) == (17, 13)
    assert card["short"].receptive_field == (1, 1)
    assert card["dilated"].receptive_field == (11, 11)


def test_a_residual_block_as_the_gradient_reaches():
    """torchvision's own block, with a stride and a projection."""
    block = torchvision.models.resnet.BasicBlock(1, 1, stride=2, downsample=nn.Conv2d(1, 1, 1, stride=2))
    assert describe(block, 33).layers[-1].receptive_field == measured_field(block, 33)
    assert [layer.name for layer in describe(block, 33)] == [
        "conv1",
        "bn1",
        "relu",
        "conv2",
        "bn2",
        "downsample",
        "relu_1",
    ]


def test_behind_global_pooling_the_whole_image():
    """No number where it is the whole image, nor where attention over windows leaves it undefined."""
    card = describe("resnet18")
    assert (card["avgpool"].receptive_field, card["avgpool"].whole_image) == (None, True)
    assert card["fc"].whole_image
    vit = describe("vit_b_16")
    assert vit["conv_proj"].receptive_field == (16, 16)
    assert vit["encoder.layers.encoder_layer_0.self_attention"].whole_image
    swin = describe("swin_t")["features.1.0.attn"]
    assert (swin.receptive_field, swin.whole_image) == (None, False)


def test_a_gate_sees_the_whole_image():
    """Squeeze and excitation multiplies by numbers that depend on everything; the stride stays known."""
    card = describe("efficientnet_b0")
    behind = card["features.1.0.block.2.0"]
    assert behind.whole_image
    assert behind.stride == (2, 2)
    assert card["features.1.0.block.0.0"].receptive_field == (7, 7)


# -- anybody's network ---------------------------------------------------------------------------------------------


def test_a_network_stays_as_it_is():
    """No hook, no switch to evaluation, no moved weights; weights used in two places count once."""
    shared = nn.Conv2d(4, 4, 3, padding=1)
    network = nn.Sequential(nn.Conv2d(2, 4, 3), shared, nn.BatchNorm2d(4), shared, nn.Flatten(), nn.Linear(4 * 36, 3))
    card = describe(network.train(), 8)
    assert card.channels == 2
    assert card.parameters == sum(weight.numel() for weight in network.parameters())
    assert [layer.parameters for layer in card][1:4:2] == [148, 0]
    assert network.training
    assert all(weight.device.type == "cpu" for weight in network.parameters())
    assert not any(module._forward_hooks for module in network.modules())


class LooksAtNumbers(nn.Module):
    """Decides by a value, which a tensor without numbers cannot."""

    def __init__(self):
        super().__init__()
        self.one, self.never = nn.Conv2d(1, 1, 3), nn.Linear(5, 5)

    def forward(self, x):
        """Return a map."""
        x = self.one(x)
        return x if x.sum().item() < 1e9 else self.never(x)


def test_a_network_that_looks_at_its_numbers():
    """Then a black image is computed for real; modules that took no part are told apart."""
    card = describe(LooksAtNumbers(), 9)
    assert [layer.name for layer in card] == ["one"]
    assert card.layers[0].receptive_field == (3, 3)
    assert card.unused == {"never": 30}


def test_frame():
    """One row per layer, missing numbers missing."""
    frame = describe("alexnet", (200, 160)).frame().set_index("alias")
    assert frame.loc["conv1", "output"] == "64 x 49 x 39"
    assert frame.loc["conv2", "multiply_adds"] == 192 * 24 * 19 * 64 * 25
    assert frame.loc["conv1", ["rows_left_out", "columns_left_out"]].tolist() == [1, 1]
    assert frame.loc["conv1", ["field_height", "stride_width"]].tolist() == [11, 4]
    assert frame.loc["fc6", "whole_image"]
    assert pd.isna(frame.loc["fc6", "field_height"])
    assert str(frame["field_width"].dtype) == "Int64"


@pytest.mark.parametrize(
    ("model", "size", "message"),
    [
        ("alexnat", 224, "got 'alexnat'; did you mean 'alexnet'"),
        ("lenet", None, "'lenet5'"),
        ("alexnet", 32, r"alexnet cannot take images of 32 x 32 pixels .*layer 'features.12' \(MaxPool2d, given 256 x"),
        ("lenet5", 64, r"cannot take images of 64 x 64 pixels \(channels: 1\): layer 'f6'"),
        ("alexnet", 0, "`image_size` must be a whole number or a pair"),
        (7, 224, "`model` must be the name of a network, .* got int 7"),
    ],
)
def test_mistakes(model, size, message):
    """Errors name what came and what to do."""
    with pytest.raises(ValueError, match=message):
        describe(model, size)
