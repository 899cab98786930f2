"""Features that a person wrote down as a formula; nothing is learned from images.

From plain to rich, every one a scikit-learn transformer of images:

- `RawPixels`: the pixels of a thumbnail. What any other feature has to beat.
- `ColorHistogram`: which colours there are, in RGB, HSV or Lab.
- `Sobel`: strength and direction of edges by two 3x3 masks.
- `RobinsonCompass`: the same by eight masks, one per compass direction.
- `HOG`: edge directions in small cells, with the local contrast evened out.

Beside each class stands its mathematics as a plain function of one image, for those who want the numbers themselves:
`pixel_values`, `color_histogram`, `sobel_gradients`, `sobel_magnitude_angle`, `robinson_compass`, `hog`, `hog_picture`
and `uoctti`. Angles are measured from the x axis (right) towards the y axis (down), the way image rows run.
"""

from .color_histogram import ColorHistogram, color_histogram
from .hog import HOG, hog, hog_picture
from .raw_pixels import RawPixels, pixel_values
from .robinson import ROBINSON_DIRECTIONS, ROBINSON_MASKS, RobinsonCompass, robinson_compass
from .sobel import Sobel, sobel_gradients, sobel_magnitude_angle
from .uoctti import uoctti

__all__ = [
    "HOG",
    "ROBINSON_DIRECTIONS",
    "ROBINSON_MASKS",
    "ColorHistogram",
    "RawPixels",
    "RobinsonCompass",
    "Sobel",
    "color_histogram",
    "hog",
    "hog_picture",
    "pixel_values",
    "robinson_compass",
    "sobel_gradients",
    "sobel_magnitude_angle",
    "uoctti",
]
