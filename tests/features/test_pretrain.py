"""The script that trains the network in the box runs, and writes what the box reads."""

import hashlib
import importlib.util
import json
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from eyecraft.features.learned import mini
from eyecraft.features.learned.weights import build

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


def script(name: str) -> ModuleType:
    """Load a benchmark as a module."""
    spec = importlib.util.spec_from_file_location(f"_script_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def archive(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Return an archive laid out as the real one: two classes, eight and two images."""
    path = tmp_path / "tiny.zip"
    with zipfile.ZipFile(path, "w") as file:
        for wnid in ("n01", "n02"):
            for part, count in (("train", 8), ("val", 2)):
                for i in range(count):
                    _, encoded = cv2.imencode(".webp", rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))
                    file.writestr(f"{part}/{wnid}/{i:03d}.webp", encoded.tobytes())
    return path


def test_pretraining_writes_what_the_box_reads(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An epoch of tiny batches, one of settling from its checkpoint, then the file, its hash and its accuracy."""
    training = script("pretrain")
    monkeypatch.setattr(training, "BATCH", 8)
    out = tmp_path / "mini.safetensors"
    command = ["pretrain.py", "--data", str(archive), "--out", str(out), "--device", "cpu", "--epochs", "1"]
    for settle in ("0", "1"):
        monkeypatch.setattr(sys, "argv", [*command, "--settle", settle])
        training.main()
    printed = capsys.readouterr().out
    assert [line[:9] for line in printed.splitlines() if line.startswith("epoch")] == ["epoch   1", "epoch   2"]
    card = json.loads(printed[printed.rindex("{") :])
    assert card["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert 0 <= card["validation_top1"] <= card["validation_top5"] <= 100
    assert {value.dtype for value in load_file(out).values()} == {torch.float16, torch.int64}
    assert out.stat().st_size < 8_000_000
    monkeypatch.setattr(mini, "MINI_FILE", out)
    monkeypatch.setattr(mini, "MINI_SHA256", card["sha256"])
    network, _ = build("mini", "DEFAULT", weights_dir=None, seed=0)
    assert network.fc8.out_features == 200
