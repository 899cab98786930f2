"""Work whose rows are known, for tests of the feature store."""

import time

import numpy as np

from eyecraft.features._store import Batch, FeatureStore


class Work:
    """Computes ``[position, position + 0.5]`` and remembers which positions it was asked for."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.asked: list[int] = []
        self.seconds = seconds

    def __call__(self, positions: list[int]) -> Batch:
        """Compute, after a while."""
        time.sleep(self.seconds)
        self.asked += positions
        return Batch([np.array([p, p + 0.5], np.float32) for p in positions], 0.25 * len(positions), len(positions))


def fill(store: FeatureStore, n: int, work: Work | None = None, **options: object) -> tuple[np.ndarray, Work]:
    """Fill *n* rows under keys ``k0, k1, ...`` and return them with the work that was needed."""
    work = work or Work()
    out = np.full((n, 2), np.nan, np.float32)
    store.fill("x", [f"k{i}" for i in range(n)], work, out.__setitem__, **options)  # type: ignore[arg-type]
    return out, work


def expected(n: int) -> np.ndarray:
    """Return the rows `Work` computes."""
    return np.arange(n, dtype=np.float32)[:, None] + np.array([0, 0.5], np.float32)
