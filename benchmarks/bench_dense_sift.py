"""Dense SIFT against OpenCV's SIFT on the same grid: ratios on one thread, and agreement.

What is timed gives bytes and describes every window, as OpenCV does. Agreement is that of unrounded numbers, float32,
in windows with a mean gradient of at least 0.01: normalised, what flatter ones hold is mostly rounding.
"""

from functools import partial

import cv2
import numpy as np
from _side_by_side import limit_threads, report, side_by_side
from skimage import data

from eyecraft.features.local import DenseSIFT, Descriptors

BINS = (4, 6, 8, 10)

Keypoints = list[tuple[cv2.SIFT, list[cv2.KeyPoint]]]


def opencv_keypoints(found: Descriptors) -> Keypoints:
    """Return our grid points as OpenCV wants them (cell = 1.5 keypoint sizes, its own blur, upright)."""
    return [
        (
            cv2.SIFT_create(sigma=float(np.sqrt(0.25 + (bin_size / 6) ** 2))),
            [
                cv2.KeyPoint(float(x), float(y), bin_size / 1.5, 0.0)
                for x, y, scale in zip(found.x, found.y, found.scale, strict=True)
                if scale == 4 * bin_size
            ],
        )
        for bin_size in BINS
    ]


def opencv_describe(image: np.ndarray, keypoints: Keypoints) -> np.ndarray:
    """Describe the keypoints with OpenCV."""
    return np.concatenate([sift.compute(image, points)[1] for sift, points in keypoints])


def agreement(image: np.ndarray, found: Descriptors, theirs: np.ndarray) -> str:
    """1st percentile and median of the cosine, away from borders and flat windows."""
    margin = 0.625 * found.scale
    inside = np.minimum(found.x, image.shape[1] - 1 - found.x) > margin
    inside &= np.minimum(found.y, image.shape[0] - 1 - found.y) > margin
    inside &= found.values.any(axis=1) & theirs.any(axis=1)  # a vector of zeros has no direction
    a, b = found.values[inside].astype(float), theirs[inside].astype(float)
    cosine = (a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
    return f"1st-percentile cosine {np.percentile(cosine, 1):.5f}, median {np.median(cosine):.5f}"


def main() -> None:
    """Print the ratios."""
    limit_threads()
    image = cv2.resize(cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2GRAY), (300, 240), interpolation=cv2.INTER_AREA)
    for window, goal in (("gaussian", 15), ("flat", 35)):
        exact = DenseSIFT(step=4, bin_sizes=BINS, window=window, dtype="float32", contrast_threshold=0.01)
        found = exact.describe(image)
        keypoints = opencv_keypoints(found)
        theirs = opencv_describe(image, keypoints)
        method = DenseSIFT(step=4, bin_sizes=BINS, window=window, contrast_threshold=0)
        mine, _, ratio = side_by_side(
            partial(method.describe, image),
            partial(opencv_describe, image, keypoints),
        )
        cosines = f"float32, contrast from 0.01: {agreement(image, found, theirs)}"
        report(f"dense SIFT, {window}, {len(found)} descriptors", ratio, goal, cosines)
        print(f"    {len(found) / mine / 1e6:.2f} million descriptors a second")


if __name__ == "__main__":
    main()
