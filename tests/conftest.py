"""What every test may lean on: a private feature store, silent progress, real data where there is some."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

os.environ["MPLBACKEND"] = "Agg"
os.environ["EYECRAFT_PROGRESS"] = "0"
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def _private_store(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tests' features out of the user's cache."""
    monkeypatch.setenv("EYECRAFT_STORE", str(tmp_path_factory.mktemp("store")))


@pytest.fixture(autouse=True, scope="session")
def _no_second_copy() -> Iterator[None]:
    """Fail if a root folder was imported by its bare name: that would be a second copy of every class."""
    yield
    bare = {"api", "data", "features", "pipelines", "reports"} & set(sys.modules)
    own = [name for name in bare if str(ROOT) in str(getattr(sys.modules[name], "__file__", None))]
    if own:
        pytest.exit(f"imported by bare name instead of through eyecraft: {own}", returncode=1)


def _folder(variable: str, default: str) -> Path:
    path = Path(os.environ.get(variable, ROOT.parent / "shared" / default))
    if not path.is_dir():
        pytest.skip(f"no real data at {path}: set {variable} to a folder that holds it")
    return path


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real image sets (``caltech-101/`` and others)."""
    return _folder("EYECRAFT_REAL_DATA", "data")


@pytest.fixture(scope="session")
def real_weights() -> Path:
    """Folder of pretrained weights (``squeezenet1_0-imagenet.safetensors``)."""
    return _folder("EYECRAFT_WEIGHTS", "weights")


@pytest.fixture
def rng() -> np.random.Generator:
    """Return a generator with a fixed seed."""
    return np.random.default_rng(0)


@pytest.fixture
def image_files(tmp_path: Path, rng: np.random.Generator) -> Callable[..., list[str]]:
    """Return a function that writes so many PNG files of noise and returns their paths."""

    def write(n: int, size: tuple[int, int] = (48, 56)) -> list[str]:
        import cv2

        paths = [str(tmp_path / f"image-{i:04d}.png") for i in range(n)]
        for path in paths:
            cv2.imwrite(path, rng.integers(0, 256, (*size, 3), dtype=np.uint8))
        return paths

    return write
