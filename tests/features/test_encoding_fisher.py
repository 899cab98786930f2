"""Fisher vectors: the plain definition, scikit-learn's mixture and scikit-image as judges."""

import numpy as np
import pytest
from references import fisher_reference
from skimage.feature import fisher_vector as skimage_fisher_vector
from sklearn.mixture import GaussianMixture

from eyecraft.features.words.fisher import Mixture, encode_fisher, fisher_vector, fit_mixture


@pytest.fixture
def mixture(rng):
    """Return a mixture of five components of six numbers."""
    weights = rng.uniform(0.5, 1.5, 5)
    parts = weights / weights.sum(), rng.normal(scale=2, size=(5, 6)), rng.uniform(0.2, 2, (5, 6))
    return Mixture(*(part.astype(np.float32) for part in parts))


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Cosine of two arrays taken as vectors."""
    a, b = a.ravel().astype(float), b.ravel().astype(float)
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_equals_the_standard_definition(rng, mixture):
    """Every number of the plain formula, cosine 1.000000."""
    descriptors = rng.normal(scale=2, size=(70, 6)).astype(np.float32)
    found = fisher_vector(encode_fisher(descriptors, mixture, np.zeros(70, int), 1), mixture)[0]
    expected = fisher_reference.fisher_vector(descriptors, *(part.astype(float) for part in mixture))
    np.testing.assert_allclose(found, expected, atol=2e-5)
    assert round(cosine(found, expected), 6) == 1.0


def test_sums_of_cells_add_up_to_the_whole(rng, mixture):
    """Cells pooled together give the vector of all descriptors; an empty cell gives zeros."""
    descriptors = rng.normal(scale=2, size=(90, 6)).astype(np.float32)
    cells = rng.integers(0, 3, 90)
    sums = encode_fisher(descriptors, mixture, cells, 4)
    whole = encode_fisher(descriptors, mixture, np.zeros(90, int), 1)
    np.testing.assert_allclose(fisher_vector(sums.sum(0), mixture), fisher_vector(whole, mixture)[0], atol=1e-5)
    alone = encode_fisher(descriptors[cells == 1], mixture, np.zeros((cells == 1).sum(), int), 1)
    np.testing.assert_allclose(fisher_vector(sums, mixture)[1], fisher_vector(alone, mixture)[0], atol=1e-5)
    assert not fisher_vector(sums, mixture)[3].any()


def test_scikit_image_has_the_other_sign_for_the_deviations(rng, mixture):
    """Its means agree with ours; its deviations agree once their sign is turned (a known mistake of theirs)."""
    descriptors = rng.normal(scale=2, size=(70, 6)).astype(np.float32)
    judge = GaussianMixture(5, covariance_type="diag")
    judge.weights_, judge.means_, judge.covariances_ = (part.astype(float) for part in mixture)
    judge.precisions_cholesky_ = 1 / np.sqrt(judge.covariances_)
    theirs = skimage_fisher_vector(descriptors.astype(float), judge)[5:].reshape(2, 5, 6)
    ours = fisher_vector(encode_fisher(descriptors, mixture, np.zeros(70, int), 1), mixture)[0]
    assert cosine(ours[:, :6], theirs[0]) == pytest.approx(1, abs=1e-6)
    assert cosine(ours[:, 6:], theirs[1]) == pytest.approx(-1, abs=1e-6)


def test_data_drawn_from_the_mixture_have_a_vector_near_zero(rng, mixture):
    """The gradient vanishes where the mixture fits."""
    component = rng.choice(5, 40_000, p=mixture.weights / mixture.weights.sum())
    drawn = mixture.means[component] + rng.normal(size=(40_000, 6)) * np.sqrt(mixture.variances[component])
    fitting = fisher_vector(encode_fisher(drawn.astype(np.float32), mixture, np.zeros(40_000, int), 1), mixture)
    shifted = fisher_vector(encode_fisher((drawn + 1).astype(np.float32), mixture, np.zeros(40_000, int), 1), mixture)
    assert np.linalg.norm(fitting) < 0.05 * np.linalg.norm(shifted)


def test_the_mixture_is_found_again(rng):
    """Means, deviations and weights of three known clouds."""
    sizes, centres, spread = (500, 300, 200), np.array([[0, 0], [20, 0], [0, 30.0]]), (1.0, 2.0, 0.5)
    points = np.concatenate(
        [centre + s * rng.normal(size=(n, 2)) for n, centre, s in zip(sizes, centres, spread, strict=True)]
    )
    found = fit_mixture(points.astype(np.float32), 3, seed=1)
    order = [int(np.argmin(((found.means - centre) ** 2).sum(1))) for centre in centres]
    np.testing.assert_allclose(found.weights[order], [0.5, 0.3, 0.2], atol=0.01)
    np.testing.assert_allclose(found.means[order], centres, atol=0.3)
    np.testing.assert_allclose(np.sqrt(found.variances[order]), np.repeat(spread, 2).reshape(3, 2), rtol=0.15)


def test_fits_as_well_as_scikit_learn(rng):
    """Mean log-likelihood no lower than that of `GaussianMixture` from k-means."""
    points = np.concatenate([rng.normal(scale=s, size=(300, 5)) + 3 * s for s in (0.5, 1, 2, 3)])
    judge = GaussianMixture(6, covariance_type="diag", random_state=0).fit(points)
    ours = GaussianMixture(6, covariance_type="diag")
    found = fit_mixture(points.astype(np.float32), 6, max_iter=100)
    ours.weights_, ours.means_, ours.covariances_ = (part.astype(float) for part in found)
    ours.precisions_cholesky_ = 1 / np.sqrt(ours.covariances_)
    assert ours.score(points) >= judge.score(points) - 0.05


def test_constant_numbers_are_no_error():
    """A number that never changes has the least variance, not none: nothing is NaN."""
    points = np.zeros((50, 3), np.float32)
    points[:, 0] = np.arange(50)
    mixture = fit_mixture(points, 4)
    vector = fisher_vector(encode_fisher(points, mixture, np.zeros(50, int), 1), mixture)
    assert np.isfinite(vector).all()
    assert all(np.isfinite(part).all() for part in mixture)
