"""The most telling words of a codebook, each as the training patches nearest to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import pandas as pd

from ._figures import axes_for
from ._words import exhibit_for
from ._words_pictures import mosaic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from eyecraft.pipelines._exhibit_words import WordExhibit
    from eyecraft.pipelines.comparison import Comparison

_WORDS_BESIDE = 4
_DOTS_PER_INCH = 80


class VisualWordsDisplay:
    """Words of a bag of visual words, each with its nearest training patches.

    Parameters
    ----------
    exhibit : WordExhibit
        From ``comparison.exhibits[pipeline].words``.
    pipeline : str

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot, after `plot`.
    figure_ : matplotlib Figure
        Figure that holds it.

    Notes
    -----
    Words are ordered by how much they raise one class above the mean over all classes, at the amount an average
    training image has of them; where a classifier's weights do not tell this, by the length of the weights or by
    frequency (``exhibit.chosen_by``).
    """

    ax_: Axes
    figure_: Figure

    def __init__(self, exhibit: WordExhibit, *, pipeline: str = "") -> None:
        self.exhibit = exhibit
        self.pipeline = pipeline

    @classmethod
    def from_comparison(cls, comparison: Comparison, pipeline: str | None = None, *, ax: Axes | None = None) -> Self:
        """Draw the words that a pipeline learned on the first split.

        Parameters
        ----------
        comparison : Comparison
        pipeline : str, optional
            Name of the pipeline; the first with visual words unless told.
        ax : matplotlib Axes, optional
            Where to draw; a new figure unless told.

        Returns
        -------
        VisualWordsDisplay

        Raises
        ------
        ValueError
            If the pipeline has no visual words to show.
        """
        name, exhibit = exhibit_for(comparison, pipeline)
        return cls(exhibit, pipeline=name).plot(ax)

    def frame(self) -> pd.DataFrame:
        """Return one row per patch: ``word, rank, speaks_for, strength, index`` (training image), ``distance``."""
        one = self.exhibit
        records = [
            (int(word), rank, one.speaks_for[k], float(one.strengths[k]), int(source), float(distance))
            for k, word in enumerate(one.words)
            for rank, (source, distance) in enumerate(zip(one.sources[k], one.distances[k], strict=True))
            if source >= 0
        ]
        return pd.DataFrame(records, columns=["word", "rank", "speaks_for", "strength", "index", "distance"])

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the patches of every word in a row, the number and the class the word speaks for above them.

        Parameters
        ----------
        ax : matplotlib Axes, optional

        Returns
        -------
        VisualWordsDisplay
        """
        sheet, corners = mosaic(self.exhibit.patches, _WORDS_BESIDE)
        height, width = sheet.shape[:2]
        self.ax_, self.figure_ = axes_for(ax, (width / _DOTS_PER_INCH, height / _DOTS_PER_INCH + 0.4))
        self.ax_.imshow(sheet, interpolation="nearest")
        for word, label, (x, y) in zip(self.exhibit.words, self.exhibit.speaks_for, corners.tolist(), strict=True):
            text = f"{word} {label}".strip()
            self.ax_.text(x, y - 3, text, fontsize=7, va="bottom", clip_on=True, parse_math=False)
        self.ax_.set_axis_off()
        self.ax_.set_title(self.pipeline, parse_math=False)
        return self
