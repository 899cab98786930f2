"""Robinson's compass by its definition, eight correlations per pixel: the slow judge."""

import numpy as np
from references.sobel_reference import correlate

# The weights around the middle, clockwise from the upper left, in the mask of "north"; every next mask of the list
# turns them by one place anticlockwise.
RING = [-1, 0, 1, 2, 1, 0, -1, -2]
PLACES = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]


def masks() -> list[list[list[int]]]:
    """Return the eight masks from north, anticlockwise."""
    turned = []
    for step in range(8):
        mask = [[0] * 3 for _ in range(3)]
        for place, (i, j) in enumerate(PLACES):
            mask[i][j] = RING[(place + step) % 8]
        turned.append(mask)
    return turned


def compass(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest response and the first direction that has it at every pixel."""
    response, direction = np.zeros(image.shape, int), np.zeros(image.shape, int)
    for y, x in np.ndindex(image.shape):
        responses = [correlate(image, mask, y, x) for mask in masks()]
        response[y, x] = max(responses)
        direction[y, x] = responses.index(max(responses))
    return response, direction
