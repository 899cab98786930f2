"""On a GPU: the numbers of the CPU, whatever the batch, in every precision; memory that does not grow."""

from typing import Any

import numpy as np
import pytest
import torch

from eyecraft.features.learned import CNNFeatures

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


@pytest.fixture
def images(rng: np.random.Generator) -> list[np.ndarray]:
    """Return nine noise images."""
    return [rng.integers(0, 256, (70, 60, 3), dtype=np.uint8) for _ in range(9)]


def small(**parameters: Any) -> CNNFeatures:
    """Return features of a random SqueezeNet on small input."""
    defaults: dict[str, Any] = {"weights": None, "image_size": 64, "layers": ["fire3", "fire9"], "resize": "warp"}
    return CNNFeatures("squeezenet1_1", **(defaults | parameters))


@pytest.mark.parametrize(("precision", "share"), [("float32", 2e-3), ("float16", 1e-2), ("bfloat16", 4e-2)])
def test_rows_are_those_of_the_cpu(precision: Any, share: float, images: list[np.ndarray]) -> None:
    """Up to the rounding of each precision; the weights are cast, the rows are float32."""
    expected = small(device="cpu").fit_transform(images)
    rows = small(device="cuda", precision=precision).fit_transform(images)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, expected, rtol=0, atol=share * np.abs(expected).max())


@pytest.mark.parametrize(("precision", "share"), [("float32", 1e-3), ("float16", 2e-3), ("bfloat16", 2e-2)])
def test_row_is_the_same_in_every_batch(precision: Any, share: float, images: list[np.ndarray]) -> None:
    """The tolerances that the docstring states."""
    alone = small(device="cuda", precision=precision, batch_size=1, n_workers=0).fit_transform(images)
    for batch_size, n_workers in ((2, 1), (4, 4), ("auto", None)):
        features = small(device="cuda", precision=precision, batch_size=batch_size, n_workers=n_workers)
        together = features.fit_transform(images[::-1])[::-1]
        np.testing.assert_allclose(together, alone, rtol=0, atol=share * np.abs(alone).max())


def test_memory_is_bounded_by_the_batch(images: list[np.ndarray]) -> None:
    """Ten times the images, the same peak."""
    features = small(device="cuda", batch_size=4).fit(images)
    peaks = []
    for times in (1, 10):
        torch.cuda.reset_peak_memory_stats()
        features.transform(images * times)
        peaks.append(torch.cuda.max_memory_allocated())
    assert peaks[1] <= 1.05 * peaks[0]
