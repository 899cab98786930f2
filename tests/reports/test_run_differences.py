"""The record of a run inside its page, and what changed from one run to another."""

import copy
import json

import numpy as np
import pytest
from scipy import stats

from eyecraft.reports import collect, render_html
from eyecraft.reports._run_record import collect_record, read_record
from eyecraft.reports.run_differences import RunDifferences

ODD = 'hog <b>&"é" | x'


@pytest.fixture
def record(comparison):
    """Return the record of the three invented pipelines."""
    return collect_record(comparison)


def test_the_page_holds_its_record(comparison, record, tmp_path):
    """What is read from the page is what was collected, odd names included; it is plain JSON."""
    path = tmp_path / "report.html"
    path.write_text(render_html(collect(comparison)), encoding="utf-8")
    assert read_record(path) == record == json.loads(json.dumps(record, allow_nan=False))
    assert read_record(tmp_path) == record, "a folder with nothing but the page will do"
    assert record["protocol"]["command"] == 'eyecraft compare "pictures <x>" --splits 2'
    assert record["pipelines"][0]["scores"]["accuracy"] == pytest.approx([0.8, 0.8])


def test_other_pages_are_refused(tmp_path):
    """No file, and a page without a record: each says what to give instead."""
    with pytest.raises(FileNotFoundError, match=r"comparison\.json or report\.html"):
        read_record(tmp_path / "nothing.html")
    (tmp_path / "page.html").write_text("<p>hello</p>", encoding="utf-8")
    with pytest.raises(ValueError, match="eyecraft report FOLDER"):
        read_record(tmp_path / "page.html")


def test_nothing_changed(record):
    """The same run twice: no change, no difference."""
    told = RunDifferences(record, copy.deepcopy(record))
    assert list(told.changes) == [
        "data", "splits", "protocol", "pipelines", "versions", "code", "machine", "prices", "studies",
    ]  # fmt: skip
    assert not any(told.changes.values())
    assert set(told.frame()["why"]) == {"The same on every split."}
    assert "no difference" in str(told)


def test_parameters_and_versions_changed(record):
    """Paired over the same splits: differences 0.05 and 0.15, mean 0.1, and the causes by name."""
    after = copy.deepcopy(record)
    after["pipelines"][0]["parameters"] = "HOG(cells=6)"
    after["pipelines"][0]["scores"]["accuracy"] = [0.85, 0.95]
    after["environment"]["versions"]["numpy"] = "3.0"
    told = RunDifferences(record, after)
    row = told.frame().set_index(["pipeline", "metric"]).loc[(ODD, "accuracy")]
    assert row["difference"] == pytest.approx(0.1)
    assert row["low"] < 0.1 < row["high"]
    assert row["why"] == "What differs: its parameters, versions of libraries."
    assert told.changes["versions"] == ["numpy 2.4.6 → 3.0"]
    assert told.changes["pipelines"] == [f"{ODD} was HOG(cells=<8>) | SVC(C=1.0), is HOG(cells=6)"]
    assert "80.0 % → 90.0 %, +10.0 points (95 % interval" in str(told)


def test_other_data_are_not_paired(record):
    """Other images: an interval from both spreads, wider than any paired one."""
    after = copy.deepcopy(record)
    after["dataset"] |= {
        "fingerprint": "other",
        "n_images": 30,
        "class_names": [*record["dataset"]["class_names"], "z"],
    }
    after["pipelines"][1]["scores"]["accuracy"] = [0.4, 0.9]
    told = RunDifferences(record, after)
    assert told.changes["data"] == ["20 images before, 30 now", "classes new: z"]
    row = told.frame().set_index(["pipeline", "metric"]).loc[("net", "accuracy")]
    assert not row["paired"]
    old, new = np.array(record["pipelines"][1]["scores"]["accuracy"]), np.array([0.4, 0.9])
    ratio = np.mean(record["protocol"]["test_sizes"]) / np.mean(record["protocol"]["train_sizes"])
    error = np.sqrt((1 / 2 + ratio) * (old.var(ddof=1) + new.var(ddof=1)))
    reach = stats.t.isf(0.025, 1) * error
    assert (row["low"], row["high"]) == pytest.approx((row["difference"] - reach, row["difference"] + reach))
    assert row["why"] == "What differs: the images or labels, the splits."


def test_more_splits_are_paired_on_those_both_have(record):
    """A run that grew by a split is compared on the splits it shares."""
    after = copy.deepcopy(record)
    after["splits"].append("another")
    for each in after["pipelines"]:
        for values in each["scores"].values():
            values.append(0.0)
    told = RunDifferences(record, after)
    assert told.changes["splits"] == ["2 before, 3 now, of which the first 2 are the same"]
    assert set(told.frame()["difference"].round(12)) == {0.0}


def test_other_tasks_are_refused(record):
    """No class in common: scores say nothing about each other."""
    after = copy.deepcopy(record)
    after["dataset"] |= {"fingerprint": "other", "class_names": ["x", "y"]}
    with pytest.raises(ValueError, match=r"no class in common.*not set against each other"):
        RunDifferences(record, after)


def test_code_weights_prices_and_studies(record):
    """Each is said, and what can move a score is among its causes; small changes of price are not said."""
    before, after = copy.deepcopy(record), copy.deepcopy(record)
    curves = {"metric": "accuracy", "n_splits": 5, "means": {"net": {"1": 0.5, "10": 0.8}}}
    before["environment"]["source"], after["environment"]["source"] = "aaa", "bbb"
    before["pipelines"][1] |= {"weights": "1", "seconds_per_image": 0.004, "answer_memory": 1000}
    after["pipelines"][1] |= {"weights": "2", "seconds_per_image": 0.008, "answer_memory": 1100}
    after["pipelines"][1]["scores"]["accuracy"] = [0.1, 0.2]
    before["studies"] = {"learning curves": curves, "robustness": {"n_images": 50, "means": {}}}
    after["studies"] = {"learning curves": {**curves, "n_splits": 3, "means": {"net": {"10": 0.85, "30": 0.9}}}}
    told = RunDifferences(before, after)
    assert told.changes["code"] == ["aaa → bbb"]
    assert told.changes["pipelines"] == ["net has other weights"]
    assert told.changes["prices"] == ["net took 4.0 ms per image, takes 8.0 ms per image"]
    assert told.changes["studies"] == [
        "robustness only before",
        "learning curves: n_splits 5 → 3",
        "learning curves: net at 10 per class, accuracy 80.0 % → 85.0 %",
    ]
    why = told.frame().set_index(["pipeline", "metric"]).loc[("net", "accuracy"), "why"]
    assert why == "What differs: its weights, eyecraft's own code."


def test_a_metric_that_repeats_the_first_is_left_out(record):
    """With classes of one size balanced accuracy is accuracy: one row each, and the page says so."""
    after = copy.deepcopy(record)
    for each in (*record["pipelines"], *after["pipelines"]):
        each["scores"]["balanced_accuracy"] = list(each["scores"]["accuracy"])
    told = RunDifferences(record, after)
    assert told.alike == ["balanced_accuracy"]
    assert set(told.frame()["metric"]) == {"accuracy"}
    after["pipelines"][0]["scores"]["balanced_accuracy"][0] += 0.1
    assert RunDifferences(record, after).alike == []
