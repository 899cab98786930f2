"""Recipes: pipelines that are known to make sense, each a row of one table.

A recipe is data: an extractor and a classifier with their parameters, what the pair stands for, and whom to cite.
`build` turns it into a plain `sklearn.pipeline.Pipeline` with the steps ``features``, perhaps ``scaler``, and
``classifier``. A new recipe is a new row of ``_TABLE``.
"""

import os
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from eyecraft.features._checks import nearest

from ._learned_recipes import LEARNED_RECIPES
from ._network_recipes import NETWORK_RECIPES
from ._recipe import Recipe
from ._word_recipes import WORD_RECIPES


def recipes() -> list[Recipe]:
    """Return all recipes, the simplest first.

    Examples
    --------
    >>> from eyecraft.pipelines import recipes
    >>> [recipe.name for recipe in recipes() if recipe.kind == "learned"][:4]
    ['mini-fc6-svm', 'mini-fc7-svm', 'random-conv-svm', 'squeezenet-svm']
    """
    return list(_TABLE)


def default_recipes(weights_dir: str | os.PathLike[str] | None = None) -> list[str]:
    """Return the names of the recipes that run as they are: quick, and without weights that would have to be fetched.

    Parameters
    ----------
    weights_dir : path, optional
        Folder of pretrained weights; environment variable ``EYECRAFT_WEIGHTS`` if not given.
    """
    names = []
    for recipe in _TABLE:
        if not recipe.quick:
            continue
        if recipe.pretrained:
            at_hand = import_module("eyecraft.features.learned.weights").at_hand
            if not at_hand(recipe.pretrained, weights_dir=weights_dir):
                continue
        names.append(recipe.name)
    return names


def find(name: str) -> Recipe:
    """Return the recipe of that name; ``ValueError`` with the nearest names if there is none."""
    known = {recipe.name: recipe for recipe in _TABLE}
    if name not in known:
        raise ValueError(f"unknown recipe {name!r}{nearest(name, known) or '.'} The recipes are: {', '.join(known)}")
    return known[name]


def build(
    recipe: str | Recipe,
    *,
    small: bool = False,
    random_state: int | None = None,
    device: str | None = None,
    weights_dir: str | os.PathLike[str] | None = None,
    store: Any = "default",
    n_jobs: int | None = None,
    **overrides: Any,
) -> Pipeline:
    """Make the pipeline of a recipe.

    Parameters
    ----------
    recipe : str or Recipe
        A name that `recipes` lists, or a recipe of your own.
    small : bool
        Use the recipe's settings for images with a side shorter than 64 pixels, such as handwritten digits.
    random_state : int, optional
        Seed of every step that takes one.
    device : str, optional
        Where networks run, such as "cpu" or "cuda"; chosen by themselves if not given.
    weights_dir : path, optional
        Folder of pretrained weights; environment variable ``EYECRAFT_WEIGHTS`` if not given.
    store : None, "default", path or FeatureStore
        Where the extractors keep their features; "default" keeps those of networks, and of recipes that are ``stored``.
    n_jobs : int, optional
        Workers of every step that can use several.
    **overrides
        Parameters to change: scikit-learn's ``step__parameter``, or the parameter's own name where only one step has
        it (``build("hog-svm", orientations=12, C=10)``).

    Returns
    -------
    pipeline : sklearn.pipeline.Pipeline
        Not fitted.

    Raises
    ------
    ValueError
        Unknown recipe or parameter (the message has the nearest names), or a name that several steps share.

    Examples
    --------
    >>> from eyecraft.pipelines import build
    >>> pipeline = build("hog-svm", orientations=12)
    >>> [step for step, _ in pipeline.steps]
    ['features', 'classifier']
    >>> pipeline["features"].orientations
    12
    """
    recipe = find(recipe) if isinstance(recipe, str) else recipe
    pipeline = recipe.factory()
    common = {"random_state": random_state, "device": device, "weights_dir": weights_dir, "n_jobs": n_jobs}
    given: dict[str, Any] = {key: value for key, value in common.items() if value is not None}
    given["store"] = None if store == "default" and not recipe.stored else store
    paths = [path for path in pipeline.get_params() if "__" in path]
    everywhere = {path: given[_last(path)] for path in paths if _last(path) in given}
    networks = [path.removesuffix("layers") + "store" for path in paths if _last(path) == "layers"]
    pipeline.set_params(**everywhere | {path: store for path in networks if path in everywhere})
    if small:
        pipeline.set_params(**recipe.small)
    pipeline.set_params(**{_full_name(recipe, pipeline, key): value for key, value in overrides.items()})
    return pipeline


def _full_name(recipe: Recipe, pipeline: Pipeline, key: str) -> str:
    """Return ``step__parameter`` for what the user wrote."""
    paths = [path for path in pipeline.get_params() if "__" in path]
    if key in paths:
        return key
    if "__" not in key:
        matching = [path for path in paths if _last(path) == key]
        shallow = min((path.count("__") for path in matching), default=0)
        matching = [path for path in matching if path.count("__") == shallow]
        if len(matching) == 1:
            return matching[0]
        if matching:
            raise ValueError(f"several steps of {recipe.name!r} have a {key!r}; say which: {' or '.join(matching)}")
    known = paths if "__" in key else sorted({_last(path) for path in paths})
    hint = nearest(key, known) or "."
    raise ValueError(f"recipe {recipe.name!r} has no parameter {key!r}{hint} It has: {', '.join(known)}")


def _last(path: str) -> str:
    return path.rsplit("__", 1)[-1]


def _svm(extractor: str, *, C: float, root: bool = False, **parameters: Any) -> Callable[[], Pipeline]:
    """Return the factory of an extractor with a one-vs-rest linear SVM behind it.

    Parameters
    ----------
    root : bool
        Take square roots in between, so that the SVM compares histograms by Hellinger's distance.
    """

    def factory() -> Pipeline:
        steps = [("features", getattr(import_module("eyecraft.features"), extractor)(**parameters))]
        if root:
            steps.append(("scaler", FunctionTransformer(np.sqrt)))
        steps.append(("classifier", import_module("eyecraft.pipelines.linear_svm").LinearSVM(C=C)))
        return Pipeline(steps)

    return factory


def _network(**parameters: Any) -> Callable[[], Pipeline]:
    """Return the factory of a network that is its own feature extractor."""

    def factory() -> Pipeline:
        network = import_module("eyecraft.pipelines.cnn_classifier").CNNClassifier
        return Pipeline([("classifier", network(**parameters))])

    return factory


_DALAL = (
    "N. Dalal and B. Triggs (2005), Histograms of oriented gradients for human detection, CVPR, "
    "https://doi.org/10.1109/CVPR.2005.177"
)
_FELZENSZWALB = (
    "P. F. Felzenszwalb, R. B. Girshick, D. McAllester and D. Ramanan (2010), Object detection with discriminatively "
    "trained part-based models, IEEE TPAMI 32(9), https://doi.org/10.1109/TPAMI.2009.167"
)
_LECUN = (
    "Y. LeCun, L. Bottou, Y. Bengio and P. Haffner (1998), Gradient-based learning applied to document recognition, "
    "Proceedings of the IEEE 86(11), https://doi.org/10.1109/5.726791"
)
_TABLE = (
    Recipe(
        name="pixels-svm",
        title="Pixels + SVM",
        kind="hand-crafted",
        about="The image itself, made small: the floor that every feature has to beat.",
        citation="",
        factory=_svm("RawPixels", C=0.01, image_size=(32, 32)),
    ),
    Recipe(
        name="color-svm",
        title="Colour histogram + SVM",
        kind="hand-crafted",
        about="Which colours there are, and roughly where; nothing about shape.",
        citation="M. J. Swain and D. H. Ballard (1991), Color indexing, IJCV 7(1), https://doi.org/10.1007/BF00130487",
        factory=_svm("ColorHistogram", C=0.1, root=True, space="lab", bins=4, grid=(4, 4)),
    ),
    Recipe(
        name="sobel-svm",
        title="Sobel + SVM",
        kind="hand-crafted",
        about="Edge directions from the two 3x3 Sobel masks, counted on a grid.",
        citation="I. Sobel (2014), History and definition of the so-called Sobel operator, "
        "https://www.researchgate.net/publication/239398674",
        factory=_svm("Sobel", C=1.0, image_size=(128, 128), grid=(8, 8)),
        small={"features__image_size": (32, 32), "features__grid": (4, 4)},
    ),
    Recipe(
        name="robinson-svm",
        title="Robinson compass + SVM",
        kind="hand-crafted",
        about="Edge directions from eight 3x3 compass masks, counted on a grid.",
        citation="G. S. Robinson (1977), Edge detection by compass gradient masks, Computer Graphics and Image "
        "Processing 6(5), https://doi.org/10.1016/S0146-664X(77)80024-5",
        factory=_svm("RobinsonCompass", C=1.0, image_size=(128, 128), grid=(8, 8)),
        small={"features__image_size": (32, 32), "features__grid": (4, 4)},
    ),
    Recipe(
        name="hog-svm",
        title="HOG + SVM",
        kind="hand-crafted",
        about="Histograms of oriented gradients in cells, normalised in overlapping blocks: shape, robust to light.",
        citation=_DALAL,
        factory=_svm("HOG", C=0.1, color=True, image_size=(128, 128), pixels_per_cell=(16, 16)),
        small={"features__image_size": (24, 24), "features__pixels_per_cell": (4, 4)},
    ),
    Recipe(
        name="uoctti-svm",
        title="HOG (UoCTTI) + SVM",
        kind="hand-crafted",
        about="HOG as in deformable part models: signed and unsigned directions and texture energy, 31 numbers a cell.",
        citation=_FELZENSZWALB,
        factory=_svm("HOG", C=0.1, variant="uoctti", color=True, image_size=(128, 128), pixels_per_cell=(16, 16)),
        small={"features__image_size": (32, 32), "features__pixels_per_cell": (8, 8)},
    ),
    *WORD_RECIPES,
    *LEARNED_RECIPES,
    Recipe(
        name="lenet5",
        title="LeNet-5",
        kind="learned",
        about="A small convolutional network trained on your own images from scratch.",
        citation=_LECUN,
        factory=_network(model="lenet5"),
    ),
    *NETWORK_RECIPES,
)
