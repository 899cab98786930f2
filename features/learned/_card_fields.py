"""What one number of a layer sees of the image: receptive field and stride, followed through every operation.

A receptive field grows by ``(kernel - 1) * dilation * stride so far`` at each convolution and pooling (V. Dumoulin and
F. Visin, "A guide to convolution arithmetic for deep learning", 2016, https://doi.org/10.48550/arXiv.1603.07285); where
paths meet, the largest counts. The operations are watched while they run, so any control flow will do.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

Pair = tuple[int, int]

_RESHAPES = {"flatten", "reshape", "view", "squeeze", "unsqueeze", "unflatten"}
_REDUCTIONS = {"mean", "sum", "amax"}
_ATTENTION = {"multi_head_attention_forward", "_native_multi_head_attention", "scaled_dot_product_attention"}
_OVER_THE_MAP = {"group_norm", "instance_norm"}  # their statistics are those of the whole map
_UNKNOWN = {"matmul", "bmm", "einsum", "__matmul__", "roll", "conv1d", "conv3d", "interpolate"}
_UNKNOWN |= {f"conv_transpose{n}d" for n in (1, 2, 3)}


@dataclass(frozen=True)
class Field:
    """What each position of a tensor sees.

    Parameters
    ----------
    size : (int, int) or None
        Rows and columns of pixels; None where it is the whole image, or not known.
    step : (int, int) or None
        Pixels from one position to the next; None where there is one position only, or the distance varies.
    axes : (int, int) or None
        The tensor's dimensions of rows and columns, counted from its end; None where it has none (left).
    whole : bool
        Every position depends on the whole image.
    """

    size: Pair | None = (1, 1)
    step: Pair | None = (1, 1)
    axes: Pair | None = (-2, -1)
    whole: bool = False


_NOT_KNOWN = Field(None, None, None)


def field_of(value: Any) -> Field:
    """Return what was found out about a tensor."""
    return getattr(value, "_eyecraft_field", _NOT_KNOWN)


class Watch(TorchFunctionMode):
    """Gives every tensor that arises its `Field`, and notes parameters and what windows leave out.

    Attributes
    ----------
    on_parameter : callable
        Called with each parameter that takes part, each time.
    on_left_out : callable
        Called with the (rows, columns) at the end of a map that a convolution's or pooling's windows never reach.
    """

    def __init__(self, on_parameter: Callable[[nn.Parameter], None], on_left_out: Callable[[Pair], None]) -> None:
        super().__init__()
        self.on_parameter, self.on_left_out = on_parameter, on_left_out

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run *func* and tell what its results see."""
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        name = getattr(func, "__name__", "")
        if name == "__get__":  # a property, such as the shape
            return result
        given = list(_tensors((args, kwargs)))
        for tensor in given:
            if isinstance(tensor, nn.Parameter):
                self.on_parameter(tensor)
        known = [tensor for tensor in given if hasattr(tensor, "_eyecraft_field")]
        if known:
            for tensor in _tensors(result):
                tensor._eyecraft_field = self._after(name, known, tensor, args, kwargs)  # type: ignore[attr-defined]
        return result

    def _after(self, name: str, known: list[torch.Tensor], result: torch.Tensor, args: Any, kwargs: Any) -> Field:
        field, shape = field_of(known[0]), known[0].shape
        name = name.removesuffix("_with_indices")
        if name in _ATTENTION:
            return Field(None, None, None, whole=True)
        if name in _UNKNOWN or (name == "linear" and field.axes is not None and -1 in field.axes):
            return Field(None, None, None, whole=any(field_of(tensor).whole for tensor in known))
        if name in ("conv2d", "max_pool2d", "avg_pool2d"):
            return self._windows(name, field, shape, args, kwargs)
        if name in ("adaptive_avg_pool2d", "adaptive_max_pool2d"):
            return _adaptive(field, shape, result.shape)
        if name in ("permute", "transpose", "swapaxes"):
            return _permuted(name, field, len(shape), args, kwargs)
        if name in _REDUCTIONS:
            return _reduced(field, shape, result, args, kwargs)
        if name in _RESHAPES:
            return _reshaped(field, shape, result.shape)
        if name in _OVER_THE_MAP or (name == "layer_norm" and _over_the_map(field, shape, args)):
            return replace(field, size=None, whole=True)
        return _joined(known, result)

    def _windows(self, name: str, field: Field, shape: torch.Size, args: Any, kwargs: Any) -> Field:
        """Return the field behind a convolution or pooling; tell what its windows leave out."""
        conv = name == "conv2d"
        names: tuple[str, ...] = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
        if not conv:
            names = ("input", "kernel_size", "stride", "padding", "dilation", "ceil_mode")
            names = names if name == "max_pool2d" else tuple(part for part in names if part != "dilation")
        given = dict(zip(names, args, strict=False)) | kwargs
        kernel = tuple(given["weight"].shape[2:]) if conv else _pair(given["kernel_size"])
        stride = _pair(given.get("stride") or (1 if conv else kernel))
        dilation = _pair(given.get("dilation", 1))
        padding = given.get("padding", 0)
        if not isinstance(padding, str) and not given.get("ceil_mode"):
            rows, columns = (
                (n + 2 * p - d * (k - 1) - 1) % step
                for n, p, d, k, step in zip(shape[-2:], _pair(padding), dilation, kernel, stride, strict=True)
            )
            self.on_left_out((rows, columns))
        return _slid(field, kernel, stride, dilation)


def _slid(field: Field, kernel: Pair, stride: Pair, dilation: Pair = (1, 1)) -> Field:
    if field.axes != (-2, -1) or field.step is None:
        return replace(field, size=None, step=None)
    (down, across), (rows, columns) = field.step, stride
    step = (down * rows, across * columns)
    if field.size is None:
        return replace(field, step=step)
    height, width = field.size
    size = (height + (kernel[0] - 1) * dilation[0] * down, width + (kernel[1] - 1) * dilation[1] * across)
    return replace(field, size=size, step=step)


def _adaptive(field: Field, before: torch.Size, after: torch.Size) -> Field:
    """Return the field behind a pooling to a given number of cells: cell i reaches from i*n/m to (i+1)*n/m."""
    if tuple(after[-2:]) == (1, 1):
        return _merged(field, before)
    widest, even = [], True
    for n, m in zip(before[-2:], after[-2:], strict=True):
        widest.append(max(-(-(i + 1) * n // m) - i * n // m for i in range(m)))
        even = even and n % m == 0
    found = _slid(field, (widest[0], widest[1]), (before[-2] // after[-2] or 1, before[-1] // after[-1] or 1))
    return found if even else replace(found, step=None)


def _merged(field: Field, shape: torch.Size) -> Field:
    """Return the field where all positions come together in one."""
    alone = field.axes is not None and all(shape[axis] == 1 for axis in field.axes)
    return replace(field, step=None) if alone else Field(None, None, field.axes, whole=True)


def _permuted(name: str, field: Field, n_dims: int, args: Any, kwargs: Any) -> Field:
    if field.axes is None:
        return field
    given = [*args[1:], *kwargs.values()]
    numbers = given[0] if len(given) == 1 else given
    order = [number % n_dims for number in numbers]
    if name != "permute":
        one, two = order
        order = list(range(n_dims))
        order[one], order[two] = two, one
    rows, columns = (order.index(axis % n_dims) - n_dims for axis in field.axes)
    return replace(field, axes=(rows, columns))


def _reduced(field: Field, shape: torch.Size, result: torch.Tensor, args: Any, kwargs: Any) -> Field:
    over = kwargs.get("dim", args[1] if len(args) > 1 else None)
    n_dims = len(shape)
    gone = {n % n_dims for n in ([over] if isinstance(over, int) else over)} if over is not None else {*range(n_dims)}
    if field.axes is None:  # tokens, or numbers without a place
        return Field(None, None, None, whole=True) if n_dims > 2 or field.whole else field
    axes = {axis % n_dims for axis in field.axes}
    kept = result.ndim == n_dims
    if axes <= gone:
        return replace(_merged(field, shape), axes=field.axes if kept else None)
    if axes & gone:
        return _NOT_KNOWN
    return field if kept or field.axes == (-2, -1) else _NOT_KNOWN


def _reshaped(field: Field, before: torch.Size, after: torch.Size) -> Field:
    if field.axes is None:
        return _merged(field, before) if len(before) > 2 and len(after) == 2 else field
    if field.axes == (-2, -1) and len(after) > 2 and after[-2:] == before[-2:]:
        return field
    rows, columns = (before[axis] for axis in field.axes)
    if len(after) > 2 and rows * columns in after[1:]:  # each position has become a token
        return replace(field, step=None, axes=None)
    merged = replace(_merged(field, before), axes=None)
    return _NOT_KNOWN if len(after) > 2 and merged.whole and not field.whole else merged


def _joined(known: Iterable[torch.Tensor], result: torch.Tensor) -> Field:
    """Return the field of an operation that leaves positions where they are, from all that enters it."""
    fields = [field_of(tensor) for tensor in known]
    whole = any(field.whole for field in fields)
    sizes = [field.size for field in fields if field.size is not None]
    every = len(sizes) == len(fields) and not whole
    size = (max(n for n, _ in sizes), max(n for _, n in sizes)) if every else None
    steps = {field.step for field in fields if field.step is not None}
    places = {field.axes for field in fields if field.axes is not None}
    axes = next(iter(places)) if len(places) == 1 else None
    if axes is not None:
        extents = [[tensor.shape[axis] for axis in axes] for tensor in known if field_of(tensor).axes is not None]
        largest = [max(lengths) for lengths in zip(*extents, strict=True)]
        if result.ndim < 3 or [result.shape[axis] for axis in axes] != largest:
            return Field(None, None, None, whole=whole)
    step = next(iter(steps)) if len(steps) == 1 and axes is not None else None
    return Field(size, step, axes, whole)


def _over_the_map(field: Field, shape: torch.Size, args: Any) -> bool:
    """Tell whether a layer normalisation runs over positions as well as over channels."""
    return field.axes is not None and any(-axis <= len(args[1]) and shape[axis] > 1 for axis in field.axes)


def _pair(value: Any) -> Pair:
    if isinstance(value, int):
        return value, value
    first, *rest = value
    return int(first), int(rest[0] if rest else first)


def _tensors(values: Any) -> Iterator[torch.Tensor]:
    """Yield the tensors in nested arguments or results."""
    if isinstance(values, torch.Tensor):
        yield values
    elif isinstance(values, (list, tuple)):
        for value in values:
            yield from _tensors(value)
    elif isinstance(values, dict):
        yield from _tensors(list(values.values()))
