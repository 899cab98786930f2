"""What a step of a network does, as far as telling the value of a layer goes.

A step is one of torch's modules, a function such as ``torch.nn.functional.relu``, or a method of tensors. Functions go
by their name, under which torch has most of them three times: ``torch.relu``, ``functional.relu``, ``tensor.relu()``.
"""

from collections.abc import Callable
from enum import Enum
from typing import Any

from torch import nn
from torch.nn.modules import activation, batchnorm, dropout
from torchvision.ops import FrozenBatchNorm2d

_WEIGHTED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
_WEIGHTED_CALLS = {"conv1d", "conv2d", "conv3d", "linear"}
_NORMS = (*(batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm, nn.LocalResponseNorm, FrozenBatchNorm2d),)
_NORM_CALLS = {"batch_norm", "instance_norm", "group_norm", "layer_norm", "rms_norm", "local_response_norm"}
_IDLE = (dropout._DropoutNd, nn.Identity)
_IDLE_CALLS = {
    *("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_dropout", "feature_alpha_dropout"),
}
# among torch's activations, but shares of a whole row, or a network of its own
_NOT_NON_LINEAR = (nn.Softmax, nn.Softmin, nn.Softmax2d, nn.LogSoftmax, nn.MultiheadAttention)
_NON_LINEAR = tuple(
    kind
    for kind in vars(activation).values()
    if isinstance(kind, type) and issubclass(kind, nn.Module) and kind not in (nn.Module, *_NOT_NON_LINEAR)
)
_NON_LINEAR_CALLS = {
    *("relu", "relu6", "leaky_relu", "rrelu", "prelu", "elu", "celu", "selu", "gelu", "silu", "mish", "glu"),
    *("hardswish", "hardsigmoid", "hardtanh", "hardshrink", "softshrink", "tanhshrink", "softplus", "softsign"),
    *("tanh", "threshold", "clamp", "clamp_min", "clamp_max", "clip"),
}
_JOIN_CALLS = {"cat", "concat", "concatenate"}
_RESHAPE_CALLS = {"view", "reshape", "expand"}  # which take sizes beside the one value
_SQUASHES = (nn.Sigmoid, nn.LogSigmoid)  # from scores to probabilities: still one number per class
_SQUASH_CALLS = {"sigmoid", "logsigmoid", "log_sigmoid"}


class Kind(Enum):
    """What a step does to its input."""

    WEIGHTED = "convolution or fully connected layer"
    NORM = "normalisation"
    IDLE = "nothing, in evaluation mode"
    SQUASH = "non-linearity that also makes probabilities of scores"
    NON_LINEAR = "any other non-linearity"
    JOIN = "lays several values side by side"
    RESHAPE = "the same numbers in another shape, given by sizes"
    OTHER = "anything else"

    @property
    def is_between(self) -> bool:
        """Whether it may stand between a layer and its non-linearity."""
        return self in (Kind.NORM, Kind.IDLE)

    @property
    def is_non_linear(self) -> bool:
        """Whether it ends a layer."""
        return self in (Kind.SQUASH, Kind.NON_LINEAR)


_MODULES = (
    *((Kind.WEIGHTED, _WEIGHTED), (Kind.NORM, _NORMS), (Kind.IDLE, _IDLE)),
    *((Kind.SQUASH, _SQUASHES), (Kind.NON_LINEAR, _NON_LINEAR)),
)
_CALLS = (
    *((Kind.WEIGHTED, _WEIGHTED_CALLS), (Kind.NORM, _NORM_CALLS), (Kind.IDLE, _IDLE_CALLS)),
    *((Kind.SQUASH, _SQUASH_CALLS), (Kind.NON_LINEAR, _NON_LINEAR_CALLS)),
    *((Kind.JOIN, _JOIN_CALLS), (Kind.RESHAPE, _RESHAPE_CALLS)),
)


def kind_of_module(module: nn.Module) -> Kind:
    """Return what one of torch's modules does."""
    return next((kind for kind, classes in _MODULES if isinstance(module, classes)), Kind.OTHER)


def kind_of_call(function: str | Callable[..., Any]) -> Kind:
    """Return what a function, or the method of that name, does."""
    name = name_of_call(function)
    return next((kind for kind, names in _CALLS if name in names), Kind.OTHER)


def name_of_call(function: str | Callable[..., Any]) -> str:
    """Return the name of a function or method, without the underscores that say how it works or whose it is."""
    name = function if isinstance(function, str) else getattr(function, "__name__", "")
    return name.strip("_")


def is_weighted_module(module: nn.Module) -> bool:
    """Tell whether *module* is a convolution or a fully connected layer."""
    return kind_of_module(module) is Kind.WEIGHTED


def is_non_linear_module(module: nn.Module) -> bool:
    """Tell whether *module* is a non-linearity."""
    return kind_of_module(module).is_non_linear
