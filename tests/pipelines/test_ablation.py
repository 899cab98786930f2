"""How important is depth: layers really gone, weights counted by hand, all variants measured alike, and drawn."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import torch
from rich.console import Console

from eyecraft.features.learned.mini import Mini
from eyecraft.pipelines._ablated import AblatedMini, count_parameters, variant_name
from eyecraft.pipelines._ablation_result import AblationResult, Variant
from eyecraft.pipelines.ablation import ZEILER_FERGUS, DepthAblation
from eyecraft.reports.ablation_display import AblationDisplay, ablation_table, headline

CONV3, CONV4 = 160 * 256 * 9 + 2 * 256, 256 * 256 * 9 + 2 * 256
FC6, FC7 = 192 * 16 * 512 + 2 * 512, 512 * 512 + 2 * 512
CONV5_NARROWER = 192 * 9 * (256 - 160)  # conv5 then sees 160 maps instead of 256
FC8_WIDER = 10 * (192 * 16 - 512)  # fc8 then sees the maps themselves


@pytest.mark.parametrize(
    ("removed", "dropped"),
    [
        ((), 0),
        ((7,), FC7),
        ((6, 7), FC6 + FC7 - FC8_WIDER),
        ((3, 4), CONV3 + CONV4 + CONV5_NARROWER),
        ((3, 4, 6, 7), CONV3 + CONV4 + CONV5_NARROWER + FC6 + FC7 - FC8_WIDER),
    ],
)
def test_weights_that_go(removed: tuple[int, ...], dropped: int) -> None:
    """Counted by hand: those of the layers, and the inputs that their successor no longer has, or has more of."""
    whole = sum(weights.numel() for weights in Mini(3, 10).parameters())
    assert whole - count_parameters(removed, 10) == dropped
    network = AblatedMini(removed)(3, 10).eval()
    assert sum(weights.numel() for weights in network.parameters()) == whole - dropped
    assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 10)
    assert not {f"{kind}{layer}" for layer in removed for kind in ("conv", "fc", "norm", "relu", "drop")} & {
        name for name, _ in network.named_children()
    }


def test_a_pooled_layer_takes_its_pooling_along() -> None:
    """Without layer 5 the maps stay 8x8, and fc6 is made for them."""
    network = AblatedMini((5,))(3, 4).eval()
    assert network.fc6.in_features == 256 * 8 * 8
    assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 4)


def test_names() -> None:
    """What tables call them."""
    assert [variant_name(removed) for removed in ((), *ZEILER_FERGUS)] == [
        *("all layers", "without 7", "without 6, 7", "without 3, 4", "without 3, 4, 6, 7"),
    ]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[AblationResult, Path]:
    """Return an ablation of one variant, over two splits of 12 images, and its folder."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 90, (12, 24, 24, 3), dtype=np.uint8)
    images[::2] += 120
    folder = tmp_path_factory.mktemp("ablation")
    ablation = DepthAblation([[7, 6, 4, 3]], max_epochs=1, batch_size=6, device="cpu", augment=None)
    return ablation.run(images, ["bright", "dark"] * 6, cv=2, out=folder), folder


def test_variants_are_trained_alike(measured: tuple[AblationResult, Path]) -> None:
    """The same splits and the same parameters but for the layers; what was lost is paired."""
    result, _ = measured
    frame = result.table()
    assert frame["variant"].tolist() == ["all layers", "without 3, 4, 6, 7"]
    assert frame["error"].isna().all()
    assert frame["n_splits"].tolist() == [2, 2]
    scores = result.comparison.scores.query("metric == 'accuracy'").pivot(
        index="split", columns="pipeline", values="value"
    )
    lost = scores["all layers"] - scores["without 3, 4, 6, 7"]
    assert frame["lost"].tolist() == [0.0, pytest.approx(lost.mean())]
    texts = result.comparison.pipelines["parameters"]
    assert texts[0].replace("removed=()", "") == texts[1].replace("removed=(3, 4, 6, 7)", "")
    assert set(result.comparison.pipelines["kind"]) == {"learned"}


def test_saved_and_loaded(measured: tuple[AblationResult, Path]) -> None:
    """The same table; JSON that any program reads."""
    result, folder = measured
    pd.testing.assert_frame_equal(AblationResult.load(folder).table(), result.table())
    content = json.loads((folder / "ablation.json").read_text("utf-8"))
    assert [row["parameters"] for row in content["table"]] == [one.parameters for one in result.variants]
    with pytest.raises(FileNotFoundError, match=r"no ablation\.json"):
        AblationResult.load(folder / "elsewhere")
    (folder / "ablation.json").write_text("{")
    with pytest.raises(ValueError, match="is damaged"):
        AblationResult.load(folder)


@pytest.mark.parametrize(
    ("removed", "message"),
    [
        ([[1]], r"`removed` must be a whole number >= 2 and <= 7; got 1. The first layer sees the image"),
        ([7], r"each entry of `removed` must be a list of layers, such as \[6, 7\]; got 7"),
        ([], "must be a list of lists of layers"),
        ([[]], "must be a list of layers"),
    ],
)
def test_layers_that_cannot_go(removed: Any, message: str) -> None:
    """Said before any work."""
    with pytest.raises(ValueError, match=message):
        DepthAblation(removed).run(np.zeros((4, 8, 8), np.uint8), [0, 1, 0, 1], cv=2)


@pytest.mark.parametrize(
    ("given", "message"), [({"model": "mini"}, "'model' is the same"), ({"rate": 1}, "no parameter 'rate'")]
)
def test_training_that_cannot_be_set(given: dict[str, Any], message: str) -> None:
    """What every variant shares, and what there is not."""
    with pytest.raises(ValueError, match=message):
        DepthAblation(**given).run(np.zeros((4, 8, 8), np.uint8), [0, 1, 0, 1], cv=2)


class Invented:
    """As much of a comparison as tables need: two splits, three networks, of which the last failed."""

    def __init__(self) -> None:
        rows = {"all layers": (0.8, 0.9), "without 7": (0.78, 0.86)}
        self.scores = pd.DataFrame(
            [(name, split, "accuracy", value) for name, values in rows.items() for split, value in enumerate(values)],
            columns=["pipeline", "split", "metric", "value"],
        )
        self.protocol = {"metrics": ["accuracy"], "n_splits": 2}
        self.dataset = {"name": "[b]pictures"}

    def table(self) -> pd.DataFrame:
        """Return seconds and errors."""
        names = ["all layers", "without 7", "without 3, 4"]
        return pd.DataFrame(
            {"pipeline": names, "fit_seconds": [3.0, 2.0, np.nan], "error": [None, None, "ValueError: no"]}
        )


@pytest.fixture
def invented() -> AblationResult:
    """Return a result of which the numbers are known."""
    variants = [Variant("all layers", (), 1000), Variant("without 7", (7,), 900), Variant("without 3, 4", (3, 4), 400)]
    return AblationResult(Invented(), variants)  # type: ignore[arg-type]


def test_what_was_lost(invented: AblationResult) -> None:
    """Paired over splits: 2 and 4 points lost are 3 on average."""
    row = invented.table().iloc[1]
    assert (row["score"], row["lost"]) == (pytest.approx(0.82), pytest.approx(0.03))
    assert row["lost_sd"] == pytest.approx(np.std([0.02, 0.04], ddof=1))
    assert (row["dropped"], row["dropped_share"]) == (100, 0.1)
    assert invented.table()["n_splits"].tolist() == [2, 2, 0]


def test_no_conclusion_at_chance(invented: AblationResult) -> None:
    """Where the whole network only guesses nothing is said of its layers."""
    comparison: Any = invented.comparison
    comparison.scores["value"] = 0.5
    comparison.dataset |= {"class_names": ["a", "b"], "class_counts": {"a": 10, "b": 10}, "n_images": 20}
    said = headline(invented, metric="accuracy")
    assert said.startswith("With all its layers the network scores 50.0 %, no better than guessing")


def test_terminal_table_and_headline(invented: AblationResult) -> None:
    """Weights, points lost and failures, as text; markup in names stays text."""
    out = StringIO()
    Console(file=out, width=120).print(ablation_table(invented, metric="accuracy"))
    text = out.getvalue()
    for part in ("[b]pictures", "without 7", "900", "10 %", "82.0 %", "+3.0 ± 1.4", "without 3, 4 failed: ValueError"):
        assert part in text
    assert headline(invented, metric="accuracy") == (
        "Without layer 7 the network loses 3.0 points, and 10 % of its weights."
    )


def test_display(invented: AblationResult) -> None:
    """A mark for each network at its score, a line at the whole network's."""
    mpl.use("Agg")
    display = AblationDisplay.from_ablation(invented, metric="accuracy")
    marks = display.ax_.containers[0].lines[0]  # type: ignore[attr-defined]
    np.testing.assert_allclose(marks.get_xdata(), [0.85, 0.82, np.nan])
    assert [label.get_text() for label in display.ax_.get_yticklabels()][1] == "without 7\n900 weights"
    assert display.frame()["variant"].tolist() == ["all layers", "without 7", "without 3, 4"]
    mpl.pyplot.close("all")
