"""Where local descriptors are taken from an image: the dots of a grid with windows to scale, or keypoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from eyecraft.data import read_image

from ._figures import axes_for
from ._words import exhibit_for, sample_of
from ._words_pictures import places_in_picture
from ._words_sampling import sampling_marks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from eyecraft.pipelines.comparison import Comparison

_LIGHT, _STRONG = "#fff3e0", "#ff9f3f"


class SamplingDisplay:
    """Descriptors of one image: circles with angles for keypoints, dots and windows with their cells for a grid.

    Parameters
    ----------
    picture : ndarray of shape (height, width, 3) or (height, width), uint8
    places : ndarray of shape (n, 4)
        x, y, width of the described square and angle (degrees, clockwise from the right) in pixels of `picture`.
    grid : bool
        Whether the descriptors lie on a grid.
    cells : int
        Cells per side of the described square: 4 for SIFT, 1 for patches.
    title : str

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot, after `plot`.
    figure_ : matplotlib Figure
        Figure that holds it.

    Examples
    --------
    >>> import numpy as np
    >>> from eyecraft.features import DenseSIFT
    >>> from eyecraft.reports import SamplingDisplay
    >>> shown = SamplingDisplay.from_descriptor(DenseSIFT(step=8), np.zeros((60, 80), dtype=np.uint8))
    >>> shown.frame()["scale"].value_counts(sort=False).to_dict()
    {16.0: 54, 24.0: 48, 32.0: 35, 40.0: 28}
    """

    ax_: Axes
    figure_: Figure

    def __init__(self, picture: np.ndarray, places: np.ndarray, *, grid: bool, cells: int = 4, title: str = "") -> None:
        self.picture = picture
        self.places = np.asarray(places, dtype=np.float64).reshape(-1, 4)
        self.grid = grid
        self.cells = cells
        self.title = title

    @classmethod
    def from_descriptor(cls, descriptor: Any, image: Any, *, ax: Axes | None = None) -> Self:
        """Describe an image and draw where its descriptors lie.

        Parameters
        ----------
        descriptor : DenseSIFT, SIFT or Patches
        image : path, bytes, ndarray or PIL image
        ax : matplotlib Axes, optional
            Where to draw; a new figure unless told.

        Returns
        -------
        SamplingDisplay
        """
        from eyecraft.features import SIFT, Patches

        found = descriptor.describe(image)
        places = np.stack([found.x, found.y, found.scale, found.angle], axis=1)
        grid = not isinstance(descriptor, SIFT) and not found.angle.any()
        cells = 1 if isinstance(descriptor, Patches) else 4
        return cls(read_image(image), places, grid=grid, cells=cells, title=type(descriptor).__name__).plot(ax)

    @classmethod
    def from_comparison(
        cls, comparison: Comparison, pipeline: str | None = None, *, sample: int = 0, ax: Axes | None = None
    ) -> Self:
        """Draw where a pipeline of visual words took its descriptors from a test image.

        Parameters
        ----------
        comparison : Comparison
        pipeline : str, optional
            Name of the pipeline; the first with visual words unless told.
        sample : int
            Which of the pipeline's sample images.
        ax : matplotlib Axes, optional
            Where to draw; a new figure unless told.

        Returns
        -------
        SamplingDisplay

        Raises
        ------
        ValueError
            If the pipeline has no visual words, or no such sample.
        """
        name, exhibit = exhibit_for(comparison, pipeline)
        one = sample_of(exhibit, sample)
        x, y, widths = places_in_picture(one)
        places = np.stack([x, y, widths, one.places[:, 3]], axis=1)
        about = exhibit.about
        return cls(one.picture, places, grid=about["grid"], cells=about["cells"], title=name).plot(ax)

    def frame(self) -> pd.DataFrame:
        """Return one row per descriptor: ``x, y, scale, angle``, in pixels of the picture and degrees."""
        return pd.DataFrame(self.places.copy(), columns=["x", "y", "scale", "angle"])

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the marks over the darkened picture; of very many descriptors only some are drawn.

        Parameters
        ----------
        ax : matplotlib Axes, optional

        Returns
        -------
        SamplingDisplay
        """
        from matplotlib.collections import LineCollection

        height, width = self.picture.shape[:2]
        self.ax_, self.figure_ = axes_for(ax, (6.0, 6.0 * height / width + 0.5))
        self.ax_.imshow((0.55 * self.picture).astype(np.uint8), cmap="gray", vmin=0, vmax=255)
        marks = sampling_marks(self.places, (height, width), grid=self.grid, cells=self.cells)
        if marks["dots"]:
            self.ax_.plot(*np.array(marks["dots"]).T, linestyle="", marker=".", markersize=2.5, color=_LIGHT)
        if marks["circles"]:
            self._draw_circles(marks["circles"])
        lines = [[line[:2], line[2:]] for window in marks["windows"] for line in window]
        self.ax_.add_collection(LineCollection(lines, colors=_STRONG, linewidths=1.2))
        self.ax_.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), xticks=[], yticks=[])
        self.ax_.set_title(f"{self.title}: {len(self.places):,} descriptors", parse_math=False)
        return self

    def _draw_circles(self, circles: list[tuple[float, float, float, float, float]]) -> None:
        from matplotlib.collections import LineCollection, PatchCollection
        from matplotlib.patches import Circle

        rings = [Circle((x, y), radius) for x, y, radius, _, _ in circles]
        self.ax_.add_collection(PatchCollection(rings, facecolor="none", edgecolor=_LIGHT, linewidth=0.9))
        hands = [[(x, y), (end_x, end_y)] for x, y, _, end_x, end_y in circles]
        self.ax_.add_collection(LineCollection(hands, colors=_LIGHT, linewidths=0.9))
