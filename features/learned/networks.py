"""Networks that eyecraft builds itself.

`LeNet5` follows Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition",
Proceedings of the IEEE 86(11), 1998, section II-B.
"""

from collections import OrderedDict

import torch
from torch import nn

from .chain import Chain

TANH_AMPLITUDE = 1.7159  # LeCun 1998, Eq. 6: f(a) = A tanh(S a), so that f(1) = 1 and f(-1) = -1
TANH_SLOPE = 2 / 3
LENET5_IMAGE_SIZE = 32  # pixels: the 28x28 digits with room for strokes at the border


class ScaledTanh(nn.Tanh):
    """The squashing function ``1.7159 tanh(2 a / 3)`` of LeCun 1998."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002  (the name torch gives it)
        """Return the squashed *input*, of the same shape, within +-1.7159."""
        return TANH_AMPLITUDE * torch.tanh(TANH_SLOPE * input)


class LeNet5(Chain):
    """LeNet-5 for 32x32 images, 61,706 parameters with one channel and ten classes.

    ========  =================================  ==================  ==========
    layer     what                               output              parameters
    ========  =================================  ==================  ==========
    ``c1``    6 filters 5x5, then scaled tanh    6 x 28 x 28         156
    ``s2``    2x2 average                        6 x 14 x 14         0
    ``c3``    16 filters 5x5, then scaled tanh   16 x 10 x 10        2,416
    ``s4``    2x2 average                        16 x 5 x 5          0
    ``c5``    120 filters 5x5, then scaled tanh  120 x 1 x 1         48,120
    ``f6``    fully connected, scaled tanh       84                  10,164
    ``output``  fully connected                  ``n_classes``       850
    ========  =================================  ==================  ==========

    Parameters
    ----------
    in_channels : int, default=1
        1 for gray images, 3 for colour.
    n_classes : int, default=10
        Length of the output.

    Notes
    -----
    Where we differ from the paper:

    1. ``c3`` sees all six maps; the paper's table I leaves some connections out (1,516 parameters instead of 2,416).
    2. ``s2`` and ``s4`` are plain averages; the paper gives each map a trainable coefficient and bias, 44 in all, and
       squashes the result.
    3. The output is a linear layer for the cross-entropy loss; the paper compares with fixed 7x12 bitmaps of the
       characters through radial basis functions.
    4. The paper trains with a stochastic diagonal Levenberg-Marquardt method; see `CNNClassifier` for ours.
    5. The weights start as torch starts them, uniform within +-1 / sqrt(fan-in), instead of +-2.4 / fan-in: after as
       many steps the digits come out better by about half a point.

    Examples
    --------
    >>> import torch
    >>> network = LeNet5()
    >>> network(torch.zeros(2, 1, 32, 32)).shape
    torch.Size([2, 10])
    >>> sum(weights.numel() for weights in network.parameters())
    61706
    """

    def __init__(self, in_channels: int = 1, n_classes: int = 10) -> None:
        super().__init__(
            OrderedDict(
                c1=nn.Conv2d(in_channels, 6, 5),
                tanh1=ScaledTanh(),
                s2=nn.AvgPool2d(2),
                c3=nn.Conv2d(6, 16, 5),
                tanh3=ScaledTanh(),
                s4=nn.AvgPool2d(2),
                c5=nn.Conv2d(16, 120, 5),
                tanh5=ScaledTanh(),
                flatten=nn.Flatten(),
                f6=nn.Linear(120, 84),
                tanh6=ScaledTanh(),
                output=nn.Linear(84, n_classes),
            )
        )
