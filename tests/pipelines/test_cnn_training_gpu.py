"""Training on a GPU: it learns in every precision, goes on after a kill, and what it leaves works without a GPU."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from eyecraft.pipelines import CNNClassifier
from eyecraft.pipelines._network_epochs import Epochs

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")

Bars = tuple[np.ndarray, np.ndarray]


def small(in_channels: int, n_classes: int) -> nn.Module:
    """Return a network with batch statistics."""
    layers: list[nn.Module] = [nn.Conv2d(in_channels, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(4)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(128, n_classes))


def quick(**parameters: Any) -> CNNClassifier:
    """Return a classifier of 16x16 images that trains in an instant."""
    settings = {"model": small, "image_size": 16, "max_epochs": 6, "batch_size": 12, "random_state": 0}
    return CNNClassifier(**{**settings, "device": "cuda", **parameters})


@pytest.fixture(scope="module")
def bars() -> Bars:
    """Return 60 gray images 16x16 with a bright third, and where it is."""
    images = np.random.default_rng(0).integers(0, 50, (60, 16, 16), dtype=np.uint8)
    names = np.array(["bottom", "middle", "top"])[np.arange(60) % 3]
    for image, name in zip(images, names, strict=True):
        start = {"top": 0, "middle": 6, "bottom": 11}[name]
        image[start : start + 5] += 180
    return images, names


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_it_learns_and_answers_without_a_gpu(precision: str, bars: Bars, tmp_path: Path) -> None:
    """The same answers from the pickle and the folder, on the CPU."""
    fitted = quick(precision=precision, ema_decay=0.5).fit(*bars)
    assert next(fitted.module_.parameters()).is_cuda
    assert fitted.score(*bars) > 0.9
    copy = pickle.loads(pickle.dumps(fitted))
    assert not next(copy.module_.parameters()).is_cuda
    fitted.save(tmp_path)
    for other in (copy.set_params(device="cpu"), CNNClassifier.load(tmp_path, model=small, device="cpu")):
        if precision != "float16":  # which the CPU does not train, nor answer with
            np.testing.assert_allclose(other.predict_proba(bars[0]), fitted.predict_proba(bars[0]), atol=0.05)


def test_first_steps_are_those_of_the_cpu(bars: Bars) -> None:
    """Up to rounding: the same start, the same batches."""
    here, there = (quick(device=device, max_epochs=1, lr=1e-3).fit(*bars) for device in ("cuda", "cpu"))
    for one, other in zip(here.module_.parameters(), there.module_.parameters(), strict=True):
        torch.testing.assert_close(one.cpu(), other, rtol=1e-3, atol=1e-4)


def test_killed_training_goes_on(bars: Bars, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the epoch that was finished, its generators as they were."""

    class Killed(BaseException):
        """Stands for the end of the process."""

    real = Epochs.save

    def once(self: Epochs, *arguments: Any) -> None:
        real(self, *arguments)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Epochs, "save", once)
        with pytest.raises(Killed):
            quick(checkpoint_dir=tmp_path).fit(*bars)
    resumed, whole = quick(checkpoint_dir=tmp_path).fit(*bars), quick().fit(*bars)
    assert resumed.history_["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(resumed.history_["train_loss"], whole.history_["train_loss"], rtol=0.05, atol=0.01)


def test_portions_and_warm_starts(bars: Bars) -> None:
    """partial_fit goes on from a fit, and so does a warm start."""
    fitted = quick(warm_start=True).fit(*bars)
    fitted.partial_fit(*bars).fit(*bars)
    assert fitted.score(*bars) > 0.9


def test_memory_that_runs_out(bars: Bars, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts until they fit; the device's own error is the one that is caught."""
    conv2d, real = nn.functional.conv2d, torch.OutOfMemoryError

    def limited(images: torch.Tensor, *arguments: Any, **options: Any) -> torch.Tensor:
        if len(images) > 6:
            raise real("CUDA out of memory.")
        return conv2d(images, *arguments, **options)

    monkeypatch.setattr("torch.nn.functional.conv2d", limited)
    with pytest.warns(UserWarning, match="in 2 parts"):
        assert quick().fit(*bars).settings_.accumulate == 2
