"""`Comparison`: the table by hand, thumbnails, and the way to disk and back."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier

from eyecraft.pipelines import Comparison, compare

LABELS = np.array(["a", "b"] * 6)


def constant(answer):
    """Return a classifier that always gives the same answer."""
    return DummyClassifier(strategy="constant", constant=answer)


@pytest.fixture
def result(rng):
    """Two pipelines on two uneven splits of twelve images, the odd ones of class b."""
    images = rng.integers(0, 256, (12, 6, 8, 3), dtype=np.uint8)
    splits = [([0, 1, 2, 3], [4, 6, 8, 5]), ([4, 5], [0, 2, 1, 3])]
    return compare({"always a": constant("a"), "always b": constant("b")}, images, LABELS, cv=splits, dataset="twelve")


def test_table_by_hand(result):
    """Always a: 3/4 and 2/4 right, mean 0.625, standard deviation 0.25 / sqrt(2); best first."""
    table = result.table()
    assert table["pipeline"].tolist() == ["always a", "always b"]
    assert table["accuracy"].tolist() == [0.625, 0.375]
    assert table["accuracy_sd"].tolist() == pytest.approx([0.25 / np.sqrt(2)] * 2)
    assert table["balanced_accuracy"].tolist() == [0.5, 0.5]
    assert table["balanced_accuracy_sd"].tolist() == [0.0, 0.0]
    assert table["n_splits"].tolist() == [2, 2]


def test_seconds_in_the_table(result):
    """Per image: decode, extract and predict, not fit; fit per split."""
    costs = result.costs.query("pipeline == 'always a'").set_index("stage")["seconds_per_image"]
    row = result.table().iloc[0]
    assert row["seconds_per_image"] == pytest.approx(costs[["decode", "extract", "predict"]].sum())
    fits = result.seconds.query("pipeline == 'always a' and stage == 'fit'")["seconds"]
    assert row["fit_seconds"] == pytest.approx(fits.mean())
    assert costs["fit"] == pytest.approx(fits.sum() / 6)


def test_sorting_by_another_metric(rng):
    """Any metric of the protocol; others are refused with their names."""
    scoring = {"upside_down": lambda estimator, X, y: -np.mean(estimator.predict(X) == y)}
    images = rng.integers(0, 256, (12, 6, 8), dtype=np.uint8)
    result = compare([constant("a"), constant("b")], images, LABELS, cv=[(range(4), range(4, 9))], scoring=scoring)
    assert result.table("upside_down")["accuracy"].tolist() == [0.4, 0.6]
    assert result.table()["accuracy_sd"].isna().all()  # one split has no spread
    with pytest.raises(ValueError, match="`sort_by` must be one of 'accuracy', 'balanced_accuracy', 'upside_down'"):
        result.table("f1")


def test_text_for_people(result):
    """Both forms say what was compared on what."""
    assert repr(result).startswith("2 pipelines on 12 images of 2 classes (twelve), 2 given splits")
    assert "always a" in result._repr_html_()
    assert "0.625" in result._repr_html_()


def test_thumbnails_of_arrays_travel_along(result, tmp_path):
    """Pixels of small images come back as they were; images of no test part are not kept."""
    pixels = result.image(4)
    loaded = Comparison.load(result.save(tmp_path / "out"))
    np.testing.assert_array_equal(loaded.image(4), pixels)
    assert loaded.image(11) is None
    assert loaded.image(99) is None
    again = Comparison.load(loaded.save(tmp_path / "again"))
    np.testing.assert_array_equal(again.image(4), pixels)


def test_thumbnails_of_files_are_read_when_asked_for(image_files, tmp_path):
    """Large images are made small; a file that is gone is no error."""
    paths = np.array(image_files(4, size=(400, 200)))
    compare([constant("a")], paths, LABELS[:4], cv=2, out=tmp_path / "out")
    loaded = Comparison.load(tmp_path / "out")
    assert loaded.image(0).shape == (256, 128, 3)
    assert not (tmp_path / "out" / "images.npz").exists()
    Path(paths[1]).unlink()
    assert loaded.image(1) is None


def test_at_most_two_thousand_thumbnails(tmp_path):
    """Evenly spread over the tested images."""
    images = np.zeros((2500, 6, 6), dtype=np.uint8)
    result = compare([constant("a")], images, np.arange(2500) % 2, cv=2)
    loaded = Comparison.load(result.save(tmp_path))
    kept = [position for position in range(2500) if loaded.image(position) is not None]
    assert len(kept) == 2000
    assert (kept[0], kept[-1]) == (0, 2499)


def test_many_predictions_are_packed(result, tmp_path, monkeypatch):
    """Beyond a size they go to an npz; the frame is the same."""
    monkeypatch.setattr("eyecraft.pipelines._saving._MOST_LINES", 5)
    result.save(tmp_path)
    assert not (tmp_path / "predictions.csv").exists()
    pd.testing.assert_frame_equal(Comparison.load(tmp_path).predictions, result.predictions)


def test_scores_csv_is_a_plain_table(result, tmp_path):
    """Any spreadsheet reads it."""
    result.save(tmp_path)
    lines = (tmp_path / "scores.csv").read_text("utf-8").splitlines()
    assert lines[:2] == ["pipeline,split,metric,value", "always a,0,accuracy,0.75"]
