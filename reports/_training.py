"""How networks trained, gathered for a report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from eyecraft.pipelines._exhibit_pictures import webp

from ._exhibits import parts_of
from ._format import plural, score_text, seconds_text
from ._thumbnails import data_uri
from ._training_charts import training_charts

if TYPE_CHECKING:
    from eyecraft.pipelines._exhibit_training import TrainingExhibit
    from eyecraft.pipelines.comparison import Comparison

_BESIDE = 16  # filters in a row


def collect_training(comparison: Comparison, names: list[str]) -> list[dict[str, Any]]:
    """Gather the training of every pipeline that ends in a network trained for it.

    Parameters
    ----------
    comparison : Comparison
    names : list of str
        Pipelines in the order of the report.

    Returns
    -------
    list of dict
        ``name, model, summary, history`` (columns by name), ``charts, filters`` (None without a convolution) and
        ``evolution`` (a row of filters for every epoch they were kept of).
    """
    found = parts_of(comparison, "training")
    return [_one(name, found[name]) for name in names if name in found]


def _one(name: str, exhibit: TrainingExhibit) -> dict[str, Any]:
    history = {column: values.tolist() for column, values in exhibit.history.items()}
    n_shown, height, width = exhibit.filters.shape[:3]
    filters = {
        "n": exhibit.n_filters,
        "n_shown": n_shown,
        "size": f"{height}\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}{width}",
        **_sheet(exhibit.filters),
    }
    return {
        "name": name,
        "model": exhibit.model,
        "summary": _summary(history),
        "history": history,
        "charts": training_charts(history),
        "filters": filters if n_shown else None,
        "evolution": [
            {"epoch": epoch, **_sheet(row)} for epoch, row in zip(exhibit.epochs, exhibit.evolution, strict=True)
        ],
    }


def _summary(history: dict[str, list[float]]) -> str:
    """Say how long the training was and where it ended."""
    n_epochs = len(history["epoch"])
    text = f"{plural(n_epochs, 'epoch')} in {seconds_text(sum(history['dur']))}. " if "dur" in history else ""
    if "train_acc" in history:
        text += f"In the last one {score_text(history['train_acc'][-1])} of the training images were answered right"
        text += f", {score_text(history['valid_acc'][-1])} of those held out." if "valid_acc" in history else "."
    if "valid_loss" in history:
        best = int(history["epoch"][int(np.argmin(history["valid_loss"]))])
        text += f" The held-out loss was smallest in epoch {best}, whose weights were kept."
    return text.strip()


def _sheet(filters: np.ndarray) -> dict[str, Any]:
    """Lay small pictures out in rows of sixteen, a transparent pixel apart.

    Parameters
    ----------
    filters : ndarray of shape (n, height, width, 3), uint8
    """
    n, height, width = filters.shape[:3]
    columns = min(n, _BESIDE)
    rows = -(-n // max(columns, 1))
    if not n:
        return {"src": None, "width": 0, "height": 0, "columns": 0}
    sheet = np.zeros((rows * (height + 1) - 1, columns * (width + 1) - 1, 4), np.uint8)
    for number, one in enumerate(filters):
        top, left = number // columns * (height + 1), number % columns * (width + 1)
        sheet[top : top + height, left : left + width, :3] = one
        sheet[top : top + height, left : left + width, 3] = 255
    src = data_uri(webp(sheet, lossless=True), "webp")
    return {"src": src, "width": sheet.shape[1], "height": sheet.shape[0], "columns": columns}
