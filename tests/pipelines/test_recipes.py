"""Recipes: complete rows, plain pipelines, and errors that point to the right name."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

from eyecraft.data import load_digits
from eyecraft.features import HOG
from eyecraft.pipelines import build, compare, default_recipes, recipes
from eyecraft.pipelines._entries import as_text

NAMES = [recipe.name for recipe in recipes()]


@pytest.mark.parametrize("recipe", recipes(), ids=lambda recipe: recipe.name)
def test_every_row_is_complete(recipe):
    """Something to read in every column, and parameters for small images that exist."""
    assert recipe.kind in ("hand-crafted", "learned")
    assert recipe.title and recipe.about.endswith(".")
    assert recipe.name == "pixels-svm" or "https://" in recipe.citation
    pipeline = build(recipe.name, small=True)
    assert type(pipeline) is Pipeline
    assert [name for name, _ in pipeline.steps][-1] == "classifier"
    parameters = pipeline.get_params()
    assert all(parameters[key] == value for key, value in recipe.small.items())


def test_names_are_different():
    """A name is an address."""
    assert len(set(NAMES)) == len(NAMES) >= 8
    assert {"pixels-svm", "color-svm", "sobel-svm", "robinson-svm", "hog-svm", "squeezenet-svm", "lenet5"} <= set(NAMES)


def test_common_settings_reach_every_step(tmp_path):
    """Seed, device, weights, store and workers go wherever they are taken."""
    pipeline = build("squeezenet-svm", device="cpu", weights_dir=tmp_path, store=tmp_path / "s", n_jobs=2)
    features = pipeline["features"]
    assert (features.device, features.weights_dir, features.store, features.n_jobs) == (
        "cpu",
        tmp_path,
        tmp_path / "s",
        2,
    )
    assert build("lenet5", random_state=7, device="cpu")["classifier"].random_state == 7
    assert build("hog-svm", store=None)["features"].store is None
    assert build("hog-svm")["features"].store == "default"
    beside = build("phow+squeezenet").get_params()
    assert beside["features__phow__features__store"] is None, "its rows change with the codebook"
    alone = build("squeezenet-svm")["features"].get_params()
    assert {name: beside[f"features__fire9__{name}"] for name in alone} == alone, "so they share what is stored"


def test_overrides_by_long_and_short_name():
    """scikit-learn's step__parameter always; the bare name where one step has it."""
    pipeline = build("hog-svm", features__orientations=6, C=10, pixels_per_cell=12, small=True)
    assert (pipeline["features"].orientations, pipeline["classifier"].C) == (6, 10)
    assert pipeline["features"].pixels_per_cell == 12  # stronger than the settings for small images


@pytest.mark.parametrize(
    ("name", "override", "message"),
    [
        ("hgo-svm", {}, r"unknown recipe 'hgo-svm'; did you mean 'hog-svm'.*The recipes are: pixels-svm, "),
        ("hog-svm", {"orientation": 8}, "'hog-svm' has no parameter 'orientation'; did you mean 'orientations'"),
        ("hog-svm", {"features__cells": 8}, "has no parameter 'features__cells'.* It has: .*features__cells_per_block"),
    ],
)
def test_wrong_names(name, override, message):
    """Unknown recipes and parameters come with the nearest ones."""
    with pytest.raises(ValueError, match=message):
        build(name, **override)


def test_parameter_that_several_steps_share(monkeypatch):
    """Which one is for the user to say."""
    table = import_module("eyecraft.pipelines.recipes")
    steps = [("scaler", StandardScaler()), ("classifier", MaxAbsScaler())]
    row = table.Recipe("twice", "Twice", "hand-crafted", "", "", lambda: Pipeline(steps))
    monkeypatch.setattr(table, "_TABLE", (row,))
    with pytest.raises(ValueError, match=r"have a 'copy'; say which: .*classifier__copy"):
        build("twice", copy=False)


def test_listing_loads_no_torch():
    """`eyecraft recipes` and `--help` answer at once."""
    script = "import sys, eyecraft.pipelines as p; p.recipes(); print({'torch', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_hog_and_svm_read_digits():
    """At least 97 % over five folds, as published for gradient histograms on small digits."""
    digits = load_digits()
    cv = StratifiedKFold(5, shuffle=True, random_state=0)
    scores = cross_val_score(build("hog-svm", small=True, store=None), digits.images, digits.labels, cv=cv)
    assert scores.mean() >= 0.97


def test_recipes_by_name_in_a_comparison():
    """Names are enough; small images get the settings for small images; titles and kinds come along."""
    digits = load_digits().subset(np.arange(200))
    result = compare(["pixels-svm", "hog-svm"], digits, cv=2)
    assert result.pipelines["title"].tolist() == ["Pixels + SVM", "HOG + SVM"]
    assert result.pipelines["error"].tolist() == [None, None]
    assert result.pipelines["n_features"].tolist()[0] == 1024
    assert result.scores.query("metric == 'accuracy'")["value"].min() > 0.7
    assert result.dataset["name"] == "digits"


def test_default_recipes_need_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recipe of a pretrained network is among the defaults exactly when its weights are at hand."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    monkeypatch.delenv("EYECRAFT_WEIGHTS", raising=False)
    plain = default_recipes()
    assert "hog-svm" in plain
    assert "lenet5" in plain
    assert "squeezenet-svm" not in plain
    (tmp_path / "squeezenet1_0-imagenet.safetensors").touch()
    assert set(default_recipes(tmp_path)) == {*plain, "squeezenet-svm"}
    monkeypatch.setenv("EYECRAFT_WEIGHTS", str(tmp_path))
    assert "squeezenet-svm" in default_recipes()


def test_parameters_are_told_in_full():
    """Defaults that make the method are named, what has no effect on it is not; of foreign steps what was changed."""
    text = as_text(build("squeezenet-svm", n_jobs=2))
    for words in ("model='squeezenet1_0'", "weights='DEFAULT'", "layers='fire9'", "LinearSVM(C=1.0,"):
        assert words in text
    for words in ("n_jobs", "store", "=None"):
        assert words not in text
    assert "> FunctionTransformer(func=<ufunc 'sqrt'>) >" in as_text(build("color-svm"))
    assert "descriptor=DenseSIFT(bin_sizes=(4,)," in as_text(build("spm-svm"))
    assert len(as_text(HOG(variant="x" * 1000))) < 600
