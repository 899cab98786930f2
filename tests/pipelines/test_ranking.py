"""Ranks over several data sets: by hand, against SciPy and against the published table of critical values."""

import numpy as np
import pandas as pd
import pytest
from references.invented_scores import invented
from scipy import stats

from eyecraft.pipelines.ranking import rank, ranking_of


def table(rows, names="abcdefghij"):
    """Return scores with a row per data set."""
    rows = np.asarray(rows, dtype=float)
    return pd.DataFrame(rows, columns=list(names[: rows.shape[1]]), index=[f"set {k}" for k in range(len(rows))])


def test_ranks_by_hand():
    """Four data sets, three pipelines, one tie: ranks 1.125, 2.125 and 2.75 on average."""
    scores = table([[0.9, 0.8, 0.7], [0.9, 0.8, 0.7], [0.8, 0.8, 0.7], [0.9, 0.7, 0.8]])
    found = ranking_of(scores, "accuracy", 0.05)
    assert found.ranks.loc["set 2"].tolist() == [1.5, 1.5, 3.0]
    assert found.frame()["average_rank"].tolist() == [1.125, 2.125, 2.75]
    assert found.frame()["pipeline"].tolist() == ["a", "b", "c"]
    assert found.frame()["n_first"].tolist() == [4, 1, 0]
    squares = 1.125**2 + 2.125**2 + 2.75**2
    uncorrected = 12 * 4 / (3 * 4) * (squares - 3 * 4**2 / 4)
    assert found.friedman_statistic == pytest.approx(uncorrected / (1 - (2**3 - 2) / (4 * (3**3 - 3))), abs=1e-9)


def test_friedman_equals_scipy(rng):
    """With ties, which are rounded together."""
    scores = table(rng.integers(50, 60, (9, 5)) / 100)
    expected = stats.friedmanchisquare(*scores.to_numpy().T)
    found = ranking_of(scores, "accuracy", 0.05)
    assert (found.friedman_statistic, found.friedman_p) == pytest.approx((expected.statistic, expected.pvalue))


# two-sided Nemenyi, alpha 0.05, for 2 to 10 pipelines: Demsar (2006), Table 5
PUBLISHED = (1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164)


@pytest.mark.parametrize(("n_pipelines", "critical"), list(enumerate(PUBLISHED, 2)))
def test_critical_values_are_the_published_ones(n_pipelines, critical, rng):
    """To the three digits printed there, some of which are cut off rather than rounded."""
    found = ranking_of(table(rng.random((6, n_pipelines))), "accuracy", 0.05)
    step = np.sqrt(n_pipelines * (n_pipelines + 1) / (6 * 6))
    assert found.critical_difference / step == pytest.approx(critical, abs=1e-3)


def test_critical_difference_of_the_published_example(rng):
    """Four pipelines on fourteen data sets: 1.25."""
    assert ranking_of(table(rng.random((14, 4))), "auc", 0.05).critical_difference == pytest.approx(1.25, abs=0.005)


def test_nemenyi_p_and_critical_difference_agree(rng):
    """Below alpha exactly where the ranks are that far apart."""
    scores = table(rng.normal(0, 1, (12, 5)) + np.arange(5))
    found = ranking_of(scores, "accuracy", 0.05)
    apart = found.pairs["rank_difference"] >= found.critical_difference
    assert (apart == (found.pairs["p_nemenyi"] <= 0.05)).all()
    assert 0 < apart.sum() < len(apart)


@pytest.mark.parametrize("n_datasets", [5, 9, 14])
def test_wilcoxon_equals_scipy(n_datasets, rng):
    """The exact test, two-sided."""
    scores = table(rng.random((n_datasets, 2)))
    expected = stats.wilcoxon(scores["a"], scores["b"], method="exact").pvalue
    assert ranking_of(scores, "accuracy", 0.05).pairs["p_wilcoxon"][0] == pytest.approx(expected, abs=1e-12)


def test_wilcoxon_with_ties_by_hand():
    """Differences 1, 1, 2 and 0 (left out): ranks 1.5, 1.5, 3; two of eight signs are as extreme."""
    scores = table([[2, 1], [2, 1], [3, 1], [1, 1]])
    assert ranking_of(scores, "accuracy", 0.05).pairs["p_wilcoxon"][0] == pytest.approx(2 / 8)


def test_wilcoxon_of_many_data_sets_is_drawn(rng):
    """Close to SciPy's exact value for 30."""
    scores = table(rng.random((30, 2)) + np.array([0.0, 0.12]))
    expected = stats.wilcoxon(scores["a"], scores["b"], method="exact").pvalue
    assert ranking_of(scores, "accuracy", 0.05).pairs["p_wilcoxon"][0] == pytest.approx(expected, abs=0.006)


def test_groups_are_the_bars_of_the_diagram():
    """Ranks 1, 2, 3, 4 on eight data sets: neighbours, and next but one, cannot be told apart (1.66 against 2)."""
    found = ranking_of(table([[4, 3, 2, 1]] * 8), "accuracy", 0.05)
    assert found.critical_difference == pytest.approx(2.569 * np.sqrt(20 / 48), abs=1e-3)
    assert found.groups() == [("a", "b"), ("b", "c"), ("c", "d")]
    assert found.groups("wilcoxon") == []  # every pair 8 to 0
    wide = ranking_of(table([[4, 3, 2, 1]] * 5), "accuracy", 0.05)
    assert wide.groups() == [("a", "b", "c"), ("b", "c", "d")]


def test_all_level():
    """No difference anywhere is no division by zero."""
    found = ranking_of(table([[0.5, 0.5, 0.5]] * 4), "accuracy", 0.05)
    assert (found.friedman_statistic, found.friedman_p) == (0.0, 1.0)
    assert found.pairs["p_wilcoxon"].tolist() == [1.0] * 3
    assert found.groups() == [("a", "b", "c")]


def test_rank_of_comparisons():
    """Means over splits, data sets by their names, and a sentence."""
    one = invented({"hog": [0.7, 0.8], "sift": [0.6, 0.6]}, name="pets")
    two = invented({"hog": [0.5, 0.5], "sift": [0.6, 0.4]}, name="cars")
    found = rank([one, two])
    assert found.scores.loc["pets"].tolist() == pytest.approx([0.75, 0.6])
    assert found.ranks.loc["cars"].tolist() == [1.5, 1.5]
    assert found.friedman_p is None
    assert found.sentence() == (
        "hog has the best average rank (1.25 over 2 data sets); Wilcoxon's p is 1, not more than chance; "
        "with 2 data sets Wilcoxon's p cannot fall below 0.5."
    )
    assert repr(found).startswith(found.sentence())
    assert rank({"x": one, "y": two}).scores.index.tolist() == ["x", "y"]


def test_sentence_when_ranks_differ():
    """With the critical difference; and without it where Friedman's test sees nothing."""
    clear = ranking_of(table([[4, 3, 2, 1]] * 8), "accuracy", 0.05).sentence()
    assert "more than chance (Friedman p = 2.5e-05), two of them where they are at least 1.66 apart." in clear
    unclear = ranking_of(table([[1, 2, 3], [3, 2, 1]]), "accuracy", 0.05).sentence()
    assert "no more than by chance (Friedman p = 1)" in unclear


def test_ties_share_the_best_rank_and_other_parameters_are_said():
    """Nobody is best alone who is level; a recipe that adapts to a data set is named."""
    assert (
        ranking_of(table([[1, 2, 0], [2, 1, 0]]), "accuracy", 0.05)
        .sentence()
        .startswith("a and b share the best average rank (1.50 over 2 data sets); ")
    )
    one, two = (invented({"hog": [0.7], "sift": [0.6]}, name=name) for name in ("pets", "cars"))
    assert rank([one, two]).unlike == ()
    two.pipelines.loc[1, "parameters"] = "SIFT(step=4)"
    found = rank([one, two])
    assert found.unlike == ("sift",)
    assert found.sentence().endswith("; not the same parameters on all data sets: sift.")


ONE = invented({"a": [0.5], "b": [0.4]}, name="one")


@pytest.mark.parametrize(
    ("comparisons", "options", "message"),
    [
        ([ONE], {}, "ranks need at least 2 data sets; got 1"),
        ([ONE, ONE], {}, "'one' is there twice. Give a dictionary"),
        ({"x": ONE, "y": ONE}, {}, "'x' and 'y' are the same images and labels"),
        ([ONE, invented({"a": [0.5]}, name="two")], {}, "'b' has no score on 'two'"),
        ([ONE, invented({"a": [0.5], "b": [None]}, name="two")], {}, "'b' has no score on 'two'"),
        ([ONE, invented({"a": [0.5], "b": [0.1]}, name="two", metric="f1")], {}, "'accuracy'; 'two' has 'f1'"),
        ([invented({"a": [0.5]}, name=name) for name in "xy"], {}, "at least 2 pipelines; got 1"),
        ([ONE, ONE], {"alpha": 2}, "`alpha` must be a number"),
    ],
)
def test_unlike_comparisons_are_refused(comparisons, options, message):
    """What differs is named."""
    with pytest.raises(ValueError, match=message):
        rank(comparisons, **options)


def test_means_over_unlike_splits_are_refused():
    """A pipeline that failed on one split of a data set has no mean there."""
    partly = invented({"a": [0.5, 0.6], "b": [0.4, None]}, name="partly")
    with pytest.raises(ValueError, match="every split of every data set: 'b' has no score on 'partly'"):
        rank([invented({"a": [0.5, 0.5], "b": [0.4, 0.4]}, name="whole"), partly])


def test_groups_follow_the_test_of_all():
    """Without a difference among all, no pair is told apart; two pipelines go by Wilcoxon's test alone."""
    unclear = ranking_of(table([[5, 4, 3, 1, 2], [1, 2, 4, 3, 5], [5, 4, 3, 2, 1]]), "accuracy", 0.05)
    assert not unclear.differ
    assert unclear.groups() == [tuple(unclear.frame()["pipeline"])]
    five, six = (ranking_of(table([[2, 1]] * n), "accuracy", 0.05) for n in (5, 6))
    assert five.pairs["p_nemenyi"][0] < 0.05 < five.pairs["p_wilcoxon"][0]
    assert (five.differ, five.groups()) == (False, [("a", "b")])
    assert (six.differ, six.groups()) == (True, [])


@pytest.mark.parametrize(("n_pipelines", "fewest"), [(2, 6), (3, 3), (5, 3), (10, 2)])
def test_fewest_data_sets(n_pipelines, fewest):
    """The same order everywhere is more than chance with so many data sets, and not with one less."""
    order = [list(range(n_pipelines, 0, -1))]
    enough, less = (ranking_of(table(order * n), "accuracy", 0.05) for n in (fewest, fewest - 1))
    assert enough.fewest_datasets == less.fewest_datasets == fewest
    assert enough.differ
    assert less.ranks.shape[0] == 1 or not less.differ
