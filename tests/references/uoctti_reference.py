"""The UoCTTI variant of HOG in plain loops: the slow judge.

Directions are found by the angle, weights by triangles, norms block by block: another road than the code it judges.
"""

import math

import numpy as np
from references.hog_reference import gradient


def energies(image: np.ndarray, n: int, cell: tuple[int, int]) -> np.ndarray:
    """Return the votes of every cell and signed direction, shared bilinearly among cells."""
    height, width = image.shape[:2]
    rows, columns = height // cell[0], width // cell[1]
    votes = np.zeros((rows, columns, 2 * n))
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            down, right = gradient(image, y, x)
            turns = (math.atan2(down, right) / (2 * math.pi)) % 1 * 2 * n
            k = math.ceil(turns - 0.5 - 1e-9) % (2 * n)  # the nearest; of equally near ones the first
            for r in range(rows):
                for c in range(columns):
                    # A triangle as wide as two cells around the middle of the cell.
                    tall = max(0.0, 1 - abs(y - (r * cell[0] + (cell[0] - 1) / 2)) / cell[0])
                    wide = max(0.0, 1 - abs(x - (c * cell[1] + (cell[1] - 1) / 2)) / cell[1])
                    votes[r, c, k] += math.hypot(down, right) * tall * wide
    return votes


def uoctti(image: np.ndarray, n: int, cell: tuple[int, int]) -> np.ndarray:
    """Return 2 n signed, n unsigned and 4 total energies of every cell."""
    votes = energies(image, n, cell)
    rows, columns = votes.shape[:2]
    features = np.zeros((rows, columns, 3 * n + 4))

    def unsigned(r: int, c: int) -> np.ndarray:
        r, c = min(max(r, 0), rows - 1), min(max(c, 0), columns - 1)
        return votes[r, c, :n] + votes[r, c, n:]

    for r in range(rows):
        for c in range(columns):
            for block, (dr, dc) in enumerate([(-1, -1), (-1, 1), (1, -1), (1, 1)]):
                members = [unsigned(r, c), unsigned(r + dr, c), unsigned(r, c + dc), unsigned(r + dr, c + dc)]
                norm = math.sqrt(sum(float(member @ member) for member in members) + 1e-4)
                for k in range(2 * n):
                    features[r, c, k] += 0.5 * min(votes[r, c, k] / norm, 0.2)
                for k in range(n):
                    share = min((votes[r, c, k] + votes[r, c, k + n]) / norm, 0.2)
                    features[r, c, 2 * n + k] += 0.5 * share
                    features[r, c, 3 * n + block] += share / math.sqrt(2 * n)
    return features
