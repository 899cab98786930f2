"""Training curves, filters and ablations, drawn: marks are the numbers of the frame, pixels those of the weights."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.exceptions import NotFittedError
from torch import nn

from eyecraft.pipelines import CNNClassifier
from eyecraft.reports.filters_display import FiltersDisplay
from eyecraft.reports.training_display import TrainingDisplay


@pytest.fixture(autouse=True)
def agg() -> Iterator[None]:
    """Draw without a screen and close what was opened."""
    mpl.use("Agg")
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


HISTORY = pd.DataFrame(
    {
        "epoch": [1, 2, 3],
        "train_loss": [2.0, 1.0, 0.5],
        "train_acc": [0.2, 0.5, 0.8],
        "valid_loss": [1.9, 1.2, 1.4],
        "valid_acc": [0.3, 0.6, 0.55],
        "lr": [0.1, 0.05, 0.0],
        "dur": [1.0, 1.0, 1.0],
    }
)


def fitted(**more: Any) -> CNNClassifier:
    """Return a classifier that looks trained, with one filter that is all red and one that is a vertical edge."""
    network = nn.Sequential(nn.Conv2d(3, 2, 3, bias=False), nn.Flatten())
    with torch.no_grad():
        network[0].weight.zero_()  # type: ignore[operator, union-attr]
        network[0].weight[0, 0] = 0.2  # type: ignore[index]
        network[0].weight[1] = torch.tensor([-4.0, 0.0, 4.0])  # type: ignore[index]
    classifier = CNNClassifier()
    state = {"module_": network, "history_": HISTORY, "settings_": SimpleNamespace(model="$x$"), "filters_": {}}
    for name, value in {**state, **more}.items():
        setattr(classifier, name, value)
    return classifier


@pytest.mark.parametrize(("quantity", "columns"), [("loss", "loss"), ("accuracy", "acc")])
def test_curves_are_the_history(quantity: Any, columns: str) -> None:
    """One line for training, one for the held-out images with a ring at its best epoch."""
    display = TrainingDisplay.from_classifier(fitted(), quantity=quantity)
    train, held_out, ring = display.ax_.lines
    assert train.get_ydata().tolist() == HISTORY[f"train_{columns}"].tolist()  # type: ignore[union-attr]
    assert held_out.get_ydata().tolist() == HISTORY[f"valid_{columns}"].tolist()  # type: ignore[union-attr]
    assert list(ring.get_xdata()) == [2]  # type: ignore[arg-type]
    assert display.frame().columns.tolist() == ["epoch", f"train_{columns}", f"valid_{columns}", "lr"]
    display.figure_.canvas.draw()  # names with dollars are no formulas


def test_no_images_held_out() -> None:
    """Then there is one line."""
    display = TrainingDisplay(HISTORY.drop(columns=["valid_loss", "valid_acc"])).plot()
    assert len(display.ax_.lines) == 1
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["training"]  # type: ignore[union-attr]


def test_quantity_that_is_not_there() -> None:
    """The two there are."""
    with pytest.raises(ValueError, match="`quantity` must be 'loss' or 'accuracy'; got 'error'"):
        TrainingDisplay(HISTORY, quantity="error")  # type: ignore[arg-type]


def test_filters_are_pictures_of_their_weights() -> None:
    """Red where only red counts; an edge from black through mid-gray to white, each at full contrast."""
    display = FiltersDisplay.from_classifier(fitted())
    sheet = np.asarray(display.ax_.images[0].get_array())
    assert sheet.shape == (3, 7, 3)  # two filters of 3x3 with a gap
    np.testing.assert_allclose(sheet[1, 1], [1, 0.5, 0.5], atol=1e-6)
    np.testing.assert_allclose(sheet[1, 4:7, 0], [0, 0.5, 1], atol=1e-6)
    np.testing.assert_allclose(sheet[:, 3], 1)
    frame = display.frame()
    np.testing.assert_allclose(frame["norm"], [0.2 * 3, 4 * (6 * 3) ** 0.5], rtol=1e-6)
    assert frame["epoch"].tolist() == [3, 3]


def test_evolution_has_a_row_for_each_epoch() -> None:
    """Of many filters those that changed most are shown, in their own order; changes are told from the first."""
    start = np.zeros((20, 1, 5, 5), np.float32)
    end = start.copy()
    end[4:, 0, 2, 2] = 1  # sixteen of twenty changed
    display = FiltersDisplay.from_classifier(fitted(filters_={8: end, 0: start}), evolution=True)
    sheet = np.asarray(display.ax_.images[0].get_array())
    assert sheet.shape == (11, 16 * 6 - 1, 3)
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == ["0", "8"]
    np.testing.assert_allclose(sheet[2, 2::6], 0.5)
    np.testing.assert_allclose(sheet[8, 2::6], 1.0)
    changes = display.frame().set_index(["epoch", "filter"])["change"]
    assert changes[0].max() == 0
    assert changes[8].tolist() == [0.0] * 4 + [1.0] * 16


def test_evolution_needs_kept_filters() -> None:
    """The message says how to keep them."""
    with pytest.raises(ValueError, match="keep_filters=True"):
        FiltersDisplay.from_classifier(fitted(), evolution=True)
    with pytest.raises(ValueError, match="at least one epoch"):
        FiltersDisplay({})


def test_networks_without_convolutions_or_training() -> None:
    """Neither has filters."""
    with pytest.raises(ValueError, match="Linear has no convolution"):
        FiltersDisplay.from_classifier(fitted(module_=nn.Linear(2, 2)))
    with pytest.raises(NotFittedError):
        FiltersDisplay.from_classifier(CNNClassifier())
    with pytest.raises(NotFittedError):
        TrainingDisplay.from_classifier(CNNClassifier())
