"""From a layer's values to one row of numbers per image, and the names of those numbers."""

import math
from collections.abc import Sequence

import torch
from torch.nn import functional

POOLINGS = ("flatten", "avg", "max", "spatial")


def pool(values: torch.Tensor, pooling: str, pool_size: tuple[int, int]) -> torch.Tensor:
    """Return one row per image of a layer's values.

    Parameters
    ----------
    values : Tensor of shape (n, features), (n, maps, height, width) or (n, tokens, features)
    pooling : {"flatten", "avg", "max", "spatial"}
        Everything; the average or maximum of each map; the averages over a grid of *pool_size* cells. Vectors stay as
        they are; tokens, which have no places, are averaged or maximised over the tokens.
    pool_size : (int, int)
        Rows and columns of the grid; see `grid`.

    Returns
    -------
    rows : Tensor of shape (n, features)
    """
    if values.ndim == 4 and pooling == "spatial":
        values = functional.adaptive_avg_pool2d(values, pool_size)
    elif values.ndim > 2 and pooling != "flatten":
        over = (2, 3) if values.ndim == 4 else (1,)
        values = values.amax(over) if pooling == "max" else values.mean(over)
    return values.flatten(1) if values.ndim > 1 else values[:, None]


def grid(shape: Sequence[int], pool_size: tuple[int, int]) -> tuple[int, int]:
    """Return the cells that ``"spatial"`` makes of one image's values of *shape*: of a map no more than it has places.

    Tokens have one cell; for vectors, which stay as they are, it is what was asked for.
    """
    if len(shape) == 3:
        return min(pool_size[0], shape[1]), min(pool_size[1], shape[2])
    return (1, 1) if len(shape) == 2 else pool_size


def pooled_names(layer: str, shape: Sequence[int], pooling: str, pool_size: tuple[int, int]) -> list[str]:
    """Return the names of the numbers `pool` makes of one image's values of *shape*."""
    if len(shape) == 3:
        height, width = pool_size if pooling == "spatial" else shape[1:]
        maps = [f"{layer}_map{i:0{_digits(shape[0])}}" for i in range(shape[0])]
        if pooling in ("avg", "max"):
            return maps
        return [f"{name}_r{row}_c{column}" for name in maps for row in range(height) for column in range(width)]
    if len(shape) == 2 and pooling == "flatten":
        tokens = [f"{layer}_token{i:0{_digits(shape[0])}}" for i in range(shape[0])]
        return [f"{name}_{i:0{_digits(shape[1])}}" for name in tokens for i in range(shape[1])]
    length = shape[-1] if len(shape) == 2 else math.prod(shape)
    return [f"{layer}_{i:0{_digits(length)}}" for i in range(length)]


def _digits(count: int) -> int:
    return len(str(max(count - 1, 0)))
