"""Words made ready for being compared with descriptors: what depends on the words alone is worked out once."""

from functools import cached_property
from typing import TypeAlias

import numpy as np

from ._byte_words import Panels, pack_words
from ._scores import score_table


class PreparedWords:
    """Words, and what the ways of comparing them with descriptors need; each is made when first asked for.

    Parameters
    ----------
    words : ndarray of shape (n_words, length)

    Attributes
    ----------
    array : ndarray of shape (n_words, length), float32
        The words.
    """

    def __init__(self, words: np.ndarray) -> None:
        self.array = np.ascontiguousarray(words, np.float32)

    def __len__(self) -> int:
        return len(self.array)

    @cached_property
    def table(self) -> np.ndarray:
        """For products of matrices, see `score_table`."""
        return score_table(self.array)

    @cached_property
    def panels(self) -> Panels | None:
        """For products of whole numbers, see `pack_words`."""
        return pack_words(self.array)


Codebook: TypeAlias = np.ndarray | PreparedWords


def prepare(words: Codebook) -> PreparedWords:
    """Return the words prepared; those that are stay as they are."""
    return words if isinstance(words, PreparedWords) else PreparedWords(words)
