"""The collected numbers, checked by hand on an invented comparison."""

import json

import numpy as np
import pandas as pd
import pytest

from eyecraft.pipelines.verdicts import verdicts
from eyecraft.reports import collect

ODD = 'hog <b>&"é" | x'
CAT, DOG, EMU = "<b>cat</b>", "dog & co", "émeu|bird"


def test_rows_are_sorted_and_hold_mean_and_sd(comparison):
    """4/5, 4/5 against 2/5, 3/5: means 0.8 and 0.5, standard deviations 0 and 0.1 * sqrt(2)."""
    rows = collect(comparison, thumbnails=False)["rows"]
    assert [row["name"] for row in rows] == [ODD, "net", "broken"]
    assert rows[0]["mean"] == pytest.approx(0.8)
    assert rows[0]["sd"] == pytest.approx(0.0)
    assert rows[1]["mean"] == pytest.approx(0.5)
    assert rows[1]["sd"] == pytest.approx(0.1 * np.sqrt(2))
    assert rows[1]["values"] == pytest.approx([0.4, 0.6])


def test_cost_is_decode_extract_and_predict(comparison):
    """Fitting is not part of what one image costs; it is told per split."""
    row = collect(comparison, thumbnails=False)["rows"][0]
    assert row["seconds_per_image"] == pytest.approx(0.004)
    assert row["seconds"] == pytest.approx({"decode": 0.001, "extract": 0.002, "predict": 0.001, "fit": 0.4})
    assert row["fit_seconds"] == pytest.approx(2.5)
    assert (row["n_features"], row["peak_memory"]) == (324, 200 * 2**20)


def test_failed_pipeline_keeps_its_error_and_nothing_else(comparison):
    """A failure is a row without numbers, with its message and traceback."""
    row = collect(comparison, thumbnails=False)["rows"][2]
    assert (row["mean"], row["sd"], row["seconds_per_image"], row["n_features"]) == (None, None, None, None)
    assert row["error"] == "ValueError: the weights <file> | are damaged"
    assert row["errors"][0]["splits"] == [0]
    assert row["errors"][0]["traceback"].startswith("Traceback")


def test_the_same_error_on_many_splits_is_listed_once(comparison):
    """Ten splits that fail alike are one failure to read about."""
    comparison.errors = pd.concat([comparison.errors, comparison.errors.assign(split=1)], ignore_index=True)
    (error,) = collect(comparison, thumbnails=False)["rows"][2]["errors"]
    assert error["splits"] == [0, 1]


def test_confusion_sums_over_splits(comparison):
    """Counts of both splits together, rows the true class."""
    confusion = collect(comparison, thumbnails=False)["confusion"]
    assert confusion["classes"] == [CAT, DOG, EMU]
    assert confusion["counts"][ODD] == [[4, 0, 0], [2, 3, 0], [0, 0, 1]]
    assert confusion["counts"]["net"] == [[2, 2, 0], [1, 3, 1], [1, 0, 0]]
    assert confusion["pairs"][ODD] == [{"label": DOG, "predicted": CAT, "count": 2, "of": 5, "index": 3, "like": 0}]


def test_per_class_and_the_class_a_split_does_not_test(comparison):
    """Shares are pooled over splits; the gap of the second split is named."""
    per_class = collect(comparison, thumbnails=False)["per_class"]
    assert per_class["support"] == [4, 5, 1]
    assert per_class["scores"][ODD] == pytest.approx([1.0, 0.6, 1.0])
    assert per_class["scores"]["net"] == pytest.approx([0.5, 0.6, 0.0])
    assert per_class["absent"] == [{"split": 1, "classes": [EMU]}]


def test_class_that_is_never_tested_has_no_score(comparison):
    """No division by zero: None, and support 0."""
    comparison.dataset["class_names"] = [*comparison.dataset["class_names"], "ghost"]
    per_class = collect(comparison, thumbnails=False)["per_class"]
    assert per_class["support"][-1] == 0
    assert per_class["scores"][ODD][-1] is None
    assert all("ghost" in gap["classes"] for gap in per_class["absent"])


def test_examples_count_each_image_once(comparison):
    """Ten images: two beyond both, three for one only, five for both."""
    examples = collect(comparison, thumbnails=False)["examples"]
    assert examples["n_images"] == 10
    assert examples["right_by"] == [2, 3, 5]
    assert sorted(one["index"] for one in examples["all_wrong"]) == [3, 14]
    assert examples["all_wrong"][0]["index"] == 3, "the one they agree on comes first"
    duel = examples["duel"]
    assert (duel["left"], duel["right"]) == (ODD, "net")
    assert [duel[key] for key in ("both_right", "only_left", "only_right", "both_wrong")] == [5, 3, 0, 2]
    assert sorted(one["index"] for one in duel["left_examples"]) == [1, 4, 11]


def test_an_image_tested_twice_counts_in_its_first_split(comparison):
    """Overlapping test sets do not count an image twice."""
    second = comparison.predictions["split"] == 1
    comparison.predictions.loc[second, "index"] -= 10
    examples = collect(comparison, thumbnails=False)["examples"]
    assert examples["n_images"] == 5
    assert {one["split"] for one in examples["samples"]} == {0}


def test_verdicts_are_those_of_the_pipelines(comparison):
    """The collected pair, and its two cells, hold what `verdicts` says; the failed pipeline is in no pair."""
    found = collect(comparison, thumbnails=False)["verdicts"]
    expected = verdicts(comparison).between(ODD, "net")
    (pair,) = found["pairs"]
    assert (pair["first"], pair["second"], pair["verdict"]) == (ODD, "net", expected["verdict"])
    assert pair["p"] == pytest.approx(expected["p"])
    one, other = found["cells"][ODD]["net"], found["cells"]["net"][ODD]
    assert (one["difference"], one["low"], one["high"]) == pytest.approx((0.3, expected["low"], expected["high"]))
    assert (other["difference"], other["low"], other["high"]) == pytest.approx((-0.3, -one["high"], -one["low"]))


def test_interval_of_a_mean(comparison):
    """0.4 and 0.6 over two splits: ± 12.706 sqrt(1/2 + n_test/n_train) sqrt(0.02), cut at 0 and 1; 0.8, 0.8: none."""
    intervals = collect(comparison, thumbnails=False)["verdicts"]["intervals"]
    assert intervals["net"] == [0.0, 1.0]
    assert intervals[ODD] is None
    comparison.protocol["train_sizes"], comparison.protocol["test_sizes"] = [5000, 5000], [5, 5]
    comparison.scores.loc[comparison.scores["pipeline"] == "net", "value"] = [0.49, 0, 0.51, 0]
    reach = 12.7062 * np.sqrt(1 / 2 + 0.001) * np.sqrt(0.0002)
    ends = collect(comparison, thumbnails=False)["verdicts"]["intervals"]["net"]
    assert ends == pytest.approx([0.5 - reach, 0.5 + reach], abs=1e-5)


def test_one_split_has_no_spread_and_says_so(one_split):
    """No standard deviation from one number."""
    collected = collect(one_split, thumbnails=False)
    assert [row["sd"] for row in collected["rows"]] == [None, None]
    assert "one split only" in collected["answer"]["hedge"]
    assert collected["verdicts"]["pairs"][0]["test"] == "McNemar"
    assert collected["verdicts"]["intervals"] == {"hog": None, "pixels": None}
    assert collected["examples"]["duel"]["right"] == "pixels", "with one kind the first two are set side by side"


def test_all_failed(all_failed):
    """Nothing to rank, everything to report."""
    collected = collect(all_failed, thumbnails=False)
    assert collected["answer"]["headline"] == "No pipeline finished: 2 of 2 pipelines failed."
    assert collected["examples"]["duel"] is None
    assert collected["confusion"]["counts"] == {}


def test_pipeline_that_finished_some_splits_does_not_win(comparison):
    """A mean over other splits is no rival: it is listed after those that finished."""
    scores = comparison.scores
    net = (scores["pipeline"] == "net") & (scores["metric"] == "accuracy")
    scores.loc[net, "value"] = 1.0
    comparison.scores = scores[~((scores["pipeline"] == "net") & (scores["split"] == 1))]
    collected = collect(comparison, thumbnails=False)
    assert [row["name"] for row in collected["rows"]] == [ODD, "net", "broken"]
    assert (collected["rows"][1]["n_done"], collected["rows"][1]["complete"]) == (1, False)
    assert collected["answer"]["winner"] == ODD


def test_a_score_that_is_not_a_number_is_missing(comparison):
    """NaN is a missing score, not a mean of NaN."""
    net = (comparison.scores["pipeline"] == "net") & (comparison.scores["split"] == 1)
    comparison.scores.loc[net, "value"] = np.nan
    row = collect(comparison, thumbnails=False)["rows"][1]
    assert row["values"] == [pytest.approx(0.4), None]
    assert row["mean"] == pytest.approx(0.4)


def test_another_metric_sorts(comparison):
    """The metric is chosen by name; an unknown one is refused with the known ones."""
    assert collect(comparison, metric="balanced_accuracy", thumbnails=False)["rows"][0]["mean"] == pytest.approx(5 / 6)
    with pytest.raises(ValueError, match=r"accuracy, balanced_accuracy.*got 'f2'"):
        collect(comparison, metric="f2")


def test_everything_is_plain(comparison):
    """The dictionary goes through JSON unchanged, thumbnails included."""
    collected = collect(comparison)
    assert json.loads(json.dumps(collected, allow_nan=False)) == collected
    assert collected["thumbnails"]["3"]["src"].startswith("data:image/webp;base64,")
    assert "6" not in collected["thumbnails"], "an image that is gone has no thumbnail"


def test_answers_do_not_mix_columns_with_pipeline_names(make_comparison):
    """A pipeline may be called after a column."""
    made = make_comparison(
        {"label": [["a", "b"]], "index": [["b", "b"]]},
        [["a", "b"]],
        kinds={"label": "learned", "index": "hand-crafted"},
        seconds={"label": 1.0, "index": 2.0},
        classes=["a", "b"],
    )
    assert collect(made, thumbnails=False)["examples"]["right_by"] == [0, 1, 1]
