"""Central differences of gray and colour images, zero across the border of the image."""

import numpy as np


def strongest_gradients(pixels: np.ndarray, *, transform_sqrt: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Compute the gradient of every pixel, in colour that of the channel where it is longest.

    Parameters
    ----------
    pixels : ndarray of shape (height, width) or (height, width, 3)
        Image; ``float32`` stays in single precision, everything else is computed in double.
    transform_sqrt : bool, default=False
        Take the square root of the pixels first.

    Returns
    -------
    g_row, g_col : ndarrays of shape (height, width), float64
        Rise downwards and to the right over two pixels; 0 where a neighbour is missing.
    """
    values = pixels if pixels.dtype == np.float32 else pixels.astype(np.float64)
    if transform_sqrt:
        if values.min() < 0:
            raise ValueError(
                f"`transform_sqrt` needs pixel values >= 0; the smallest is {values.min():g}. "
                "Shift the image first, or set `transform_sqrt=False`."
            )
        values = np.sqrt(values)
    g_row, g_col = np.zeros_like(values), np.zeros_like(values)
    g_row[1:-1] = values[2:] - values[:-2]
    g_col[:, 1:-1] = values[:, 2:] - values[:, :-2]
    if values.ndim == 3:
        strongest = np.hypot(g_row, g_col).argmax(axis=2)[:, :, None]
        g_row = np.take_along_axis(g_row, strongest, axis=2)[:, :, 0]
        g_col = np.take_along_axis(g_col, strongest, axis=2)[:, :, 0]
    return g_row.astype(np.float64), g_col.astype(np.float64)
