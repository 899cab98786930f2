"""How images travel: batches of a fitting size, threads ahead of the network, memory that runs short, native sizes."""

import resource
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from eyecraft.features._timing import record_stages
from eyecraft.features.learned import CNNFeatures
from eyecraft.features.learned.batches import (
    Passes,
    automatic_batch_size,
    equal_batches,
    out_of_memory,
    unequal_batches,
)
from eyecraft.features.learned.engine import Engine


@pytest.fixture
def images(rng: np.random.Generator) -> list[np.ndarray]:
    """Return nine noise images of three sizes."""
    sizes = [(40, 56), (56, 40), (48, 48)]
    return [rng.integers(0, 256, (*sizes[i % 3], 3), dtype=np.uint8) for i in range(9)]


def small(**parameters: Any) -> CNNFeatures:
    """Return features of a random SqueezeNet on small input."""
    defaults: dict[str, Any] = {"weights": None, "image_size": 64, "device": "cpu", "layers": "fire5"}
    return CNNFeatures("squeezenet1_1", **(defaults | parameters))


def prepared(index: int) -> torch.Tensor:
    """Return an image whose pixels are its number."""
    return torch.full((3, 4 + 2 * (index % 2), 5), index, dtype=torch.uint8)


def square(index: int) -> torch.Tensor:
    """The same, all of one size."""
    return torch.full((3, 4, 5), index, dtype=torch.uint8)


@pytest.mark.parametrize("n_workers", [0, 1, 3])
def test_batches_hold_every_image_once_in_order(n_workers: int) -> None:
    """Whatever reads them; a smaller limit holds from the next batch on; memory is ordered by pixels."""
    limits = iter([4, 4, 2, 2, 2])
    found = list(equal_batches(square, 11, lambda: next(limits), n_workers=n_workers, pin=False))
    assert [len(positions) for positions, _ in found] == [4, 4, 2, 1]
    assert [position for positions, _ in found for position in positions] == list(range(11))
    for positions, pixels in found:
        assert pixels[:, 0, 0, 0].tolist() == positions
        assert pixels.is_contiguous(memory_format=torch.channels_last)


def test_threads_work_ahead_and_no_further_than_two_batches() -> None:
    """While the first batch is used the next are read; the whole set is not."""
    read, names = [], set()

    def prepare(index: int) -> torch.Tensor:
        read.append(index)
        names.add(threading.current_thread().name)
        return square(index)

    batches = equal_batches(prepare, 100, lambda: 4, n_workers=2, pin=False)
    next(batches)
    batches.close()
    assert all(name.startswith("decode") for name in names)
    assert 4 <= len(read) <= 12


def test_error_of_a_thread_comes_out() -> None:
    """And what was waiting is dropped."""

    def prepare(index: int) -> torch.Tensor:
        if index == 5:
            raise ValueError("image 5 is broken")
        return square(index)

    with pytest.raises(ValueError, match="image 5 is broken"):
        list(equal_batches(prepare, 1000, lambda: 4, n_workers=2, pin=False))


def test_unequal_images_go_with_their_like() -> None:
    """Every image once, each batch of one size and no larger than allowed."""
    limits = {(4, 5): 3, (6, 5): 2}
    found = list(unequal_batches(prepared, 11, lambda size: limits[size], n_workers=2, pin=False))
    assert sorted(position for positions, _ in found for position in positions) == list(range(11))
    for size, limit in limits.items():
        assert max(len(positions) for positions, pixels in found if pixels.shape[2:] == size) == limit
    for positions, pixels in found:
        assert pixels[:, 0, 0, 0].tolist() == positions


def short_of_memory(
    most: int, error: type[Exception] = torch.OutOfMemoryError
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return a network with memory for so many images."""

    def compute(pixels: torch.Tensor) -> torch.Tensor:
        if len(pixels) > most:
            raise error("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
        return pixels[:, :1, 0, 0].float()

    return compute


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError])
def test_batch_is_halved_where_memory_is_short(error: type[Exception]) -> None:
    """A batch of 16 goes through in parts of 2, in order, and the smaller limit stays."""
    passes = Passes(short_of_memory(3, error), 16)
    parts = passes.rows(torch.stack([square(i) for i in range(16)]))
    assert torch.cat(parts)[:, 0].tolist() == list(range(16))
    assert passes.limit == 2
    assert passes.seconds == 0


def test_no_room_for_one_image() -> None:
    """Says how large it is and what would take less."""
    with pytest.raises(MemoryError, match=r"Not even one image of 4 x 5 pixels fits.*`image_size`.*'bfloat16'"):
        Passes(short_of_memory(0), 4).rows(torch.stack([square(0)]))


def test_other_errors_of_the_network_are_not_taken_for_it() -> None:
    """Halving would not help."""

    def compute(pixels: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        Passes(compute, 4).rows(torch.stack([square(0), square(1)]))


def test_features_go_on_with_smaller_batches(images: list[np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows are those of a machine with memory enough, and later calls start with what fitted."""
    whole = small().fit_transform(images)
    sizes: list[int] = []
    original = Engine.rows

    def rows(self: Engine, pixels: torch.Tensor) -> torch.Tensor:
        sizes.append(len(pixels))
        if len(pixels) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return original(self, pixels)

    monkeypatch.setattr(Engine, "rows", rows)
    features = small(batch_size=9).fit(images)
    np.testing.assert_allclose(features.transform(images), whole, atol=1e-5 * np.abs(whole).max())
    assert sizes == [9, 4, 2, 2, 2, 2, 1]
    sizes.clear()
    features.transform(images)
    assert sizes == [2, 2, 2, 2, 1]


def test_nothing_waits_between_chunks_without_a_store(
    images: list[np.ndarray], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One stream for all images; with a store one for each part that is written. The seconds are told alike."""
    streams: list[int] = []
    original = Engine.stream

    def stream(self: Engine, read: Any, numbers: Any, *rest: Any, **settings: Any) -> Any:
        streams.append(len(numbers))
        return original(self, read, numbers, *rest, **settings)

    monkeypatch.setattr(Engine, "stream", stream)
    monkeypatch.setattr(CNNFeatures, "_chunk_size", 4)
    with record_stages() as seconds:
        rows = small(n_workers=1).fit_transform(images)
    assert streams == [9]
    assert min(seconds["decode"], seconds["extract"]) > 0
    stored = small(store=tmp_path).fit_transform(images)
    assert streams[1:] == [4, 4, 1]
    np.testing.assert_allclose(stored, rows, atol=1e-5 * np.abs(rows).max())


def test_a_gpu_writes_many_batches_at_once_but_not_too_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """64 batches of short rows, fewer of long ones; never less than a batch."""
    monkeypatch.setattr(Engine, "on_gpu", True)
    assert small(batch_size=10)._chunk_size == 640
    long = small(batch_size=100, layers="pool1", pooling="flatten")
    row = 4 * long._engine().lengths((64, 64))[0]
    assert 2**27 < long._chunk_size * row <= 2**28
    assert small(batch_size=10**7)._chunk_size == 10**7


def test_automatic_batch_size() -> None:
    """Larger for small images and on a GPU."""
    assert automatic_batch_size((224, 224), "cpu") == 16
    assert automatic_batch_size((64, 64), "cpu") == 64
    assert automatic_batch_size((4000, 4000), "cpu") == 1
    assert automatic_batch_size((224, 224), "cuda:0") == 128
    assert small()._engine().batch("auto") == 64
    assert small(batch_size=5)._engine().batch(5) == 5


def test_automatic_batch_follows_the_images_at_native_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large photographs go one by one, small pictures many at a time."""
    sizes: list[int] = []
    network = nn.Sequential(nn.Conv2d(3, 2, 8, stride=8))
    features = CNNFeatures(network, layers="0", resize="native", device="cpu")
    original = Engine.rows

    def rows(self: Engine, pixels: torch.Tensor) -> torch.Tensor:
        sizes.append(len(pixels))
        return original(self, pixels)

    monkeypatch.setattr(Engine, "rows", rows)
    large, small_ones = [np.zeros((800, 700, 3), np.uint8)] * 3, [np.zeros((16, 16, 3), np.uint8)] * 40
    features.fit_transform([*large, *small_ones])
    assert sizes == [1, 1, 1, 40]


@pytest.mark.parametrize("words", ["CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling", "CUDNN_STATUS_ALLOC_FAILED"])
def test_nvidias_libraries_run_out_of_memory_too(words: str) -> None:
    """They say so in an error of another kind."""
    assert out_of_memory(RuntimeError(words))
    assert not out_of_memory(RuntimeError("CUBLAS_STATUS_NOT_SUPPORTED"))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_row_is_the_same_in_every_batch(precision: str, images: list[np.ndarray]) -> None:
    """The tolerances that the docstring states, over batch sizes, orders and threads."""
    share = {"float32": 1e-5, "bfloat16": 0.02}[precision]
    parameters: dict[str, Any] = {"precision": precision, "layers": ["fire3", "fire9", "conv10"]}
    alone = small(batch_size=1, **parameters).fit_transform(images)
    for batch_size, n_workers in ((2, 0), (4, 2), ("auto", 1)):
        features = small(batch_size=batch_size, n_workers=n_workers, **parameters)
        together = features.fit_transform(images[::-1])[::-1]
        np.testing.assert_allclose(together, alone, rtol=0, atol=share * np.abs(alone).max())


def test_layers_kept_apart(images: list[np.ndarray]) -> None:
    """One pass, one array per layer: those of each layer alone; pandas output does not matter."""
    features = small(layers=["fire9", "fire2", "conv10"], pooling="spatial", pool_size=2).set_output(transform="pandas")
    apart = features.fit(images).transform_layers(images)
    assert list(apart) == ["fire9", "fire2", "conv10"]
    assert [rows.shape for rows in apart.values()] == [(9, 2048), (9, 512), (9, 4000)]
    alone = small(layers="fire2", pooling="spatial", pool_size=2).fit_transform(images)
    np.testing.assert_allclose(apart["fire2"], alone, atol=1e-5)


def test_native_size_leaves_images_as_they_are(images: list[np.ndarray]) -> None:
    """Each row is that of the image at its own size; only pooled maps have one length."""
    features = small(image_size=None, resize="native", pooling="max").fit(images)
    rows = features.transform(images)
    engine = features._engine()
    for image, row in zip(images, rows, strict=True):
        pixels = engine.preprocessing.normalise(torch.from_numpy(image).permute(2, 0, 1)[None])
        with torch.inference_mode():
            (maps,) = engine.tap(pixels)
        np.testing.assert_allclose(row, maps.amax((2, 3))[0].numpy(), atol=1e-5)
    assert features.image_size_ == (40, 56)
    with pytest.raises(ValueError, match="the images differ in size"):
        small(image_size=None, resize="native", pooling="flatten").fit(images).transform(images)


def test_image_smaller_than_the_network_needs_is_named(images: list[np.ndarray]) -> None:
    """At native size the message says which image it is, and what would help."""
    tiny = np.zeros((4, 6, 3), np.uint8)
    features = small(image_size=None, resize="native", layers="fire9").fit(images)
    with pytest.raises(ValueError, match=r"Image 9: squeezenet1_1 cannot take images of 4 x 6 pixels.*resize='warp'"):
        features.transform([*images, tiny])


class Types(nn.Module):
    """A network that asks for float32 in its middle."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return four maps."""
        return self.two(self.one(images).float())


VIT = torchvision.models.VisionTransformer(32, 16, num_layers=1, num_heads=2, hidden_dim=16, mlp_dim=16)


@pytest.mark.parametrize(
    ("network", "parameters", "message"),
    [
        (Types(), {"precision": "bfloat16"}, "nor of its own size: .*another type than precision='bfloat16'"),
        (nn.Conv2d(5, 4, 3), {}, r"with 3 channels, nor of its own size: .*`mean` and `std` have a number"),
        (nn.Sequential(nn.Flatten(), nn.Linear(12, 2)), {}, "cannot take images of 16 x 16 .*`image_size` gives"),
        (VIT, {}, "nor of its own size: its forward pass checks the size. .*`image_size` gives"),
        ("mini", {"resize": "native", "image_size": None}, "takes its own size, 64 x 64 pixels.*resize='warp'"),
    ],
)
def test_size_is_blamed_only_where_the_own_size_passes(
    network: Any, parameters: dict[str, Any], message: str, images: list[np.ndarray]
) -> None:
    """Types, channels and layers made for one size are told apart."""
    layer = [name for name, part in network.named_modules() if name][-1:] if isinstance(network, nn.Module) else "fc7"
    features = CNNFeatures(nn.Sequential(network) if layer == [] else network, layers=layer or "0", device="cpu")
    with pytest.raises(ValueError, match=message):
        features.set_params(**({"image_size": 16} | parameters)).fit(images)


def test_numbers_too_large_for_half_precision_are_an_error(images: list[np.ndarray]) -> None:
    """No row of infinities; float16 is played on the CPU here."""
    network = nn.Sequential(nn.Conv2d(3, 2, 3))
    nn.init.constant_(network[0].weight, 1e5)
    engine = CNNFeatures(network, layers="0", image_size=16, device="cpu")._engine()
    engine.tap.settled("cpu", "float16")
    with pytest.raises(ValueError, match=r"Image 5: Sequential has numbers beyond 65,504 there.*'bfloat16'"):
        engine.compute(lambda index: images[index][:16, :16], [5, 6], batch_size=2, n_workers=0)


class Pairs(nn.Module):
    """A network one of whose layers gives two tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(3, 1, batch_first=True)
        self.head = nn.Linear(3, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return two logits per image."""
        tokens = images.flatten(2).transpose(1, 2)
        return self.head(self.attention(tokens, tokens, tokens)[0].mean(1))


def test_layer_whose_output_is_no_tensor(images: list[np.ndarray]) -> None:
    """Said when fitting, not in the middle of the images."""
    with pytest.raises(ValueError, match="Layer 'attention' gives a tuple, not one tensor"):
        CNNFeatures(Pairs(), layers="attention", image_size=8, device="cpu").fit(images)


def test_norm_of_the_batch_is_refused(images: list[np.ndarray]) -> None:
    """Without running statistics a row would depend on its neighbours."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False), nn.Flatten())
    with pytest.raises(ValueError, match="Layer '1' normalises by the statistics of the batch"):
        CNNFeatures(network, layers="0", image_size=16, device="cpu").fit(images)


def test_memory_does_not_grow_with_the_number_of_images() -> None:
    """Four hundred images pass through; their pixels alone would take 79 MB, and less than half of that is used."""

    class Endless:
        """A sequence that makes each image when it is asked for it."""

        def __init__(self, count: int) -> None:
            self.count = count

        def __len__(self) -> int:
            return self.count

        def __getitem__(self, index: int) -> np.ndarray:
            return np.full((256, 256, 3), index % 256, np.uint8)

    network = nn.Sequential(nn.Conv2d(3, 2, 8, stride=8), nn.ReLU(), nn.Flatten(), nn.Linear(2048, 2))
    engine = CNNFeatures(network, layers="0", image_size=256, device="cpu")._engine()
    engine.compute(Endless(40).__getitem__, range(40), batch_size=4, n_workers=2)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    engine.compute(Endless(400).__getitem__, range(400), batch_size=4, n_workers=2)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (after - before) * 1024 < 0.4 * 400 * 256 * 256 * 3
