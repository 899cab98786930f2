"""What can go wrong in a `CNNClassifier`, and what it says or does then."""

import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from eyecraft.pipelines import CNNClassifier, _gpu_lock
from eyecraft.pipelines._batches import n_batches
from eyecraft.pipelines._memory import Dealer

Bars = tuple[np.ndarray, np.ndarray]


def plain(in_channels: int, n_classes: int) -> nn.Module:
    """Return a network without batch statistics."""
    layers = [nn.Conv2d(in_channels, 4, 3), nn.Tanh(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, n_classes)]
    return nn.Sequential(*layers)


def normalised(in_channels: int, n_classes: int) -> nn.Module:
    """Return a network whose normalisation cannot take a single image."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64 * in_channels, 4), nn.BatchNorm1d(4), nn.Linear(4, n_classes))


def quick(model: Any = plain, **parameters: Any) -> CNNClassifier:
    """Return a classifier of 8x8 images that fits in an instant."""
    settings = {"image_size": 8, "max_epochs": 1, "batch_size": 12, "random_state": 0, "device": "cpu"}
    return CNNClassifier(model, **{**settings, **parameters})


@pytest.fixture(scope="module")
def bars() -> Bars:
    """Return 24 gray images 8x8, and labels."""
    images = np.random.default_rng(0).integers(0, 250, (24, 8, 8), dtype=np.uint8)
    return images, np.array(["a", "b"])[np.arange(24) % 2]


def short_of_memory(most: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let convolutions of more than so many images run out of memory; return the sizes that were tried."""
    sizes, conv2d = [], functional.conv2d

    def limited(images: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        sizes.append(len(images))
        if len(images) > most:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return conv2d(images, *args, **kwargs)

    monkeypatch.setattr("torch.nn.functional.conv2d", limited)
    return sizes


def test_batches_halve_until_they_fit(bars: Bars, monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps stay the same, random shifts included; it is said once; prediction halves too."""
    expected = quick().fit(*bars)
    sizes = short_of_memory(3, monkeypatch)
    with pytest.warns(UserWarning, match="batches of 12 images are dealt out in 4 parts") as said:
        dealt = quick().fit(*bars)
    assert len(said) == 1
    assert (expected.settings_.accumulate, dealt.settings_.accumulate) == (1, 4)
    assert sizes[2:7] == [12, 6, 3, 3, 3]  # before come two trials with one image
    torch.testing.assert_close(dealt.module_.state_dict(), expected.module_.state_dict(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(dealt.predict_proba(bars[0]), expected.predict_proba(bars[0]), atol=1e-5)


def test_statistics_of_passes_that_failed_do_not_count(bars: Bars, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two parts for each of two steps are four, however often memory ran out before."""

    def network(in_channels: int, n_classes: int) -> nn.Module:
        layers = [nn.Conv2d(in_channels, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, n_classes, 6), nn.Flatten()]
        return nn.Sequential(*layers)

    conv2d, seen = functional.conv2d, [0]

    def limited(images: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        seen[0] += images.shape[1] == 4  # behind the normalisation
        if images.shape[1] == 4 and len(images) > 6:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return conv2d(images, *args, **kwargs)

    monkeypatch.setattr("torch.nn.functional.conv2d", limited)
    with pytest.warns(UserWarning, match="in 2 parts"):
        fitted = quick(network).fit(*bars)
    assert fitted.module_[1].num_batches_tracked == 4
    whole = quick(network, accumulate=2).fit(*bars)
    torch.testing.assert_close(fitted.module_.state_dict(), whole.module_.state_dict())


@pytest.mark.parametrize(
    "words",
    [
        "CUDA error: out of memory",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)",
        "std::bad_alloc",
    ],
)
def test_memory_runs_out_in_many_words(words: str, bars: Bars, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each library says it otherwise; on what a step needs beside the images, it ends with what to do."""

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError(words)

    with pytest.raises(MemoryError, match="even for 1 image"):
        Dealer().run(2, fail)
    monkeypatch.setattr("torch.optim.SGD.step", fail)
    with pytest.raises(
        MemoryError, match=r"for the optimiser's own numbers.*Choose a smaller `batch_size`.*" + words[:9]
    ):
        quick().fit(*bars)


def test_memory_for_not_even_one_image() -> None:
    """Ends with what to do; another error is not taken for it."""

    def fail(bounds: list[tuple[int, int]]) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3 GiB")

    with pytest.raises(MemoryError, match=r"not enough memory on 'cpu' even for 1 image.*`image_size`"):
        Dealer().run(4, fail)
    with pytest.raises(RuntimeError, match="shape"):
        Dealer().run(4, lambda bounds: (_ for _ in ()).throw(RuntimeError("shape")))


@pytest.mark.parametrize(("n_images", "count"), [(24, 2), (25, 2), (26, 3), (5, 1), (1, 1), (13, 1)])
def test_a_last_image_joins_the_batch_before(n_images: int, count: int) -> None:
    """Batches of twelve; one image alone cannot be normalised."""
    assert n_batches(n_images, 12) == count


def test_odd_numbers_of_images(bars: Bars) -> None:
    """Fewer than a batch, and one more than a batch."""
    images, names = bars
    assert quick(normalised, batch_size=100).fit(images, names).predict(images).shape == (24,)
    assert quick(normalised).fit(images[:13], names[:13]).predict(images).shape == (24,)
    assert quick(normalised, accumulate=12).fit(images[:13], names[:13]).predict(images).shape == (24,)


def test_one_image_cannot_be_normalised(bars: Bars) -> None:
    """One at a time, or the only one that counts."""
    images, names = bars
    with pytest.raises(ValueError, match=r"at least 2 images at a time; it got 1.*`batch_size` of 2"):
        quick(normalised, batch_size=1).fit(images, names)


def test_nan_and_infinite_pixels(bars: Bars) -> None:
    """The image is named."""
    images, names = bars[0] / 255.0, bars[1]
    images[7, 3, 3] = np.nan
    with pytest.raises(ValueError, match=r"image 7: .*1 NaN"):
        quick().fit(images, names)
    fitted = quick().fit(*bars)
    with pytest.raises(ValueError, match=r"image 7: .*1 NaN"):
        fitted.predict(images)


def test_diverging_later_names_epoch_and_step(bars: Bars) -> None:
    """Step 2 of epoch 2, whatever the loss is."""
    calls = [0]

    def explode(scores: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        calls[0] += 1
        return functional.cross_entropy(scores, codes) * (float("nan") if calls[0] == 4 else 1.0)

    with pytest.raises(ValueError, match=r"became nan at step 2 of epoch 2, with lr=0.05. Try .* lr=0.005"):
        quick(max_epochs=3, loss=explode).fit(*bars)


def test_weights_without_a_network(bars: Bars, monkeypatch: pytest.MonkeyPatch) -> None:
    """Says where to put the file; nothing was trained."""

    def offline(*args: Any, **kwargs: Any) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr("torch.hub.load_state_dict_from_url", offline)
    monkeypatch.delenv("EYECRAFT_WEIGHTS", raising=False)
    classifier = quick("resnet18", weights="DEFAULT", image_size=None)
    with pytest.raises(ConnectionError, match=r"of resnet18 are not at hand.*EYECRAFT_WEIGHTS"):
        classifier.fit(*bars)
    assert not hasattr(classifier, "module_")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"model": "lenet5", "weights": "DEFAULT", "image_size": None},
            "`weights` must be None where `model` is 'lenet5'",
        ),
        ({"model": 3}, "`model` must be a name, a torch.nn.Module or a function"),
        ({"model": lambda channels, n: "net"}, r"must return a torch.nn.Module; .* returned str"),
        ({"model": lambda channels, n: nn.Conv2d(channels, n, 3)}, r"one score per class, shape \(1, 2\)"),
        ({"model": lambda channels, n: nn.Linear(5, n)}, "cannot take images of 8 x 8 pixels with 1 channels"),
        ({"trainable": "4.bias"}, "no layer called '4.bias'"),
        ({"label_smoothing": 0.1, "loss": "hinge"}, "`label_smoothing` goes with the losses"),
        ({"accumulate": 13}, "`accumulate` must be at most `batch_size`"),
        ({"precision": "float8"}, "`precision` must be one of 'float32'"),
        ({"precision": "float16"}, "`precision`='float16' needs a GPU"),
        ({"mix": "mix"}, "`mix` must be one of 'mixup', 'cutmix', 'both', None"),
        ({"lr": "fast"}, "`lr` must be a number > 0; got 'fast'. Or 'find'"),
        ({"layer_decay": 1.5}, "`layer_decay` must be a number > 0 and <= 1"),
        ({"loss": lambda scores, codes: scores}, r"must return one number per image, shape \(12,\)"),
        ({"augment": lambda image: image.float()}, r"must return images like those it gets, torch.uint8 \(1, 8, 8\)"),
        ({"loss": functional.cross_entropy, "class_weight": {"a": 2.0}}, "it returned their mean. Give it reduction"),
    ],
)
def test_parameters_that_cannot_be(parameters: dict[str, Any], message: str, bars: Bars) -> None:
    """Each says what it should be and what came."""
    with pytest.raises(ValueError, match=message):
        quick(**parameters).fit(*bars)


@pytest.mark.parametrize("weights", [np.ones(5), np.zeros(24), -np.ones(24), np.full(24, np.nan)])
def test_sample_weights_that_cannot_be(weights: np.ndarray, bars: Bars) -> None:
    """One number >= 0 per image."""
    with pytest.raises(ValueError, match=r"`sample_weight` must have one number >= 0 per image, shape \(24,\)"):
        quick().fit(*bars, sample_weight=weights)


def test_one_training_at_a_time_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second one waits for the first, and "auto" takes another GPU if that one is free."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda n: SimpleNamespace(uuid=f"eyecraft-test-{n}"))
    order: list[str] = []

    def second() -> None:
        with _gpu_lock.one_job("cuda:0"):
            order.append("second")

    with _gpu_lock.one_job("cuda:0") as device:
        assert device == "cuda:0"
        thread = threading.Thread(target=second)
        thread.start()
        with _gpu_lock.one_job("cuda", any_gpu=True) as other:
            assert other == "cuda:1"
        order.append("first")
    thread.join(timeout=20)
    assert order == ["first", "second"]
    with _gpu_lock.one_job("cpu") as device, _gpu_lock.one_job("cpu"):
        assert device == "cpu"
