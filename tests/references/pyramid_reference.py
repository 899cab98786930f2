"""The spatial pyramid, plainly: a histogram of every cell of every grid by itself."""

import numpy as np


def histograms(
    words: np.ndarray, x: np.ndarray, y: np.ndarray, image_size: tuple[int, int], n_words: int, pyramid: list
) -> np.ndarray:
    """Return the counts of words, grid by grid, cell by cell, joined."""
    height, width = image_size
    out = []
    for rows, columns in pyramid:
        for row in range(rows):
            for column in range(columns):
                inside = (y + 0.5 >= row * height / rows) & (y + 0.5 < (row + 1) * height / rows)
                inside &= (x + 0.5 >= column * width / columns) & (x + 0.5 < (column + 1) * width / columns)
                out.append(np.histogram(words[inside], bins=np.arange(n_words + 1))[0])
    return np.concatenate(out)
