"""The filters of a network's first layer: as they are, or how they came to be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from eyecraft.pipelines._exhibit_training import (
    BESIDE,
    MOST_FILTERS,
    filter_lengths,
    filter_pictures,
    first_filters,
    most_changed,
)

from ._figures import axes_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_GAP = 1  # pixels of a filter between two of them


class FiltersDisplay:
    """First-layer filters as small pictures, in colour where they see three channels.

    Parameters
    ----------
    filters : mapping of int to ndarray of shape (n_filters, channels, height, width)
        By epoch. One epoch is drawn as a square of filters, several as a row each: the evolution of features during
        training.
    title : str

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot, after `plot`.
    figure_ : matplotlib Figure
        Figure that holds it.

    Notes
    -----
    Every filter is scaled by its own largest weight, zero being mid-gray, so that weak ones can be seen too; their
    strength is in ``frame()``. At most 64 filters are drawn; of several epochs at most 16, those that changed most from
    the first epoch shown to the last.
    """

    ax_: Axes
    figure_: Figure

    def __init__(self, filters: Mapping[int, np.ndarray], *, title: str = "") -> None:
        if not filters:
            raise ValueError("`filters` must hold the filters of at least one epoch; it is empty")
        self.filters = {epoch: np.asarray(filters[epoch], dtype=np.float32) for epoch in sorted(filters)}
        self.title = title

    @classmethod
    def from_classifier(cls, classifier: Any, *, evolution: bool = False, ax: Axes | None = None) -> Self:
        """Draw the filters of a fitted classifier.

        Parameters
        ----------
        classifier : CNNClassifier
            Fitted.
        evolution : bool
            Draw those of several epochs, which a classifier with ``keep_filters=True`` has; else those it has now.
        ax : matplotlib Axes, optional
            Where to draw; a new figure unless told.

        Returns
        -------
        FiltersDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
            The classifier has not been trained.
        ValueError
            The network has no convolution, or kept no filters in training.
        """
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(classifier, "module_")
        title = classifier.settings_.model
        if not evolution:
            filters = first_filters(classifier.module_)
            if filters is None:
                kind = type(classifier.module_).__name__
                raise ValueError(f"{kind} has no convolution, so that there are no filters to draw.")
            return cls({len(classifier.history_): filters}, title=title).plot(ax)
        if not classifier.filters_:
            raise ValueError(
                "The classifier kept no filters in training, so that there is nothing of earlier epochs to draw. Train "
                "with keep_filters=True, or draw those it has now (evolution=False)."
            )
        return cls(classifier.filters_, title=title).plot(ax)

    def frame(self) -> pd.DataFrame:
        """Return ``epoch, filter, norm, change``: a filter's length, and its distance from the first epoch's."""
        first = next(iter(self.filters.values()))
        return pd.concat(
            [
                pd.DataFrame(
                    {
                        "epoch": epoch,
                        "filter": np.arange(len(values)),
                        "norm": filter_lengths(values),
                        "change": filter_lengths(values - first),
                    }
                )
                for epoch, values in self.filters.items()
            ],
            ignore_index=True,
        )

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the filters.

        Parameters
        ----------
        ax : matplotlib Axes, optional

        Returns
        -------
        FiltersDisplay
        """
        sheet, side = self._sheet()
        height, width = sheet.shape[:2]
        across = 6.4
        self.ax_, self.figure_ = axes_for(ax, (across, across * height / width + 0.5))
        self.ax_.imshow(sheet, interpolation="nearest")
        self.ax_.set_xticks([])
        self.ax_.set_title(self.title, parse_math=False)
        self.ax_.spines[:].set_visible(False)
        if len(self.filters) > 1:
            self.ax_.set_yticks([number * side + (side - _GAP) / 2 - 0.5 for number in range(len(self.filters))])
            self.ax_.set_yticklabels([str(epoch) for epoch in self.filters])
            self.ax_.set_ylabel("epoch")
            self.ax_.tick_params(length=0)
        else:
            self.ax_.set_yticks([])
        return self

    def _sheet(self) -> tuple[np.ndarray, int]:
        """Return the picture (height, width, 3) in [0, 1] and the height of a row."""
        epochs = list(self.filters.values())
        if len(epochs) == 1:
            shown = filter_pictures(epochs[0][:MOST_FILTERS])
            columns = int(np.ceil(np.sqrt(len(shown))))
        else:
            chosen = most_changed(self.filters, BESIDE)
            shown = np.concatenate([filter_pictures(values[chosen]) for values in epochs])
            columns = len(chosen)
        n, height, width = shown.shape[:3]
        rows = -(-n // columns)
        sheet = np.ones((rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, 3), np.float32)
        for number, picture in enumerate(shown):
            top, left = number // columns * (height + _GAP), number % columns * (width + _GAP)
            sheet[top : top + height, left : left + width] = picture
        return sheet, height + _GAP
