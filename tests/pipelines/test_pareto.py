"""Accuracy against cost: who is beaten by nobody, and who is good enough for least."""

import numpy as np
import pandas as pd
import pytest
from references.invented_scores import invented
from sklearn.dummy import DummyClassifier

from eyecraft.pipelines import compare
from eyecraft.pipelines.pareto import cheapest_within, cost_table, pareto_front


def priced(scores, seconds, n_features=None):
    """Return a comparison with costs: half of the seconds for decoding, a quarter each for the rest."""
    comparison = invented(scores)
    parts = {"decode": 0.5, "extract": 0.25, "predict": 0.25}
    rows = [(name, stage, each * part) for name, each in seconds.items() for stage, part in parts.items()]
    rows += [(name, "fit", 100.0) for name in seconds]
    comparison.costs = pd.DataFrame(rows, columns=["pipeline", "stage", "seconds_per_image"])
    lengths = [(n_features or {}).get(name, pd.NA) for name in scores]
    comparison.pipelines = comparison.pipelines.assign(
        kind="learned", n_features=pd.array(lengths, dtype="Int64"), peak_memory=1000
    )
    return comparison


def test_cost_table_by_hand():
    """Best first; fit is not part of an answer; four bytes a number."""
    scores = {"slow": [0.9, 0.8], "quick": [0.7, 0.9], "broken": [None, None]}
    found = cost_table(priced(scores, {"slow": 0.4, "quick": 0.1}, {"slow": 4096}))
    assert found["pipeline"].tolist() == ["slow", "quick", "broken"]
    assert found["score"].tolist()[:2] == pytest.approx([0.85, 0.8])
    assert found["seconds_per_image"].tolist()[:2] == pytest.approx([0.4, 0.1])
    assert found["fit"].tolist()[0] == 100.0
    assert found["bytes_per_row"].tolist()[0] == 16384
    assert found["bytes_per_row"].isna().tolist() == [False, True, True]
    assert found["n_splits"].tolist() == [2, 2, 0]
    assert found.loc[2, ["score", "seconds_per_image", "decode"]].isna().all()


def test_cost_table_of_a_real_comparison(rng):
    """The same seconds as in the comparison's own table."""
    images = rng.integers(0, 256, (8, 6, 6), dtype=np.uint8)
    result = compare({"a": DummyClassifier(), "b": DummyClassifier()}, images, ["x", "y"] * 4, cv=2)
    table, found = result.table(), cost_table(result)
    assert found["pipeline"].tolist() == table["pipeline"].tolist()
    assert found["seconds_per_image"].tolist() == pytest.approx(table["seconds_per_image"].tolist())
    assert pareto_front(table, "accuracy")["pipeline"].nunique() >= 1


@pytest.mark.parametrize("seed", range(4))
def test_front_equals_the_definition(seed):
    """Row by row: nobody is at least as good at both and better at one."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.integers(0, 6, (12, 2)), columns=["score", "seconds_per_image"], dtype=float)
    points = list(frame.itertuples(index=False, name=None))
    expected = sorted(
        (cost, score)
        for score, cost in points
        if not any(s >= score and c <= cost and (s, c) != (score, cost) for s, c in points)
    )
    found = pareto_front(frame)
    assert list(zip(found["seconds_per_image"], found["score"], strict=True)) == expected


def test_front_leaves_out_what_is_missing_and_keeps_equals():
    """A pipeline without a score or a cost cannot be on it; two alike both are."""
    frame = pd.DataFrame(
        {"pipeline": list("abcd"), "score": [0.9, 0.9, None, 0.95], "seconds_per_image": [1.0, 1.0, 0.1, None]}
    )
    assert pareto_front(frame)["pipeline"].tolist() == ["a", "b"]


def test_front_by_another_cost():
    """Any columns; a wrong one is named."""
    frame = pd.DataFrame({"score": [0.9, 0.8], "bytes_per_row": [100, 200]})
    assert len(pareto_front(frame, cost="bytes_per_row")) == 1
    with pytest.raises(ValueError, match="`cost` must be one of 'score', 'bytes_per_row'; got 'seconds_per_image'"):
        pareto_front(frame)


def test_cheapest_within():
    """Nothing for the second best at 1 point; exactly on the line counts."""
    comparison = priced({"best": [0.90], "near": [0.89], "cheap": [0.80]}, {"best": 3.0, "near": 1.0, "cheap": 0.1})
    assert cheapest_within(comparison)["pipeline"] == "near"
    assert cheapest_within(comparison, 0.5)["pipeline"] == "best"
    assert cheapest_within(comparison, 10)["pipeline"] == "cheap"


def test_cheapest_prefers_pipelines_that_finished():
    """One lucky split of two is no mean; but it is better than nothing."""
    comparison = priced({"lucky": [0.99, None], "steady": [0.8, 0.8]}, {"lucky": 0.1, "steady": 1.0})
    assert cheapest_within(comparison)["pipeline"] == "steady"
    comparison = priced({"lucky": [0.99, None]}, {"lucky": 0.1})
    assert cheapest_within(comparison)["pipeline"] == "lucky"


def test_nothing_to_choose_from():
    """Nobody finished, or a bad number."""
    comparison = priced({"broken": [None]}, {})
    with pytest.raises(ValueError, match="at least one pipeline with a score"):
        cheapest_within(comparison)
    with pytest.raises(ValueError, match="`points` must be a number >= 0; got -1"):
        cheapest_within(comparison, -1)
    with pytest.raises(ValueError, match="`metric` must be one of 'accuracy'; got 'f1'"):
        cost_table(comparison, "f1")
