"""Training in the report: curves, filters and the numbers behind them."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from eyecraft.pipelines._exhibit_training import TrainingExhibit
from eyecraft.pipelines._exhibits import Exhibit
from eyecraft.reports import TrainingDisplay, collect, render_html, render_markdown
from eyecraft.reports._training_charts import training_charts

ODD = 'hog <b>&"é" | x'
HISTORY = {
    "epoch": [1.0, 2, 3],
    "train_loss": [2.0, 1.0, 0.5],
    "train_acc": [0.2, 0.5, 0.8],
    "valid_loss": [1.9, 1.2, 1.4],
    "valid_acc": [0.3, 0.6, 0.55],
    "lr": [0.1, 0.05, 0.0],
    "dur": [1.0, 2.0, 1.0],
}


def exhibit(history=None, n=20, epochs=(0, 1, 3)):
    """Invent a training."""
    rng = np.random.default_rng(0)
    columns = {name: np.array(values) for name, values in (history or HISTORY).items()}
    filters = rng.integers(0, 256, (n, 5, 7, 3), dtype=np.uint8)
    evolution = rng.integers(0, 256, (len(epochs), min(n, 16), 5, 7, 3), dtype=np.uint8)
    return Exhibit(training=TrainingExhibit("lenet <5>", columns, filters, n, list(epochs), evolution))


def section(page):
    """Return the section of trainings."""
    return re.search(r'<section id="training".*?</section>', page, flags=re.DOTALL)[0]


def pixels(uri):
    """Decode a data URI."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))))


def test_nothing_without_a_training(comparison):
    """Neither the section nor a word of it."""
    collected = collect(comparison)
    assert collected["training"] == []
    assert 'id="training"' not in render_html(collected)
    assert "How the networks trained" not in render_markdown(collected)


def test_what_is_gathered(comparison):
    """Where it ended, a chart for each quantity, twenty filters in two rows, and sixteen at each epoch."""
    comparison.exhibits = {ODD: exhibit()}
    (one,) = collect(comparison)["training"]
    assert one["summary"] == (
        "3 epochs in 4.0 s. In the last one 80.0 % of the training images were answered right, 55.0 % of those held "
        "out. The held-out loss was smallest in epoch 2, whose weights were kept."
    )
    assert [chart["quantity"] for chart in one["charts"]] == ["loss", "accuracy"]
    assert pixels(one["filters"]["src"]).shape == (2 * 6 - 1, 16 * 8 - 1, 4)
    assert [row["epoch"] for row in one["evolution"]] == [0, 1, 3]
    sheet = pixels(one["evolution"][0]["src"])
    assert sheet.shape == (5, 16 * 8 - 1, 4)
    np.testing.assert_array_equal(sheet[:, 8:15, :3], comparison.exhibits[ODD].training.evolution[0, 1])
    assert (sheet[:, 7, 3] == 0).all(), "the gap is transparent"


def test_curves_are_the_history():
    """Ends at the ends of the axes, in proportion between; the ring at the smallest held-out loss."""
    loss, accuracy = training_charts(HISTORY)
    train, held_out = loss["curves"]
    (x1, y1), (x2, y2), (x3, y3) = train["dots"]
    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.11)
    assert (y2 - y1) / (y3 - y2) == pytest.approx(2, rel=0.01)
    assert held_out["best"] == held_out["dots"][1]
    assert accuracy["curves"][1]["best"] == accuracy["curves"][1]["dots"][1]
    assert train["path"].count("L") == 2
    assert [tick["text"] for tick in loss["epochs"]] == ["1", "2", "3"]
    assert accuracy["ticks"][0]["text"].endswith(" %")


def test_one_epoch_and_numbers_that_are_none():
    """A dot for a single epoch; what is not finite is left out; no accuracy, no chart of it."""
    (chart,) = training_charts({"epoch": [1.0], "train_loss": [2.0]})
    assert len(chart["curves"][0]["dots"]) == 1
    assert [tick["text"] for tick in chart["epochs"]] == ["1"]
    (chart,) = training_charts({"epoch": [1.0, 2, 3], "train_loss": [2.0, np.nan, 1.0], "train_acc": [np.nan] * 3})
    assert len(chart["curves"][0]["dots"]) == 2


def test_section_is_escaped_and_self_contained(comparison):
    """Pictures with words, curves as paths, all numbers in a table, only the first training open."""
    comparison.exhibits = {ODD: exhibit(), "net": exhibit(n=6)}
    part = section(render_html(collect(comparison)))
    assert ODD not in part
    assert part.count("<img") == len(re.findall(r'<img [^>]*src="data:image/webp[^>]*alt="[^"]+"', part)) == 3 + 1 + 3
    assert part.count('class="course-line heldout" d="M1 4') == 2
    assert len(re.findall(r'<svg class="chart"[^>]*role="img" aria-label="[^"]+"', part)) == 4
    assert re.findall(r'<details class="bag[^>]*?( open)?>', part) == [" open", ""]
    assert part.count("<tr>") == 2 * (1 + 3)
    assert "The 16 of its 20 filters" in part
    assert "Its 6 filters" in part


def test_without_kept_filters_held_out_images_or_a_convolution(comparison):
    """Only what there is."""
    short = {name: HISTORY[name] for name in ("epoch", "train_loss", "train_acc")}
    comparison.exhibits = {"net": exhibit(short, epochs=()), ODD: exhibit(short, n=0, epochs=())}
    collected = collect(comparison)
    part = section(render_html(collected))
    assert part.count("<img") == 1
    assert "held out" not in part.split("</p>", 1)[1]
    by_name = {one["name"]: one for one in collected["training"]}
    assert by_name[ODD]["filters"] is None
    assert by_name["net"]["filters"]["n_shown"] == 20


def test_markdown_twin(comparison):
    """A table of epochs, thirty rows at most."""
    long = {name: list(np.resize(values, 100)) for name, values in HISTORY.items()} | {"epoch": list(range(1, 101))}
    comparison.exhibits = {ODD: exhibit(), "net": exhibit(long)}
    text = render_markdown(collect(comparison, thumbnails=False))
    part = text[text.index("## How the networks trained") :].split("\n## ")[0]
    assert "| 2 | 1 | 1.2 | 50.0 % | 60.0 % | 0.05 | 2.0 s |" in part
    assert "100 epochs, 30 of them listed" in part
    assert len([line for line in part.splitlines() if line.startswith("| ")]) == (2 + 3) + (2 + 30)


def test_a_real_training_and_its_saved_copy(tmp_path, rng):
    """From `compare` to the page, and the same page from the folder."""
    from eyecraft.pipelines import CNNClassifier, Comparison, compare
    from eyecraft.reports import write_report

    images = rng.integers(0, 60, (16, 8, 8)).astype(np.uint8)
    images[::2, 2:5] = 240
    network = CNNClassifier(max_epochs=2, batch_size=4, keep_filters=True, random_state=0, device="cpu")
    compared = compare({"net": network}, images, np.array(["across", "none"] * 8), cv=2, out=tmp_path / "run")
    first = write_report(compared, tmp_path / "first")
    second = write_report(Comparison.load(tmp_path / "run"), tmp_path / "second")
    page = first["html"].read_text("utf-8")
    assert page == second["html"].read_text("utf-8")
    assert "2 epochs in" in section(page)
    assert section(page).count("<img") == 3, "epochs 0, 1 and 2"
    assert 'id="sights"' in page


def test_a_figure_of_the_training_that_was_kept(comparison):
    """The same numbers as on the page, by the name of the pipeline."""
    import matplotlib as mpl

    mpl.use("Agg")
    comparison.exhibits = {"net": exhibit()}
    shown = TrainingDisplay.from_comparison(comparison, "net", quantity="accuracy")
    assert shown.frame()["train_acc"].tolist() == pytest.approx(list(HISTORY["train_acc"]))
    assert shown.ax_.get_title() == "net: lenet <5>"
    with pytest.raises(ValueError, match=r"whose training was kept \(net\); got 'hog'"):
        TrainingDisplay.from_comparison(comparison, "hog")
