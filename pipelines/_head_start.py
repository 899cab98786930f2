"""A new head that starts where a linear classifier on the frozen network ends, rather than at random.

From a random head the first steps of fine-tuning carry its noise into layers that were good already, and at the small
rates that leave those layers whole the head itself takes a hundred epochs. A. Kumar et al., "Fine-tuning can distort
pretrained features and underperform out-of-distribution", ICLR 2022, https://openreview.net/forum?id=UYneFzXSJWh
"""

import functools
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from eyecraft.features._progress import progress
from eyecraft.features.learned.architectures import head_name
from eyecraft.features.learned.preprocessing import Preprocessing

from ._memory import Dealer
from ._network_engine import casting
from ._network_models import as_ordered
from ._probe_softmax import Softmax
from ._training import Images

if TYPE_CHECKING:
    from ._network_fit import Training


def start_head(training: "Training") -> None:
    """Begin a training with the head a linear classifier would have, if that is wanted.

    A step of plain gradient descent moves the scores by the square of what enters the head, one of Adam's kind by its
    size; where those numbers are large (SqueezeNet's are 20 on average) the head's rate is lowered accordingly, however
    `lr` came about. On 20 classes of Caltech-101 SqueezeNet had 72 % right with that and 17 % without at the default
    rate, 67 and 2 % at lr=0.01; under AdamW it made no difference.
    """
    settings = training.settings
    if not settings.head_start:
        return
    size = solve_head(
        training.network,
        training.images,
        training.preprocessing,
        batch_size=settings.batch_size,
        precision=settings.precision,
        device=training.device,
    )
    if size is not None:
        factor = min(1.0, 1 / size) ** (2 if settings.optimizer == "sgd" else 1)
        training.settings = replace(settings, head_factor=factor)


def solve_head(
    network: nn.Module, images: Images, preprocessing: Preprocessing, *, batch_size: int, precision: str, device: str
) -> float | None:
    """Set weights and bias of the last layer to those of multinomial logistic regression on what enters it.

    Returns
    -------
    size : float or None
        Root mean square of the numbers that enter it, from which follows how fast it may learn. None, and the head left
        as it was, where it is neither a linear layer nor a 1x1 convolution whose maps are averaged.
    """
    head: Any = network.get_submodule(head_name(network))
    if not _is_linear(head):
        return None
    rows = _inputs_of(network.to(device), head, images, preprocessing, batch_size, precision, device)
    size = float(np.linalg.norm(rows, axis=1).mean())
    codes = images.codes.numpy()
    if not (math.isfinite(size) and size > 0 and len(np.unique(codes)) == len(head.weight)):
        return None
    weights = None if images.weights is None else images.weights.numpy()
    solved = Softmax().fit(rows / np.float32(size), codes, sample_weight=weights)
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(solved.coef_ / size).reshape(head.weight.shape))
        if head.bias is not None:
            head.bias.copy_(torch.from_numpy(solved.intercept_))
    return size / math.sqrt(rows.shape[1])


def _is_linear(head: Any) -> bool:
    if isinstance(head, nn.Conv2d):
        return head.kernel_size == (1, 1) and head.groups == 1
    return isinstance(head, nn.Linear)


def _inputs_of(
    network: nn.Module,
    head: nn.Module,
    images: Images,
    preprocessing: Preprocessing,
    batch_size: int,
    precision: str,
    device: str,
) -> np.ndarray:
    """Return what enters the head for each image, (n, n_inputs) float32; maps are averaged over their places."""
    entered: list[torch.Tensor] = []

    def note(_: nn.Module, inputs: tuple[Any, ...]) -> None:
        value = inputs[0].float()
        entered.append((value.mean(dim=(2, 3)) if value.ndim == 4 else value).cpu())

    def forward(pixels: torch.Tensor, bounds: list[tuple[int, int]]) -> torch.Tensor:
        entered.clear()
        with torch.no_grad(), casting(precision, device):
            for start, stop in bounds:
                network(as_ordered(network, preprocessing.normalise(pixels[start:stop].to(device))))
        return torch.cat(entered)

    dealer, rows = Dealer(device=device), []
    training, handle = network.training, head.register_forward_pre_hook(note)
    network.eval()
    try:
        with progress("head", len(images)) as advance:
            for first in range(0, len(images), batch_size):
                pixels, _ = images.__getitems__(list(range(first, min(first + batch_size, len(images)))))
                rows.append(dealer.run(len(pixels), functools.partial(forward, pixels)))
                advance(len(pixels))
    finally:
        handle.remove()
        network.train(training)
    return torch.cat(rows).numpy()
