"""What a feature sees of an image: edges, glyphs, words, activations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from eyecraft.data import read_image
from eyecraft.pipelines._exhibit_pictures import shrunk
from eyecraft.pipelines._sights_views import View, grid_numbers, views_of

from ._exhibits import parts_of
from ._figures import axes_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from eyecraft.pipelines.comparison import Comparison

_GAP = 0.06  # between two pictures, in heights


class FeatureViewDisplay:
    """An image and, beside it, what a pipeline's features see of it.

    Parameters
    ----------
    picture : ndarray of shape (height, width, 3) or (height, width), uint8
        The image itself.
    views : list of View
        What is seen: ``kind, title, picture, numbers``.
    title : str

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot, after `plot`.
    figure_ : matplotlib Figure
        Figure that holds it.

    Notes
    -----
    1. `RawPixels`: the small image. `ColorHistogram`: every pixel in the mean colour of its bin.
    2. `Sobel`, `RobinsonCompass`: brightness is the strength of an edge, hue its direction.
    3. `HOG`: a stroke along the edge for every bin of every cell; for "uoctti" its normalised unsigned part.
    4. `BagOfVisualWords`: every place of the smallest windows in the colour of its nearest word, like colours being
       like words; discs at keypoints.
    5. `CNNFeatures`, `CNNClassifier`: mean absolute activation of the tapped layer, or of the last one before it that
       has places, from violet to yellow; and the strongest maps of the first layer.
    6. Of several extractors side by side the first two. Any other extractor with a method ``visualize(image)`` that
       returns a picture is shown by it.

    Pictures are made at no more than 160 pixels; edges of larger images are those of the image brought to that size.

    Examples
    --------
    >>> import numpy as np
    >>> from eyecraft.features import HOG
    >>> from eyecraft.reports import FeatureViewDisplay
    >>> step = np.zeros((32, 32), dtype=np.uint8)
    >>> step[16:] = 200
    >>> shown = FeatureViewDisplay.from_estimator(HOG(image_size=32), step)
    >>> shown.frame().nlargest(1, "value")[["view", "bin"]].values.tolist()
    [['HOG, 4 × 4 cells', 4]]
    """

    ax_: Axes
    figure_: Figure

    def __init__(self, picture: np.ndarray, views: list[View], *, title: str = "") -> None:
        self.picture = picture
        self.views = views
        self.title = title

    @classmethod
    def from_estimator(cls, estimator: Any, image: Any, *, ax: Axes | None = None) -> Self:
        """Draw what an extractor, or the extractors a pipeline begins with, see of an image.

        Parameters
        ----------
        estimator : extractor, Pipeline or CNNClassifier
            Fitted, where it learns something.
        image : path, bytes, ndarray or PIL image
        ax : matplotlib Axes, optional
            Where to draw; a new figure unless told.

        Returns
        -------
        FeatureViewDisplay

        Raises
        ------
        ValueError
            If there is no picture of what it sees; the message says why.
        """
        views = views_of(estimator, image)
        return cls(shrunk(read_image(image)), views, title=_name(estimator)).plot(ax)

    @classmethod
    def from_comparison(
        cls, comparison: Comparison, pipeline: str | None = None, *, sample: int = 0, ax: Axes | None = None
    ) -> Self:
        """Draw what a compared pipeline saw of a test image.

        Parameters
        ----------
        comparison : Comparison
        pipeline : str, optional
            Name of the pipeline; the first that has pictures unless told.
        sample : int
            Which of the images that were drawn for every pipeline.
        ax : matplotlib Axes, optional
            Where to draw; a new figure unless told.

        Returns
        -------
        FeatureViewDisplay

        Raises
        ------
        ValueError
            If the pipeline has no pictures, or no such image.
        """
        every = parts_of(comparison, "sights")
        found = {name: one.images for name, one in every.items() if one.images}
        name = next(iter(found), "") if pipeline is None else pipeline
        if name not in found:
            why = every[name].why_not if name in every else f"those with pictures are: {', '.join(found) or 'none'}"
            raise ValueError(f"pipeline must be one whose features have pictures; got {pipeline!r}: {why}")
        if not 0 <= sample < len(found[name]):
            raise ValueError(f"sample must be from 0 to {len(found[name]) - 1}; got {sample!r}")
        one = found[name][sample]
        views = [View(look.kind, look.title, look.picture.pixels()) for look in one.looks]
        answer = "right" if one.predicted == one.label else f"taken for {one.predicted}"
        return cls(one.picture.pixels(), views, title=f"{name}: {one.label}, {answer}").plot(ax)

    def frame(self) -> pd.DataFrame:
        """Return the numbers behind the pictures, one row for each.

        Returns
        -------
        DataFrame
            ``view`` and what was measured, such as ``row, column, magnitude, angle`` of `Sobel`; of pictures from a
            comparison ``row, column, red, green, blue`` of their pixels.
        """
        frames = [pd.DataFrame({"view": view.title, **(view.numbers or _levels(view.picture))}) for view in self.views]
        return pd.concat(frames, ignore_index=True)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the image and its views side by side, each one unit high.

        Parameters
        ----------
        ax : matplotlib Axes, optional

        Returns
        -------
        FeatureViewDisplay
        """
        shown = [("image", self.picture), *((view.title, view.picture) for view in self.views)]
        widths = [picture.shape[1] / picture.shape[0] for _, picture in shown]
        across = sum(widths) + _GAP * (len(widths) - 1)
        self.ax_, self.figure_ = axes_for(ax, (2.6 * across, 3.2))
        left = 0.0
        for (title, picture), width in zip(shown, widths, strict=True):
            self.ax_.imshow(picture, cmap="gray", vmin=0, vmax=255, extent=(left, left + width, 0, 1))
            self.ax_.text(left, -0.03, title, va="top", fontsize="small", parse_math=False)
            left += width + _GAP
        self.ax_.set(xlim=(0, across), ylim=(-0.14, 1), aspect="equal")
        self.ax_.set_axis_off()
        self.ax_.set_title(self.title, parse_math=False)
        return self


def _levels(picture: np.ndarray) -> dict[str, np.ndarray]:
    rgb = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
    return grid_numbers(rgb.shape) | {name: rgb[..., k].ravel() for k, name in enumerate(("red", "green", "blue"))}


def _name(estimator: Any) -> str:
    estimator = getattr(estimator, "best_estimator_", estimator)
    steps = getattr(estimator, "steps", None)
    return type(steps[0][1] if steps else estimator).__name__
