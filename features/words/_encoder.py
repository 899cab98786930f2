"""From the descriptors of one image to its row: codes, pooling over the pyramid, normalisation."""

from dataclasses import dataclass

import numpy as np

from eyecraft.features.local import Descriptors

from ._projection import Projection, relative_places
from .fisher import Mixture, encode_fisher, fisher_vector
from .hard import encode_hard
from .llc import encode_llc
from .normalize import normalize_levels
from .pyramid import finest_grid, locate, pool_up
from .soft import encode_soft
from .triangle import encode_triangle
from .vlad import encode_vlad

#: Numbers per word, in lengths of a descriptor; the other encodings have one number per word.
LENGTHS_PER_WORD = {"vlad": 1, "fisher": 2}


class FinerThanImageError(ValueError):
    """A grid has more rows or columns than an image has pixels."""

    def __init__(self, grid: tuple[int, int], image_size: tuple[int, int]) -> None:
        super().__init__(
            f"the pyramid's grid {grid} (rows, columns) is finer than the image of {image_size[0]} x {image_size[1]} "
            "pixels (height x width): take a coarser `pyramid`, or `image_size` to enlarge the images"
        )


@dataclass(frozen=True)
class Encoder:
    """A learned codebook and how it is used; called with descriptors it returns their row."""

    encoding: str
    projection: Projection
    words: np.ndarray
    mixture: Mixture | None
    sigma: float | None
    n_neighbors: int
    beta: float
    pooling: str
    pyramid: list[tuple[int, int]]
    steps: tuple[str, ...]
    level_weights: tuple[float, ...] | None

    def __call__(self, found: Descriptors) -> np.ndarray:
        """Return the row of one image, zeros if it shows nothing.

        Raises
        ------
        FinerThanImageError
            A grid of the pyramid has more rows or columns than the image has pixels.
        """
        if not found.values.any():  # none, or flat ones only
            return np.zeros(self.n_features, np.float32)
        for grid in self.pyramid:
            if grid[0] > found.image_size[0] or grid[1] > found.image_size[1]:
                raise FinerThanImageError(grid, found.image_size)
        finest = finest_grid(self.pyramid)
        cells = locate(found.x, found.y, found.image_size, finest)
        values = self.projection(found.values, relative_places(found))
        levels = pool_up(self._pooled(values, cells, finest[0] * finest[1]), finest, self.pyramid, self.pooling)
        if self.mixture is not None:
            levels = [fisher_vector(level, self.mixture) for level in levels]
        return normalize_levels(levels, self.steps, self.level_weights)

    def _pooled(self, values: np.ndarray, cells: np.ndarray, n_cells: int) -> np.ndarray:
        """Return the codes pooled over the cells of the finest grid."""
        if self.mixture is not None:
            return encode_fisher(values, self.mixture, cells, n_cells)
        words, pooling, few = self.words, self.pooling, min(self.n_neighbors, len(self.words))
        if self.encoding == "vlad":
            return encode_vlad(values, words, cells, n_cells)
        if self.encoding == "llc":
            return encode_llc(values, words, cells, n_cells, pooling, n_neighbors=few, beta=self.beta)
        if self.sigma is not None:
            return encode_soft(values, words, cells, n_cells, pooling, n_neighbors=few, sigma=self.sigma)
        encode = encode_triangle if self.encoding == "triangle" else encode_hard
        return encode(values, words, cells, n_cells, pooling)

    @property
    def n_features(self) -> int:
        """Length of a row."""
        per_word = LENGTHS_PER_WORD.get(self.encoding, 0) * self.words.shape[1] or 1
        return sum(rows * columns for rows, columns in self.pyramid) * len(self.words) * per_word

    def feature_names(self) -> list[str]:
        """Return the names of the numbers of a row."""
        endings = [""]
        if self.encoding in LENGTHS_PER_WORD:
            kinds = "ms"[: LENGTHS_PER_WORD[self.encoding]]
            endings = [f"_{kind}{i:03d}" for kind in kinds for i in range(self.words.shape[1])]
        words = [f"_w{word:04d}{ending}" for word in range(len(self.words)) for ending in endings]
        return [
            f"bovw_l{level}_r{row}_c{column}{word}"
            for level, (rows, columns) in enumerate(self.pyramid)
            for row in range(rows)
            for column in range(columns)
            for word in words
        ]

    def parts(self) -> list[np.ndarray | float | None]:
        """Return everything learned, for telling one codebook from another."""
        return [self.words, *(self.mixture or ()), *self.projection, self.sigma]
