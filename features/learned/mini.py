"""The network in the box: an AlexNet for 64x64 images, small enough to travel inside the package.

The layers follow A. Krizhevsky, I. Sutskever, G. E. Hinton, "ImageNet classification with deep convolutional neural
networks", NIPS 2012: five convolutions, three of them pooled with overlap, and three fully connected layers. What it
learned from, and how well, is in ``mini-card.md`` beside this file.
"""

import hashlib
from collections import OrderedDict
from enum import Enum
from pathlib import Path
from types import SimpleNamespace

import torch
from safetensors.torch import load
from torch import nn
from torchvision.models import Weights
from torchvision.transforms import InterpolationMode

from .chain import Chain

# The file that is shipped, and what was measured of it: `benchmarks/pretrain.py` prints all of these at its end.
MINI_FILE = Path(__file__).with_name("mini-tinyimagenet.safetensors")
MINI_SHA256 = "3ad85a13b358c18714068a76aed3441d5380aaeec35d5a6c22c007d35610f906"
MINI_TOP1 = 39.23  # per cent of the 4,000 validation images, of the float16 weights as shipped
MINI_TOP5 = 66.10

MINI_IMAGE_SIZE = 64  # pixels
MINI_MEAN, MINI_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of values in [0, 1]: torchvision's
_FILTERS = (64, 160, 256, 256, 192)  # conv1..conv5
_HIDDEN = 512  # fc6, fc7


class Mini(Chain):
    """AlexNet-shaped network for 64x64 colour images, 3.6 million parameters with 200 classes.

    ===========  =====================================  ============  ==========
    layer        what                                   output        parameters
    ===========  =====================================  ============  ==========
    ``conv1``    64 filters 5x5, stride 2               64 x 32 x 32  4,928
    ``pool1``    3x3 maximum, stride 2                  64 x 16 x 16  0
    ``conv2``    160 filters 5x5                        160 x 16 x 16 256,320
    ``pool2``    3x3 maximum, stride 2                  160 x 8 x 8   0
    ``conv3``    256 filters 3x3                        256 x 8 x 8   369,152
    ``conv4``    256 filters 3x3                        256 x 8 x 8   590,336
    ``conv5``    192 filters 3x3                        192 x 8 x 8   442,752
    ``pool5``    3x3 maximum, stride 2                  192 x 4 x 4   0
    ``fc6``      fully connected                        512           1,573,888
    ``fc7``      fully connected                        512           263,168
    ``fc8``      fully connected                        ``n_classes`` 102,600
    ===========  =====================================  ============  ==========

    Every layer but the last is batch-normalised (counted above) and rectified: ``norm1, relu1, ..., norm7, relu7``.

    Parameters
    ----------
    in_channels : int, default=3
        Channels of the images.
    n_classes : int, default=200
        Length of the output.
    dropout : float, default=0.3
        Share of the inputs of ``fc6`` and ``fc7`` that are dropped in training.

    Notes
    -----
    Where we differ from the paper:

    1. 64x64 images instead of 227x227, with filters and strides to match; 192 to 256 filters a layer, 512 units.
    2. Batch normalisation instead of local response normalisation; no groups.

    Examples
    --------
    >>> from eyecraft.features.learned.mini import Mini
    >>> sum(parameter.numel() for parameter in Mini().parameters())
    3603144
    """

    def __init__(self, in_channels: int = 3, n_classes: int = 200, dropout: float = 0.3) -> None:
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        channels = in_channels
        for number, filters in enumerate(_FILTERS, start=1):
            size = 5 if number <= 2 else 3
            stride = 2 if number == 1 else 1
            layers[f"conv{number}"] = nn.Conv2d(channels, filters, size, stride, padding=size // 2, bias=False)
            layers[f"norm{number}"] = nn.BatchNorm2d(filters)
            layers[f"relu{number}"] = nn.ReLU()
            if number in (1, 2, 5):
                layers[f"pool{number}"] = nn.MaxPool2d(3, stride=2, padding=1)
            channels = filters
        layers["flatten"] = nn.Flatten()
        length = channels * 4 * 4
        for number in (6, 7):
            layers[f"drop{number}"] = nn.Dropout(dropout)
            layers[f"fc{number}"] = nn.Linear(length, _HIDDEN, bias=False)
            layers[f"norm{number}"] = nn.BatchNorm1d(_HIDDEN)
            layers[f"relu{number}"] = nn.ReLU()
            length = _HIDDEN
        layers["fc8"] = nn.Linear(length, n_classes)
        super().__init__(layers)


def mini_state() -> dict[str, torch.Tensor]:
    """Return the shipped weights as float32 tensors, their file checked.

    Raises
    ------
    FileNotFoundError
        The installation lacks the file.
    ValueError
        The file is not the one that was shipped.
    """
    if not MINI_FILE.is_file():
        raise FileNotFoundError(
            f"The weights of the network in the box are not in this installation: there is no {str(MINI_FILE)!r}. "
            "Install eyecraft again; `weights=None` gives the network random weights."
        )
    content = MINI_FILE.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != MINI_SHA256:
        raise ValueError(
            f"{str(MINI_FILE)!r} is not the file that was shipped: its sha256 should be {MINI_SHA256}, and is {found}. "
            "Nothing was loaded. Install eyecraft again."
        )
    return {key: value.float() if value.is_floating_point() else value for key, value in load(content).items()}


def _preset() -> SimpleNamespace:
    """Return what torchvision's presets tell of an image: the network was trained on whole pictures of 64x64."""
    return SimpleNamespace(
        crop_size=[MINI_IMAGE_SIZE],
        resize_size=[None],
        mean=MINI_MEAN,
        std=MINI_STD,
        interpolation=InterpolationMode.BILINEAR,
    )


class MiniWeights(Enum):
    """The weights of the network in the box, recorded as torchvision records its own."""

    TINYIMAGENET_V1 = Weights(
        url=MINI_FILE.name,
        transforms=_preset,
        meta={"num_params": 3_603_144, "_metrics": {"Tiny ImageNet": {"acc@1": MINI_TOP1, "acc@5": MINI_TOP5}}},
    )
    DEFAULT = TINYIMAGENET_V1
