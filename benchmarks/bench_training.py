"""What `CNNClassifier` costs beside a plain PyTorch loop: CPU time of an epoch, on one thread.

Both sides start from the same weights and see the same batches in the same order, without augmentation, and both
count loss and accuracy. The plain loop takes its batches from a tensor, which is as cheap as it gets, and keeps the
channels of a pixel together in memory, as ours does. An epoch lasts from its first batch's way into the network to
that of the next one's, so it holds all that happens between epochs.
"""

import copy
import itertools
import os
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from _side_by_side import limit_threads
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader

from eyecraft.data import resize_image
from eyecraft.features.learned.mini import Mini
from eyecraft.features.learned.networks import LeNet5
from eyecraft.pipelines import CNNClassifier

GOAL = 5.0  # percent
BATCH, LR, DECAY = 64, 0.01, 5e-4


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Return scikit-learn's digits as gray images of 32x32 pixels, and their labels."""
    data = load_digits()
    images = (data.images * 255 / 16).astype(np.uint8)
    return np.stack([resize_image(image, (32, 32)) for image in images]), data.target


def noise(count: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return random colour images and labels of ten classes."""
    random = np.random.default_rng(0)
    return random.integers(0, 256, (count, side, side, 3), dtype=np.uint8), np.arange(count) % 10


def clocked(network: nn.Module) -> tuple[nn.Module, list[tuple[float, int]]]:
    """Return a copy that notes CPU seconds, and how many images come in, with each training batch; and the notes."""
    notes: list[tuple[float, int]] = []

    def note(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        if module.training:
            notes.append((time.process_time(), len(inputs[0])))

    network = copy.deepcopy(network)
    network.register_forward_pre_hook(note)
    return network, notes


def epochs_of(notes: list[tuple[float, int]], n_images: int) -> list[float]:
    """Return the CPU seconds of every epoch but the last, which has no end."""
    starts, seen = [], 0
    for seconds, count in notes:
        if seen % n_images == 0:
            starts.append(seconds)
        seen += count
    return [after - before for before, after in itertools.pairwise(starts)]


def ours(network: nn.Module, images: np.ndarray, labels: np.ndarray, n_epochs: int) -> tuple[nn.Module, list[float]]:
    """Train with the classifier; return the network and the seconds of its epochs."""
    network, notes = clocked(network)
    classifier = CNNClassifier(
        network,
        image_size=images.shape[1],
        augment=None,
        lr=LR,
        schedule=None,
        weight_decay=DECAY,
        batch_size=BATCH,
        max_epochs=n_epochs,
        device="cpu",
        random_state=0,
    ).fit(images, labels)
    return classifier.module_, epochs_of(notes, len(images))


def plain(network: nn.Module, images: np.ndarray, labels: np.ndarray, n_epochs: int) -> tuple[nn.Module, list[float]]:
    """Train with a loop; return the same."""
    network, notes = clocked(network)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    pixels = torch.from_numpy(images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2))
    mean, scale = standardisation(pixels)
    codes = torch.from_numpy(labels)
    optimizer = torch.optim.SGD(network.parameters(), lr=LR, momentum=0.9, nesterov=True, weight_decay=DECAY)
    torch.manual_seed(int(np.random.RandomState(0).randint(2**31 - 1)))  # what random_state=0 comes to
    loader = DataLoader(range(len(pixels)), batch_size=BATCH, shuffle=True, collate_fn=list)  # type: ignore[arg-type]
    network.train()
    for _ in range(n_epochs):
        loss_sum, hits = 0.0, 0
        for chosen in loader:
            batch, targets = pixels[chosen].float().sub_(mean).mul_(scale), codes[chosen]
            optimizer.zero_grad()
            scores = network(batch)
            loss = functional.cross_entropy(scores, targets, reduction="none").sum() / len(chosen)
            loss.backward()
            optimizer.step()
            loss_sum += loss.item() * len(chosen)
            hits += int((scores.detach().argmax(dim=1) == targets).sum())
    return network, epochs_of(notes, len(images))


def standardisation(pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what to subtract from the pixels of each channel, and to multiply them with."""
    values = pixels.double().div(255)
    mean, std = values.mean((0, 2, 3)).float(), values.std((0, 2, 3), correction=0).float()
    return mean.mul(255)[:, None, None], std.mul(255).reciprocal()[:, None, None]


Training = Callable[[nn.Module, np.ndarray, np.ndarray, int], tuple[nn.Module, list[float]]]


def overhead(what: str, network: nn.Module, data: tuple[np.ndarray, np.ndarray], n_epochs: int, rounds: int) -> None:
    """Train in turn, and print how much longer our epochs take."""
    images, labels = data
    seconds: dict[Training, list[float]] = {ours: [], plain: []}
    shares: list[float] = []
    for number in range(rounds + 1):  # the first round warms up
        order = (ours, plain) if number % 2 else (plain, ours)
        done = {train: train(network, images, labels, n_epochs) for train in order}
        if number:
            for train, (_, own) in done.items():
                seconds[train] += own
            shares.append(statistics.median(done[ours][1]) / statistics.median(done[plain][1]))
    mine, theirs = statistics.median(seconds[ours]), statistics.median(seconds[plain])
    share = 100 * (statistics.median(shares) - 1)
    verdict = "reached" if share <= GOAL else "MISSED"
    print(
        f"{what:<40} {mine:.3f} s an epoch against {theirs:.3f} s: {share:+5.1f} %   goal {GOAL:g} % {verdict}   "
        f"agreement: weights {agreement(done[ours][0], done[plain][0])}",
        flush=True,
    )


def agreement(one: nn.Module, other: nn.Module) -> str:
    """Return how far the trained weights are apart."""
    pairs = list(zip(one.state_dict().values(), other.state_dict().values(), strict=True))
    if all(torch.equal(mine, theirs) for mine, theirs in pairs):
        return "bit for bit"
    return f"within {max(float((a.float() - b.float()).abs().max()) for a, b in pairs):.1e}"


def main() -> None:
    """Run all; with ``EYECRAFT_BENCH_ROUNDS=1``, as the tests do, the smallest network on a part of the digits."""
    limit_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rounds = int(os.environ.get("EYECRAFT_BENCH_ROUNDS", 9))
    images, labels = digits()
    if rounds == 1:
        overhead("LeNet-5, 300 digits", LeNet5(1, 10), (images[:300], labels[:300]), 2, 1)
        return
    overhead("LeNet-5, 1,797 digits of 32x32", LeNet5(1, 10), (images, labels), 4, rounds)
    overhead("mini, 128 images of 64x64", Mini(3, 10), noise(128, 64), 3, rounds)


if __name__ == "__main__":
    main()
