"""Chi2Map and Hellinger: inner products that equal kernels."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.kernel_approximation import AdditiveChi2Sampler
from sklearn.utils.estimator_checks import check_estimator

from eyecraft.features.words import Chi2Map, Hellinger


@pytest.fixture
def histograms(rng):
    """Return 20 l1-normalised histograms of 30 bins, a third of them empty."""
    X = rng.uniform(size=(20, 30)) * (rng.uniform(size=(20, 30)) > 0.33)
    return X / X.sum(1, keepdims=True)


def kernel(X: np.ndarray, gamma: float) -> np.ndarray:
    """Homogeneous chi-squared kernel of all pairs of rows, plainly."""
    out = np.zeros((len(X), len(X)))
    for i, a in enumerate(X):
        for j, b in enumerate(X):
            both = (a > 0) & (b > 0)
            x, y = a[both], b[both]
            out[i, j] = ((x * y) ** ((gamma - 1) / 2) * 2 * x * y / (x + y)).sum()
    return out


@pytest.mark.parametrize("gamma", [0.5, 1.0])
@pytest.mark.parametrize(("n_components", "error"), [(1, 0.05), (2, 0.02), (3, 0.01), (6, 0.002)])
def test_inner_products_come_near_the_kernel(histograms, gamma, n_components, error):
    """The more components, the nearer."""
    mapped = Chi2Map(n_components, gamma=gamma).fit_transform(histograms).astype(float)
    exact = kernel(histograms, gamma)
    assert np.abs(mapped @ mapped.T - exact).max() < error * exact.max()


def test_gamma_one_is_scikit_learns_sampler(histograms):
    """Number for number."""
    expected = AdditiveChi2Sampler(sample_steps=3, sample_interval=0.4).fit_transform(histograms)
    found = Chi2Map(2, gamma=1, sample_interval=0.4).fit_transform(histograms)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


def test_negative_numbers_keep_their_sign_and_zeros_stay():
    """The map is odd."""
    X = np.array([[0.3, 0.0], [-0.3, 0.0]])
    positive, negative = Chi2Map().fit_transform(X)
    np.testing.assert_allclose(positive, -negative)
    assert not positive[[1, 3, 5]].any()


def test_names_and_sizes(histograms):
    """Three numbers of each, named; float32."""
    mapper = Chi2Map().fit(histograms)
    names = mapper.get_feature_names_out()
    assert len(names) == mapper.n_features_out_ == 90 == mapper.transform(histograms).shape[1]
    assert (names[0], names[30], names[89]) == ("x0_chi2_0", "x0_cos1", "x29_sin1")
    assert clone(mapper).set_output(transform="pandas").fit_transform(histograms).shape == (20, 90)


def test_names_given_must_be_those_of_the_inputs():
    """As many, and the same where `fit` saw names."""
    mapper = Chi2Map().fit(np.ones((2, 3)))
    assert mapper.get_feature_names_out(["a", "b", "c"])[-1] == "c_sin1"
    with pytest.raises(ValueError, match="input_features should have length equal"):
        mapper.get_feature_names_out(["a"])


def test_hellinger_is_the_square_root_kernel(histograms):
    """Inner products are sums of roots of products; rows have unit norm; zeros stay."""
    mapped = Hellinger().fit_transform(np.vstack([3 * histograms, np.zeros(30)])).astype(float)
    expected = np.sqrt(histograms) @ np.sqrt(histograms).T
    np.testing.assert_allclose(mapped[:-1] @ mapped[:-1].T, expected, atol=1e-6)
    assert not mapped[-1].any()


@pytest.mark.parametrize("mapper", [Chi2Map(), Hellinger()], ids=["Chi2Map", "Hellinger"])
def test_scikit_learns_own_checks(mapper):
    """Ordinary transformers of tables of numbers: all checks of scikit-learn hold."""
    check_estimator(mapper, on_skip=None)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_components": 0}, r"`n_components` .*>= 1; got 0"),
        ({"gamma": 0}, r"`gamma` must be a number .*; got 0"),
        ({"sample_interval": -1.0}, r"`sample_interval` must be a number > 0; got -1.0"),
    ],
)
def test_errors_name_the_parameter_and_the_value(parameters, message):
    """Each wrong parameter says what was expected and what came."""
    with pytest.raises(ValueError, match=message):
        Chi2Map(**parameters).fit(np.ones((2, 2)))


def test_unfitted_use_is_scikit_learns_error():
    """NotFittedError from both."""
    for mapper in (Chi2Map(), Hellinger()):
        with pytest.raises(NotFittedError):
            mapper.transform(np.ones((2, 2)))
