"""Pictures to look at: near duplicates side by side, and images whose labels are in doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from ._figures import axes_for
from ._studies_clean import collect_clean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from eyecraft.pipelines.comparison import Comparison
    from eyecraft.pipelines.studies import Studies

_PAIRS = ("first", "second", "first_file", "second_file", "first_label", "second_label", "correlation", "n_apart")
_DOUBTS = ("index", "file", "label", "suggested", "share")
_ACROSS = 4  # in a row
_SIDE = 160  # pixels


class GalleryDisplay:
    """Images in a grid, each with a few words below.

    Parameters
    ----------
    data : DataFrame
        One row per picture or pair.
    pictures : list of ndarray of shape (height, width, 3), uint8
        One for each row; a pair is one picture.
    words : list of str
        What to write below each.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot, after `plot`.
    figure_ : matplotlib Figure
        Figure that holds it.
    """

    ax_: Axes
    figure_: Figure

    def __init__(self, data: pd.DataFrame, *, pictures: list[np.ndarray], words: list[str]) -> None:
        self.data = data
        self.pictures = pictures
        self.words = words

    @classmethod
    def from_duplicates(cls, comparison: Comparison, studies: Studies, *, ax: Axes | None = None) -> Self:
        """Draw the near duplicates that a report shows.

        Parameters
        ----------
        comparison : Comparison
        studies : Studies
            With `checks`.
        ax : matplotlib Axes, optional
            Where to draw; a new figure unless told.

        Returns
        -------
        GalleryDisplay

        Raises
        ------
        ValueError
            The images were not searched for near duplicates.
        """
        found = _collected(comparison, studies, "checks")
        pairs = found["copies"]["pairs"]
        pictures = [_beside(_square(comparison, pair["first"]), _square(comparison, pair["second"])) for pair in pairs]
        words = [" | ".join(dict.fromkeys([pair["first_label"], pair["second_label"]])) for pair in pairs]
        data = pd.DataFrame([[pair[key] for key in _PAIRS] for pair in pairs], columns=list(_PAIRS))
        return cls(data, pictures=pictures, words=words).plot(ax)

    @classmethod
    def from_label_errors(cls, comparison: Comparison, studies: Studies, *, ax: Axes | None = None) -> Self:
        """Draw the images whose labels are in doubt, as a report shows them.

        Parameters
        ----------
        comparison : Comparison
        studies : Studies
            With `label_errors`.
        ax : matplotlib Axes, optional
            Where to draw; a new figure unless told.

        Returns
        -------
        GalleryDisplay

        Raises
        ------
        ValueError
            Nobody looked for doubtful labels.
        """
        found = _collected(comparison, studies, "label_errors")["suspects"]
        data = pd.DataFrame([[one[key] for key in _DOUBTS] for one in found], columns=list(_DOUBTS))
        words = [f"{one['label']}\n→ {one['suggested']}?" for one in found]
        return cls(data, pictures=[_square(comparison, one["index"]) for one in found], words=words).plot(ax)

    def frame(self) -> pd.DataFrame:
        """Return what is drawn: one row per picture or pair."""
        return self.data.copy()

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the pictures, four in a row.

        Parameters
        ----------
        ax : matplotlib Axes, optional

        Returns
        -------
        GalleryDisplay
        """
        wide = max((picture.shape[1] / picture.shape[0] for picture in self.pictures), default=1.0)
        n_rows = max(1, -(-len(self.pictures) // _ACROSS))
        self.ax_, self.figure_ = axes_for(ax, (1.7 * _ACROSS * wide, 2.0 * n_rows))
        for number, (picture, words) in enumerate(zip(self.pictures, self.words, strict=True)):
            row, column = divmod(number, _ACROSS)
            left, top = 1.08 * wide * column, 1.38 * row
            self.ax_.imshow(picture, extent=(left, left + picture.shape[1] / picture.shape[0], top + 1, top))
            self.ax_.text(left, top + 1.03, words, va="top", fontsize=8, parse_math=False)
        self.ax_.set(xlim=(0, 1.08 * wide * _ACROSS), ylim=(1.38 * n_rows, 0), aspect="equal")
        self.ax_.set_axis_off()
        return self


def _collected(comparison: Comparison, studies: Studies, part: str) -> dict[str, Any]:
    if getattr(studies, part) is None:
        raise ValueError(
            f"the studies must hold `{part}` to draw from; they hold none. Nothing was drawn: run "
            "`eyecraft.pipelines.studies.study` with it first"
        )
    return collect_clean(comparison, studies) or {"suspects": []}


def _square(comparison: Comparison, position: int) -> np.ndarray:
    """Return the image in the middle of a white square; a grey one if it is gone."""
    from PIL import Image, ImageOps

    image = comparison.image(position)
    if image is None:
        return np.full((_SIDE, _SIDE, 3), 200, np.uint8)
    picture = Image.fromarray(np.asarray(image)).convert("RGB")
    return np.asarray(ImageOps.pad(picture, (_SIDE, _SIDE), color="white"))


def _beside(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    gap = np.full((one.shape[0], 4, 3), 255, np.uint8)
    return np.hstack([one, gap, other])
