"""The rank diagram as a figure."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from references.invented_scores import invented

from eyecraft.pipelines.ranking import ranking_of
from eyecraft.reports.rank_display import RankDisplay


@pytest.fixture(autouse=True)
def _close():
    """Close every figure a test made."""
    plt.switch_backend("agg")
    yield
    plt.close("all")


def test_names_ranks_and_bars(tmp_path):
    """Four pipelines on eight data sets: three overlapping bars, every name with its rank; numbers come back."""
    scores = pd.DataFrame([[4, 3, 2, 1.0]] * 8, columns=["a", "$b$", "<c>", "d"])
    _, ax = plt.subplots()
    display = RankDisplay(ranking_of(scores, "accuracy", 0.05), {"a": "learned"}).plot(ax)
    assert display.ax_ is ax
    texts = [text.get_text() for text in ax.texts]
    assert {"a  1.00", "$b$  2.00", "3.00  <c>", "4.00  d", "critical difference 1.66"} <= set(texts)
    bars = [line.get_xdata() for line in ax.lines if line.get_linewidth() == 4]
    np.testing.assert_allclose(bars, [[1, 2], [2, 3], [3, 4]], atol=0.1)
    frame = display.frame()
    assert frame["average_rank"].tolist() == [1, 2, 3, 4]
    assert frame["kind"].tolist()[0] == "learned"
    for kind in ("png", "svg"):
        display.figure_.savefig(tmp_path / f"ranks.{kind}")
        assert (tmp_path / f"ranks.{kind}").stat().st_size > 3000


def test_from_comparisons():
    """Comparisons by name, and a figure of its own; two pipelines have no critical difference."""
    several = {
        name: invented({"hog": [0.7, 0.8], "net": [0.6, high]}, name=name) for name, high in (("x", 0.6), ("y", 0.95))
    }
    for each in several.values():
        each.pipelines["kind"] = ["hand-crafted", "learned"]
    display = RankDisplay.from_comparisons(several)
    assert display.frame()["pipeline"].tolist() == ["hog", "net"]
    assert display.frame()["kind"].tolist() == ["hand-crafted", "learned"]
    assert not any("critical" in text.get_text() for text in display.ax_.texts)
    assert RankDisplay.from_comparisons(list(several.values())).frame().equals(display.frame())
