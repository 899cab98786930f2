"""Features and training on a GPU: is the network the limit, or what feeds it?

    python benchmarks/gpu.py [--model resnet50] [--precision bfloat16] [--images 4096] [--device cuda:1]

Four rates in images per second, in one process: the network alone, its input lying on the device already; `CNNFeatures`
from arrays in memory (goal: 90 % of the network alone); decoding JPEG files alone, with as many threads; `CNNFeatures`
from those files (which can be no faster than the slower of decoding and network). Then the peak memory for so many
images and for four times as many (goal: that of the GPU grows by less than 5 %); and an epoch of `CNNClassifier` from
decoded images, beside steps of a plain loop on one batch that lies on the device. Without a GPU it runs small on the
CPU and says so.
"""

import argparse
import itertools
import os
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from eyecraft.data import read_image
from eyecraft.features import CNNFeatures
from eyecraft.pipelines import CNNClassifier
from eyecraft.pipelines._network_engine import casting
from eyecraft.pipelines._network_models import as_ordered

GOAL = 0.9
GROWTH = 1.05  # of the GPU's memory, with four times the images
FILES = 256  # different JPEG files; more images repeat them


def make_images(count: int, size: tuple[int, int]) -> np.ndarray:
    """Return smooth random images (count, height, width, 3): noise would take a decoder longer than a photograph."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, 12, 12, 3), dtype=np.uint8)
    return np.stack([cv2.resize(image, size[::-1], interpolation=cv2.INTER_CUBIC) for image in coarse])


def rate(function: Callable[[], Any], count: int, rounds: int = 3) -> float:
    """Return images per second: the best of some rounds after one to warm up."""
    function()
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return count / min(seconds)


def forward_only(features: CNNFeatures, batch: np.ndarray, passes: int) -> float:
    """Return images per second of the network up to its layers, its input on the device from the start."""
    engine = features._engine()
    ready = engine.ready(torch.from_numpy(batch).permute(0, 3, 1, 2))

    @torch.inference_mode()
    def run() -> None:
        for _ in range(passes):
            engine.tap(ready)
        if engine.on_gpu:
            torch.cuda.synchronize(engine.device)

    return rate(run, passes * len(batch))


def decode_only(paths: list[str], n_workers: int) -> float:
    """Return images per second of reading and resizing alone."""

    def run() -> None:
        with ThreadPoolExecutor(max(n_workers, 1)) as pool:
            for _ in pool.map(lambda path: read_image(path, size=SIZE), paths):
                pass

    return rate(run, len(paths), rounds=1)


def peak_megabytes(device: str, function: Callable[[], Any]) -> tuple[float, float]:
    """Return the most memory that was in use: the GPU's (0 without one), and the process's since it began."""
    on_gpu = device.startswith("cuda")
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(device)
    function()
    gpu = torch.cuda.max_memory_allocated(device) / 1e6 if on_gpu else 0.0
    return gpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def training(options: argparse.Namespace, images: np.ndarray, device: str) -> tuple[float, float]:
    """Return images per second of a plain loop's steps on the device, and of the second epoch of `CNNClassifier`."""
    size = min(options.batch_size or 64, len(images))
    classifier = CNNClassifier(
        options.model,
        image_size=SIZE,
        augment=None,
        lr=1e-3,
        max_epochs=2,
        batch_size=size,
        precision=options.precision,
        device=device,
        random_state=0,
    )
    labels = np.arange(len(images)) % 10
    fitted = classifier.fit(images, labels)
    network, move = fitted.module_.train(), torch.optim.SGD(fitted.module_.parameters(), lr=1e-3, momentum=0.9)
    batch = torch.from_numpy(images[:size]).permute(0, 3, 1, 2).to(device)
    values = as_ordered(network, batch.float().div(255))
    codes = torch.from_numpy(labels[:size]).to(device)
    passes = max(1, len(images) // size)

    def steps() -> None:
        for _ in range(passes):
            move.zero_grad()
            with casting(options.precision, device):
                loss = torch.nn.functional.cross_entropy(network(values).float(), codes)
            loss.backward()
            move.step()
        if device.startswith("cuda"):
            torch.cuda.synchronize()

    return rate(steps, passes * size, rounds=1), len(images) / float(fitted.history_["dur"].iloc[-1])


SIZE = (224, 224)


def arguments() -> argparse.Namespace:
    """Return what the command line says, made small without a GPU."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="resnet50")
    parser.add_argument("--layer", default=None)
    parser.add_argument("--precision", default=None, choices=["float32", "bfloat16", "float16"])
    parser.add_argument("--images", type=int, default=4096)
    parser.add_argument("--batch-size", type=int, default=None)
    parser.add_argument("--n-workers", type=int, default=None)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    if options.device.startswith("cuda"):
        print(f"{torch.cuda.get_device_name(options.device)}, torch {torch.__version__}")
        options.precision = options.precision or "bfloat16"
        if os.environ.get("EYECRAFT_BENCH_ROUNDS") == "1":  # the tests: only that it runs
            options.images = 256
        return options
    print("NO GPU HERE: a small run on the CPU, which tells that the command works and nothing about a GPU.")
    torch.set_num_threads(1)
    options.model, options.images, options.batch_size = "squeezenet1_1", 16, 8
    options.precision, options.n_workers = "float32", 1
    return options


def main() -> None:
    """Measure and print."""
    options = arguments()
    features = CNNFeatures(
        options.model,
        weights=None,
        layers=options.layer,
        resize="warp",
        image_size=SIZE,
        precision=options.precision,
        batch_size=options.batch_size or "auto",
        n_workers=options.n_workers,
        device=options.device,
    )
    images = make_images(min(options.images, 1024), SIZE)
    arrays = [images[i % len(images)] for i in range(options.images)]
    features.fit(images[:1])
    engine = features._engine()
    batch, workers = engine.batch(features.batch_size), features._workers()
    print(f"{options.model}, {options.precision}, {engine.device}, batches of {batch}, {workers} threads that read")

    whole = images[np.arange(batch) % len(images)]
    alone = forward_only(features, whole, passes=max(1, options.images // batch))
    memory = rate(lambda: features.transform(arrays), len(arrays))
    verdict = f", goal {GOAL:.0%} {'reached' if memory >= GOAL * alone else 'MISSED'}" if engine.on_gpu else ""
    print(f"network alone            {alone:9.0f} images/s")
    print(f"from arrays in memory    {memory:9.0f} images/s   {memory / alone:.0%} of it{verdict}")
    with tempfile.TemporaryDirectory() as folder:
        files = [str(Path(folder) / f"{i:04d}.jpg") for i in range(min(FILES, len(images)))]
        for path, image in zip(files, images, strict=False):
            cv2.imwrite(path, cv2.resize(image, (300, 240)), [cv2.IMWRITE_JPEG_QUALITY, 90])
        paths = list(itertools.islice(itertools.cycle(files), options.images))
        decoding, read = decode_only(paths, workers), rate(lambda: features.transform(paths), len(paths), rounds=1)
    limit = min(decoding, alone)
    print(f"decoding 300x240 JPEG    {decoding:9.0f} images/s")
    what = "decoding" if decoding < alone else "network"
    print(f"from JPEG files          {read:9.0f} images/s   {read / limit:.0%} of the slower of the two, the {what}")
    once, more = (peak_megabytes(engine.device, lambda n=n: features.transform(arrays * n)) for n in (1, 4))
    counts = f"for {len(arrays)} images, then for {4 * len(arrays)}"
    if engine.on_gpu:
        kept = "reached" if more[0] <= GROWTH * once[0] else "MISSED"
        print(f"peak memory of the GPU   {once[0]:9.0f} MB, {more[0]:.0f} MB {counts}, goal {GROWTH:.2f}x {kept}")
    print(f"peak memory of the host  {once[1]:9.0f} MB, {more[1]:.0f} MB {counts}, rows included")
    plain, ours = training(options, images[: options.images], str(engine.device))
    print(f"plain training steps     {plain:9.0f} images/s")
    print(f"an epoch of training     {ours:9.0f} images/s   {ours / plain:.0%} of it")


if __name__ == "__main__":
    main()
