"""Learning curves and robustness, drawn: marks are the numbers of the frame, names do not cover each other."""

import itertools

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from eyecraft.pipelines.learning_curves import LearningCurves
from eyecraft.pipelines.robustness import Robustness
from eyecraft.reports._curve_styles import spread, styles
from eyecraft.reports.learning_curve_display import LearningCurveDisplay
from eyecraft.reports.robustness_display import RobustnessDisplay

ODD = 'hog <b>&"é" | $x$'
KINDS = {"pixels": "hand-crafted", ODD: "hand-crafted", "net": "learned", "other net": "learned", "third": "learned"}
PIPELINES = pd.DataFrame(
    [(name, kind, name, "", "", None) for name, kind in KINDS.items()],
    columns=["name", "kind", "title", "citation", "parameters", "error"],
)


@pytest.fixture(autouse=True)
def agg():
    """Draw without a screen and close what was opened."""
    mpl.use("Agg")
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


@pytest.fixture
def curves():
    """Five pipelines; the nets start below and end above the others, close to each other."""
    rng = np.random.default_rng(0)
    rows = [
        (name, size, split, size, 9, "balanced_accuracy", level + slope * np.log(size) + rng.normal(0, 0.005), 0.1)
        for (name, level, slope) in zip(KINDS, (0.3, 0.32, 0.1, 0.11, 0.12), (0.05, 0.05, 0.2, 0.2, 0.2), strict=True)
        for size in (1, 2, 5, 10, 30)
        for split in range(4)
    ]
    columns = ["pipeline", "size", "split", "n_train", "n_test", "metric", "value", "fit_seconds"]
    protocol = {"metrics": ["balanced_accuracy"], "sizes": [1, 2, 5, 10, 30], "n_splits": 4}
    return LearningCurves(PIPELINES, pd.DataFrame(rows, columns=columns), pd.DataFrame(), {"name": "x"}, protocol, {})


@pytest.fixture
def robust():
    """Five pipelines under two perturbations."""
    rows = [
        (name, kind, step, float(10 * step), "degrees", "balanced_accuracy", 0.9 - 0.1 * step - 0.02 * number, 0.01, 50)
        for number, name in enumerate(KINDS)
        for kind in ("rotation", "noise")
        for step in range(4)
    ]
    columns = ["pipeline", "perturbation", "step", "level", "unit", "metric", "value", "standard_error", "n_images"]
    levels = {"rotation": [10.0, 20.0, 30.0], "noise": [10.0, 20.0, 30.0]}
    return Robustness(
        PIPELINES[["name", "kind", "error"]],
        pd.DataFrame(rows, columns=columns),
        pd.DataFrame(),
        {},
        {"levels": levels},
        {},
    )


def test_lines_are_the_frame(curves):
    """Sizes across on a log scale, means up, and a copy is given away."""
    shown = LearningCurveDisplay.from_learning_curves(curves)
    frame = shown.frame()
    assert shown.ax_.get_xscale() == "log"
    lines = [line for line in shown.ax_.lines if len(line.get_xdata()) == 5]
    np.testing.assert_allclose(np.concatenate([line.get_ydata() for line in lines]), frame["mean"])
    assert [tick.get_text() for tick in shown.ax_.get_xticklabels()] == ["1", "2", "5", "10", "30"]
    frame["mean"] = 0.0
    assert shown.frame()["mean"].min() > 0


def test_names_stand_at_the_ends_and_do_not_overlap(curves):
    """Five names, three of lines that end together: each beside the axes, none on another, all inside the figure."""
    shown = LearningCurveDisplay.from_learning_curves(curves)
    shown.figure_.canvas.draw()
    boxes = [text.get_window_extent() for text in shown.ax_.texts]
    assert {text.get_text() for text in shown.ax_.texts} == set(KINDS)
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)
    for box in boxes:
        assert box.x0 >= 0 and box.x1 <= shown.figure_.bbox.x1


def test_few_crossings_are_ringed(curves):
    """Six pairs cross: six rings, each at the size of its row."""
    shown = LearningCurveDisplay.from_learning_curves(curves)
    rings = [line.get_xdata()[0] for line in shown.ax_.lines if line.get_markersize() == 10]
    np.testing.assert_allclose(sorted(rings), sorted(curves.crossings()["size"].dropna()))
    assert len(rings) == 6


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_both_are_saved(curves, robust, tmp_path, ending):
    """Odd names are drawn as they are, in both formats."""
    for number, display in enumerate(
        (LearningCurveDisplay.from_learning_curves(curves), RobustnessDisplay.from_robustness(robust))
    ):
        display.figure_.savefig(tmp_path / f"{number}.{ending}")
        assert (tmp_path / f"{number}.{ending}").stat().st_size > 1000


def test_draws_where_it_is_told(curves):
    """`plot` takes axes."""
    import matplotlib.pyplot as plt

    _, ax = plt.subplots()
    shown = LearningCurveDisplay(curves.frame())
    assert shown.plot(ax) is shown
    assert shown.ax_ is ax


def test_small_charts_are_the_frame(robust):
    """One chart per perturbation, one score axis, a line per pipeline, levels written at the steps."""
    shown = RobustnessDisplay.from_robustness(robust)
    assert [ax.get_title(loc="left") for ax in shown.axes_] == ["rotation", "noise"]
    values = np.concatenate([line.get_ydata() for line in shown.axes_[0].lines])
    np.testing.assert_allclose(values, shown.frame().query("perturbation == 'rotation'")["value"])
    assert [tick.get_text() for tick in shown.ax_.get_xticklabels()] == ["0", "10", "20", "30"]
    assert shown.axes_[0].get_ylim() == shown.axes_[1].get_ylim()
    assert [text.get_text() for text in shown.figure_.legends[0].get_texts()] == list(KINDS)


def test_robustness_draws_in_a_given_figure(robust):
    """Also in a part of a figure that is there."""
    import matplotlib.pyplot as plt

    figure = plt.figure(layout="constrained")
    assert RobustnessDisplay(robust.frame()).plot(figure).figure_ is figure


def test_nothing_to_draw(curves, robust):
    """Without a score the figures are empty, not an error."""
    empty = LearningCurves(PIPELINES, curves.scores.iloc[:0], pd.DataFrame(), {"name": "x"}, curves.protocol, {})
    assert LearningCurveDisplay.from_learning_curves(empty).frame().empty
    nothing = Robustness(robust.pipelines, robust.scores.iloc[:0], pd.DataFrame(), {}, robust.protocol, {})
    assert RobustnessDisplay.from_robustness(nothing).frame().empty


def test_styles_differ_within_a_kind():
    """Twenty-five pipelines of a kind all look different; kinds differ in marks."""
    found = styles({f"p{number}": "learned" for number in range(25)} | {"h": "hand-crafted"})
    assert len({(one.colour, str(one.dashes)) for one in found.values()}) == 26
    assert found["h"].mark != found["p0"].mark


def test_spread_moves_no_more_than_needed():
    """Places far enough apart stay; crowded ones share the room about their middle; the edges hold."""
    assert spread([0.1, 0.5, 0.9], 0.2, 0, 1) == [0.1, 0.5, 0.9]
    assert spread([0.95, 0.97, 1.0], 0.1, 0, 1) == pytest.approx([0.8, 0.9, 1.0])
    assert spread([0.0, 0.0], 0.1, 0, 1) == pytest.approx([0.0, 0.1])
