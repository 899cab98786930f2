"""Train the network in the box on the Tiny ImageNet subset: 200 classes, 50,000 training and 4,000 validation images.

    python benchmarks/pretrain.py --data tiny-imagenet-250.zip --out mini.safetensors [--epochs 24] [--settle 8]

After the main epochs the network settles: some epochs at a low rate without label smoothing and CutMix. Both make fc7
serve its 200 classes rather than others (S. Kornblith, T. Chen, H. Lee, M. Norouzi, "Why do better loss functions lead
to less transferable features?", NeurIPS 2021).

Every epoch leaves a checkpoint beside the output; the same command goes on from there. Validation accuracy is printed
after each epoch and of the final averaged weights, rounded to fp16 as they are shipped.
"""

import argparse
import copy
import hashlib
import json
import math
import time
import zipfile
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from eyecraft.features.learned.mini import MINI_IMAGE_SIZE, MINI_MEAN, MINI_STD, Mini

BATCH = 256
PEAK_RATE, WEIGHT_DECAY, SMOOTHING = 0.2, 5e-4, 0.1
SETTLING_RATE = 0.05
EMA_DECAY = 0.999
CUTMIX_SHARE = 0.5


class State(NamedTuple):
    """What training changes; checkpoints hold all of it."""

    network: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer


def read_images(archive: Path) -> dict[str, tuple[np.ndarray, torch.Tensor]]:
    """Return images (n, 64, 64, 3) uint8 and labels of both parts, decoded once."""
    parts: dict[str, tuple[list[np.ndarray], list[int]]] = {"train": ([], []), "val": ([], [])}
    with zipfile.ZipFile(archive) as file:
        names = sorted(name for name in file.namelist() if name.endswith(".webp"))
        classes = sorted({name.split("/")[1] for name in names})
        for name in names:
            part, wnid, _ = name.split("/")
            image = cv2.imdecode(np.frombuffer(file.read(name), np.uint8), cv2.IMREAD_COLOR_RGB)
            parts[part][0].append(image)
            parts[part][1].append(classes.index(wnid))
    return {part: (np.stack(images), torch.tensor(labels)) for part, (images, labels) in parts.items()}


def normalise(images: np.ndarray, device: str) -> torch.Tensor:
    """Return (n, h, w, 3) uint8 as float (n, 3, h, w) with torchvision's mean and standard deviation taken out."""
    pixels = torch.from_numpy(images).to(device).float().div_(255)
    pixels = (pixels - torch.tensor(MINI_MEAN, device=device)) / torch.tensor(MINI_STD, device=device)
    return pixels.permute(0, 3, 1, 2)  # the memory stays channels last


def augment(images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Random crop of 35 to 100 % of the area with some aspect, enlarged again, and half of the images mirrored."""
    n, side = images.shape[:2]
    area = generator.uniform(0.35, 1.0, n)
    aspect = np.exp(generator.uniform(math.log(3 / 4), math.log(4 / 3), n))
    widths = np.minimum(side, np.rint(side * np.sqrt(area * aspect))).astype(int)
    heights = np.minimum(side, np.rint(side * np.sqrt(area / aspect))).astype(int)
    lefts = generator.integers(0, side - widths + 1)
    tops = generator.integers(0, side - heights + 1)
    mirrored = generator.random(n) < 0.5
    out = np.empty_like(images)
    for i, image in enumerate(images):
        crop = image[tops[i] : tops[i] + heights[i], lefts[i] : lefts[i] + widths[i]]
        crop = cv2.resize(crop, (side, side), interpolation=cv2.INTER_LINEAR)
        out[i] = crop[:, ::-1] if mirrored[i] else crop
    return out


def jitter(pixels: torch.Tensor, generator: np.random.Generator) -> torch.Tensor:
    """Change brightness, contrast and saturation of every image by up to 30 %."""
    strengths = generator.uniform(0.7, 1.3, (3, len(pixels), 1, 1, 1)).astype(np.float32)
    brightness, contrast, saturation = torch.from_numpy(strengths).to(pixels.device)
    pixels = pixels * brightness
    mean = pixels.mean((1, 2, 3), keepdim=True)
    gray = pixels.mean(1, keepdim=True)
    return gray * (contrast - contrast * saturation) + pixels * (contrast * saturation) + mean * (1 - contrast)


def cutmix(images: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
    """Paste one box of every image's partner; return images, partners' positions and the share that stayed."""
    partner = generator.permutation(len(images))
    side = int(MINI_IMAGE_SIZE * math.sqrt(generator.uniform()))
    y, x = generator.integers(0, MINI_IMAGE_SIZE - side + 1, 2)
    pasted = images.copy()
    pasted[:, y : y + side, x : x + side] = images[partner, y : y + side, x : x + side]
    return pasted, partner, 1 - (side / MINI_IMAGE_SIZE) ** 2


@torch.inference_mode()
def accuracy(network: nn.Module, images: np.ndarray, labels: torch.Tensor, device: str) -> tuple[float, float]:
    """Return top-1 and top-5 accuracy in percent, float32."""
    network.eval()
    parts = [images[start : start + 500] for start in range(0, len(images), 500)]
    top5 = torch.cat([network(normalise(part, device)).topk(5).indices.cpu() for part in parts])
    hits = top5 == labels[:, None]
    return 100 * hits[:, 0].float().mean().item(), 100 * hits.any(1).float().mean().item()


def train_epoch(state: State, data: tuple[np.ndarray, torch.Tensor], epoch: int, options: argparse.Namespace) -> float:
    """Go once through the images; return the mean loss. Every epoch has a seed of its own, so any can be resumed."""
    generator = np.random.default_rng([options.seed, epoch])
    torch.manual_seed(1000 * options.seed + epoch)  # for dropout
    images, labels = data
    state.network.train()
    total, batches = 0.0, len(images) // BATCH
    settling = epoch >= options.epochs
    smoothing = 0.0 if settling else SMOOTHING
    order = generator.permutation(len(images))
    for step, chosen in enumerate(order[: batches * BATCH].reshape(batches, BATCH)):
        done = (epoch + step / batches) / options.epochs
        for group in state.optimizer.param_groups:
            group["lr"] = settling_rate(done, options) if settling else learning_rate(done)
        batch, targets = augment(images[chosen], generator), labels[chosen].to(options.device)
        partner, share = None, 1.0
        if generator.random() < CUTMIX_SHARE and done < 0.85:
            batch, partner, share = cutmix(batch, generator)
        pixels = jitter(normalise(batch, options.device), generator)
        with torch.autocast(torch.device(options.device).type, dtype=torch.bfloat16):
            scores = state.network(pixels)
        loss = share * functional.cross_entropy(scores.float(), targets, label_smoothing=smoothing)
        if partner is not None:
            loss = loss + (1 - share) * functional.cross_entropy(
                scores.float(), targets[partner], label_smoothing=smoothing
            )
        state.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        state.optimizer.step()
        follow(state.average, state.network)
        total += loss.item()
    return total / batches


def learning_rate(done: float) -> float:
    """Return the rate after this share of the training: a linear rise over the first tenth, then half a cosine."""
    if done < 0.1:
        return PEAK_RATE * max(done, 0.001) / 0.1
    return PEAK_RATE * 0.5 * (1 + math.cos(math.pi * (done - 0.1) / 0.9)) + 1e-4


def settling_rate(done: float, options: argparse.Namespace) -> float:
    """Return the rate after the main epochs: half a cosine again, from a quarter of the peak."""
    share = (done - 1) * options.epochs / options.settle
    return SETTLING_RATE * 0.5 * (1 + math.cos(math.pi * share)) + 1e-4


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module) -> None:
    """Move the averaged weights (and running statistics) a step towards the network's."""
    means, values = list(average.state_dict().values()), list(network.state_dict().values())
    moving = [i for i, value in enumerate(values) if value.is_floating_point()]
    torch._foreach_lerp_([means[i] for i in moving], [values[i] for i in moving], 1 - EMA_DECAY)


def main() -> None:
    """Train, or go on training, and write the weights with their card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--settle", type=int, default=8, help="epochs after those")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    start = time.perf_counter()
    data = read_images(options.data)
    print({part: len(labels) for part, (_, labels) in data.items()}, f"read in {time.perf_counter() - start:.0f} s")

    state = new_state(options.device)
    checkpoint, first = options.out.with_suffix(".checkpoint"), 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        for name, part in state._asdict().items():
            part.load_state_dict(saved[name])
        first = saved["epoch"]
    for epoch in range(first, options.epochs + options.settle):
        start = time.perf_counter()
        loss = train_epoch(state, data["train"], epoch, options)
        seconds = time.perf_counter() - start
        top1, top5 = accuracy(state.average, *data["val"], options.device)
        print(
            f"epoch {epoch + 1:3d}: loss {loss:.3f}, validation {top1:.2f} / {top5:.2f} %, {seconds:.0f} s", flush=True
        )
        parts = {name: part.state_dict() for name, part in state._asdict().items()}
        torch.save({"epoch": epoch + 1, **parts}, f"{checkpoint}.new")
        Path(f"{checkpoint}.new").replace(checkpoint)
    ship(state.average, data["val"], options)


def new_state(device: str) -> State:
    """Return the network, its average and the optimiser; biases and norms are not decayed."""
    network = Mini().to(device, memory_format=torch.channels_last)
    decay = [value for value in network.parameters() if value.ndim > 1]
    plain = [value for value in network.parameters() if value.ndim <= 1]
    groups = [{"params": decay, "weight_decay": WEIGHT_DECAY}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.SGD(groups, lr=PEAK_RATE, momentum=0.9, nesterov=True)
    return State(network, copy.deepcopy(network).eval(), optimizer)


def ship(network: nn.Module, val: tuple[np.ndarray, torch.Tensor], options: argparse.Namespace) -> None:
    """Round to fp16, measure what was rounded, and write it with its card."""
    tensors = {name: value.cpu().contiguous() for name, value in network.state_dict().items()}
    tensors = {name: value.half() if value.is_floating_point() else value for name, value in tensors.items()}
    network.load_state_dict(tensors)  # copied into float32
    top1, top5 = accuracy(network, *val, options.device)
    save_file(tensors, options.out)
    card = {
        "epochs": options.epochs,
        "settle": options.settle,
        "seed": options.seed,
        "validation_top1": round(top1, 2),
        "validation_top5": round(top5, 2),
        "bytes": options.out.stat().st_size,
        "sha256": hashlib.sha256(options.out.read_bytes()).hexdigest(),
        "torch": torch.__version__,
    }
    print(json.dumps(card, indent=2))


if __name__ == "__main__":
    main()
