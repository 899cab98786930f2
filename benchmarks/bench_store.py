"""The feature store: looking 10,000 files up (goal: at most 0.1 s), and extractions per cross-validation (goal: n)."""

import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from eyecraft.data import image_key
from eyecraft.features import FeatureStore, RawPixels
from eyecraft.features._store import Batch


class CountingPixels(RawPixels):
    """RawPixels that counts how often it really looks at an image."""

    calls = 0

    def _extract(self, image: np.ndarray) -> np.ndarray:
        CountingPixels.calls += 1
        return super()._extract(image)


def look_up(folder: Path, n_files: int = 10_000, n_rounds: int = 5) -> None:
    """Time identity (a stat each) plus index look-up for many files."""
    paths = [str(folder / "images" / f"{i:05d}.jpg") for i in range(n_files)]
    (folder / "images").mkdir()
    for path in paths:
        Path(path).write_bytes(b"x" * 10)
    store = FeatureStore(folder / "store")
    row = np.zeros(16, np.float32)
    keys = [image_key(path) for path in paths]
    store.fill("bench", keys, lambda positions: Batch([row] * len(positions)), lambda *_: None, batch_size=5_000)
    seconds = []
    for _ in range(n_rounds):
        start = time.perf_counter()
        found = store.contains("bench", [image_key(path) for path in paths])
        seconds.append(time.perf_counter() - start)
    best = sorted(seconds)[n_rounds // 2]
    print(f"look up {n_files:,} files, median: {best:.3f} s   goal 0.1 s {'reached' if best <= 0.1 else 'MISSED'}")
    print(f"  all found: {bool(found.all())}")


def extractions(folder: Path, n: int = 100) -> None:
    """Count extractions in a 5-fold cross-validation and a 20-point grid search over the same images."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (n, 16, 16, 3), dtype=np.uint8)
    labels = np.arange(n) % 2
    for name, n_jobs in (("one process", 1), ("two processes", 2)):
        extractor = CountingPixels(image_size=(8, 8), store=folder / f"cv-{n_jobs}")
        pipeline = make_pipeline(extractor, LinearSVC(C=0.01))
        CountingPixels.calls = 0
        cross_validate(pipeline, images, labels, cv=5, n_jobs=n_jobs)
        grid = {"linearsvc__C": np.logspace(-4, 0, 20)}
        GridSearchCV(pipeline, grid, cv=5, n_jobs=n_jobs).fit(images, labels)
        stored = sum(entry["n_rows"] for entry in FeatureStore(folder / f"cv-{n_jobs}").summary())
        counted = f", {CountingPixels.calls} counted" if n_jobs == 1 else ""
        print(f"5-fold CV + 20-point grid search, {name}: {stored} rows extracted{counted}   goal {n}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        look_up(Path(folder))
        extractions(Path(folder))
