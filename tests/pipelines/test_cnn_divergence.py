"""Trainings that run away are stopped, say where, and suggest a rate; nothing answers that is no number."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from eyecraft.pipelines import CNNClassifier
from eyecraft.pipelines._divergence import Diverged, LossWatch

Bars = tuple[np.ndarray, np.ndarray]


def plain(in_channels: int, n_classes: int) -> nn.Module:
    """Return a network without batch statistics."""
    layers = [nn.Conv2d(in_channels, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, n_classes)]
    return nn.Sequential(*layers)


def normalised(in_channels: int, n_classes: int) -> nn.Module:
    """Return one with them."""
    layers = [nn.Conv2d(in_channels, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(4, n_classes))


def quick(model: Any = plain, **parameters: Any) -> CNNClassifier:
    """Return a classifier of 8x8 images that fits in an instant."""
    settings = {"image_size": 8, "max_epochs": 2, "batch_size": 12, "random_state": 0, "device": "cpu"}
    return CNNClassifier(model, **{**settings, **parameters})


@pytest.fixture(scope="module")
def bars() -> Bars:
    """Return 36 gray images 8x8 of noise, and labels."""
    return np.random.default_rng(0).integers(0, 250, (36, 8, 8), dtype=np.uint8), np.array(["a", "b", "c"] * 12)


@pytest.mark.parametrize("model", [plain, normalised])
@pytest.mark.parametrize("rate", [1e3, 1e9])
def test_finite_losses_that_run_away_stop_the_training(model: Any, rate: float, bars: Bars) -> None:
    """Says at which step, what the loss was, and a rate that is not above the usual one."""
    with pytest.raises(Diverged, match=r"(?s)step \d of epoch \d.* with lr=1(e\+09|000).*, such as lr=0.05, or"):
        quick(model, lr=rate, max_epochs=6).fit(*bars)


@pytest.mark.parametrize("model", [plain, normalised])
def test_the_last_step_is_looked_at_too(model: Any, bars: Bars) -> None:
    """One step of the whole lot, after which no loss comes any more."""
    with pytest.raises(Diverged, match=r"such as lr=0.05"):
        quick(model, lr=1e30, max_epochs=1, batch_size=36).fit(*bars)


def test_some_bad_batches_are_no_divergence() -> None:
    """Nor is a loss that was high from the start. The higher it is, the fewer in a row are enough."""

    def steps(*losses: float) -> int | None:
        watch = LossWatch()
        return next((step for step, loss in enumerate(losses, 1) if watch.ran_away(loss, 2.3)), None)

    assert steps(2.3, 100.0, 200.0, 2.0, 200.0, 1.0, *[20.0] * 50) is None
    assert steps(*[300.0] * 50) is None
    assert steps(0.01, *[92.0] * 9) == 5
    assert steps(0.01, 1.0, *[1e4] * 9) == 4
    assert steps(0.01, 1e9) == 2


def test_heavy_images_are_no_divergence(bars: Bars) -> None:
    """One that weighs as much as all others makes the loss of its batch large, and that is all."""
    weights = np.full(36, 1e-6)
    weights[[0, 1]] = 1.0
    quick(batch_size=4, lr=1e-6).fit(*bars, sample_weight=weights)


def test_a_user_s_loss_of_any_size_may_be(bars: Bars) -> None:
    """What counts is where it began."""
    quick(lr=1e-9, loss=lambda scores, codes: 1e6 * nn.functional.cross_entropy(scores, codes)).fit(*bars)


def test_search_that_begins_with_no_number(bars: Bars) -> None:
    """Has nothing to suggest but what is usual."""
    with pytest.raises(Diverged, match="no number before the first step of the search"):
        quick(lr="find", loss=lambda scores, codes: scores.sum() * float("nan")).fit(*bars)


def test_no_answers_from_broken_weights(bars: Bars) -> None:
    """Rather than probabilities that are NaN."""
    fitted = quick(max_epochs=1).fit(*bars)
    with torch.no_grad():
        fitted.module_[4].weight[0, 0] = float("nan")
    for answer in (fitted.predict, fitted.predict_proba, fitted.decision_function):
        with pytest.raises(ValueError, match=r"those of 36 of 36 images are not, image 0 the first"):
            answer(bars[0])


def test_checkpoint_never_holds_broken_weights(bars: Bars, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An epoch that leaves a weight without a value is not written."""
    monkeypatch.setattr("eyecraft.pipelines._network_engine.not_finite", lambda network: "4.weight")
    with pytest.raises(Diverged, match=r"'4.weight' holds values that are no finite numbers after epoch 1"):
        quick(checkpoint_dir=tmp_path).fit(*bars)
    assert not list(tmp_path.iterdir())
