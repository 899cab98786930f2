"""BagOfVisualWords: pictures with known words, laws, streaming, bad input."""

import pickle
import tracemalloc
from dataclasses import replace

import cv2
import numpy as np
import pytest
from references import pyramid_reference
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from eyecraft.features import FeatureStore
from eyecraft.features.local import SIFT, DenseSIFT, Descriptors, Patches
from eyecraft.features.words import BagOfVisualWords, Chi2Map
from eyecraft.features.words._sample import draw_sample, even_share

DESCRIPTOR = DenseSIFT(step=6, bin_sizes=(4,))
ENCODINGS = ["hard", "soft", "llc", "triangle", "vlad", "fisher"]


def stripes(n: int, vertical: bool, rng: np.random.Generator, size: tuple[int, int] = (40, 48)) -> list[np.ndarray]:
    """Return noisy stripes."""
    y, x = np.mgrid[: size[0], : size[1]]
    images = []
    for _ in range(n):
        wave = np.sin((x if vertical else y) * rng.uniform(0.4, 0.6) + rng.uniform(0, 6))
        images.append(np.uint8(np.clip(128 + 80 * wave + rng.normal(scale=8, size=size), 0, 255)))
    return images


@pytest.fixture
def images(rng):
    """Return twelve images: six of vertical, six of horizontal stripes."""
    return stripes(6, True, rng) + stripes(6, False, rng)


LABELS = np.repeat(["vertical", "horizontal"], 6)


def bag(**parameters) -> BagOfVisualWords:
    """Return a small bag."""
    defaults = {"n_words": 10, "pyramid": ((1, 1), (2, 2)), "random_state": 0, "descriptor": DESCRIPTOR}
    return BagOfVisualWords(**defaults | parameters)


# -- pictures --------------------------------------------------------------------------------------------------------


def test_a_half_flat_image_has_its_words_where_the_texture_is(images):
    """Cells of the pyramid are where their names say: texture upper right fills cell r0 c1 alone."""
    fitted = bag(normalization=()).fit(images)
    picture = np.full((80, 80), 99, np.uint8)
    picture[:26, 54:] = images[0][:26, :26]
    described = DESCRIPTOR.describe(picture)
    textured = described.take(described.values.any(axis=1))
    row = dict(zip(fitted.get_feature_names_out(), fitted.transform([textured])[0], strict=True))
    count = {cell: sum(v for name, v in row.items() if f"l1_{cell}" in name) for cell in ("r0_c0", "r0_c1", "r1_c1")}
    assert count["r0_c1"] > 10 * count["r0_c0"]
    assert count["r0_c1"] > 10 * count["r1_c1"]


def test_the_histogram_is_that_of_nearest_words_per_cell(images):
    """The whole path against plain distances and a histogram of every cell."""
    fitted = bag(normalization=(), pyramid=((1, 1), (2, 2), (3, 1))).fit(images)
    found = DESCRIPTOR.describe(images[0])
    distances = ((found.values[:, None].astype(float) - fitted.words_) ** 2).sum(-1)
    expected = pyramid_reference.histograms(
        distances.argmin(1), found.x, found.y, found.image_size, 10, [(1, 1), (2, 2), (3, 1)]
    )
    np.testing.assert_array_equal(fitted.transform(images[:1])[0], expected)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_tells_stripes_apart(images, encoding):
    """Three folds, no mistake; the codebook is learned anew in each."""
    n_words = 1 if encoding == "vlad" else 6  # with a word for every stripe, differences from words are but noise
    pipeline = make_pipeline(bag(encoding=encoding, n_words=n_words), RidgeClassifier())
    assert cross_val_score(pipeline, images, LABELS, cv=3).mean() == 1.0


# -- laws ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_length_names_and_types(images, encoding):
    """The documented formula, unique names, float32."""
    fitted = bag(encoding=encoding, n_words=7, n_components=12, append_xy=True).fit(images)
    rows = fitted.transform(images)
    assert fitted.words_.shape == (7, 14)
    assert rows.shape == (12, 5 * 7 * {"vlad": 14, "fisher": 28}.get(encoding, 1))
    assert rows.dtype == np.float32
    assert fitted.n_features_out_ == rows.shape[1]
    names = fitted.get_feature_names_out()
    assert len(set(names)) == rows.shape[1]
    assert names[-1] == "bovw_l1_r1_c1_w0006" + {"vlad": "_m013", "fisher": "_s013"}.get(encoding, "")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_rows_depend_on_their_image_alone(images, encoding):
    """Neighbours, order and threads change nothing; nor do copies by clone and pickle."""
    fitted = bag(encoding=encoding, n_components=8, append_xy=True).fit(images)
    rows = fitted.transform(images)
    np.testing.assert_array_equal(fitted.transform(images[::-1])[::-1], rows)
    np.testing.assert_array_equal(fitted.transform(images[3:4])[0], rows[3])
    again = clone(fitted).set_params(n_jobs=2).fit(images)
    np.testing.assert_array_equal(again.words_, fitted.words_)
    np.testing.assert_array_equal(again.transform(images), rows)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).transform(images), rows)


@pytest.mark.parametrize("descriptor", [SIFT(contrast_threshold=0.01), Patches(step=3, color="gray"), None], ids=repr)
def test_other_descriptors(images, descriptor):
    """Keypoints, patches, and the default."""
    rows = bag(descriptor=descriptor, n_words=5).fit(images).transform(images)
    assert rows.shape == (12, 25)
    described = [len((descriptor or DenseSIFT()).describe(image)) > 0 for image in images]
    assert any(described)
    np.testing.assert_allclose(rows.sum(1), described, rtol=1e-5)


def test_coates_and_ngs_features(rng):
    """ZCA-whitened colour patches, triangle encoding, sums over four quadrants."""
    pictures = rng.integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    learned = bag(descriptor=Patches(step=2), encoding="triangle", whiten="zca", pyramid=((2, 2),), n_words=16)
    assert learned.fit(pictures).transform(pictures).shape == (6, 64)
    matrix = learned.projection_.matrix
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-5)  # turned back: it looks like the input


def test_whitened_components_have_unit_variance(images):
    """PCA with whitening on the sample itself; components are uncorrelated."""
    learned = bag(n_components=6, whiten=True, n_sample_descriptors=10**6).fit(images)
    values = np.concatenate([DESCRIPTOR.describe(image).values for image in images])
    covariance = np.cov(learned.projection_(values, np.zeros((len(values), 2))).T)
    np.testing.assert_allclose(covariance, np.eye(6), atol=0.01)


def test_level_weights_and_pooling_reach_the_rows(images):
    """Lazebnik's weights: shares of the levels; max pooling of votes: ones and zeros."""
    rows = bag(level_weights=(1, 3), normalization=("level:l1", "l1")).fit(images).transform(images)
    np.testing.assert_allclose(rows[:, :10].sum(1), 0.25, rtol=1e-5)
    present = bag(pooling="max", normalization=()).fit(images).transform(images)
    assert set(np.unique(present)) == {0, 1}


def test_descriptors_extracted_before_give_the_same_rows(images):
    """Images or their descriptors: words and rows are the same."""
    sets = DESCRIPTOR.transform(images)
    fitted, other = bag().fit(images), bag().fit(sets)
    np.testing.assert_array_equal(fitted.words_, other.words_)
    np.testing.assert_array_equal(fitted.transform(images), other.transform(sets))


def test_the_sample_is_bounded_and_even(images, monkeypatch):
    """Never more than asked for, the same number from each image."""
    from eyecraft.features.words import bovw as module

    seen = []
    monkeypatch.setattr(module, "kmeans", lambda sample, *a, **k: seen.append(sample) or original(sample, *a, **k))
    from eyecraft.features.words.codebook import kmeans as original

    bag(n_sample_descriptors=100).fit(images)
    assert len(seen[0]) == 3 * len(DESCRIPTOR.describe(images[0]))  # all of 3 images: each is asked for 33, has 30


def test_what_flat_images_leave_of_the_sample_goes_to_the_others(images):
    """Two images of keypoints among many without any: all of theirs are taken, as far as was asked for."""
    method = SIFT(contrast_threshold=0.005)
    lengths = [len(method.describe(image)) for image in (images[0], images[6])]
    among_flat = [np.zeros((30, 30), np.uint8)] * 20 + [images[0], images[6]] + [np.zeros((30, 30), np.uint8)] * 20
    describer = bag(descriptor=method)._describer()
    whole = draw_sample(describer, among_flat, 2000, 0, lambda _: None)
    assert (len(whole.values), whole.n_found, whole.n_images) == (sum(lengths), sum(lengths), 42)
    few = draw_sample(describer, among_flat, 42 * 32, 0, lambda _: None)
    assert len(few.values) == sum(lengths)


@pytest.mark.parametrize(
    ("counts", "total", "share"), [([9, 9], 20, 20), ([9, 1, 9], 11, 5), ([0, 0, 5], 3, 3), ([4], 0, 1)]
)
def test_shares_are_even(counts, total, share):
    """The largest limit that keeps the sum within what was asked for."""
    assert even_share(counts, total) == share


def test_numpys_flags_are_flags(images):
    """True is True."""
    fitted = bag(n_components=4, whiten=np.True_, append_xy=np.True_).fit(images)
    np.testing.assert_array_equal(fitted.words_, bag(n_components=4, whiten=True, append_xy=True).fit(images).words_)


def test_set_output_and_grid_search(images):
    """pandas out with names; parameters of the descriptor reachable."""
    frame = bag().set_output(transform="pandas").fit_transform(images)
    assert frame.columns[0] == "bovw_l0_r0_c0_w0000"
    pipeline = make_pipeline(bag(), Chi2Map(), RidgeClassifier())
    grid = {"bagofvisualwords__descriptor__step": [4, 8], "bagofvisualwords__n_words": [5, 8]}
    assert GridSearchCV(pipeline, grid, cv=2).fit(images, LABELS).best_score_ == 1.0


def test_memory_does_not_grow_with_the_number_of_images(images):
    """Forty times the images, the same peak but for the rows themselves."""
    fitted = bag(n_words=5, pyramid=((1, 1),)).fit(images)
    fitted.transform(images)
    peaks = []
    for many in (images * 4, images * 40):
        tracemalloc.start()
        rows = fitted.transform(many)
        peaks.append(tracemalloc.get_traced_memory()[1] - rows.nbytes)
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0] + 200_000


# -- the store -------------------------------------------------------------------------------------------------------


def test_rows_and_descriptors_come_back_from_the_store(images, tmp_path, monkeypatch):
    """Nothing is described twice; another codebook has other rows but the same descriptors."""
    store = FeatureStore(tmp_path)
    kept = bag(store=store, store_descriptors=True, n_sample_descriptors=2000)
    rows = kept.fit(images).transform(images)
    np.testing.assert_array_equal(rows, bag(n_sample_descriptors=2000).fit(images).transform(images))
    calls = []
    original = DenseSIFT._compute
    monkeypatch.setattr(DenseSIFT, "_compute", lambda self, pixels: calls.append(1) or original(self, pixels))
    np.testing.assert_array_equal(clone(kept).fit(images).transform(images), rows)
    other = clone(kept).set_params(n_words=7).fit(images).transform(images)
    assert other.shape == (12, 35)
    assert not calls
    clone(kept).set_params(descriptor=DenseSIFT(step=5, bin_sizes=(4,))).fit(images)
    assert calls


def test_descriptors_are_written_some_images_at_a_time(images, tmp_path):
    """One file for sixteen images, for a commit each would cost more than describing them; copies are one entry."""
    many = [image + np.uint8(k) for k in range(3) for image in images]
    kept = bag(store=FeatureStore(tmp_path), store_descriptors=True, n_jobs=2, n_sample_descriptors=2000)
    rows = kept.fit([*many, many[0]]).transform([*many, many[0]])
    np.testing.assert_array_equal(rows[0], rows[-1])
    files = {folder.name: len(list(folder.iterdir())) for folder in (tmp_path / "shards").iterdir()}
    assert sorted(files.values()) == [2, 3]  # rows, 32 at a time; descriptors, 16 at a time


def test_another_codebook_is_another_entry(images, tmp_path):
    """Rows of one fold's codebook never pass for those of another's."""
    store = FeatureStore(tmp_path)
    first = bag(store=store).fit(images[:8]).transform(images)
    second = bag(store=store).fit(images[4:]).transform(images)
    np.testing.assert_array_equal(second, bag().fit(images[4:]).transform(images))
    assert not np.array_equal(first, second)


# -- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_images_that_show_nothing_are_rows_of_zeros(images, encoding):
    """Flat, tiny and one-pixel-wide images, whatever the encoding."""
    fitted = bag(encoding=encoding, n_components=8, append_xy=True).fit(images)
    shapes = [(40, 48), (1, 1), (12, 12), (1, 300), (300, 1), (2, 2)]
    rows = fitted.transform([np.full(shape, 77, np.uint8) for shape in shapes])
    assert not rows.any()


def test_such_images_among_the_training_images_do_no_harm(images):
    """The codebook is learned from the others."""
    odd = [np.zeros((1, 50), np.uint8), np.zeros((60, 60), np.uint8)]
    rows = bag(encoding="fisher", n_words=4).fit(images + odd).transform(images + odd)
    assert np.isfinite(rows).all()
    assert not rows[-2:].any()


def test_huge_images_are_shrunk(images):
    """A row like any other, in bounded time and memory."""
    large = cv2.resize(images[0], (4000, 3000), interpolation=cv2.INTER_NEAREST)
    assert np.isfinite(bag().fit(images).transform([large])).all()


def test_fewer_descriptors_than_words_names_both_numbers(images):
    """And says what to lower."""
    n = sum(len(found) for found in DESCRIPTOR.transform(images[:2]))
    with pytest.raises(ValueError, match=rf"5000 words .* the {n} descriptors found in 2 images: lower `n_words`"):
        bag(n_words=5000).fit(images[:2])
    with pytest.raises(ValueError, match=r"200 words .* raise `n_sample_descriptors` \(now 100\).* 3 of the 12 images"):
        bag(n_words=200, n_sample_descriptors=100).fit(images)
    fine = DenseSIFT(step=3, bin_sizes=(4,))
    message = (
        r"65 words .* 64 descriptors, drawn from the \d{3} descriptors found in 2 images: raise `n_sample_desc.*65\)"
    )
    with pytest.raises(ValueError, match=message):
        bag(descriptor=fine, n_words=65, n_sample_descriptors=65).fit(images[:2])
    with pytest.raises(ValueError, match=r"the 0 descriptors found in 12 images: give more or larger images"):
        bag(descriptor=SIFT(contrast_threshold=3)).fit(images)


def test_a_pyramid_finer_than_the_image_names_the_grid(images):
    """With the image and its size; at once, if it is a training image."""
    grid = ((1, 1), (45, 2))
    with pytest.raises(ValueError, match=r"image 0: the pyramid's grid \(45, 2\) .* image of 40 x 48 pixels"):
        bag(pyramid=grid).fit(images)
    fitted = bag(pyramid=grid).fit([np.pad(image, 8, mode="edge") for image in images])
    with pytest.raises(ValueError, match=r"image 0: the pyramid's grid \(45, 2\) .* image of 40 x 48 pixels"):
        fitted.transform(images)


def test_descriptors_of_another_length_are_refused(images):
    """Bytes beyond a descriptor's end are never read, and both lengths are named."""
    sets = list(DESCRIPTOR.transform(images))
    fitted = bag().fit(sets)
    short = replace(sets[1], values=sets[1].values[:, :64])
    with pytest.raises(
        ValueError, match=r"image 0: its descriptors have 64 numbers, .* learned from descriptors of 128"
    ):
        fitted.transform([short])
    with pytest.raises(ValueError, match=r"one length; they have 128 \(item 0\) and 64 \(item 1\) numbers"):
        bag().fit([sets[0], short])
    with pytest.raises(ValueError, match="descriptors have 27 numbers"):
        fitted.set_params(descriptor=Patches(patch_size=3)).transform(images)


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_images_and_descriptors_do_not_mix(images, order):
    """Whichever comes first."""
    mixed = [images[0], DESCRIPTOR.describe(images[1])][order]
    with pytest.raises(ValueError, match=r"X must be images or Descriptors, not both; item . is a ndarray"):
        bag(n_words=2).fit(mixed)


def test_what_needs_another_fit_says_so(images):
    """Parameters changed after `fit`: no attribute is missed, no size of images blamed."""
    fitted = bag().fit(images)
    with pytest.raises(ValueError, match=r"`encoding='soft'` needs `sigma_`.* call it again"):
        clone(fitted).fit(images).set_params(encoding="soft").transform(images)
    with pytest.raises(ValueError, match=r"`encoding='fisher'` needs `mixture_`"):
        clone(fitted).set_params(encoding="soft").fit(images).set_params(encoding="fisher").transform(images)
    with pytest.raises(ValueError, match=r"changed after `fit`: a row would have 10 numbers, not the 50"):
        fitted.set_params(pyramid=((1, 1),)).transform(images)
    again = fitted.set_params(pyramid=((1, 1), (2, 2)), encoding="llc").transform(images)
    np.testing.assert_array_equal(again, bag(encoding="llc").fit(images).transform(images))


def test_unfitted_use_is_scikit_learns_error(images):
    """Rows and names alike."""
    with pytest.raises(NotFittedError):
        bag().transform(images)
    with pytest.raises(NotFittedError):
        bag().get_feature_names_out()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"descriptor": "sift"}, r"`descriptor` must be a DenseSIFT, SIFT or Patches \(or None\); got 'sift'"),
        ({"descriptor": DenseSIFT(step=0)}, r"`step` .* got 0"),
        ({"encoding": "fischer"}, r"did you mean 'fisher'"),
        ({"n_words": 0}, r"`n_words` .*>= 1; got 0"),
        ({"n_components": 200}, r"`n_components` .*<= 128; got 200. DenseSIFT's descriptors have 128"),
        ({"whiten": "pca"}, r"`whiten` must be one of False, True, 'zca'; got 'pca'"),
        ({"whiten": "zca", "n_components": 3}, r"turns all components back; got `n_components=3`"),
        ({"append_xy": -1.0}, r"`append_xy` .*got -1"),
        ({"pyramid": ()}, r"`pyramid` must be a sequence of grids .*got \(\)"),
        ({"pyramid": ((0, 1),)}, r"`pyramid` .*got \(0, 1\)"),
        ({"pyramid": (2, 2)}, r"`pyramid` must be a sequence of grids .*got \(2, 2\).*is \(\(2, 2\),\)"),
        ({"level_weights": 3}, r"one number for each of the 2 grids .*got 3"),
        ({"normalization": 3}, r"`normalization` must be None, a step .*got 3"),
        ({"level_weights": (1, 2, 3)}, r"one number for each of the 2 grids .*got 3"),
        ({"pooling": "max", "encoding": "vlad"}, r"`pooling='max'` does not go with `encoding='vlad'`"),
        ({"normalization": "l3"}, r"`normalization` must be one of .*got 'l3'"),
        ({"normalization": ("l2", "cell:l2")}, r"'cell:l2' after 'l2'"),
        ({"beta": 0}, r"`beta` must be a number > 0; got 0"),
        ({"sigma": 0}, r"`sigma` must be a number > 0; got 0"),
        ({"init": "kmeans++"}, r"did you mean 'k-means\+\+'"),
    ],
)
def test_errors_name_the_parameter_and_the_value(images, parameters, message):
    """Each wrong parameter says what was expected and what came."""
    with pytest.raises(ValueError, match=message):
        bag(**parameters).fit(images)


def test_descriptors_survive_packing(images):
    """What the store keeps is what was found, empty sets included."""
    from eyecraft.features.words._packing import pack, unpack

    for method in (DESCRIPTOR, SIFT(contrast_threshold=0.01), Patches()):
        for image in (images[0], np.zeros((3, 3), np.uint8)):
            found = method.describe(image)
            back = unpack(pack(found))
            assert isinstance(back, Descriptors)
            assert back.image_size == found.image_size
            for name in ("values", "x", "y", "scale", "angle"):
                np.testing.assert_array_equal(getattr(back, name), getattr(found, name))
