"""Which places of an image spoke for the answer of a bag of visual words, and which against it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd

from ._figures import axes_for
from ._words import exhibit_for, sample_of
from ._words_pictures import heat_map, heat_over

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from eyecraft.pipelines._exhibit_words import Sample
    from eyecraft.pipelines.comparison import Comparison


class VoteMapDisplay:
    """Votes of an image's descriptors for the answer, as a heat map over the image.

    Parameters
    ----------
    sample : Sample
        With votes; from ``comparison.exhibits[pipeline].words.samples``.
    pipeline : str

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot, after `plot`.
    figure_ : matplotlib Figure
        Figure that holds it.

    Notes
    -----
    A vote is what a descriptor's words add to the score of the answer, less the mean over all classes: the product of
    its codes and the classifier's weights in the pyramid cells it lies in, at the image's own normalisation. The votes
    add up to ``sample.lead - sample.base``. Behind a kernel map or square roots, what a word adds in a cell is shared
    among its descriptors in proportion to their codes; under max pooling the largest code takes all.
    """

    ax_: Axes
    figure_: Figure

    def __init__(self, sample: Sample, *, pipeline: str = "") -> None:
        if sample.votes is None:
            raise ValueError(
                "the sample must have votes; this one has none: its pipeline's score cannot be handed on to single "
                "descriptors. `SamplingDisplay` shows where they lie."
            )
        self.sample = sample
        self.votes = sample.votes
        self.pipeline = pipeline

    @classmethod
    def from_comparison(
        cls, comparison: Comparison, pipeline: str | None = None, *, sample: int = 0, ax: Axes | None = None
    ) -> Self:
        """Draw the votes on a test image.

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
        VoteMapDisplay

        Raises
        ------
        ValueError
            If the pipeline has no visual words, no such sample, or no votes; the message says why.
        """
        name, exhibit = exhibit_for(comparison, pipeline)
        one = sample_of(exhibit, sample)
        if one.votes is None:
            raise ValueError(
                f"pipeline must have votes that can be told; {name!r} has none: {exhibit.why_not or 'too many to keep'}"
            )
        return cls(one, pipeline=name).plot(ax)

    def frame(self) -> pd.DataFrame:
        """Return one row per descriptor: ``x, y, scale, angle`` in pixels of the described image, and ``vote``."""
        frame = pd.DataFrame(self.sample.places.astype(np.float64), columns=["x", "y", "scale", "angle"])
        return frame.assign(vote=self.votes.astype(np.float64))

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the votes over the grey picture: orange for the answer, purple against it.

        Parameters
        ----------
        ax : matplotlib Axes, optional

        Returns
        -------
        VoteMapDisplay
        """
        one = self.sample
        height, width = one.picture.shape[:2]
        self.ax_, self.figure_ = axes_for(ax, (6.0, 6.0 * height / width + 0.6))
        self.ax_.imshow(heat_over(one.picture, heat_map(one)))
        self.ax_.set(xticks=[], yticks=[])
        said = "right" if one.label == one.predicted else f"is {one.label}"
        self.ax_.set_title(f"{self.pipeline}: {one.predicted} ({said})", parse_math=False)
        return self
