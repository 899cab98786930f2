"""Networks on one CPU thread: settled for speed against plain eager, bfloat16 against float32, one pass for all layers.

Plain eager is the network as torchvision gives it, its activations in place, called up to the layer and no further.
The goal of bfloat16 depends on the processor: with AMX (Sapphire Rapids and later) products of it are several times
faster than those of float32, with AVX-512 BF16 alone twice, and without either not at all.

Networks have random weights but for SqueezeNet, whose file is taken from ``EYECRAFT_WEIGHTS`` (or beside the checkout)
where there is one: how close bfloat16 comes to float32 is measured on that and on mini, on photographs of scikit-image.
"""

import copy
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
import torch
from _side_by_side import limit_threads, report, side_by_side
from torch import nn

from eyecraft.data import resize_image
from eyecraft.features.learned.layers import TappedNetwork
from eyecraft.features.learned.pooling import pool
from eyecraft.features.learned.preprocessing import Preprocessing
from eyecraft.features.learned.weights import at_hand, build

GOAL_FLOAT32, GOAL_BFLOAT16, GOAL_ONE_PASS = 1.1, 2.5, 2.0
NETWORKS = (("squeezenet1_0", "fire9"), ("alexnet", "fc7"), ("resnet18", "stage4"), ("mini", "fc7"))
UP_TO: dict[str, Callable[[Any], nn.Module]] = {  # the layer of each, by the network's own modules
    "squeezenet1_0": lambda network: network.features,
    "alexnet": lambda network: nn.Sequential(network.features, network.avgpool, nn.Flatten(), *network.classifier[:6]),
    "resnet18": lambda network: nn.Sequential(*list(network.children())[:-2]),
    "mini": lambda network: network[:-1],
}
WEIGHTS = Path(os.environ.get("EYECRAFT_WEIGHTS", Path(__file__).resolve().parents[2] / "shared" / "weights"))


def photographs(count: int, side: int) -> torch.Tensor:
    """Return a uint8 batch (count, 3, side, side) of windows of photographs."""
    rng = np.random.default_rng(0)
    sources = [skimage.data.chelsea(), skimage.data.coffee(), skimage.data.astronaut(), skimage.data.rocket()]
    windows = []
    for i in range(count):
        source = sources[i % len(sources)]
        top, left = (int(rng.integers(0, length - 250)) for length in source.shape[:2])
        windows.append(resize_image(np.ascontiguousarray(source[top : top + 250, left : left + 250]), (side, side)))
    return torch.from_numpy(np.stack(windows)).permute(0, 3, 1, 2)


def network_of(name: str) -> tuple[nn.Module, str]:
    """Return a network and what its weights are."""
    folder = WEIGHTS if WEIGHTS.is_dir() else None
    trained = name in ("mini", "squeezenet1_0") and at_hand(name, weights_dir=folder)
    network, _ = build(name, "DEFAULT" if trained else None, weights_dir=folder, seed=0)
    return network, "trained" if trained else "random weights"


def agreement(one: torch.Tensor, other: torch.Tensor) -> str:
    """Return how well rows agree, maps averaged over 3x3 cells as in the recipes."""
    rows = [pool(value.float(), "spatial", (3, 3)) for value in (one, other)]
    cosines = torch.nn.functional.cosine_similarity(*rows)
    return f"row cosine median {float(cosines.median()):.6f}, smallest {float(cosines.min()):.6f}"


def passed(network: TappedNetwork, images: torch.Tensor, *, by_pixels: bool) -> list[torch.Tensor]:
    """Return the layers of a uint8 batch, normalised as both sides have to."""
    order = torch.channels_last if by_pixels else torch.contiguous_format
    with torch.inference_mode():
        ready = Preprocessing().normalise(images.contiguous(memory_format=order), network.input_dtype)
        values: list[torch.Tensor] = network(ready)
    return values


@torch.inference_mode()
def plainly(network: nn.Module, images: torch.Tensor) -> list[torch.Tensor]:
    """Return what a plain module makes of a uint8 batch."""
    return [network(Preprocessing().normalise(images.contiguous()))]


def settled_against_eager(name: str, layer: str, batches: Sequence[int]) -> None:
    """Time both precisions against the network as torchvision gives it, called up to the same layer."""
    network, weights = network_of(name)
    side = 64 if name == "mini" else 224
    plain = UP_TO[name](copy.deepcopy(network).eval())
    fast = TappedNetwork(copy.deepcopy(network), [layer]).settled()
    half = TappedNetwork(copy.deepcopy(network), [layer]).settled("cpu", "bfloat16")
    for count in batches:
        images = photographs(count, side)
        eager = partial(plainly, plain, images)
        for what, ours, goal in (("float32", fast, GOAL_FLOAT32), ("bfloat16", half, GOAL_BFLOAT16)):
            run = partial(passed, ours, images, by_pixels=True)
            _, _, ratio = side_by_side(run, eager, rounds=5)
            same = f"{agreement(eager()[0], run()[0])} ({weights})"
            report(f"{name} to {layer}, {what}, batch {count}, eager", ratio, goal, same)


def one_pass(name: str, layers: Sequence[str], count: int) -> None:
    """Time all layers from one pass against a pass per layer, each cut where its layer ends."""
    network, _ = network_of(name)
    images = photographs(count, 64 if name == "mini" else 224)
    together = TappedNetwork(copy.deepcopy(network), layers).settled()
    apart = [TappedNetwork(copy.deepcopy(network), [layer]).settled() for layer in layers]
    run = partial(passed, images=images, by_pixels=True)
    _, _, ratio = side_by_side(lambda: run(together), lambda: [run(part) for part in apart], rounds=5)
    pairs = zip(run(together), (run(part)[0] for part in apart), strict=True)
    worst = max(float((one - other).abs().max() / other.abs().max()) for one, other in pairs)
    what = f"{name}, {len(layers)} layers in one pass against one each"
    report(what, ratio, GOAL_ONE_PASS, f"{worst:.1e} of the largest number")


def main() -> None:
    """Run all; with ``EYECRAFT_BENCH_ROUNDS=1``, as the tests do, the small network alone."""
    limit_threads()
    torch.set_num_threads(1)
    quick = os.environ.get("EYECRAFT_BENCH_ROUNDS") == "1"
    for name, layer in NETWORKS[-1:] if quick else NETWORKS:
        settled_against_eager(name, layer, (8,) if quick else (8, 32))
    one_pass("mini", ["pool1", "pool2", "conv3", "conv4", "pool5", "fc6", "fc7"], 4 if quick else 32)
    if not quick:
        one_pass("squeezenet1_0", ["pool1", *(f"fire{number}" for number in range(2, 10))], 8)


if __name__ == "__main__":
    main()
