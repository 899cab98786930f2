"""From the descriptors of one image to its row: codes, pooling over the pyramid, normalisation."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from eyecraft.features.local import Descriptors
from eyecraft.features.local._local import ImageError

from ._bovw_checks import grids, normalization_steps
from ._prepared import PreparedWords
from ._projection import Projection, relative_places
from .fisher import Mixture, encode_fisher, fisher_vector
from .hard import encode_hard
from .llc import encode_llc
from .normalize import normalize_levels
from .pyramid import Cells, finest_cells, locate, pool_up
from .soft import encode_soft
from .triangle import encode_triangle
from .vlad import encode_vlad

#: Numbers per word, in lengths of a descriptor; the other encodings have one number per word.
LENGTHS_PER_WORD = {"vlad": 1, "fisher": 2}
#: What is learned for one encoding only.
OF_ONE_ENCODING = {"soft": "sigma_", "fisher": "mixture_"}


def check_pyramid(pyramid: Sequence[tuple[int, int]], image_size: tuple[int, int]) -> None:
    """Raise `ImageError` if a grid has more rows or columns than an image has pixels."""
    for grid in pyramid:
        if grid[0] > image_size[0] or grid[1] > image_size[1]:
            raise ImageError(
                f"the pyramid's grid {grid} (rows, columns) is finer than the image of {image_size[0]} x "
                f"{image_size[1]} pixels (height x width): take a coarser `pyramid`, or `image_size` to enlarge the "
                "images"
            )


@dataclass(frozen=True)
class Encoder:
    """A learned codebook and how it is used; called with descriptors it returns their row.

    What depends on the codebook alone is worked out at the first image: keep an encoder for all images of a call.
    """

    encoding: str
    projection: Projection
    words: PreparedWords
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
        ImageError
            The descriptors are not as long as those that the codebook was learned from, or a grid of the pyramid has
            more rows or columns than the image has pixels.
        """
        if not found.values.any():  # none, or flat ones only
            return np.zeros(self.n_features, np.float32)
        if found.values.shape[1] != self.length:
            raise ImageError(
                f"its descriptors have {found.values.shape[1]} numbers, the codebook was learned from descriptors of "
                f"{self.length}: describe it as the training images were, or fit again"
            )
        check_pyramid(self.pyramid, found.image_size)
        cells = locate(found.x, found.y, found.image_size, self.cells)
        values = self.projection(found.values, relative_places(found))
        levels = pool_up(self._pooled(values, cells, self.cells.n_cells), self.cells, self.pooling)
        if self.mixture is not None:
            levels = [fisher_vector(level, self.mixture) for level in levels]
        return normalize_levels(levels, self.steps, self.level_weights)

    def _pooled(self, values: np.ndarray, cells: np.ndarray, n_cells: int) -> np.ndarray:
        """Return the codes pooled over the finest cells."""
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

    @cached_property
    def cells(self) -> Cells:
        """The cells that those of all grids of the pyramid are made up of."""
        return finest_cells(self.pyramid)

    @property
    def length(self) -> int:
        """Numbers of a descriptor, before the projection."""
        if self.projection.matrix is not None:
            return len(self.projection.matrix)
        return self.words.array.shape[1] - (0 if self.projection.place_scale is None else 2)

    @property
    def n_features(self) -> int:
        """Length of a row."""
        per_word = LENGTHS_PER_WORD.get(self.encoding, 0) * self.words.array.shape[1] or 1
        return sum(rows * columns for rows, columns in self.pyramid) * len(self.words) * per_word

    def feature_names(self) -> list[str]:
        """Return the names of the numbers of a row."""
        endings = [""]
        if self.encoding in LENGTHS_PER_WORD:
            kinds = "ms"[: LENGTHS_PER_WORD[self.encoding]]
            endings = [f"_{kind}{i:03d}" for kind in kinds for i in range(self.words.array.shape[1])]
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
        return [self.words.array, *(self.mixture or ()), *self.projection, self.sigma]


def encoder_of(bag: Any) -> Encoder:
    """Return the encoder of a fitted `BagOfVisualWords`; ``ValueError`` if its encoding needs another fit."""
    learned = OF_ONE_ENCODING.get(bag.encoding, "words_")
    if not hasattr(bag, learned):
        raise ValueError(
            f"`encoding={bag.encoding!r}` needs `{learned}`, which `fit` did not learn, for it was called with "
            "another encoding: call it again"
        )
    return Encoder(
        encoding=bag.encoding,
        projection=bag.projection_,
        words=PreparedWords(bag.words_),
        mixture=bag.mixture_ if bag.encoding == "fisher" else None,
        sigma=bag.sigma_ if bag.encoding == "soft" else None,
        n_neighbors=bag.n_neighbors,
        beta=bag.beta,
        pooling=bag.pooling or ("max" if bag.encoding == "llc" else "sum"),
        pyramid=grids(bag.pyramid),
        steps=normalization_steps(bag.normalization, bag.encoding),
        level_weights=None if bag.level_weights is None else tuple(bag.level_weights),
    )
