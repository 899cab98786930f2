"""Two pipelines on one test set: McNemar and the permutation test against SciPy, brute force and numbers by hand."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from eyecraft.pipelines import _one_test_set
from eyecraft.pipelines._one_test_set import Tally, mcnemar, permutation, tally


def counts(only_first, only_second, tested):
    """Return a tally from lists."""
    return Tally(*map(np.array, (only_first, only_second, tested)))


def test_tally_by_hand():
    """Class a: one each; class b: the first alone once; both right or both wrong count for neither."""
    labels = np.array(["b", "a", "a", "a", "b"])
    first = np.array(["b", "a", "x", "a", "a"])
    second = np.array(["a", "x", "a", "a", "x"])
    found = tally(labels, first, second)
    assert (found.only_first.tolist(), found.only_second.tolist()) == ([1, 1], [1, 0])
    assert found.tested.tolist() == [3, 2]
    assert found.pooled().tested.tolist() == [5]


@pytest.mark.parametrize(("one", "other"), [(0, 0), (1, 5), (5, 1), (7, 7), (30, 12), (200, 260)])
def test_mcnemar_equals_the_binomial_test(one, other):
    """Two-sided and exact."""
    expected = stats.binomtest(one, one + other).pvalue if one + other else 1.0
    assert mcnemar(one, other) == pytest.approx(expected, abs=1e-12)


def test_mcnemar_by_hand():
    """No image against six: twice 1/64."""
    assert mcnemar(6, 0) == pytest.approx(1 / 32, abs=1e-15)


def test_permutation_with_classes_of_one_size_is_mcnemar():
    """All images weigh the same."""
    assert permutation(counts([3, 4], [1, 0], [20, 20])) == pytest.approx(mcnemar(7, 1), abs=1e-12)


def test_permutation_by_hand():
    """An image of a class of 1 and two of a class of 4: 1 ± 1/4 ± 1/4; only the two extreme of 8 are as far out."""
    assert permutation(counts([1, 2], [0, 0], [1, 4])) == pytest.approx(2 / 8, abs=1e-12)
    assert permutation(counts([1, 1], [0, 1], [1, 4])) == pytest.approx(6 / 8, abs=1e-12)


def brute_force(found):
    """Exchange the answers to every image in every possible way."""
    signs = np.concatenate([[1.0] * one + [-1.0] * other for one, other, _ in zip(*vars(found).values(), strict=True)])
    weights = np.repeat(1 / found.tested, found.only_first + found.only_second)
    observed = abs(weights @ signs)
    outcomes = [abs(weights @ np.array(each)) for each in product((1.0, -1.0), repeat=len(signs))]
    return np.mean(np.array(outcomes) >= observed - 1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_permutation_equals_brute_force(seed):
    """All 2^m exchanges of the m images answered differently."""
    rng = np.random.default_rng(seed)
    one, other = rng.integers(0, 3, (2, 4))
    found = Tally(one, other, one + other + rng.integers(1, 9, 4))
    assert permutation(found) == pytest.approx(brute_force(found), abs=1e-12)


def test_permutation_equals_scipy():
    """SciPy exchanges pairs of rows at random; the statistic is the difference of mean per-class accuracy."""
    rng = np.random.default_rng(3)
    labels = np.repeat([0, 1, 2], [30, 11, 5])
    first, second = rng.random((2, len(labels))) < [[0.8], [0.6]]
    answers = [np.where(right, labels, -1) for right in (first, second)]

    def statistic(one, other):
        return np.mean([(one[labels == each] - other[labels == each]).mean() for each in range(3)])

    expected = stats.permutation_test(
        (first.astype(float), second.astype(float)),
        statistic,
        permutation_type="samples",
        n_resamples=4000,
        alternative="two-sided",
        rng=np.random.default_rng(0),
    )
    found = tally(labels, *answers)
    assert found.estimate().mean == pytest.approx(expected.statistic)
    assert permutation(found) == pytest.approx(expected.pvalue, abs=0.03)


def test_drawn_permutations_agree_with_all_of_them(monkeypatch):
    """Past a number of outcomes they are drawn."""
    found = counts([9, 4, 2], [3, 1, 4], [30, 20, 11])
    exact = permutation(found)
    monkeypatch.setattr(_one_test_set, "_MOST_OUTCOMES", 1)
    drawn = permutation(found)
    assert drawn == pytest.approx(exact, abs=0.015)
    assert drawn != exact
    assert permutation(found) == drawn  # the seed is fixed


def test_p_values_hold_their_level():
    """Two pipelines that are right equally often, on classes of uneven size: at most 5 % below 0.05."""
    rng = np.random.default_rng(0)
    sizes = np.array([40, 25, 12, 6])
    labels = np.repeat(np.arange(4), sizes)
    chance = rng.random(len(labels))  # how hard each image is, for both
    p = []
    for _ in range(400):
        answers = np.where(rng.random((2, len(labels))) < chance, labels, -1)
        p.append(permutation(tally(labels, *answers)))
    assert stats.binomtest(int(np.sum(np.array(p) <= 0.05)), 400, 0.05, alternative="greater").pvalue > 0.01


def test_estimate_by_hand():
    """Accuracy: 6 and 2 of 100 images; the error counts nine images, one of them added."""
    found = counts([6], [2], [100]).estimate()
    assert found.mean == pytest.approx(0.04)
    assert found.error == pytest.approx(0.03)
    assert found.interval(0.05) == pytest.approx((0.04 - 1.959964 * 0.03, 0.04 + 1.959964 * 0.03), abs=1e-7)


def test_estimate_weighs_classes_alike():
    """One of two in the small class is worth 1/4 of mean per-class accuracy; in the large one 1/200."""
    found = counts([1, 1], [0, 0], [2, 100]).estimate()
    assert found.mean == pytest.approx((1 / 2 + 1 / 100) / 2)
    weights = np.array([1 / 4, 1 / 200])
    assert found.error == pytest.approx(np.sqrt(1.5 * (weights**2).sum()))


def test_agreement_on_few_images_is_no_proof():
    """Equal answers to 30 images leave room for a point; to 3,000 they do not."""
    assert counts([0], [0], [30]).estimate().probabilities(0.01)[1] < 0.5
    assert counts([0], [0], [3000]).estimate().probabilities(0.01)[1] > 0.99


@pytest.mark.parametrize(("n_images", "apart"), [(200, 40), (1800, 500)])
def test_smallest_detectable_difference_is_found_by_the_exact_test(n_images, apart):
    """In 80 % of the runs in which so many images are answered differently, or somewhat more."""
    found = counts([apart // 2], [apart // 2], [n_images]).estimate()
    chance = 0.5 + found.smallest(0.05) * n_images / apart / 2
    passed = [k for k in range(apart + 1) if stats.binomtest(k, apart).pvalue <= 0.05]
    assert 0.79 < stats.binom.pmf(passed, apart, chance).sum() < 0.91
