"""The network in the box: its layers, its file, and what happens when the file is not the one that was shipped."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from eyecraft.data import read_image
from eyecraft.features.learned import CNNFeatures, mini
from eyecraft.features.learned.architectures import _matches, construct, known_models
from eyecraft.features.learned.layers import TappedNetwork
from eyecraft.features.learned.mini import Mini, MiniWeights, mini_state
from eyecraft.features.learned.weights import at_hand, build, weights_entry

LAYERS = {  # the table of `Mini`: parameters with those of the normalisation, output
    "conv1": (4_928, (64, 32, 32)),
    "pool1": (0, (64, 16, 16)),
    "conv2": (256_320, (160, 16, 16)),
    "pool2": (0, (160, 8, 8)),
    "conv3": (369_152, (256, 8, 8)),
    "conv4": (590_336, (256, 8, 8)),
    "conv5": (442_752, (192, 8, 8)),
    "pool5": (0, (192, 4, 4)),
    "fc6": (1_573_888, (512,)),
    "fc7": (263_168, (512,)),
    "fc8": (102_600, (200,)),
}
CARD = Path(mini.__file__).with_name("mini-card.md")


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.Tensor]:
    """Put a stand-in with random weights into the box; return its weights."""
    torch.manual_seed(0)
    tensors = {key: value.half() if value.is_floating_point() else value for key, value in Mini().state_dict().items()}
    path = tmp_path / "mini.safetensors"
    save_file(tensors, path)
    monkeypatch.setattr(mini, "MINI_FILE", path)
    monkeypatch.setattr(mini, "MINI_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return tensors


def test_layers_are_those_of_the_table() -> None:
    """Output sizes by a forward pass, parameters by counting."""
    network = Mini().eval()
    values = TappedNetwork(network, list(LAYERS))(torch.zeros(1, 3, 64, 64))
    for (layer, (parameters, shape)), value in zip(LAYERS.items(), values, strict=True):
        own = [layer, f"norm{layer[-1]}"] if layer.startswith(("conv", "fc")) and layer != "fc8" else [layer]
        assert tuple(value.shape[1:]) == shape
        assert sum(tensor.numel() for name in own for tensor in network.get_submodule(name).parameters()) == parameters
    assert sum(tensor.numel() for tensor in network.parameters()) == 3_603_144
    assert MiniWeights.DEFAULT.value.meta["num_params"] == 3_603_144


def test_weights_come_from_the_box_as_float32(box: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder, no network; rounded to fp16 in the file, float32 in memory."""
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", None)
    state = mini_state()
    assert {value.dtype for key, value in state.items() if not key.endswith("tracked")} == {torch.float32}
    network, found = build("mini", "DEFAULT", weights_dir=None, seed=0)
    assert all(torch.equal(value, box[key].to(value.dtype)) for key, value in network.state_dict().items())
    assert found.source.startswith("in the box")


def test_features_of_the_network_in_the_box(box: dict[str, torch.Tensor], rng: np.random.Generator) -> None:
    """One line gives fc6 and fc7, before and after the activation, of whole images warped to 64x64."""
    images = [rng.integers(0, 256, (70, 90 + i, 3), dtype=np.uint8) for i in range(3)]
    after = CNNFeatures("mini", layers=["fc6", "fc7"], device="cpu").fit(images)
    before = CNNFeatures("mini", layers=["fc6", "fc7"], activation="pre", device="cpu").fit_transform(images)
    rows = after.transform(images)
    assert rows.shape == (3, 1024)
    assert (before[:, :512] < 0).any()
    np.testing.assert_allclose(rows, np.maximum(before, 0), atol=1e-5)
    assert after.image_size_ == (64, 64)
    assert after.weights_source_.startswith("in the box")
    assert CNNFeatures("mini", device="cpu").fit(images).layers_ == ["fc7"]
    network = Mini().eval()
    network.load_state_dict({key: value.float() for key, value in box.items()})
    pixels = torch.from_numpy(read_image(images[0], size=(64, 64))).permute(2, 0, 1)
    inputs = (pixels / 255 - torch.tensor(mini.MINI_MEAN)[:, None, None]) / torch.tensor(mini.MINI_STD)[:, None, None]
    with torch.inference_mode():
        until = list(dict(network.named_children())).index("relu7") + 1
        expected = torch.nn.Sequential(*list(network)[:until])(inputs[None])[0]
    np.testing.assert_allclose(rows[0, 512:], expected, atol=1e-4)


def test_file_that_was_changed_is_refused(box: dict[str, torch.Tensor]) -> None:
    """Expected, found, and that nothing was loaded."""
    with mini.MINI_FILE.open("ab") as file:
        file.write(b"x")
    with pytest.raises(ValueError, match=r"not the file that was shipped: its sha256 should be .* Nothing was loaded"):
        mini_state()


def test_file_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An incomplete installation is told from other errors."""
    monkeypatch.setattr(mini, "MINI_FILE", tmp_path / "absent.safetensors")
    with pytest.raises(FileNotFoundError, match=r"not in this installation.*Install eyecraft again"):
        build("mini", "DEFAULT", weights_dir=None, seed=0)


def test_is_a_model_like_the_others(tmp_path: Path) -> None:
    """Listed, built with random or a file's weights, with another number of classes, recognised by its shapes."""
    assert known_models()[0] == "mini"
    state = Mini(n_classes=7).state_dict()
    save_file(state, tmp_path / "seven.safetensors")
    network, _ = build("mini", tmp_path / "seven.safetensors", weights_dir=None, seed=0)
    assert network.fc8.out_features == 7
    assert construct("mini").fc8.out_features == 200
    assert _matches("mini", {key: tuple(value.shape) for key, value in state.items()})
    assert weights_entry("mini", "TINYIMAGENET_V1") is MiniWeights.DEFAULT
    with pytest.raises(ValueError, match=r"mini has no weights called 'IMAGENET1K_V1'. There are 'DEFAULT', 'TINYIM"):
        weights_entry("mini", "IMAGENET1K_V1")


def test_whether_it_is_at_hand_follows_the_file(box: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recipes ask before they put it among the defaults."""
    assert at_hand("mini")
    monkeypatch.setattr(mini, "MINI_FILE", tmp_path / "absent.safetensors")
    assert not at_hand("mini")


def test_card_tells_what_is_shipped() -> None:
    """The card and the code give the same numbers, and the file is small enough to travel."""
    text = CARD.read_text()
    for fact in ("Tiny ImageNet", "50,000", "4,000", "3,603,144", "research", "benchmarks/pretrain.py"):
        assert fact in text
    assert mini.MINI_SHA256 in text
    assert f"{mini.MINI_TOP1:.2f} %" in text
    assert f"{mini.MINI_TOP5:.2f} %" in text
    assert mini.MINI_FILE.stat().st_size <= 8_000_000
    assert mini_state()["fc8.weight"].shape == (200, 512)
