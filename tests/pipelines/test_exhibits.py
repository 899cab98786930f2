"""What a bag of visual words shows of itself: votes that add up, patches that are nearest, files that survive."""

import logging

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler

from eyecraft.features import HOG, BagOfVisualWords, Chi2Map, DenseSIFT, Hellinger, TrainingSpan
from eyecraft.features.words.nearest import nearest_words
from eyecraft.pipelines import Comparison, LinearSVM, _exhibit_words, _exhibits, compare
from eyecraft.pipelines._exhibits import Exhibit
from eyecraft.pipelines._votes import Ballot, NoVotesError
from eyecraft.pipelines._word_patches import cut

SIFTS = DenseSIFT(step=8, bin_sizes=(4,))


def invent(n_each=8, classes=("bars", "rings", "stripes")):
    """Draw images of 48 x 64 pixels whose left half shows the class and whose right half the same noise for all."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:48, :32]
    shapes = {"stripes": np.sin(x), "bars": np.sin(y), "rings": np.sin(np.hypot(x - 16, y - 24))}
    images, labels = [], []
    for label in classes:
        for _ in range(n_each):
            image = rng.normal(128, 12, (48, 64))
            image[:, :32] += 90 * np.roll(shapes[label], rng.integers(0, 6), axis=(0, 1))
            images.append(image.clip(0, 255).astype(np.uint8))
            labels.append(label)
    return np.array(images), np.array(labels)


def bag(**changed):
    """Return a small bag of visual words."""
    return BagOfVisualWords(
        **{"descriptor": SIFTS, "n_words": 12, "pyramid": ((1, 1), (2, 2)), "random_state": 0} | changed
    )


def lead_of(pipeline, image, label):
    """Return the score of a class less the mean over all classes, from the pipeline itself."""
    scores = np.ravel(pipeline.decision_function([image]))
    scores = np.array([-scores[0], scores[0]]) if len(scores) == 1 else scores
    return scores[list(pipeline.classes_).index(label)] - scores.mean()


STEPS = {
    "none": [],
    "chi2": [Chi2Map()],
    "hellinger": [Hellinger()],
    "scaled": [StandardScaler()],
    "both": [StandardScaler(with_mean=False), Chi2Map(2)],
}


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("encoding", ["hard", "soft", "triangle", "llc"])
def test_votes_add_up_to_the_lead(encoding, steps):
    """The sum is what the pipeline itself says, whatever stands between words and classifier."""
    images, labels = invent()
    pipeline = make_pipeline(bag(encoding=encoding, n_neighbors=3), *STEPS[steps], LinearSVM()).fit(images, labels)
    ballot = Ballot(pipeline)
    for image, label in ((images[0], "bars"), (images[-1], "rings")):
        votes = ballot.votes(SIFTS.describe(image), label)
        assert len(votes.each) == len(SIFTS.describe(image))
        assert votes.each.sum() + votes.base == pytest.approx(votes.lead, abs=1e-4)
        assert votes.lead == pytest.approx(lead_of(pipeline, image, label), abs=1e-4)


@pytest.mark.parametrize(
    "changed", [{"normalization": ("power", "l2")}, {"normalization": "level:l1"}, {"pooling": "max"}]
)
def test_votes_add_up_under_other_settings(changed):
    """Square roots, norms per level, maxima; and two classes, whose classifier has one row of weights."""
    images, labels = invent(classes=("bars", "stripes"))
    pipeline = make_pipeline(bag(**changed), LinearSVM()).fit(images, labels)
    for label in ("bars", "stripes"):
        votes = Ballot(pipeline).votes(SIFTS.describe(images[3]), label)
        assert votes.each.sum() + votes.base == pytest.approx(lead_of(pipeline, images[3], label), abs=1e-4)


@pytest.mark.parametrize("encoding", ["hard", "soft", "triangle"])
def test_without_normalisation_a_vote_is_what_leaving_a_descriptor_out_costs(encoding):
    """The judge: take one descriptor away and ask the classifier again."""
    images, labels = invent()
    words = bag(encoding=encoding, normalization=(), n_neighbors=3)
    pipeline = make_pipeline(words, LinearSVM(C=0.01)).fit(images, labels)
    found = SIFTS.describe(images[0])
    votes = Ballot(pipeline).votes(found, "bars")
    for left_out in range(len(found)):
        rest = found.take(np.arange(len(found)) != left_out)
        assert lead_of(pipeline, found, "bars") - lead_of(pipeline, rest, "bars") == pytest.approx(
            float(votes.each[left_out]), abs=1e-4
        )


def test_places_that_show_the_class_vote_for_it():
    """The left half tells the classes apart, the right half is noise."""
    images, labels = invent()
    pipeline = make_pipeline(bag(), LinearSVM(C=10)).fit(images, labels)
    assert Ballot(pipeline).how == "linear"
    for image, label in zip(images[::5], labels[::5], strict=True):
        found = SIFTS.describe(image)
        votes = Ballot(pipeline).votes(found, label).each
        assert votes[found.x < 28].sum() > 3 * abs(votes[found.x > 36].sum())


def test_under_max_pooling_only_the_largest_codes_vote():
    """One cell, so at most as many voters as words."""
    images, labels = invent()
    pipeline = make_pipeline(bag(encoding="llc", pyramid=((1, 1),), n_neighbors=2), LinearSVM()).fit(images, labels)
    votes = Ballot(pipeline).votes(SIFTS.describe(images[0]), "bars").each
    assert Ballot(pipeline).how == "largest"
    assert 0 < np.count_nonzero(votes) <= 12


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([bag(), PCA(3), LinearSVM()], "PCA between the words and the classifier mixes"),
        ([bag(), KNeighborsClassifier(3)], "KNeighborsClassifier is no linear classifier"),
        ([bag(encoding="vlad"), LinearSVM()], '"vlad" has no single vote'),
        ([bag(encoding="llc", pooling="sum"), Hellinger(), LinearSVM()], "llc codes of both signs"),
    ],
)
def test_where_votes_cannot_be_told(steps, message):
    """The message says why."""
    images, labels = invent()
    pipeline = make_pipeline(*steps).fit(images, labels)
    with pytest.raises(NoVotesError, match=message):
        Ballot(pipeline).votes(SIFTS.describe(images[0]), "bars")


def test_a_search_votes_as_its_best_pipeline():
    """GridSearchCV is looked through."""
    images, labels = invent()
    search = GridSearchCV(make_pipeline(bag(), LinearSVM()), {"linearsvm__C": [0.1, 1]}, cv=2).fit(images, labels)
    assert Ballot(search).classes == ["bars", "rings", "stripes"]
    with pytest.raises(NoVotesError, match="does not begin with a bag"):
        Ballot(make_pipeline(DummyClassifier()))


@pytest.mark.parametrize(
    ("features", "maker"),
    [
        (TrainingSpan(bag(encoding="fisher", n_words=4)), "TrainingSpan"),
        (FeatureUnion([("hog", HOG(pixels_per_cell=(16, 16))), ("words", TrainingSpan(bag()))]), "FeatureUnion"),
        (FeatureUnion([("words", bag()), ("hog", HOG(pixels_per_cell=(16, 16)))]), "FeatureUnion"),
    ],
    ids=["span", "spans side by side", "side by side"],
)
def test_bags_inside_other_steps_are_shown_without_votes(features, maker):
    """Words, patches and grid are there; instead of a map of votes there is the reason why."""
    images, labels = invent()
    pipeline = make_pipeline(features, LinearSVM()).fit(images, labels)
    everything = np.arange(len(images))
    shown = _exhibits.exhibit_of("inside", pipeline, images, labels, everything, everything, labels).words
    assert shown.patches.any()
    assert len(shown.samples[0].places) == len(SIFTS.describe(images[0]))
    assert (shown.chosen_by, shown.how, shown.samples[0].votes) == ("frequency", "", None)
    assert shown.why_not == f"the classifier does not see the words themselves but what {maker} makes of them"


def test_cut_is_the_square_that_is_described():
    """Upright: the pixels themselves. Turned by 90 degrees clockwise: what was below the centre is at the right."""
    image = np.random.default_rng(0).integers(0, 256, (80, 90, 3), dtype=np.uint8)
    np.testing.assert_array_equal(cut(image, 39.5, 35.5, 32, 0), image[20:52, 24:56])
    turned = cut(image, 39.5, 35.5, 32, 90)
    np.testing.assert_allclose(turned.astype(int), np.rot90(image[20:52, 24:56]).astype(int), atol=3)
    assert cut(image, 0, 0, 500, 30).shape == (32, 32, 3)


@pytest.fixture(scope="module")
def compared():
    """Compare a bag, a Fisher vector and a classifier without words on invented images."""
    images, labels = invent()
    pipelines = {
        "bag": make_pipeline(bag(), LinearSVM()),
        "fisher": make_pipeline(bag(encoding="fisher", n_words=4), LinearSVM()),
        "guess": DummyClassifier(),
    }
    return compare(pipelines, images, labels, cv=2)


def test_exhibits_of_bags_only(compared):
    """A classifier without words has nothing to show; a Fisher vector shows its Gaussians but no votes."""
    assert [name for name, one in compared.exhibits.items() if one.words] == ["bag", "fisher"]
    words = compared.exhibits["bag"].words
    assert words.patches.shape == (12, 6, 32, 32, 3)
    assert (words.how, words.why_not, words.chosen_by) == ("linear", "", "votes")
    assert (np.diff(words.strengths) <= 0).all()
    assert set(words.speaks_for) <= {"bars", "rings", "stripes"}
    fisher = compared.exhibits["fisher"].words
    assert (fisher.how, fisher.chosen_by, fisher.speaks_for) == ("", "weights", [""] * 4)
    assert "fisher" in fisher.why_not
    assert fisher.samples[0].votes is None


def test_patches_come_from_training_images_once_each(compared):
    """Six images at most, none of the test part, distances rising."""
    words, (train, test) = compared.exhibits["bag"].words, compared.splits[0]
    assert np.isin(words.sources, train).all()
    assert all(len(set(row)) == len(row) for row in words.sources.tolist())
    assert (np.diff(words.distances, axis=1) >= 0).all()
    assert all(np.isin(sample.index, test) for sample in words.samples)


def test_patches_are_the_nearest():
    """The judge: every descriptor of every training image against every word."""
    images, labels = invent()
    pipeline = make_pipeline(bag(), LinearSVM()).fit(images, labels)
    everything = np.arange(len(images))
    shown = _exhibits.exhibit_of("bag", pipeline, images, labels, everything, everything, labels).words
    for k, word in enumerate(shown.words[:5]):
        gaps = [np.linalg.norm(SIFTS.describe(one).values - pipeline[0].words_[word], axis=1).min() for one in images]
        np.testing.assert_allclose(shown.distances[k], np.sort(gaps)[:6], rtol=1e-3)
        np.testing.assert_allclose([gaps[source] for source in shown.sources[k]], np.sort(gaps)[:6], rtol=1e-3)


def test_words_by_frequency_without_a_linear_classifier():
    """Then the words are those of most descriptors, and no class is named."""
    images, labels = invent()
    pipeline = make_pipeline(bag(), KNeighborsClassifier(1)).fit(images, labels)
    everything = np.arange(len(images))
    shown = _exhibits.exhibit_of("knn", pipeline, images, labels, everything, everything, labels).words
    counts = sum(
        np.bincount(nearest_words(SIFTS.describe(one).values, pipeline[0].words_), minlength=12) for one in images
    )
    assert shown.chosen_by == "frequency"
    np.testing.assert_array_equal(shown.strengths, np.sort(counts)[::-1])


def test_samples_are_two_right_and_one_wrong():
    """Of different classes; with fewer kinds of answers, what there is."""
    labels = np.array(["a", "a", "b", "b", "c"])
    predicted = np.array(["a", "a", "b", "a", "c"])
    test = np.arange(5)
    chosen = _exhibit_words._telling(test, labels, predicted)
    assert [labels[k] == predicted[k] for k in chosen] == [True, True, False]
    assert labels[chosen[0]] != labels[chosen[1]]
    assert len(set(_exhibit_words._telling(test, labels, labels))) == 3
    assert _exhibit_words._telling(test[:1], labels, predicted) == [0]


def same(one: Exhibit, other: Exhibit) -> bool:
    """Tell whether two exhibits hold the same."""
    left, right = one.to_arrays(), other.to_arrays()
    return left.keys() == right.keys() and all(np.array_equal(left[key], right[key]) for key in left)


def test_saved_and_loaded(compared, tmp_path):
    """Nothing changes; a damaged file is no exhibit; an older exhibit of that name goes."""
    loaded = Comparison.load(compared.save(tmp_path))
    assert all(same(loaded.exhibits[name], compared.exhibits[name]) for name in ("bag", "fisher"))
    files = sorted(tmp_path.glob("rows/*/exhibit-000.npz"))
    assert len(files) == 3
    files[0].write_bytes(b"damaged")
    assert list(Comparison.load(tmp_path).exhibits) == ["fisher", "guess"]
    loaded.exhibits.clear()
    loaded.save(tmp_path)
    assert Comparison.load(tmp_path).exhibits == {}


def test_kept_with_the_row_and_taken_up_again(tmp_path, monkeypatch):
    """A repeated call computes nothing and has the exhibit; two processes give the same one."""
    images, labels = invent()
    pipelines = {"bag": make_pipeline(bag(), LinearSVM())}
    first = compare(pipelines, images, labels, cv=2, out=tmp_path)
    monkeypatch.setattr(_exhibits, "Exhibit", None)
    again = compare(pipelines, images, labels, cv=2, out=tmp_path)
    assert same(first.exhibits["bag"], again.exhibits["bag"])
    monkeypatch.undo()
    elsewhere = compare(pipelines, images, labels, cv=2, n_jobs=2)
    assert same(first.exhibits["bag"], elsewhere.exhibits["bag"])


def test_a_failing_exhibit_costs_nothing(monkeypatch, caplog):
    """The comparison is whole; the log says what happened."""
    images, labels = invent()

    def fail(*_, **__):
        raise MemoryError("no room for decorations")

    monkeypatch.setattr(_exhibit_words, "sample_training", fail)
    with caplog.at_level(logging.INFO, logger="eyecraft"):
        compared = compare({"bag": make_pipeline(bag(), LinearSVM())}, images, labels, cv=2)
    assert compared.exhibits["bag"].words is None
    assert compared.exhibits["bag"].sights.images
    assert compared.pipelines["error"].tolist() == [None]
    assert "no exhibit of pipeline 'bag'" in caplog.text
