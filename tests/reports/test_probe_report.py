"""A probe drawn, written and printed: the same numbers everywhere, and everything from outside escaped."""

import io
import re
from importlib import import_module

import numpy as np
import pandas as pd
import pytest

from eyecraft.pipelines import Comparison
from eyecraft.pipelines._frames import tidy

result_module = import_module("eyecraft.pipelines._probe_result")
report = import_module("eyecraft.reports.probe_report")
ProbeDisplay = import_module("eyecraft.reports.probe_display").ProbeDisplay

LAYERS = ["conv1", "a<b>|c", "fc7"]
MEANS = {"conv1": 0.4, "a<b>|c": 0.6, "fc7": 0.9}


@pytest.fixture
def result():
    """Two classifiers on three layers and one pipeline beside them, two splits each; one point failed."""
    tapped = [result_module.Tapped(layer, "spatial", kind) for layer in LAYERS for kind in ("svm", "softmax")]
    scores, rows = [], []
    for one in tapped:
        broken = one == result_module.Tapped("conv1", "spatial", "softmax")
        rows.append((one.name, "learned", one.name, "", "", 36, 1000, "it <broke>" if broken else None, None))
        for split in (0, 1) if not broken else ():
            value = MEANS[one.layer] + (0.02 if split else -0.02) - (0.1 if one.classifier == "softmax" else 0)
            scores += [(one.name, split, metric, value) for metric in ("accuracy", "balanced_accuracy")]
    rows.append(("hog <svm>", "hand-crafted", "HOG", "", "", 8, 1000, None, None))
    scores += [("hog <svm>", split, m, 0.5) for split in (0, 1) for m in ("accuracy", "balanced_accuracy")]
    comparison = Comparison(
        pipelines=tidy("pipelines", rows),
        scores=tidy("scores", scores),
        predictions=tidy("predictions", []),
        seconds=tidy("seconds", []),
        costs=tidy("costs", []),
        errors=tidy("errors", [("conv1/spatial/softmax", 0, "it <broke>", "")]),
        dataset={"name": "<set>", "n_images": 40, "class_names": ["a", "b"]},
        protocol={
            "cv": "2 folds",
            "n_splits": 2,
            "metrics": ["accuracy", "balanced_accuracy"],
            "command": "eyecraft x",
        },
        environment={"date": "2026-01-02"},
        splits=[],
        gallery=None,
    )
    about = {"model": "net <&>", "weights": "w.pth", "activation": "post", "l2": True, "image_size": [64, 64]}
    return result_module.ProbeResult(comparison, tapped, about)


def test_display_gives_its_numbers_back(result):
    """Curves point by point, then the horizontal line; the axes show what the frame says."""
    display = ProbeDisplay.from_probe(result)
    frame = display.frame()
    assert frame["layer"].tolist()[:6] == [*LAYERS, *LAYERS]
    assert pd.isna(frame["layer"].iloc[6])
    assert frame["curve"].tolist() == ["linear SVM"] * 3 + ["softmax"] * 3 + ["hog <svm>"]
    np.testing.assert_allclose(frame["mean"], [0.4, 0.6, 0.9, np.nan, 0.5, 0.8, 0.5])
    assert frame["sd"].iloc[0] == pytest.approx(0.02 * 2**0.5)
    assert [text.get_text() for text in display.ax_.get_xticklabels()] == LAYERS
    np.testing.assert_allclose(display.ax_.containers[0].lines[0].get_ydata(), [0.4, 0.6, 0.9])
    assert any(list(line.get_ydata()) == [0.5, 0.5] for line in display.ax_.lines)
    assert display.figure_ is display.ax_.get_figure()


def test_page(result, tmp_path):
    """One file without scripts or addresses to load from; best layer said first; names escaped."""
    paths = report.write_probe_report(result, tmp_path)
    page = paths["html"].read_text("utf-8")
    assert "fc7 is the best layer, with 90.0 % ± 2.8 (linear SVM, spatial)" in page
    assert "40.0 points above hog &lt;svm&gt;" in page
    assert "a&lt;b&gt;|c" in page
    assert "it &lt;broke&gt;" in page
    assert "<b>|c" not in page
    assert not re.search(r"<script|https?://|src=", page)
    assert page.count("<circle") == 2 * 5  # in the wide and in the narrow chart
    assert page.count('class="against"') == 2


def test_chart_heights(result):
    """Higher scores are drawn higher, error bars reach one deviation up and down, the line lies between its ticks."""
    curves = import_module("eyecraft.reports._probe_curves")
    chart = curves.lay_out(curves.collect_probe(result), 700, 400)
    first, second, third = chart["curves"][0]["points"]
    assert first["y"] > second["y"] > third["y"]
    assert first["top"] < first["y"] < first["bottom"]
    scale = (first["y"] - third["y"]) / 0.5
    assert first["y"] - first["top"] == pytest.approx(scale * 0.02 * 2**0.5, abs=0.2)
    assert chart["lines"][0]["y"] == pytest.approx(second["y"] + 0.1 * scale, abs=0.2)


def test_markdown(result, tmp_path):
    """The same table, pipes and tags escaped."""
    text = report.write_probe_report(result, tmp_path)["md"].read_text("utf-8")
    assert r"| a\<b\>\|c | 36 | 60.0 % ± 2.8 | 50.0 % ± 2.8 |" in text
    assert "| conv1 | 36 | 40.0 % ± 2.8 | – |" in text
    assert r"| hog \<svm\> | hand-crafted | 50.0 % ± 0.0 |" in text


def test_terminal_table(result):
    """One row per layer and one for each pipeline beside them; failures below."""
    rich = import_module("rich.console")
    console = rich.Console(width=120, record=True, file=io.StringIO())
    console.print(report.probe_table(result))
    text = console.export_text()
    assert re.search(r"fc7\s+36\s+90.0 % ± 2.8\s+80.0 % ± 2.8", text)
    assert re.search(r"hog <svm>\s+50.0 % ± 0.0", text)
    assert "failed: it <broke>" in text


def test_nothing_measured(result):
    """A probe in which all failed is a page that says so."""
    comparison = result.comparison
    empty = Comparison(**{**vars(comparison), "scores": comparison.scores.iloc[:0]})
    collected = import_module("eyecraft.reports._probe_curves").collect_probe(
        result_module.ProbeResult(empty, result.tapped, result.about)
    )
    assert collected["best"] is None
    assert "No layer was measured." in report.render_probe_html(collected)
    assert pd.isna(ProbeDisplay.from_probe(result_module.ProbeResult(empty, result.tapped, {})).frame()["mean"]).all()
