"""One difference and how surely it is known: against hand-worked numbers, SciPy, baycomp and simulation."""

import numpy as np
import pytest
from baycomp import CorrelatedTTest
from baycomp.single import Posterior
from scipy import stats

from eyecraft.pipelines._student import MOST_SPLITS, Estimate, corrected_t

BY_HAND = np.array([0.02, 0.04, 0.03, 0.05, 0.01])  # mean 0.03, variance 2.5e-4


def test_corrected_t_by_hand():
    """Five folds: error² = (1/5 + 1/4) 2.5e-4, so t² = 8; Student's distribution of 4 degrees has a closed form."""
    found = corrected_t(BY_HAND, 0.25)
    assert found.mean == pytest.approx(0.03, abs=1e-12)
    assert found.error == pytest.approx(np.sqrt(1.125e-4), abs=1e-12)
    assert found.p == pytest.approx(1 - 7 / 12 * np.sqrt(8 / 3), abs=1e-9)
    reach = 2.7764451051977943 * np.sqrt(1.125e-4)  # the 97.5 % quantile of 4 degrees, from a table
    assert found.interval(0.05) == pytest.approx((0.03 - reach, 0.03 + reach), abs=1e-9)


def test_without_shared_images_it_is_the_plain_t_test(rng):
    """A ratio of 0 corrects nothing."""
    differences = rng.normal(0.01, 0.02, 12)
    expected = stats.ttest_1samp(differences, 0)
    found = corrected_t(differences, 0.0)
    assert found.p == pytest.approx(expected.pvalue, abs=1e-12)
    assert found.interval(0.1) == pytest.approx(tuple(expected.confidence_interval(0.9)), abs=1e-12)


def test_the_correction_widens(rng):
    """Ten draws tested on as many images as they were trained on: sqrt(1 + 10) times the plain error."""
    differences = rng.normal(0.01, 0.02, 10)
    plain, corrected = corrected_t(differences, 0.0), corrected_t(differences, 1.0)
    assert corrected.error / plain.error == pytest.approx(np.sqrt(11))
    assert corrected.p > plain.p


@pytest.mark.parametrize(("n_folds", "runs", "rope"), [(5, 1, 0.01), (10, 1, 0.002), (10, 10, 0.01), (3, 2, 0.1)])
def test_probabilities_equal_baycomp(rng, n_folds, runs, rope):
    """Its ratio is that of folds, 1 / (k - 1)."""
    first, second = rng.normal(0.8, 0.02, (2, n_folds * runs))
    worse, equivalent, better = CorrelatedTTest.probs(second, first, rope, runs)
    found = corrected_t(first - second, 1 / (n_folds - 1)).probabilities(rope)
    assert found == pytest.approx((better, equivalent, worse), abs=1e-12)


def test_probabilities_equal_baycomp_for_any_ratio():
    """With the corrected variance given, where splits are no folds."""
    found = corrected_t(BY_HAND, 1.3)
    worse, equivalent, better = Posterior(0.03, (1 / 5 + 1.3) * 2.5e-4, 4, 0.02).probs()
    assert found.probabilities(0.02) == pytest.approx((better, equivalent, worse), abs=1e-12)


def test_no_region_no_equivalence():
    """With a region of width 0 one side's probability is half the p-value."""
    found = corrected_t(BY_HAND, 0.25)
    better, equivalent, worse = found.probabilities(0.0)
    assert (better + worse, equivalent) == pytest.approx((1.0, 0.0), abs=1e-12)
    assert worse == pytest.approx(found.p / 2)


def test_no_spread_no_estimate():
    """Differences alike but for rounding."""
    assert corrected_t(np.array([0.3 - 0.2, 0.1, 0.4 - 0.3]), 0.25) is None


@pytest.mark.parametrize(("df", "alpha"), [(2, 0.05), (4, 0.05), (9, 0.05), (9, 0.001), (99, 0.05)])
def test_smallest_detectable_difference_is_found_by_the_next_run(df, alpha, rng):
    """What one run prints is the true difference of the next one, which finds it in 80 % of many simulated pairs."""
    count = 1_000_000
    seen, again = np.sqrt(rng.chisquare(df, (2, count)) / df)  # the errors of both runs; the true one is 1
    true = Estimate(0.0, 1.0, df, 1.0).smallest(alpha) * seen
    found = np.abs(true + rng.standard_normal(count)) > stats.t.isf(alpha / 2, df) * again
    assert found.mean() == pytest.approx(0.8, abs=0.0025)


def test_power_by_hand():
    """A normal, 2.8 errors away: 1.96 is passed by all but the lowest fifth."""
    many = Estimate(0.0, 1.0, np.inf, 1e6)  # so many images that two more or less do not count
    assert many.power(1.959964 + 0.841621, 0.05) == pytest.approx(0.8, abs=1e-5)
    assert many.power(0.0, 0.05) == pytest.approx(0.05, abs=1e-9)


@pytest.mark.parametrize(("df", "ratio"), [(4, 0.25), (9, 1.0), (9, 3.0), (99, 0.1)])
def test_power_grows_with_the_difference(df, ratio):
    """And is at least 80 % for the smallest that is called detectable."""
    found = Estimate(0.0, 0.02 * np.sqrt(1 / (df + 1) + ratio), df, 0.02, ratio)
    size = found.smallest(0.05)
    assert 0.799 < found.power(size, 0.05) < found.power(1.2 * size, 0.05)
    assert found.power(0.8 * size, 0.05) < found.power(size, 0.05)


def test_smallest_detectable_difference_of_a_normal():
    """1.96 + 0.84 standard errors, as every textbook has it (the other tail is next to nothing)."""
    assert Estimate(0.0, 1.0, np.inf, 1e6).smallest(0.05) == pytest.approx(1.959964 + 0.841621, abs=1e-4)
    hundred = Estimate(0.0, 0.03, np.inf, 0.3)  # and two images of a hundred where counts are tested
    assert hundred.smallest(0.05) == pytest.approx(0.03 * (1.959964 + 0.841621) + 2 / 100, abs=1e-4)


@pytest.mark.parametrize("shift", [0.9, 1.7, 3.0])
@pytest.mark.parametrize(("n_splits", "ratio"), [(3, 0.5), (5, 0.25), (10, 1.0)])
def test_promised_power_is_kept(rng, n_splits, ratio, shift):
    """Mean promise of many runs against the share that finds the difference, from independent splits to dependent."""
    critical, factor = stats.t.isf(0.025, n_splits - 1), np.sqrt(1 / n_splits + ratio)
    for shared in (0.0, ratio / 2, ratio):  # variance that all splits of a run have in common
        runs = shift + np.sqrt(shared) * rng.normal(size=(20_000, 1)) + rng.normal(size=(20_000, n_splits))
        found = np.mean(np.abs(runs.mean(axis=1)) / (runs.std(axis=1, ddof=1) * factor) > critical)
        promised = np.mean([corrected_t(run, ratio).power(shift, 0.05) for run in runs[:400]])
        assert promised < found + 0.07  # three standard errors of 400 promises
    assert promised > found - 0.2  # and no empty promise


def test_more_splits_is_the_first_number_that_settles():
    """One fewer does not; mean and deviation held."""
    found = corrected_t(np.array([0.05, -0.02, 0.06, 0.01]), 0.1)
    more = found.more_splits(0.05, 0.05, 0.001)

    def p(n_splits):
        return Estimate(found.mean, found.sd * np.sqrt(1 / n_splits + 0.1), n_splits - 1, found.sd).p

    assert more > 1
    assert p(4 + more) <= 0.05 < p(4 + more - 1)


def test_more_splits_settle_equivalence_too():
    """No difference, small spread: in the end it lies within the region."""
    found = corrected_t(np.array([0.01, -0.01, 0.012, -0.012]), 0.05)
    assert found.probabilities(0.01)[1] < 0.95
    assert 1 <= found.more_splits(0.05, 0.05, 0.01) < 20


def test_more_splits_alone_cannot_settle_what_shared_images_leave_open():
    """The part n_test / n_train of the variance stays, however many splits there are."""
    found = corrected_t(np.array([0.05, -0.03, 0.06, -0.01]), 3.0)
    assert found.mean / (found.sd * np.sqrt(1 / (4 + MOST_SPLITS) + 3.0)) < 1.96
    assert found.more_splits(0.05, 0.05, 0.01) is None
