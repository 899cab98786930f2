"""Pipelines: features and a classifier behind one another, and the comparison of many.

Begin with `recipes`, which lists pipelines known to make sense, and `build`, which makes one as a plain scikit-learn
``Pipeline``. `compare` measures any number of them on the same splits of the same images and gives a `Comparison`,
`compare_many` does so on several data sets; `reproduce` repeats the experiment of a paper and sets ours beside the
published figure. `LayerProbe` taps every layer of a network. `verdicts` says which differences are real,
`pareto_front` what accuracy costs, `rank` who wins over several data sets, `learning_curves` how many labels each
pipeline needs, `robustness` what shifts, noise and the like cost, and `label_errors` which labels are probably wrong;
`study` does the last three on a finished comparison.

`fold` makes a fitted pipeline of long rows small and quick for use.

The classifiers are `LinearSVM` (one-vs-rest, the default behind every feature) and `CNNClassifier` (a network,
fine-tuned or trained from the pixels).
"""

from typing import TYPE_CHECKING, Any

from .compare import compare
from .comparison import Comparison
from .comparison_matrix import ComparisonMatrix
from .fold import fold
from .label_errors import LabelErrors, label_errors
from .learning_curves import LearningCurves, learning_curves
from .linear_svm import LinearSVM
from .pareto import cheapest_within, cost_table, pareto_front
from .ranking import Ranking, rank
from .recipes import Recipe, build, default_recipes, recipes
from .reproduce import Reproduction, protocols, reproduce
from .robustness import Robustness, perturb, robustness
from .several import compare_many
from .studies import Studies, study
from .verdicts import Verdicts, verdicts

if TYPE_CHECKING:
    from .ablation import AblationResult, DepthAblation
    from .cnn_classifier import CNNClassifier
    from .probe import LayerProbe, ProbeResult

__all__ = [
    "AblationResult",
    "CNNClassifier",
    "Comparison",
    "ComparisonMatrix",
    "DepthAblation",
    "LabelErrors",
    "LayerProbe",
    "LearningCurves",
    "LinearSVM",
    "ProbeResult",
    "Ranking",
    "Recipe",
    "Reproduction",
    "Robustness",
    "Studies",
    "Verdicts",
    "build",
    "cheapest_within",
    "compare",
    "compare_many",
    "cost_table",
    "default_recipes",
    "fold",
    "label_errors",
    "learning_curves",
    "pareto_front",
    "perturb",
    "protocols",
    "rank",
    "recipes",
    "reproduce",
    "robustness",
    "study",
    "verdicts",
]


def __getattr__(name: str) -> Any:
    if name == "CNNClassifier":  # it loads torch, which takes seconds
        from .cnn_classifier import CNNClassifier

        return CNNClassifier
    if name in {"AblationResult", "DepthAblation"}:
        from . import ablation

        return getattr(ablation, name)
    if name in {"LayerProbe", "ProbeResult"}:  # so do these
        from . import probe

        return getattr(probe, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
