"""What describing an image locally gives: many vectors, each with the place it was taken from."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Descriptors:
    """Local descriptors of one image and where they lie; ``len()`` is their number, which may be 0.

    Attributes
    ----------
    values : ndarray of shape (n, length), uint8 or float32
        One descriptor per row.
    x, y : ndarray of shape (n,), float32
        Centres in pixels of the image as it was given (before any shrinking); (0, 0) is the centre of its upper left
        pixel.
    scale : ndarray of shape (n,), float32
        Width in those pixels of the square that is described.
    angle : ndarray of shape (n,), float32
        Orientation of the square in degrees, clockwise from the right; 0 on a grid.
    image_size : (int, int)
        Height and width of the image in pixels.
    """

    values: np.ndarray
    x: np.ndarray
    y: np.ndarray
    scale: np.ndarray
    angle: np.ndarray
    image_size: tuple[int, int]

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        height, width = self.image_size
        return f"Descriptors({len(self)} of length {self.values.shape[1]}, image {height} x {width})"

    def take(self, chosen: np.ndarray) -> "Descriptors":
        """Return the descriptors at the given positions (whole numbers or a mask)."""
        return Descriptors(
            self.values[chosen], self.x[chosen], self.y[chosen], self.scale[chosen], self.angle[chosen], self.image_size
        )


def join(parts: list[Descriptors]) -> Descriptors:
    """Return the descriptors of several scales of one image as one set, in the order given."""
    if len(parts) == 1:
        return parts[0]
    names = ("values", "x", "y", "scale", "angle")
    values, x, y, scale, angle = (np.concatenate([getattr(part, name) for part in parts]) for name in names)
    return Descriptors(values, x, y, scale, angle, parts[0].image_size)


def on_grid(
    values: np.ndarray, rows: np.ndarray, columns: np.ndarray, scale: float, image_size: tuple[int, int]
) -> Descriptors:
    """Return descriptors computed row by row at the grid points *rows* x *columns*."""
    n = len(values)
    return Descriptors(
        values,
        np.tile(columns, len(rows)).astype(np.float32),
        np.repeat(rows, len(columns)).astype(np.float32),
        np.full(n, scale, np.float32),
        np.zeros(n, np.float32),
        image_size,
    )
