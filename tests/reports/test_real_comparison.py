"""The report of a comparison that was really run, and of the same one read back from its folder."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from eyecraft.pipelines.comparison import Comparison
from eyecraft.reports import collect, score_table, write_report

pipelines = pytest.importorskip("eyecraft.pipelines.compare", reason="compare is not part of this checkout")


def flat(images):
    """Return the pixels as rows."""
    return np.array([np.asarray(image, dtype=float).ravel() for image in images])


class Broken(DummyClassifier):
    """Fails when fitted."""

    def fit(self, X, y, sample_weight=None):
        """Fail."""
        raise RuntimeError("no <b>luck</b>")


@pytest.fixture
def real():
    """Compare a ridge classifier, guessing and a failure on thirty bright and thirty dark squares."""
    rng = np.random.default_rng(0)
    labels = np.repeat(["bright", "dark"], 30)
    images = rng.integers(0, 120, (60, 12, 12), dtype=np.uint8) + np.where(labels == "bright", 100, 0)[:, None, None]
    entries = {
        "ridge": make_pipeline(FunctionTransformer(flat), RidgeClassifier()),
        "guess": make_pipeline(FunctionTransformer(flat), DummyClassifier(strategy="constant", constant="dark")),
        "broken": make_pipeline(FunctionTransformer(flat), Broken()),
    }
    return pipelines.compare(entries, images.astype(np.uint8), labels, cv=3)


def test_numbers_agree_with_the_comparison(real):
    """The report's rows and `Comparison.table` say the same."""
    collected = collect(real)
    table = real.table().set_index("pipeline")
    for row in collected["rows"][:2]:
        assert row["mean"] == pytest.approx(table.loc[row["name"], "accuracy"])
        assert row["sd"] == pytest.approx(table.loc[row["name"], "accuracy_sd"])
        assert row["seconds_per_image"] == pytest.approx(table.loc[row["name"], "seconds_per_image"])
        assert row["fit_seconds"] == pytest.approx(table.loc[row["name"], "fit_seconds"])
    assert [row["name"] for row in collected["rows"]] == ["ridge", "guess", "broken"]
    assert "no <b>luck</b>" in collected["rows"][2]["error"]
    assert collected["examples"]["n_images"] == 60
    assert len(collected["thumbnails"]) > 10


def test_report_of_a_saved_comparison_is_the_same(real, tmp_path):
    """What `save` wrote is enough to draw the same pages."""
    first = write_report(real, tmp_path / "first")
    real.save(tmp_path / "run")
    second = write_report(Comparison.load(tmp_path / "run"), tmp_path / "second")
    for kind in ("html", "md"):
        assert first[kind].read_bytes() == second[kind].read_bytes()


def test_terminal_table(real):
    """Three rows for three pipelines."""
    assert score_table(real).row_count == 3
