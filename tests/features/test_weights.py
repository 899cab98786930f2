"""Weights are found by name, file or folder; strangers, damage and code are refused with a way on."""

import os
import urllib.error
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from eyecraft.features.learned.architectures import construct, likely_models
from eyecraft.features.learned.weights import build, digest, read_weights, resolve, weights_entry
from eyecraft.features.learned.weights_file import file_in

MODEL = "squeezenet1_1"  # the smallest file of torchvision's, 5 MB


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    """Weights of the small model."""
    return build(MODEL, None, weights_dir=None, seed=3)[0].state_dict()


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may download, and none sees the machine's own weights folder."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise urllib.error.URLError("no network here")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)
    monkeypatch.delenv("EYECRAFT_WEIGHTS", raising=False)


def same(network: nn.Module, state: dict[str, torch.Tensor]) -> bool:
    """Tell whether a network holds these weights."""
    return all(torch.equal(tensor, state[key]) for key, tensor in network.state_dict().items())


@pytest.mark.parametrize("ending", [".safetensors", ".pth", ".pt"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_file_gives_its_weights(ending: str, wrapped: bool, state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    """All three kinds of files, also as training scripts wrap them."""
    path = tmp_path / f"mine{ending}"
    if ending == ".safetensors":
        save_file(state, path)
    elif wrapped:
        torch.save({"epoch": 3, "state_dict": {f"module.{key}": tensor for key, tensor in state.items()}}, path)
    else:
        torch.save(state, path)
    network, found = build(MODEL, str(path), weights_dir=None, seed=0)
    assert same(network, state)
    assert found.source == str(path)
    assert not network.training


def test_random_weights_follow_the_seed_and_leave_torch_alone() -> None:
    """Same seed, same weights; the global generator goes on as if nothing had been."""
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first, again, other = (digest(build(MODEL, None, weights_dir=None, seed=seed)[0]) for seed in (0, 0, 1))
    assert first == again != other
    assert torch.equal(torch.random.get_rng_state(), before)


def test_half_precision_file_is_computed_with_in_float32(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    """Files may be stored as fp16."""
    path = tmp_path / "half.safetensors"
    save_file({key: tensor.half() for key, tensor in state.items()}, path)
    network, _ = build(MODEL, path, weights_dir=None, seed=0)
    assert {tensor.dtype for tensor in network.parameters()} == {torch.float32}


def test_number_of_classes_follows_the_file(tmp_path: Path) -> None:
    """A network trained for seven classes is taken as it is."""
    path = tmp_path / "seven.pth"
    torch.save(torchvision.models.resnet18(num_classes=7).state_dict(), path)
    assert build("resnet18", path, weights_dir=None, seed=0)[0].fc.out_features == 7


@pytest.mark.parametrize("by", ["argument", "environment"])
def test_folder_serves_before_a_download(
    by: str, state: dict[str, torch.Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file called after the model is found; there is no network to fall back on."""
    save_file(state, tmp_path / f"{MODEL}-imagenet.safetensors")
    (tmp_path / "squeezenet1_10-imagenet.safetensors").write_bytes(b"another model's")
    (tmp_path / "README.md").write_text("notes")
    if by == "environment":
        monkeypatch.setenv("EYECRAFT_WEIGHTS", str(tmp_path))
    found = resolve(MODEL, "DEFAULT", weights_dir=tmp_path if by == "argument" else None)
    assert found.source == str(tmp_path / f"{MODEL}-imagenet.safetensors")
    assert found.entry is torchvision.models.SqueezeNet1_1_Weights.IMAGENET1K_V1


def test_folder_tells_versions_apart(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    """torchvision's own file of version 1 does not serve for version 2; several other files are a question."""
    (tmp_path / "resnet50-0676ba61.pth").write_bytes(b"version 1")
    with pytest.raises(ConnectionError, match=r"resnet50-11ad3fa6\.pth"):
        resolve("resnet50", "IMAGENET1K_V2", weights_dir=tmp_path)
    for name in ("a", "b"):
        save_file(state, tmp_path / f"{MODEL}-{name}.safetensors")
    with pytest.raises(ValueError, match=f"Several files.*{MODEL}-a.safetensors, {MODEL}-b.safetensors"):
        resolve(MODEL, "DEFAULT", weights_dir=tmp_path)


def test_file_named_after_other_weights_does_not_serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Version 1 is asked for, version 2 lies there: said, not taken. A wrong folder of the environment is named."""
    (tmp_path / "mobilenet_v2-imagenet1k_v2.safetensors").write_bytes(b"")
    (tmp_path / "resnet50-v2.pth").write_bytes(b"")
    for model in ("mobilenet_v2", "resnet50"):
        with pytest.raises(ConnectionError, match=rf"no file for {model} with these weights \(only {model}-.*v2"):
            resolve(model, "IMAGENET1K_V1", weights_dir=tmp_path)
        file = file_in(tmp_path, model, weights_entry(model, "IMAGENET1K_V2"))
        assert file is not None and file.stem.endswith("v2")
    monkeypatch.setenv("EYECRAFT_WEIGHTS", "/nowhere/weights")
    with pytest.raises(ConnectionError, match="EYECRAFT_WEIGHTS names '/nowhere/weights', which is no folder"):
        resolve("resnet50", "DEFAULT")


def test_no_network_says_what_was_tried_and_where_to_put_the_file(tmp_path: Path) -> None:
    """Address, file name, folder, and the ways on."""
    with pytest.raises(ConnectionError) as caught:
        build("alexnet", "DEFAULT", weights_dir=tmp_path, seed=0)
    message = str(caught.value)
    for part in (
        "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth could not be fetched",
        "no network here",
        f"the folder {str(tmp_path)!r} holds no file for alexnet",
        "put it as 'alexnet-owt-7be5be79.pth'",
        "EYECRAFT_WEIGHTS",
        "weights=None",
    ):
        assert part in message


def test_weights_folder_that_is_none(tmp_path: Path) -> None:
    """A folder named and absent is an error, not a download."""
    with pytest.raises(FileNotFoundError, match=r"`weights_dir` must be a folder.*nowhere"):
        resolve(MODEL, "DEFAULT", weights_dir=tmp_path / "nowhere")


class Malicious:
    """What a hostile checkpoint holds: unpickled without care, it would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    """The code does not run."""
    torch.save({"weight": Malicious(tmp_path / "owned")}, tmp_path / "evil.pth")
    with pytest.raises(ValueError, match=r"evil.pth' was not loaded: it holds more than tensors.*could run code"):
        read_weights(tmp_path / "evil.pth")
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("cut.safetensors", b"\x00" * 4, "no readable weights file"),
        ("text.pth", b"hello, these are no weights", "no readable weights file"),
        ("odd.pth", b"\x80\x02.garbage", "no readable weights file"),
        ("page.pth", b"<!DOCTYPE html><html>", "a web page"),
        ("pointer.safetensors", b"version https://git-lfs.github.com/spec/v1", "a pointer of Git LFS"),
        ("empty.pth", b"", "no readable weights file"),
    ],
)
def test_damaged_file_is_named(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    """Damage is told from danger."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{name}' is {message}"):
        read_weights(tmp_path / name)


def test_wrapped_checkpoints_are_unwrapped(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    """Under any one key, and with the name of a wrapper before all names."""
    for number, content in enumerate(
        (
            {"net": state, "optimizer": {"lr": 0.1}},
            {f"model.{key}": tensor for key, tensor in state.items()},
            {f"_orig_mod.module.{key}": tensor for key, tensor in state.items()},
        )
    ):
        path = tmp_path / f"{number}.pth"
        torch.save(content, path)
        assert same(build(MODEL, path, weights_dir=None, seed=0)[0], state)
    torch.save({"a": state, "b": state}, tmp_path / "two.pth")
    with pytest.raises(ValueError, match="holds dict with 'a', 'b', not a network's weights by name"):
        read_weights(tmp_path / "two.pth")


def test_torchscript_is_refused(tmp_path: Path) -> None:
    """With the way to its tensors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(nn.Sequential(nn.Linear(2, 2))).save(tmp_path / "program.pt")
    with pytest.raises(ValueError, match=r"program.pt' was not loaded: it is a TorchScript program.*torch.jit.load"):
        read_weights(tmp_path / "program.pt")


def test_missing_file_and_strange_content(tmp_path: Path) -> None:
    """No file, and a file that holds a list."""
    with pytest.raises(FileNotFoundError, match=r"no weights file .*absent.pth"):
        read_weights(tmp_path / "absent.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(ValueError, match="holds list, not a network's weights"):
        read_weights(tmp_path / "list.pth")


def test_weights_of_another_architecture_name_what_differs(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    """Missing keys, unknown keys, shapes, and the architecture the file looks like."""
    path = tmp_path / "file.safetensors"
    save_file(state, path)
    with pytest.raises(ValueError, match="have another shape") as caught:
        build("squeezenet1_0", path, weights_dir=None, seed=0)
    assert "features.0.weight is (64, 3, 3, 3), should be (96, 3, 7, 7)" in str(caught.value)
    assert "looks like squeezenet1_1: give that as `model`" in str(caught.value)
    with pytest.raises(ValueError, match=r"12 tensors are missing \(features.3.weight.*48 are not known to alexnet"):
        build("alexnet", path, weights_dir=None, seed=0)


def test_likely_models_are_found_by_shape() -> None:
    """Another number of classes does not matter."""
    shapes = {
        key: tuple(tensor.shape) for key, tensor in torchvision.models.resnet18(num_classes=3).state_dict().items()
    }
    assert likely_models(shapes) == ["resnet18"]


@pytest.mark.parametrize(
    ("weights", "name"),
    [
        ("DEFAULT", "IMAGENET1K_V2"),
        ("IMAGENET1K_V1", "IMAGENET1K_V1"),
        ("ResNet50_Weights.IMAGENET1K_V1", "IMAGENET1K_V1"),
        ("ResNet50_Weights.DEFAULT", "IMAGENET1K_V2"),
        (torchvision.models.ResNet50_Weights.IMAGENET1K_V1, "IMAGENET1K_V1"),
    ],
)
def test_names_of_weights(weights: Any, name: str) -> None:
    """Short names, full names and torchvision's records."""
    assert weights_entry("resnet50", weights).name == name


@pytest.mark.parametrize(
    ("model", "weights", "message"),
    [
        ("resnet81", "DEFAULT", "no classification model called 'resnet81'; did you mean 'resnet18'"),
        ("resnet50", "IMAGENET1K", "no weights called 'IMAGENET1K'. torchvision knows 'DEFAULT', 'IMAGENET1K_V1'"),
        ("resnet50", "AlexNet_Weights.DEFAULT", "resnet50 has no weights called 'AlexNet_Weights.DEFAULT'"),
    ],
)
def test_unknown_names_list_the_nearest(model: str, weights: str, message: str) -> None:
    """Wrong names are answered with right ones."""
    with pytest.raises(ValueError, match=message):
        weights_entry(model, weights)


@pytest.mark.parametrize("model", ["densenet121", "googlenet", "regnet_y_400mf", "shufflenet_v2_x0_5"])
def test_families_that_need_care_load(model: str, tmp_path: Path) -> None:
    """Old names of keys, auxiliary heads, networks that cannot be built without memory."""
    with torch.random.fork_rng(devices=[]):
        state = construct(model).state_dict()
    old = {key.replace(".norm1.", ".norm.1.").replace(".conv1.", ".conv.1."): value for key, value in state.items()}
    torch.save(old if model == "densenet121" else state, tmp_path / "weights.pth")
    network, _ = build(model, tmp_path / "weights.pth", weights_dir=None, seed=0)
    assert not any(tensor.is_meta for tensor in [*network.parameters(), *network.buffers()])
    assert same(network, state)
