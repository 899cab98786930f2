"""What layers are worth: the score of a network with and without them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import pandas as pd

from ._figures import axes_for, format_scores, tidy
from ._format import (
    count_text,
    difference_text,
    is_share,
    metric_words,
    missing,
    plural,
    score_text,
    seconds_text,
    spread_text,
)
from ._palette import colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from rich.table import Table

    from eyecraft.pipelines.ablation import AblationResult


class AblationDisplay:
    """Score of each variant of a network, with the weights it has.

    Parameters
    ----------
    data : DataFrame
        As `AblationResult.table` gives it; the first row is the whole network.
    metric : str
        What ``score`` measures.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot, after `plot`.
    figure_ : matplotlib Figure
        Figure that holds it.
    """

    ax_: Axes
    figure_: Figure

    def __init__(self, data: pd.DataFrame, *, metric: str = "balanced_accuracy") -> None:
        self.data = data
        self.metric = metric

    @classmethod
    def from_ablation(
        cls, result: AblationResult, *, metric: str = "balanced_accuracy", ax: Axes | None = None
    ) -> Self:
        """Collect the scores and draw them.

        Parameters
        ----------
        result : AblationResult
        metric : str, default="balanced_accuracy"
        ax : matplotlib Axes, optional
            Where to draw; a new figure unless told.

        Returns
        -------
        AblationDisplay
        """
        return cls(result.table(metric), metric=metric).plot(ax)

    def frame(self) -> pd.DataFrame:
        """Return the drawn numbers: one row per variant."""
        return self.data.copy()

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw a mark for each variant with one standard deviation, and a line at the whole network's score.

        Parameters
        ----------
        ax : matplotlib Axes, optional

        Returns
        -------
        AblationDisplay
        """
        self.ax_, self.figure_ = axes_for(ax, (6.5, 1.4 + 0.45 * len(self.data)))
        tidy(self.ax_)
        paint = colour("learned")
        whole = self.data["score"].iloc[0]
        if not missing(whole):
            self.ax_.axvline(whole, color="0.6", linestyle=":", linewidth=1.4)
        places = range(len(self.data))
        self.ax_.errorbar(
            self.data["score"].to_numpy(float),
            list(places),
            xerr=self.data["score_sd"].fillna(0.0).to_numpy(float),
            linestyle="",
            marker="D",
            color=paint,
            capsize=2.5,
        )
        names = [f"{row.variant}\n{count_text(int(row.parameters))} weights" for row in self.data.itertuples()]
        self.ax_.set_yticks(list(places), names, parse_math=False)
        self.ax_.invert_yaxis()
        self.ax_.set_xlabel(metric_words(self.metric))
        format_scores(self.ax_.xaxis, self.metric)
        return self


def ablation_table(result: AblationResult, *, metric: str = "balanced_accuracy") -> Table:
    """Return the table of an ablation for a terminal.

    Parameters
    ----------
    result : AblationResult
    metric : str, default="balanced_accuracy"

    Returns
    -------
    rich.table.Table
        One row per variant: weights, how many went, score with standard deviation, what was lost, time to train.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    rows = result.table(metric)
    dataset, n_splits = result.comparison.dataset, int(result.comparison.protocol["n_splits"])
    over = f"mean ± sd over {n_splits} splits" if n_splits > 1 else "one split, no sd"
    failures = "".join(f"\n{row.variant} failed: {row.error}" for row in rows.itertuples() if not missing(row.error))
    table = Table(
        title=Text(f"Layers taken out of an AlexNet-shaped network, on {dataset.get('name') or 'images'}"),
        caption=Text(f"{metric_words(metric)}, {over}; lost: on the same splits").append(failures, style="red"),
        box=box.SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("network", overflow="fold")
    for head in ("weights", "dropped", "score", "lost", "fit"):
        table.add_column(head, justify="right", no_wrap=True)
    for number, (_, row) in enumerate(rows.iterrows()):
        score = f"{score_text(row['score'], metric)} {spread_text(row['score_sd'], metric)}".strip()
        table.add_row(
            Text(row["variant"]),
            count_text(row["parameters"]),
            "" if not number else f"{100 * row['dropped_share']:.0f} %",
            Text(score, style="bold"),
            "" if not number or missing(row["lost"]) else _lost(row["lost"], row["lost_sd"], metric),
            seconds_text(row["fit_seconds"]),
        )
    return table


def headline(result: AblationResult, *, metric: str = "balanced_accuracy") -> str:
    """Say in a sentence which layers were worth most.

    Returns
    -------
    str
        Empty, where fewer than one variant can be set against the whole network.
    """
    table = result.table(metric)
    rows = table[1:]
    rows = rows[rows["lost"].notna()]
    if rows.empty:
        return ""
    whole, guessed = table["score"].iloc[0], _guessed(result, metric)
    if guessed is not None and whole <= guessed:
        return (
            f"With all its layers the network scores {score_text(whole, metric)}, no better than guessing: what a "
            "layer is worth cannot be told. Train longer, or on more images."
        )
    worst = rows.loc[rows["lost"].idxmax()]
    if worst["lost"] <= 0:
        return "Nothing was lost with any of these layers: on so few images depth does not pay."
    share = 100 * worst["dropped_share"]
    weights = f"{share:.0f} % of its weights" if share >= 0 else f"gains {-share:.0f} % more weights"
    most = f", the most of {plural(len(rows), 'variant')}" if len(rows) > 1 else ""
    return (
        f"{_without(worst['variant'])} the network loses {difference_text(worst['lost'], metric)}{most}, and {weights}."
    )


def _guessed(result: AblationResult, metric: str) -> float | None:
    """Return the score that guessing reaches within two standard errors, where that can be said."""
    dataset, protocol = result.comparison.dataset, result.comparison.protocol
    counts, n_classes = dataset.get("class_counts", {}).values(), len(dataset.get("class_names", ()))
    if metric not in ("accuracy", "balanced_accuracy") or not n_classes:
        return None
    chance = max(counts) / sum(counts) if metric == "accuracy" and counts else 1 / n_classes
    n_tested = sum(protocol.get("test_sizes", ())) or int(dataset["n_images"])
    return float(chance + 2 * (chance * (1 - chance) / n_tested) ** 0.5)


def _without(variant: str) -> str:
    """Write ``without 3, 4, 6`` as the beginning of a sentence: ``Without layers 3, 4 and 6``."""
    layers = variant.removeprefix("without ").split(", ")
    several = f"layers {', '.join(layers[:-1])} and {layers[-1]}"
    return f"Without {several if len(layers) > 1 else f'layer {layers[0]}'}"


def _lost(value: float, sd: float, metric: str) -> str:
    """Write what was lost: ``+4.3 ± 0.8`` points, below zero where something was won."""
    text = f"{100 * value:+.1f}" if is_share(metric) else f"{value:+.3g}"
    return f"{text} {spread_text(sd, metric)}".strip()
