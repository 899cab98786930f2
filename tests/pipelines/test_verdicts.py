"""Better, equivalent or undecided: the numbers by hand, the words, and what happens where a test is not to be had."""

import numpy as np
import pytest
from references.invented_scores import invented
from scipy.stats import norm
from scipy.stats import t as student
from sklearn.dummy import DummyClassifier

from eyecraft.pipelines import Comparison, compare
from eyecraft.pipelines._verdict_best import enough_splits, few_splits
from eyecraft.pipelines.verdicts import verdicts

BASE = [0.70, 0.71, 0.69, 0.72, 0.68]
BY_HAND = [0.02, 0.04, 0.03, 0.05, 0.01]  # mean 0.03, variance 2.5e-4


def above(base, by):
    """Return scores that lie so far above others."""
    return [score + step for score, step in zip(base, by, strict=True)]


def only(comparison, **options):
    """Return the row of the only pair."""
    frame = verdicts(comparison, **options).frame()
    assert len(frame) == 1
    return frame.iloc[0]


def test_numbers_by_hand():
    """Five folds of 100 images: error² = (1/5 + 20/80) 2.5e-4, t² = 8 on 4 degrees, p in closed form."""
    row = only(invented({"low": BASE, "high": above(BASE, BY_HAND)}))
    assert (row["first"], row["second"], row["test"], row["n_splits"]) == ("high", "low", "corrected t", 5)
    assert row["difference"] == pytest.approx(0.03, abs=1e-12)
    assert row["standard_error"] == pytest.approx(np.sqrt(1.125e-4), abs=1e-12)
    assert row["p"] == pytest.approx(1 - 7 / 12 * np.sqrt(8 / 3), abs=1e-9)
    assert row["p_holm"] == row["p"]
    reach = 2.7764451051977943 * np.sqrt(1.125e-4)
    assert (row["low"], row["high"]) == pytest.approx((0.03 - reach, 0.03 + reach), abs=1e-9)
    assert row["effect_size"] == pytest.approx(0.03 / np.sqrt(2.5e-4), abs=1e-9)
    assert (row["verdict"], row["n_more_splits"]) == ("better", 0)
    assert row["note"] == ""


def test_sentence_of_better():
    """By how much, how sure, and how surely by more than a point."""
    row = only(invented({"low": BASE, "high": above(BASE, BY_HAND)}))
    assert row["sentence"] == (
        "high is better than low: 3.0 points more accuracy (95 % interval 0.1 to 5.9, p = 0.047), "
        "and the lead is above 1.0 point with a probability of 93 %."
    )


def test_equivalent():
    """A difference that is certain and does not matter is equivalence; without a region it is a victory."""
    comparison = invented({"one": BASE, "other": above(BASE, [0.002, 0.003, 0.002, 0.001, 0.002])})
    row = only(comparison)
    assert row["p"] < 0.02
    assert (row["verdict"], row["n_more_splits"]) == ("equivalent", 0)
    assert row["probability_equivalent"] > 0.99
    assert row["sentence"].startswith("other and one are equivalent: with a probability of over 99.9 % they differ by")
    assert only(comparison, rope=0)["verdict"] == "better"


def test_undecided_says_what_would_settle_it():
    """The number of splits in the frame is the one in the sentence."""
    row = only(invented({"one": BASE, "other": above(BASE, [0.05, -0.02, 0.06, 0.01, 0.01])}, train_sizes=[400] * 5))
    assert row["verdict"] == "undecided"
    assert row["n_more_splits"] > 1
    assert f"{row['n_more_splits']} more splits would settle it" in row["sentence"]
    assert f"only differences above {100 * row['smallest_detectable']:.1f} points" in row["sentence"]


def test_folds_are_drawn_again_as_a_whole():
    """Whoever asked for folds is told how often to draw them, not to add single splits."""
    comparison = invented({"one": BASE, "other": above(BASE, [0.05, -0.02, 0.06, 0.01, 0.01])}, train_sizes=[400] * 5)
    comparison.protocol["cv"] = "5 stratified folds, shuffled (random_state=0)"
    row = only(comparison)
    repeats = -(-(5 + row["n_more_splits"]) // 5)
    assert f"drawing the folds {repeats} times in all (repeats={repeats}) would settle it" in row["sentence"]


def test_more_splits_alone_cannot_settle_it():
    """Tested on three times as many images as trained on, the correction's second part outweighs the difference."""
    sizes = {"train_sizes": [20] * 5, "test_sizes": [60] * 5}
    row = only(invented({"one": BASE, "other": above(BASE, [0.05, -0.02, 0.06, 0.01, -0.03])}, **sizes))
    assert row.isna()["n_more_splits"]
    assert "more splits alone cannot settle it (not even 1,000)" in row["sentence"]


def test_two_splits_that_find_nothing():
    """A smallest detectable difference beyond what there is room for is none, and no interval leaves what can be."""
    row = only(invented({"a": [0.55, 0.6], "b": [0.9, 0.8]}))
    assert row["smallest_detectable"] > 1
    assert row["high"] > 1
    assert "(95 % interval −89.2 to 100.0, p = 0.21)" in row["sentence"]
    told = "a run like this is too small to find any difference reliably, and 2 more splits would settle it"
    assert told in row["sentence"]
    row = only(invented({"a": [0.90, 0.91, 0.90], "b": [0.94, 0.95, 1.00]}))
    assert 0.1 < row["smallest_detectable"] < 1, "above 90 % there is no room for it"
    assert "too small to find any difference" in row["sentence"]


def test_undecided_beside_an_interval_without_zero():
    """The interval is the pair's alone, the verdict is not: both p-values and the posterior say why."""
    steps = {"a": [0] * 5, "b": BY_HAND, "c": [0.06, 0.05, 0.07, 0.06, 0.065], "d": [0.001, 0, 0.002, 0, 0]}
    frame = verdicts(invented({name: above(BASE, step) for name, step in steps.items()})).frame()
    row = frame[(frame["first"] == "b") & (frame["second"] == "a")].iloc[0]
    assert row["verdict"] == "undecided"
    assert row["low"] > 0
    adjusted = f"p = {row['p_holm']:.2f} after Holm over 6 pairs"
    assert f"(taken alone 95 % interval 0.1 to 5.9 and p = 0.047; {adjusted}), by more" in row["sentence"]
    assert "by more than 1.0 point with a probability of 93 %; a run" in row["sentence"]


def test_slightly_better():
    """A lead beyond chance that is probably below the region is said to be so; the verdict stays."""
    row = only(invented({"a": BASE, "b": above(BASE, [0.006, 0.008, 0.011, 0.007, 0.0101])}))
    assert (row["verdict"], row["slight"]) == ("better", True)
    assert row["probability_better"] < 0.5
    assert row["sentence"].startswith(
        "b is better than a, but probably by less than 1.0 point: 0.8 points more accuracy (95 % interval"
    )
    assert row["sentence"].endswith("the lead is above that with a probability of 16 % only.")
    assert not only(invented({"low": BASE, "high": above(BASE, BY_HAND)}))["slight"]


def test_one_against_the_others():
    """Three comparisons in place of six: Holm over these, intervals that exclude 0 exactly where it is beaten."""
    steps = {"a": [0] * 5, "b": BY_HAND, "c": [0.06, 0.05, 0.07, 0.06, 0.065], "d": [0.001, 0, 0.002, 0, 0]}
    told = verdicts(invented({name: above(BASE, step) for name, step in steps.items()}))
    best = told.against()
    assert best.index.tolist() == ["b", "d", "a"]
    p = best["p"].sort_values()
    expected = np.minimum(1, np.maximum.accumulate(p * [3, 2, 1]))
    assert best["p_adjusted"].to_dict() == pytest.approx(expected.to_dict())
    assert best["verdict"].tolist() == ["undecided", "better", "better"]
    assert ((best["low"] >= 0) == (best["p_adjusted"] <= 0.05)).all()
    for other, n in (("b", 1), ("d", 3), ("a", 3)):  # one is left open; the decided ones hold for all three
        pair = told.between("c", other)
        reach = student.isf(0.05 / n / 2, 4) * pair["standard_error"]
        assert best.loc[other, "high"] == pytest.approx(pair["difference"] + reach)
    assert best.loc["b", "n_more_splits"] > 0
    assert (best.loc["a", "n_more_splits"], best.loc["a", "probability_better"]) == (
        0,
        told.between("c", "a")["probability_better"],
    )
    turned = told.against("a")
    assert turned.loc["c", "verdict"] == "worse"
    assert (turned.loc["c", "low"], turned.loc["c", "high"]) == pytest.approx(
        (-best.loc["a", "high"], -best.loc["a", "low"])
    )
    with pytest.raises(ValueError, match="got 'nobody'"):
        told.against("nobody")
    assert len(verdicts(invented({"a": BASE})).against()) == 0


def test_one_against_others_that_failed():
    """They have no test and do not count; same answers are equivalent here too."""
    labels, right = [["x", "y"]] * 2, [["x", "x"]] * 2
    told = verdicts(
        invented({"a": [0.5, 0.5], "b": [0.5, 0.5], "c": []}, labels=labels, answers={"a": right, "b": right})
    ).against()
    assert told["verdict"].to_dict() == {"b": "equivalent", "c": "undecided"}
    assert told["p_adjusted"].isna().all()


@pytest.mark.parametrize(
    ("n_pipelines", "n_splits", "words"),
    [(20, 3, "3 splits are too few to tell 20 pipelines apart"), (2, 1, "One split cannot"), (2, 4, ""), (1, 2, "")],
)
def test_too_few_splits(n_pipelines, n_splits, words):
    """Said with how many would do, for which nothing is said."""
    told = few_splits(n_pipelines, n_splits)
    assert told.startswith(words)
    assert bool(told) == bool(words)
    if told:
        enough = enough_splits(n_pipelines)
        assert told.endswith(f"Ask for {enough} splits or more.")
        assert few_splits(n_pipelines, enough) == ""


def test_holm_over_all_pairs():
    """By hand from the unadjusted values: the smallest three times, the next twice, the largest once."""
    scores = {"a": BASE, "b": above(BASE, BY_HAND), "c": above(BASE, [0.06, 0.05, 0.07, 0.06, 0.065])}
    frame = verdicts(invented(scores)).frame()
    p = np.sort(frame["p"])
    expected = np.minimum(1, np.maximum.accumulate(p * [3, 2, 1]))
    assert np.sort(frame["p_holm"]) == pytest.approx(expected, abs=1e-15)
    best = frame.iloc[frame["p"].argmin()]
    assert "after Holm over 3 pairs" in best["sentence"]
    alone = verdicts(invented({name: scores[name] for name in "ab"})).frame().iloc[0]
    assert alone["verdict"] == "better"
    among = frame[(frame["first"] == "b") & (frame["second"] == "a")].iloc[0]
    assert (among["p"], among["verdict"]) == (alone["p"], "undecided")
    assert among["smallest_detectable"] > alone["smallest_detectable"]


def test_sizes_of_uneven_folds_enter_by_their_means():
    """Folds of 10 images in 3: 1/2 test image per training image, as for even ones."""
    row = only(invented({"a": [0.5, 0.6, 0.7], "b": [0.4, 0.6, 0.5]}, train_sizes=[6, 7, 7], test_sizes=[4, 3, 3]))
    assert row["standard_error"] == pytest.approx(0.1 * np.sqrt(1 / 3 + 1 / 2))
    assert row["note"] == (
        "Splits have 6 to 7 training images; the correction takes the mean. "
        "Splits have 3 to 4 test images; the correction takes the mean."
    )


def test_failed_splits_are_left_out_and_told():
    """Only what both finished is compared, and the order follows it."""
    scores = {"a": [0.9, None, 0.50, 0.52, 0.51], "b": [None, 0.1, 0.60, 0.61, 0.63]}
    row = only(invented(scores))
    assert (row["first"], row["n_splits"]) == ("b", 3)
    assert row["difference"] == pytest.approx((0.10 + 0.09 + 0.12) / 3)
    assert row["note"] == "Rests on the 3 of 5 splits that both finished."


def test_nan_and_infinite_scores_are_failed_splits():
    """A metric that could not be computed is no number to average."""
    row = only(invented({"a": [0.5, float("nan"), 0.6], "b": [0.4, 0.4, float("inf")]}))
    assert (row["n_splits"], row["test"]) == (1, "none")


def test_failed_pipelines_are_listed_with_their_error():
    """They take no part in the adjustment of the others."""
    scores = {"a": BASE, "b": above(BASE, BY_HAND), "broken": []}
    told = verdicts(invented(scores, errors={"broken": "ValueError: no such file."}))
    frame = told.frame()
    assert frame["p"].notna().sum() == 1
    assert frame.iloc[0]["p_holm"] == frame.iloc[0]["p"]
    assert frame["sentence"].tolist()[1] == (
        "b against broken is undecided: broken has no score (ValueError: no such file)."
    )
    assert told.power(0.03).isna().tolist() == [False, True, True]


def test_no_split_in_common():
    """Both finished something, nothing together."""
    row = only(invented({"a": [0.5, None], "b": [None, 0.4]}))
    assert row["sentence"] == "a against b is undecided: no split was finished by both."


def test_nobody_finished():
    """Neither has a score, and the sentence says so."""
    assert "neither has a score (E)" in only(invented({"a": [None], "b": [None]}, errors={"a": "E"}))["sentence"]


def test_one_pipeline_has_no_pairs():
    """An empty frame of the same columns, and words for it."""
    told = verdicts(invented({"a": BASE}))
    full = verdicts(invented({"a": BASE, "b": BASE}))
    assert told.frame().dtypes.equals(full.frame().dtypes)
    assert repr(told) == "There are no two pipelines to compare."


def test_same_difference_everywhere():
    """No spread is not proof: undecided, no p, and the sentence says why."""
    row = only(invented({"a": BASE, "b": above(BASE, [0.02] * 5)}))
    assert row[["p", "low", "probability_better", "smallest_detectable"]].isna().all()
    assert row["sentence"] == (
        "b against a is undecided: b is 2.0 points ahead in accuracy; the difference is the same on each of 5 splits, "
        "with no spread to judge by."
    )


def test_same_answers_are_equivalent():
    """A pipeline beside itself; level scores from other answers stay undecided."""
    labels, right = [["x", "y"]] * 2, [["x", "x"]] * 2
    scores = {"a": [0.5, 0.5], "b": [0.5, 0.5]}
    row = only(invented(scores, labels=labels, answers={"a": right, "b": right}))
    assert (row["verdict"], row["n_more_splits"]) == ("equivalent", 0)
    assert "they gave the same answer to every test image of all 2 splits" in row["sentence"]
    row = only(invented(scores, labels=labels, answers={"a": right, "b": [["y", "y"]] * 2}))
    assert row["verdict"] == "undecided"
    assert "they are level in accuracy" in row["sentence"]


def test_splits_that_share_their_test_images():
    """Said, because the interval then leaves the choice of test images out."""
    comparison = invented({"a": BASE, "b": above(BASE, BY_HAND)})
    comparison.splits = [(train, np.arange(20)) for train, _ in comparison.splits]
    assert "All splits test the same images" in only(comparison)["note"]


LABELS = [["x"] * 30 + ["y"] * 10]


def one_split(n_first, n_second, metric="accuracy"):
    """Return two pipelines on 40 images: so many of class x, y only the first, only the second got right."""
    answers = {}
    for name, (x, y) in {"first": n_first, "second": n_second}.items():
        start = {"first": 0, "second": 15}[name]
        wrong = ["?"] * 40
        for place in [*range(start, start + x), *range(30 + start // 3, 30 + start // 3 + y)]:
            wrong[place] = LABELS[0][place]
        answers[name] = [wrong]
    share = {
        name: (x + y) / 40 if metric == "accuracy" else (x / 30 + y / 10) / 2
        for name, (x, y) in {"first": n_first, "second": n_second}.items()
    }
    scores = {name: [value] for name, value in share.items()}
    return invented(scores, labels=LABELS, answers=answers, metric=metric, test_sizes=[40])


def test_one_split_rests_on_mcnemar():
    """13 images against 3: p = 2 (1 + 16 + 120 + 560) / 2^16; nothing about other training sets."""
    row = only(one_split((10, 3), (2, 1)))
    assert (row["test"], row["verdict"], row["n_splits"]) == ("McNemar", "better", 1)
    assert row["p"] == row["p_mcnemar"] == pytest.approx(2 * 697 / 2**16, abs=1e-12)
    assert row["difference"] == pytest.approx(10 / 40)
    assert row.isna()["n_more_splits"]
    assert row["sentence"].startswith("On this one test set of 40 images first is better than second: 25.0 points more")
    assert row["sentence"].endswith("; one split says nothing about other training sets.")


def test_one_split_of_class_means_rests_on_the_permutation_test():
    """An image of the small class weighs three times as much: 3 of y against 5 of x, 4 (or more) of 9 sides."""
    row = only(one_split((0, 3), (5, 0), "balanced_accuracy"))
    assert row["test"] == "permutation"
    assert row["p"] == row["p_permutation"] != row["p_mcnemar"]
    assert row["difference"] == pytest.approx((3 / 10 - 5 / 30) / 2)
    # |3 a + b| >= 4 with a, b sums of 3 and 5 signs (in units of 1/30): only these fall short
    near = {(a, b) for a in (-3, -1, 1, 3) for b in (-5, -3, -1, 1, 3, 5) if abs(3 * a + b) < 4}
    ways = {-3: 1, -1: 3, 1: 3, 3: 1}, {-5: 1, -3: 5, -1: 10, 1: 10, 3: 5, 5: 1}
    assert row["p"] == pytest.approx(1 - sum(ways[0][a] * ways[1][b] for a, b in near) / 2**8, abs=1e-12)


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy"])
def test_one_random_split_gets_no_verdict(metric):
    """The p-values are told, and that they are those of images that were drawn."""
    comparison = one_split((10, 3), (2, 1), metric)
    comparison.protocol["cv"] = "PerClassSplit(n_train=5, n_test=40, n_splits=1, random_state=0)"
    row = only(comparison)
    assert (row["test"], row["verdict"]) == ("none", "undecided")
    assert row["p_mcnemar"] < 0.05
    assert row[["p", "low", "probability_better"]].isna().all()
    assert "ahead in" in row["sentence"]
    assert "; that is on the 40 test images of one random split alone (" in row["sentence"]
    assert row["sentence"].endswith(") and says nothing about other splits, so ask for several.")
    comparison.protocol["cv"] = "official split of the data set"
    assert only(comparison)["test"] != "none"


def test_one_split_too_small_to_tell():
    """Undecided, and neither more splits alone nor a number of them is promised."""
    row = only(one_split((2, 0), (1, 0)))
    assert row["verdict"] == "undecided"
    assert "more test images or more splits are needed" in row["sentence"]


def test_one_split_names_classes_without_a_test_image():
    """The mean per-class accuracy leaves them out."""
    comparison = one_split((0, 3), (5, 0), "balanced_accuracy")
    comparison.dataset["class_names"] = ["w", "x", "y"]
    assert only(comparison)["note"] == "The mean leaves out 1 class without a test image."


@pytest.mark.parametrize(
    ("comparison", "why"),
    [
        (invented({"a": [0.5], "b": [0.4]}, metric="f1_macro"), "this metric has no test image by image"),
        (invented({"a": [0.5], "b": [0.4]}), "the answers to its images were not kept"),
    ],
)
def test_one_split_without_a_test(comparison, why):
    """No p, and why."""
    row = only(comparison)
    assert row[["p", "p_holm", "low", "high"]].isna().all()
    assert (row["verdict"], row["test"]) == ("undecided", "none")
    assert why in row["sentence"]


def test_comparison_read_from_disk(tmp_path, rng):
    """One split of a real run, its answers as they were saved: always a is right for 6 of 8, always b for 2."""
    images, labels = rng.integers(0, 256, (16, 6, 6), dtype=np.uint8), np.array(["a", "a", "a", "b"] * 4)
    always = {f"always {name}": DummyClassifier(strategy="constant", constant=name) for name in "ab"}
    compare(always, images, labels, cv=[(range(8), range(8, 16))], out=tmp_path)
    row = only(Comparison.load(tmp_path))
    assert (row["first"], row["difference"]) == ("always a", 0.5)
    assert row["p_mcnemar"] == pytest.approx(2 * (1 + 8 + 28) / 2**8)
    assert row["p_permutation"] == 1.0  # level in mean per-class accuracy


@pytest.fixture
def three():
    """Three pipelines, the best of which is beyond doubt."""
    return verdicts(
        invented(
            {"a": BASE, "c": above(BASE, [0.2, 0.21, 0.19, 0.22, 0.2]), "b": above(BASE, [0.0, 0.01, -0.01, 0.01, 0.0])}
        )
    )


def test_matrix(three):
    """Row against column; what is better one way is worse the other."""
    table = three.matrix()
    assert table.index.tolist() == table.columns.tolist() == three.names == ["c", "b", "a"]
    assert table.loc["c"].tolist() == ["", "better", "better"]
    assert table["c"].tolist() == ["", "worse", "worse"]
    assert table.loc["a", "b"] == table.loc["b", "a"] != "better"


def test_between_turns_the_row(three):
    """Both views hold the same numbers, with their signs and sides exchanged."""
    row, turned = three.between("c", "a"), three.between("a", "c")
    assert (row["verdict"], turned["verdict"]) == ("better", "worse")
    assert turned["difference"] == -row["difference"]
    assert (turned["low"], turned["high"]) == (-row["high"], -row["low"])
    assert turned["probability_worse"] == row["probability_better"]
    assert (turned["p"], turned["first"], turned["second"]) == (row["p"], "a", "c")
    with pytest.raises(ValueError, match="`other` must be one of 'c', 'b'; got 'a'"):
        three.between("a", "a")


def test_power_counts_the_pairs():
    """Two pipelines by hand; among three, each pair has a third of alpha and finds less."""
    scores = {"a": BASE, "b": above(BASE, BY_HAND), "c": above(BASE, [0.06, 0.05, 0.07, 0.06, 0.065])}
    alone = verdicts(invented({name: scores[name] for name in "ab"}))
    error, critical = np.sqrt(1.125e-4), 2.7764451051977943
    lowest = min(norm.cdf((0.04 / error - critical) / spread) for spread in (np.sqrt(0.2 / 0.45), 1.0))
    assert alone.power(0.04).tolist() == pytest.approx([lowest], abs=1e-6)
    told = verdicts(invented(scores))
    among = told.power(0.04)[(told.frame()["first"] == "b") & (told.frame()["second"] == "a")]
    assert among.item() < lowest
    assert all(told.power(size)[number] > 0.8 for number, size in enumerate(told.frame()["smallest_detectable"]))


def test_frame_is_a_copy_and_repr_are_the_sentences(three):
    """Changing what was given changes nothing."""
    frame = three.frame()
    frame["verdict"] = "worse"
    assert "worse" not in three.frame()["verdict"].tolist()
    assert repr(three).splitlines() == three.frame()["sentence"].tolist()


def test_metric_in_its_own_unit():
    """No points, and the region is read in the unit of the metric."""
    scores = {"a": [-1.0, -1.1, -0.9], "b": [-0.5, -0.7, -0.45]}
    row = only(invented(scores, metric="neg_log_loss"), rope=0.1)
    assert row["sentence"].startswith("b is better than a: 0.45 more neg log loss (95 % interval 0.286 to 0.614, p")
    assert row["note"] == "The region of equivalence is in units of the metric."


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": "f1"}, "`metric` must be one of 'accuracy'; got 'f1'"),
        ({"rope": -0.01}, r"`rope` must be a number >= 0; got -0\.01"),
        ({"alpha": 0.0}, r"`alpha` must be a number .*> 0.*; got 0\.0"),
        ({"alpha": 95}, "got 95"),
    ],
)
def test_bad_options(options, message):
    """What was expected and what came."""
    with pytest.raises(ValueError, match=message):
        verdicts(invented({"a": BASE, "b": BASE}), **options)
