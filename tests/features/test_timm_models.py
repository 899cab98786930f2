"""Models of timm, played by a small stand-in: nothing here needs the package or a network."""

import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from eyecraft.features.learned import CNNFeatures, frozen
from eyecraft.features.learned.preprocessing import Preprocessing
from eyecraft.features.learned.timm_models import timm_model
from eyecraft.features.learned.weights import at_hand, build


class Tiny(nn.Module):
    """A network as timm builds them, for one size of input."""

    def __init__(self, num_classes: int = 5, img_size: tuple[int, int] = (16, 16)) -> None:
        super().__init__()
        self.img_size = tuple(img_size)
        self.pretrained_cfg = {"classifier": "head"}
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.act = nn.GELU()
        self.head = nn.Linear(4, num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits."""
        torch._assert(images.shape[2] == self.img_size[0], "input does not match the model's size")
        return self.head(self.act(self.norm(self.stem(images))).mean((2, 3)))


class Plain(Tiny):
    """One that takes images of any size, and no argument about them."""

    def __init__(self, num_classes: int = 5) -> None:
        super().__init__(num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits."""
        return self.head(self.act(self.norm(self.stem(images))).mean((2, 3)))


@pytest.fixture
def timm(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put a small timm where imports look."""
    kinds = {"tiny_vit": Tiny, "plain_net": Plain}
    module: Any = types.ModuleType("timm")
    module.offline = False
    module.__spec__ = types.SimpleNamespace(name="timm")

    def create_model(name: str, pretrained: bool = False, **options: Any) -> nn.Module:
        if pretrained and module.offline:
            raise RuntimeError("cannot reach the hub")
        network = kinds[name.partition(".")[0]](**options)
        if pretrained:
            nn.init.constant_(network.stem.bias, 2.0)
        return network

    module.create_model = create_model
    module.is_model = lambda name: name.partition(".")[0] in kinds
    module.list_models = lambda: list(kinds)
    config = {"input_size": (3, 16, 16), "mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25), "crop_pct": 0.8}
    module.config = config | {"interpolation": "bicubic"}
    module.data = types.SimpleNamespace(resolve_model_data_config=lambda network: module.config)
    monkeypatch.setitem(sys.modules, "timm", module)
    frozen._named.cache_clear()
    return module


@pytest.fixture
def images(rng: np.random.Generator) -> list[np.ndarray]:
    """Return three noise images."""
    return [rng.integers(0, 256, (30, 40, 3), dtype=np.uint8) for _ in range(3)]


def test_pretrained_model_with_its_own_preprocessing(timm: Any, images: list[np.ndarray]) -> None:
    """Weights by the name, size, crop and range of values by timm's description."""
    features = CNNFeatures("timm:tiny_vit.in1k", layers="stem", device="cpu").fit(images)
    assert features.transform(images).shape == (3, 4)
    assert features.weights_source_ == "timm:tiny_vit.in1k"
    ready = features._engine().preprocessing
    assert ready == Preprocessing((16, 16), 20, (0.5,) * 3, (0.25,) * 3, "bicubic")
    timm.config |= {"crop_mode": "squash", "interpolation": "random"}
    _, squashed = timm_model("timm:tiny_vit")
    assert squashed.resize_size is None
    assert squashed.interpolation == "bilinear"


def test_pre_and_post(timm: Any, images: list[np.ndarray]) -> None:
    """The layers of a timm network are tapped like any other's."""
    before, after = (
        CNNFeatures("timm:plain_net", layers="stem", activation=side, pooling="flatten", device="cpu").fit_transform(
            images
        )
        for side in ("pre", "post")
    )
    np.testing.assert_allclose(after, nn.functional.gelu(torch.from_numpy(before)), atol=1e-5)


def test_network_built_for_one_size_is_built_for_the_one_asked_for(timm: Any, images: list[np.ndarray]) -> None:
    """A transformer gets `img_size`; a convolutional network knows no such argument and needs none."""
    for name in ("tiny_vit", "plain_net"):
        features = CNNFeatures(f"timm:{name}", layers="stem", image_size=24, pooling="flatten", device="cpu")
        assert features.fit_transform(images).shape == (3, 4 * 24 * 24)


def test_weights_none_and_a_seed(timm: Any) -> None:
    """Random weights follow the seed."""
    (first, found), (again, _), (other, _) = (
        build("timm:plain_net", None, weights_dir=None, seed=seed) for seed in (1, 1, 2)
    )
    assert found.source == "random start"
    assert torch.equal(first.stem.weight, again.stem.weight)
    assert not torch.equal(first.stem.weight, other.stem.weight)


@pytest.mark.parametrize("by", ["file", "folder"])
def test_weights_of_a_file(by: str, timm: Any, tmp_path: Path) -> None:
    """Named, or found in the weights folder; the number of classes follows it; no download."""
    timm.offline = True
    trained = Plain(num_classes=3)
    path = tmp_path / "plain_net.safetensors"
    save_file(trained.state_dict(), path)
    weights, folder = (path, None) if by == "file" else ("DEFAULT", tmp_path)
    network, found = build("timm:plain_net", weights, weights_dir=folder, seed=0)
    assert found.source == str(path)
    assert torch.equal(network.head.weight, trained.head.weight)
    assert at_hand("timm:plain_net", weights_dir=tmp_path)
    assert not at_hand("timm:tiny_vit", weights_dir=tmp_path)


def test_two_files_for_one_model(timm: Any, tmp_path: Path) -> None:
    """A question, not a guess."""
    for name in ("a", "b"):
        save_file(Plain().state_dict(), tmp_path / f"plain_net-{name}.safetensors")
    with pytest.raises(
        ValueError, match=r"Several files .* are for timm:plain_net: plain_net-a.safetensors, plain_net-b"
    ):
        build("timm:plain_net", "DEFAULT", weights_dir=tmp_path, seed=0)


def test_file_of_another_architecture(timm: Any, tmp_path: Path) -> None:
    """What differs is said."""
    path = tmp_path / "other.safetensors"
    save_file({"body.weight": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match=r"not for timm:plain_net: 8 tensors are missing.*1 are not known"):
        build("timm:plain_net", path, weights_dir=None, seed=0)


def test_without_a_network(timm: Any, images: list[np.ndarray]) -> None:
    """What happened, where to put a file, and the network in the box."""
    timm.offline = True
    with pytest.raises(
        ConnectionError, match=r"cannot reach the hub.*'plain_net.safetensors'.*EYECRAFT_WEIGHTS.*'mini'"
    ):
        CNNFeatures("timm:plain_net", device="cpu").fit(images)


def test_unknown_names(timm: Any) -> None:
    """Models with the nearest names; weights that timm names otherwise."""
    with pytest.raises(ValueError, match="timm has no model called 'tiny_vot'; did you mean 'tiny_vit'"):
        timm_model("timm:tiny_vot")
    with pytest.raises(ValueError, match=r"`weights` must be 'DEFAULT', a file .* got 'IMAGENET1K_V1'"):
        build("timm:plain_net", "IMAGENET1K_V1", weights_dir=None, seed=0)


def test_timm_is_not_installed(monkeypatch: pytest.MonkeyPatch, images: list[np.ndarray]) -> None:
    """The message names the class, the package and the line that installs it."""
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ImportError, match=r"The model 'timm:x' needs the package timm.*'eyecraft\[timm\]'"):
        CNNFeatures("timm:x", device="cpu").fit(images)
