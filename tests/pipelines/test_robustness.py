"""Robustness: what is scored, what is left alone, and what the areas mean."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline

from eyecraft.features import RawPixels, open_store
from eyecraft.pipelines._perturb_run import scores_of
from eyecraft.pipelines._robustness_areas import packed
from eyecraft.pipelines.robustness import Robustness, perturb, robustness

LABELS = np.array(["dark", "light"] * 10)
METRIC = "balanced_accuracy"
PAIR = {"worse": 0.8, "good": 0.87}


@pytest.fixture
def images(rng):
    """Return dark and light images of noise, in colour."""
    level = np.where(LABELS == "dark", 90, 150)[:, None, None, None]
    return np.clip(level + rng.normal(0, 20, (20, 12, 10, 3)), 0, 255).astype(np.uint8)


class Bright(ClassifierMixin, BaseEstimator):
    """Says light above gray 120; may fail on images that vary a lot; counts questions."""

    def __init__(self, limit=1000.0):
        self.limit = limit

    def fit(self, X, y):
        """Learn the names."""
        self.classes_ = np.unique(y)
        self.asked_ = 0
        return self

    def predict(self, X):
        """Answer by the mean."""
        self.asked_ += len(X)
        if max(image.std() for image in X) > self.limit:
            raise ArithmeticError("too much\nvariation")
        return np.array(["light" if np.mean(image) > 120 else "dark" for image in X])


def test_scores_are_those_of_perturbed_images(images):
    """Each curve's points equal asking about images perturbed one by one; step 0 is the images as they are."""
    fitted = Bright().fit(images, LABELS)
    found = robustness({"bright": fitted}, images, LABELS, levels={"brightness": [5, 25]}, random_state=3)
    frame = found.frame("accuracy")
    assert frame[["step", "level"]].to_numpy().tolist() == [[0, 0], [1, 5], [2, 25]]
    assert frame["value"][0] == 1.0
    worse = [perturb(image, "brightness", 25, (3, position, 3)) for position, image in enumerate(images)]
    assert frame["value"][2] == np.mean(fitted.predict(worse) == LABELS)
    assert frame["value"][2] < 0.9
    assert frame["kept"][2] == pytest.approx((frame["value"][2] - 0.5) / 0.5)  # one of two classes is chance
    assert frame["standard_error"][0] == 0


def test_an_image_keeps_its_direction_whatever_else_is_asked(images):
    """Seeds belong to image and kind: other kinds, other levels, other batches change nothing."""
    fitted = {"bright": Bright().fit(images, LABELS)}
    alone = robustness(fitted, images, LABELS, ["brightness"], {"brightness": [25]}).frame()
    among = robustness(fitted, images, LABELS, ["noise", "brightness"], {"brightness": [5, 25]}).frame()
    found = among[(among["perturbation"] == "brightness") & (among["level"] == 25)]["value"]
    assert found.iloc[0] == alone["value"].iloc[1]


def test_areas_by_hand(images):
    """The area is the mean over the steps, by trapezoids; what guesses has nothing to keep, and comes last."""
    fitted = {"same": DummyClassifier().fit(images, LABELS), "bright": Bright().fit(images, LABELS)}
    found = robustness(fitted, images, LABELS, levels={"brightness": [10, 20, 30], "noise": [5]})
    areas = found.areas().set_index("pipeline")
    assert areas.loc["same", ["clean", "score", "standard_error"]].tolist() == [0.5, 0.5, 0]
    assert areas.loc["same", ["brightness", "noise", "mean"]].isna().all()
    kept = found.frame().query("pipeline == 'bright' and perturbation == 'brightness'")["kept"].to_numpy()
    assert areas.loc["bright", "brightness"] == pytest.approx((kept[0] / 2 + kept[1] + kept[2] + kept[3] / 2) / 3)
    assert areas.loc["bright", "mean"] == pytest.approx(areas.loc["bright", ["brightness", "noise"]].mean())
    values = found.frame().query("pipeline == 'bright'").groupby("perturbation")["value"]
    each = values.agg(lambda curve: np.trapezoid(curve) / (len(curve) - 1))
    assert areas.loc["bright", "score"] == pytest.approx(each.mean())
    assert found.areas()["pipeline"].tolist() == ["bright", "same"]


def test_errors_are_those_of_other_test_images(rng):
    """Standard errors are those of a bootstrap over the images of each class; differences are paired."""
    labels = np.repeat(["a", "b"], [60, 40])
    codes = np.repeat([0, 1], [60, 40])
    hard = rng.random(100)
    right = {name: hard[:, None] < [strength, strength - 0.1, strength - 0.3] for name, strength in PAIR.items()}

    def found(images):
        rows, answers = [], []
        for name, whole in right.items():
            for step, one in enumerate(whole[images].T):
                value, error = scores_of(labels[images], np.where(one, labels[images], "x").tolist())[METRIC]
                rows.append((name, "blur", step, float(step), "px", METRIC, value, error, len(images)))
                answers.append((name, "blur", step, packed(one)))
        columns = ["pipeline", "perturbation", "step", "level", "unit", "metric", "value", "standard_error", "n_images"]
        pipelines = pd.DataFrame([(name, "learned", None) for name in right], columns=["name", "kind", "error"])
        protocol = {"levels": {"blur": [1.0, 2.0]}, "notes": [], "chance": 0.5, "labels": codes[images].tolist()}
        answers = pd.DataFrame(answers, columns=["pipeline", "perturbation", "step", "right"])
        return Robustness(pipelines, pd.DataFrame(rows, columns=columns), pd.DataFrame(), {}, protocol, {}, answers)

    whole = found(np.arange(100))
    areas = whole.areas().set_index("pipeline")
    draws = [np.concatenate([rng.choice(60, 60), 60 + rng.choice(40, 40)]) for _ in range(150)]
    drawn = [found(images).areas().set_index("pipeline") for images in draws]
    for column, error in (("score", "standard_error"), ("mean", "mean_error")):
        spread = np.std([one.loc["good", column] for one in drawn])
        assert areas.loc["good", error] == pytest.approx(spread, rel=0.25)
    assert whole.best()["score"] == ["good"]  # 5 points apart with errors of 4, but on the same images
    assert areas.loc["good", "score"] - areas.loc["worse", "score"] < 2 * areas["standard_error"].min()


def test_all_nine_unless_told(images):
    """Nine kinds at five levels each: 46 questions per image."""
    fitted = Bright().fit(images, LABELS)
    found = robustness([fitted], images[:4], LABELS[:4])
    assert found.frame().groupby("perturbation")["step"].count().tolist() == [6] * 9
    assert fitted.asked_ == 4 * 46


def test_the_feature_store_is_left_alone(images, tmp_path):
    """No row of a perturbed image is kept, wherever the extractor sits, and the pipelines get their stores back."""
    inside = RawPixels(image_size=8, store=str(tmp_path))
    other = RawPixels(image_size=4, store=str(tmp_path))
    fitted = make_pipeline(FeatureUnion([("a", inside), ("b", other)]), KNeighborsClassifier(1)).fit(images, LABELS)
    files = sorted(path.stat().st_size for path in tmp_path.rglob("*.npy"))
    found = robustness({"pixels": fitted}, images[::-1], LABELS[::-1], levels={"noise": [10]})
    assert len(found.frame()) == 2
    assert sorted(path.stat().st_size for path in tmp_path.rglob("*.npy")) == files
    extractors = [part for _, part in fitted.steps[0][1].transformer_list]
    assert [part.store for part in extractors] == [str(tmp_path)] * 2
    assert open_store(extractors[0].store) is not None


def test_stores_come_back_after_an_interruption(images, tmp_path):
    """Ctrl-C in the middle leaves the pipelines as they were."""

    class Stopped(Bright):
        def predict(self, X):
            raise KeyboardInterrupt

    pixels = make_pipeline(RawPixels(store=str(tmp_path)), KNeighborsClassifier(1)).fit(images, LABELS)
    with pytest.raises(KeyboardInterrupt):
        robustness({"pixels": pixels, "stopped": Stopped().fit(images, LABELS)}, images, LABELS)
    assert pixels.steps[0][1].store == str(tmp_path)


def test_a_failing_pipeline_is_a_row(images, tmp_path):
    """It fails under noise only: the rest of its scores stand, its area there is missing, the other goes on."""
    two = {"weak": Bright(limit=40.0).fit(images, LABELS), "bright": Bright().fit(images, LABELS)}
    found = robustness(two, images, LABELS, levels={"noise": [5, 60], "blur": [1]})
    assert found.pipelines["error"].tolist() == ["ArithmeticError: too much variation", None]
    assert found.errors[["pipeline", "perturbation", "level"]].to_numpy().tolist() == [["weak", "noise", 60.0]]
    areas = found.areas().set_index("pipeline")
    assert np.isnan(areas.loc["weak", "noise"])
    assert areas.loc["weak", "blur"] == pytest.approx(1)
    assert areas.loc["bright"].notna().all()
    again = Robustness.load(found.save(tmp_path))
    assert repr(again) == repr(found)
    assert "weak failed: ArithmeticError" in repr(found)
    assert "bright failed" not in repr(again)


def test_a_pipeline_that_knows_nothing_has_no_area(images):
    """A score of zero on images as they are: missing, not a division by zero."""

    class Wrong(Bright):
        def predict(self, X):
            return np.where(super().predict(X) == "light", "dark", "light")

    found = robustness({"wrong": Wrong().fit(images, LABELS)}, images, LABELS, levels={"noise": [5]})
    assert found.areas()["clean"].tolist() == [0.0]
    assert np.isnan(found.areas()["noise"][0])


def test_classes_that_are_missing_are_said(images):
    """Classes without an image are left out of the mean and named; so are classes that were never learned."""
    names = np.where(np.arange(20) % 4 == 0, "odd", LABELS)
    fitted = Bright().fit(images, names)
    found = robustness({"bright": fitted}, images, LABELS, levels={"noise": [5]})
    assert found.protocol["notes"] == ["No image shows 'odd', which bright learned: left out of the mean."]
    assert found.frame()["value"][0] == 1.0
    unknown = robustness({"bright": Bright().fit(images, LABELS)}, images, names, levels={"noise": [5]})
    assert unknown.protocol["notes"] == ["bright never learned 'odd': its answers there are wrong."]
    assert unknown.frame()["value"][0] == pytest.approx(2 / 3)


def test_standard_error_is_that_of_repeated_draws(rng):
    """The binomial formula agrees with the spread over simulated tests."""
    labels = np.repeat(["a", "b"], [30, 60])
    chances = np.where(labels == "a", 0.7, 0.9)
    draws = [scores_of(labels, np.where(rng.random(90) < chances, labels, "x").tolist()) for _ in range(600)]
    for metric in ("accuracy", "balanced_accuracy"):
        values, errors = np.array([draw[metric] for draw in draws]).T
        assert errors.mean() == pytest.approx(values.std(), rel=0.1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"perturbations": ["fog"]}, "`perturbations` must be one of 'shift'.*got 'fog'"),
        ({"perturbations": []}, "it is empty"),
        ({"perturbations": ["blur"], "levels": {"noise": [5]}}, "`levels` are given for 'noise'"),
        ({"levels": {"noise": [20, 5]}}, "from the mildest to the strongest"),
        ({"levels": {"scale": [1.0, 2]}}, "none neutral"),
        ({"levels": {"jpeg": [50, 80]}}, "from the mildest to the strongest"),
        ({"levels": {"jpeg": [200]}}, "`level of jpeg`"),
        ({"levels": {"noise": []}}, "from the mildest to the strongest"),
        ({"random_state": -1}, "`random_state` must be a whole number >= 0"),
    ],
)
def test_bad_settings(images, settings, message):
    """Said before any work."""
    fitted = Bright().fit(images, LABELS)
    with pytest.raises(ValueError, match=message):
        robustness([fitted], images, LABELS, **settings)
    assert fitted.asked_ == 0


def test_unfitted_and_unlike(images):
    """Pipelines that are not fitted, or were fitted on other labels, are refused by name."""
    with pytest.raises(NotFittedError, match=r"'pixels' is not\. Call its fit"):
        robustness({"pixels": make_pipeline(RawPixels(), KNeighborsClassifier())}, images, LABELS)
    with pytest.raises(ValueError, match=r"'bright' learned \('cat', 'dog'\); got only others \('dark', 'light'\)"):
        robustness({"bright": Bright().fit(images, ["cat", "dog"] * 10)}, images, LABELS)
