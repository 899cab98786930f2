"""Reading photographs: `eyecraft.data.read_image` against Pillow, and looking files up by their keys.

Both sides start from a path and end with an RGB array. Caltech-101 photographs are read where they are
(`EYECRAFT_REAL_DATA`), photographs from scikit-image, cut and saved as JPEG, otherwise.
"""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from _side_by_side import limit_threads, report, side_by_side
from numpy.typing import NDArray
from PIL import Image

from eyecraft.data import image_key, load_folder, read_image

N_FILES = 200
GOAL = 1.5
CALTECH = Path(os.environ.get("EYECRAFT_REAL_DATA", Path(__file__).parents[2] / "shared" / "data")) / "caltech-101"


def read_with_pillow(path: str) -> NDArray[np.uint8]:
    """Read one file as most programs do."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def photographs(folder: str) -> tuple[str, list[str]]:
    """Return a name and the paths of about 200 photographs, made in *folder* where there are none."""
    files = sorted(map(str, CALTECH.glob("*/*.jpg")))
    if files:
        return "Caltech-101 JPEGs", files[:: max(1, len(files) // N_FILES)][:N_FILES]
    from skimage.data import astronaut, chelsea, coffee

    rng = np.random.default_rng(0)
    sources = [astronaut(), chelsea(), coffee()]
    for i in range(N_FILES):
        source = sources[i % 3]
        top, left = rng.integers(0, source.shape[0] - 200), rng.integers(0, source.shape[1] - 300)
        Image.fromarray(source[top : top + 200, left : left + 300]).save(Path(folder, f"{i}.jpg"), quality=90)
    return "generated JPEGs", sorted(map(str, Path(folder).glob("*.jpg")))


def main() -> None:
    """Print the ratio and the agreement, and the time of keys and folder check."""
    limit_threads()
    with tempfile.TemporaryDirectory() as folder:
        name, files = photographs(folder)
        _, _, ratio = side_by_side(lambda: [*map(read_image, files)], lambda: [*map(read_with_pillow, files)])
        difference = max(np.abs(read_image(f).astype(int) - read_with_pillow(f)).max() for f in files)
        report(f"reading {len(files)} {name} vs Pillow", ratio, GOAL, f"max difference {difference} levels")
        many = (files * (10_000 // len(files) + 1))[:10_000]
        seconds = min(_wall_seconds(lambda: [*map(image_key, many)]) for _ in range(3))
        print(f"{'keys of 10,000 files':<52} {seconds:7.3f} s  goal 0.1 s {'reached' if seconds <= 0.1 else 'MISSED'}")
    if CALTECH.is_dir():
        seconds = min(_wall_seconds(lambda: load_folder(CALTECH)) for _ in range(3))
        print(f"{'load_folder of Caltech-101, files checked':<52} {seconds:7.3f} s  goal 1.5 s")


def _wall_seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
