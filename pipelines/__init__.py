"""Pipelines: features and a classifier behind one another, and the comparison of many.

Begin with `recipes`, which lists pipelines known to make sense, and `build`, which makes one as a plain scikit-learn
``Pipeline``. `compare` measures any number of them on the same splits of the same images and gives a `Comparison`;
`reproduce` repeats the experiment of a paper and sets ours beside the published figure.
The classifiers are `LinearSVM` (one-vs-rest, the default behind every feature) and `CNNClassifier` (a network trained
from the pixels).
"""

from typing import TYPE_CHECKING, Any

from .compare import compare
from .comparison import Comparison
from .linear_svm import LinearSVM
from .recipes import Recipe, build, default_recipes, recipes
from .reproduce import Reproduction, protocols, reproduce

if TYPE_CHECKING:
    from .cnn_classifier import CNNClassifier

__all__ = [
    "CNNClassifier",
    "Comparison",
    "LinearSVM",
    "Recipe",
    "Reproduction",
    "build",
    "compare",
    "default_recipes",
    "protocols",
    "recipes",
    "reproduce",
]


def __getattr__(name: str) -> Any:
    if name == "CNNClassifier":  # it loads torch, which takes seconds
        from .cnn_classifier import CNNClassifier

        return CNNClassifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
