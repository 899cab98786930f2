"""A depth ablation as a page and as Markdown: the same numbers, and everything from outside escaped."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from eyecraft.pipelines import AblationResult, Comparison
from eyecraft.pipelines._frames import tidy

report = import_module("eyecraft.reports.ablation_report")
Variant = import_module("eyecraft.pipelines._ablation_result").Variant

SCORES = {"all layers": (0.8, 0.9), "without 7": (0.78, 0.86), "without 3, 4": ()}
VARIANTS = [Variant("all layers", (), 1000), Variant("without 7", (7,), 900), Variant("without 3, 4", (3, 4), 1200)]


def ablation(scores: dict[str, tuple[float, ...]]) -> AblationResult:
    """Return a result over two splits; networks without scores failed."""
    rows = [(n, "learned", n, "", "", None, 1000, None if own else "it <broke>", None) for n, own in scores.items()]
    pairs = [(name, split, value) for name, own in scores.items() for split, value in enumerate(own)]
    comparison = Comparison(
        pipelines=tidy("pipelines", rows),
        scores=tidy("scores", [(name, split, "balanced_accuracy", value) for name, split, value in pairs]),
        predictions=tidy("predictions", []),
        seconds=tidy("seconds", [(name, split, "fit", 60.0, 500) for name, split, _ in pairs]),
        costs=tidy("costs", []),
        errors=tidy("errors", []),
        dataset={"name": "<set>", "n_images": 40, "class_names": ["a", "b"]},
        protocol={"cv": "2 folds", "n_splits": 2, "metrics": ["balanced_accuracy"], "command": "eyecraft ablate x"},
        environment={"date": "2026-01-02"},
        splits=[],
        gallery=None,
    )
    return AblationResult(comparison, VARIANTS)


@pytest.fixture
def pages(tmp_path: Path) -> dict[str, str]:
    """Return the page and the Markdown of two networks and one that failed."""
    paths = report.write_ablation_report(ablation(SCORES), tmp_path)
    return {kind: path.read_text("utf-8") for kind, path in paths.items()}


def test_page(pages: dict[str, str]) -> None:
    """One file without scripts or addresses to load from; the answer first; names escaped."""
    page = pages["html"]
    assert "Without layer 7 the network loses 3.0 points, and 10 % of its weights." in page
    assert "it &lt;broke&gt;" in page
    assert "&lt;set&gt;" in page
    assert not re.search(r"<script|https?://|src=|<set>|<broke>", page)
    assert page.count('class="track learned"') == 2
    assert page.count('class="whole"') == 2


def test_layers_are_drawn(pages: dict[str, str]) -> None:
    """Eight for each network: five convolutions, three fully connected ones; those that went are dashed."""
    pictures = re.findall(r'<svg class="stack".*?</svg>', pages["html"])
    kinds = [[picture.count(f'class="{kind}"') for kind in ("conv", "full", "gone")] for picture in pictures]
    assert kinds == [[5, 3, 0], [5, 2, 1], [3, 3, 2]]
    assert 'aria-label="layers removed: 3, 4"' in pictures[2]
    assert "layer 7, fully connected: removed" in pictures[1]


def test_numbers(pages: dict[str, str]) -> None:
    """Score, loss, weights and time; a network may gain weights where a layer goes."""
    text = re.sub(r"<[^>]+>|\s|&nbsp;|\N{NO-BREAK SPACE}", "", pages["html"])
    assert "without7:removed" not in text
    assert "82.0%±5.7+3.0±1.490010010%60s" in text
    assert "1,200−200−20%" in text


def test_markdown(pages: dict[str, str]) -> None:
    """The same table."""
    text = pages["md"]
    assert "| without 7 | 7 | 900 | 10 % | 82.0 % ± 5.7 | +3.0 ± 1.4 | 60 s |" in text
    assert r"without 3, 4 failed: it \<broke\>" in text
    assert "`eyecraft ablate x`" in text


def test_nothing_measured(tmp_path: Path) -> None:
    """A page that says so."""
    page = report.write_ablation_report(ablation(dict.fromkeys(SCORES, ())), tmp_path)["html"].read_text("utf-8")
    assert "No network could be trained." in page
    assert "No variant could be set against the whole network." in page
