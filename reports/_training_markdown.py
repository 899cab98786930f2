"""The part of the Markdown report that is about training."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._format import plural, score_text, seconds_text
from ._markup import folded, plain, table

_MOST_ROWS = 30
_COLUMNS = {
    "epoch": ("epoch", lambda value: f"{value:.0f}"),
    "train_loss": ("loss, training", lambda value: f"{value:.4g}"),
    "valid_loss": ("held out", lambda value: f"{value:.4g}"),
    "train_acc": ("accuracy, training", score_text),
    "valid_acc": ("held out", score_text),
    "lr": ("rate", lambda value: f"{value:.3g}"),
    "dur": ("time", seconds_text),
}


def training_section(c: dict[str, Any]) -> list[str]:
    """Write every training as a table of epochs; nothing where no network was trained."""
    if not c["training"]:
        return []
    blocks = ["## How the networks trained", "On the training images of the first split."]
    for one in c["training"]:
        blocks += [f"### {plain(one['name'])}", plain(one["summary"]), _epochs(one["history"])]
    return blocks


def _epochs(history: dict[str, list[float]]) -> str:
    n = len(history["epoch"])
    chosen = np.unique(np.linspace(0, n - 1, min(n, _MOST_ROWS)).round().astype(int)).tolist()
    columns = [name for name in _COLUMNS if name in history]
    rows = [[_COLUMNS[name][1](history[name][k]) for name in columns] for k in chosen]
    title = plural(n, "epoch") + (f", {len(chosen)} of them listed" if len(chosen) < n else "")
    return folded(title, table([_COLUMNS[name][0] for name in columns], rows, left=0))
