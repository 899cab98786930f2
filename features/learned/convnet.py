"""The textbook's convolutional network: [(conv - relu) x N - pool?] x M - (fc - relu) x K - softmax.

The pattern is that of A. Karpathy's notes for Stanford's CS231n and of K. Simonyan and A. Zisserman, "Very deep
convolutional networks for large-scale image recognition", ICLR 2015. The softmax is part of the loss (`CNNClassifier`)
and of ``predict_proba``: the network itself gives scores.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from torch import nn

from eyecraft.features._checks import check_choice, check_number, check_pair, check_whole

from .chain import Chain

POOLINGS = ("max", "average", None)
CONVNET_IMAGE_SIZE = 32  # pixels


class ConvNet(Chain):
    """[(convolution - ReLU) x N - pooling?] x M - (fully connected - ReLU) x K - fully connected.

    The layers are called ``conv1_1, relu1_1, conv1_2, ..., pool1, conv2_1, ..., flatten, fc1, fc1_relu, ..., output``.

    Parameters
    ----------
    in_channels : int, default=3
        1 for gray images, 3 for colour.
    n_classes : int, default=10
        Length of the output.
    image_size : int or (int, int), default=32
        Height and width of the images, pixels; the first fully connected layer is made for it.
    n_convs : int or sequence of int, default=2
        N, convolutions in a row; a sequence has one number for each block.
    n_blocks : int, default=3
        M, blocks.
    n_hidden : int, default=1
        K, fully connected layers before the last one.
    filters : int or sequence of int, optional
        Filters of each convolution; one number for all blocks, or one for each. Default 32, and twice as many in each
        block as in the one before.
    kernel_size : int, default=3
        Side of the filters, pixels of their input.
    stride : int, default=1
        Step of the filters.
    padding : int, optional
        Zeros around the input of each convolution; default ``kernel_size // 2``, which with odd filters and a stride of
        1 leaves rows and columns as many as they were.
    pooling : {"max", "average", None} or sequence of them, default="max"
        What ends a block; a sequence has one for each block.
    pool_size, pool_stride : int, default=2 and ``pool_size``
        Side of the pooled squares, and their distance. A distance smaller than the side makes them overlap; AlexNet
        takes 3 and 2.
    hidden_units : int, default=256
        Length of the fully connected layers.
    dropout : float, default=0.0
        Share of the inputs of fully connected layers, the last one included, that is dropped in training.
    batch_norm : bool, default=False
        Normalise behind every convolution and hidden layer (``norm1_1``, ``fc1_norm``). Deeper ones need it to train.

    Attributes
    ----------
    image_size : (int, int)

    Raises
    ------
    ValueError
        A parameter out of range, a sequence that has not one value for each block, or a window that is larger than what
        the layers before it leave of the image (says which layer, and how large its input is).

    Notes
    -----
    Convolutions and hidden layers start as He et al. 2015 propose, normal with variance 2 / fan-in; biases at zero.

    References
    ----------
    K. Simonyan, A. Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015.
    arXiv:1409.1556

    K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers", ICCV 2015. doi:10.1109/ICCV.2015.123

    Examples
    --------
    To train one, give the classifier a function that makes it, so that weights follow from its `random_state`:

    >>> from functools import partial
    >>> from eyecraft.features.learned.convnet import ConvNet
    >>> from eyecraft.pipelines import CNNClassifier
    >>> shape = partial(ConvNet, image_size=64, n_blocks=4, pool_size=3, pool_stride=2)
    >>> classifier = CNNClassifier(shape, image_size=64)

    >>> network = ConvNet(in_channels=1, n_convs=1, n_blocks=2, filters=8, image_size=28, hidden_units=32)
    >>> list(dict(network.named_children()))
    ['conv1_1', 'relu1_1', 'pool1', 'conv2_1', 'relu2_1', 'pool2', 'flatten', 'fc1', 'fc1_relu', 'output']
    >>> network.fc1.in_features  # 8 filters, 28 pixels halved twice
    392
    >>> len(network[:3])  # the first block
    3
    """

    def __init__(
        self,
        in_channels: int = 3,
        n_classes: int = 10,
        *,
        image_size: int | tuple[int, int] = CONVNET_IMAGE_SIZE,
        n_convs: int | Sequence[int] = 2,
        n_blocks: int = 3,
        n_hidden: int = 1,
        filters: int | Sequence[int] | None = None,
        kernel_size: int = 3,
        stride: int = 1,
        padding: int | None = None,
        pooling: str | Sequence[str | None] | None = "max",
        pool_size: int = 2,
        pool_stride: int | None = None,
        hidden_units: int = 256,
        dropout: float = 0.0,
        batch_norm: bool = False,
    ) -> None:
        for name, value in (("in_channels", in_channels), ("n_classes", n_classes), ("n_blocks", n_blocks)):
            check_whole(name, value, at_least=1)
        check_whole("n_hidden", n_hidden, at_least=0)
        check_whole("hidden_units", hidden_units, at_least=1)
        check_number("dropout", dropout, at_least=0, at_most=0.99)
        check_choice("batch_norm", batch_norm, (False, True))
        own_size = check_pair("image_size", image_size, unit="pixels")
        filters = [32 * 2**k for k in range(n_blocks)] if filters is None else filters
        blocks = zip(
            *(
                _each(name, value, n_blocks)
                for name, value in (("filters", filters), ("n_convs", n_convs), ("pooling", pooling))
            ),
            strict=True,
        )
        convolution = _Window(kernel_size, stride, kernel_size // 2 if padding is None else padding)
        pool = _Window(pool_size, pool_size if pool_stride is None else pool_stride, 0, what="pool_")
        layers, channels, size = _convolutional(list(blocks), in_channels, own_size, convolution, pool, batch_norm)
        layers["flatten"] = nn.Flatten()
        layers |= _fully_connected(
            [channels * size[0] * size[1], *[hidden_units] * n_hidden], n_classes, dropout, batch_norm
        )
        super().__init__(layers)
        self.image_size = own_size
        _start(self)


class _Window:
    """What slides over a map: how large it is, how far it steps, and what it leaves of the map."""

    def __init__(self, side: int, stride: int, padding: int, *, what: str = "") -> None:
        self.name = f"{what or 'kernel_'}size"
        check_whole(self.name, side, at_least=1, unit="pixels")
        check_whole(f"{what}stride", stride, at_least=1, unit="pixels")
        check_whole("padding", padding, at_least=0, unit="pixels")
        self.shape = (side, stride, padding)

    def passed(self, size: tuple[int, int], layer: str) -> tuple[int, int]:
        """Return height and width behind the layer: (side - window + 2 padding) // stride + 1."""
        side, stride, padding = self.shape
        left = [(length - side + 2 * padding) // stride + 1 for length in size]
        if min(left) < 1:
            raise ValueError(
                f"The layers before {layer} leave {size[0]} x {size[1]} pixels of the image, too few for its windows "
                f"of {side} x {side} (`{self.name}`). Give a larger `image_size`, a smaller `{self.name}`, fewer "
                "`n_blocks`, or pooling=None in some of them."
            )
        return left[0], left[1]


def _convolutional(
    blocks: list[tuple[int, int, str | None]],
    channels: int,
    size: tuple[int, int],
    convolution: _Window,
    pool: _Window,
    batch_norm: bool,
) -> tuple[OrderedDict[str, nn.Module], int, tuple[int, int]]:
    """Return the layers of the blocks (filters, convolutions, pooling), and channels and size of their last maps."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for block, (filters, n_convs, pooling) in enumerate(blocks, start=1):
        check_whole("filters", filters, at_least=1)
        check_whole("n_convs", n_convs, at_least=1)
        check_choice("pooling", pooling, POOLINGS)
        for number in range(1, n_convs + 1):
            place = f"{block}_{number}"
            size = convolution.passed(size, f"conv{place}")
            layers[f"conv{place}"] = nn.Conv2d(channels, filters, *convolution.shape, bias=not batch_norm)
            if batch_norm:
                layers[f"norm{place}"] = nn.BatchNorm2d(filters)
            layers[f"relu{place}"] = nn.ReLU()
            channels = filters
        if pooling is not None:
            size = pool.passed(size, f"pool{block}")
            layers[f"pool{block}"] = (nn.MaxPool2d if pooling == "max" else nn.AvgPool2d)(*pool.shape)
    return layers, channels, size


def _fully_connected(lengths: list[int], n_classes: int, dropout: float, batch_norm: bool) -> dict[str, nn.Module]:
    """Return the layers behind the flattened maps; *lengths* are those of the inputs."""
    layers: dict[str, nn.Module] = {}
    for number, (length, units) in enumerate(zip(lengths, [*lengths[1:], n_classes], strict=True), start=1):
        last = number == len(lengths)
        name = "output" if last else f"fc{number}"
        if dropout:
            layers[f"{name}_drop"] = nn.Dropout(dropout)
        layers[name] = nn.Linear(length, units, bias=last or not batch_norm)
        if not last:
            if batch_norm:
                layers[f"{name}_norm"] = nn.BatchNorm1d(units)
            layers[f"{name}_relu"] = nn.ReLU()
    return layers


def _each(name: str, value: Any, n_blocks: int) -> list[Any]:
    """Return one value for each block."""
    if value is None or isinstance(value, (str, int)):
        return [value] * n_blocks
    values = list(value)
    if len(values) != n_blocks:
        raise ValueError(
            f"`{name}` must be one value, or one for each of the {n_blocks} blocks (`n_blocks`); got {len(values)}: "
            f"{value!r}"
        )
    return values


def _start(network: nn.Sequential) -> None:
    """Draw the weights before each ReLU as He et al. 2015 do (Eq. 10); the last layer keeps torch's smaller ones."""
    for name, layer in network.named_children():
        if isinstance(layer, (nn.Conv2d, nn.Linear)) and name != "output":
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
