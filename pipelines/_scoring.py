"""Scores of one fitted pipeline, from answers that are computed once however many metrics ask for them."""

import functools
import hashlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer, get_scorer_names

from eyecraft.features._checks import nearest

Scorer = Callable[[Any, Any, np.ndarray], float]
_ALWAYS = ("accuracy", "balanced_accuracy")


def accuracy(labels: np.ndarray, predicted: np.ndarray) -> float:
    """Return the share of images that were answered right."""
    return float(np.mean(labels == predicted))


def mean_class_accuracy(labels: np.ndarray, predicted: np.ndarray) -> float:
    """Return the mean over the classes among *labels* of each class's own accuracy.

    A class without a test image takes no part; answers that name such a class are simply wrong.

    >>> mean_class_accuracy(np.array(["a", "a", "a", "b"]), np.array(["a", "a", "a", "a"]))
    0.5
    """
    _, codes = np.unique(labels, return_inverse=True)
    right = np.bincount(codes, weights=labels == predicted)
    return float(np.mean(right / np.bincount(codes)))


def resolve(scoring: Any) -> dict[str, Scorer | None]:
    """Return ``name -> scorer`` with accuracy and balanced accuracy always there (their scorer is None).

    Parameters
    ----------
    scoring : str, callable, or iterable or mapping of them
        Names of scikit-learn scorers, or callables ``scorer(estimator, X, y) -> float``.
    """
    if isinstance(scoring, str) or callable(scoring):
        scoring = [scoring]
    pairs: Iterable[tuple[str | None, Any]]
    if isinstance(scoring, Mapping):
        pairs = scoring.items()
    elif isinstance(scoring, Iterable):
        pairs = ((None, metric) for metric in scoring)
    else:
        raise ValueError(f"`scoring` must name metrics or hold callables; got {scoring!r}")
    found: dict[str, Scorer | None] = dict.fromkeys(_ALWAYS)
    for given, metric in pairs:
        own = getattr(metric, "__name__", type(metric).__name__) if callable(metric) else str(metric)
        name = own if given is None else str(given)
        if name in _ALWAYS and metric == name:
            continue
        if name in found:
            raise ValueError(f"`scoring` must name each metric once; {name!r} is there twice. Use a dictionary")
        found[name] = metric if callable(metric) else _by_name(metric)
    return found


def digests(metrics: Mapping[str, Scorer | None]) -> dict[str, str]:
    """Return a fingerprint of every metric's definition, so that a changed metric is computed again."""
    return {name: _digest(metric) for name, metric in metrics.items()}


def _by_name(metric: object) -> Scorer:
    names = get_scorer_names()
    if metric not in names:
        raise ValueError(f"`scoring` must name metrics known to scikit-learn; got {metric!r}{nearest(metric, names)}")
    return get_scorer(metric)


def _digest(metric: Scorer | None) -> str:
    text = repr(metric)
    if inspect.isfunction(metric):
        code = metric.__code__
        constants = [constant for constant in code.co_consts if not inspect.iscode(constant)]
        text = repr((metric.__qualname__, code.co_code, code.co_names, constants))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


class Answers:
    """A fitted estimator that computes each kind of answer once for the test images.

    Scorers ask ``predict``, ``predict_proba`` or ``decision_function`` one after the other; behind each lies the
    whole chain of features. Everything else is the estimator's own.
    """

    def __init__(self, estimator: Any, X: Any) -> None:
        self.estimator, self.images = estimator, X
        self._known: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        special = name.startswith("__") and name not in ("__sklearn_tags__", "__sklearn_is_fitted__")
        if special or "estimator" not in self.__dict__:
            raise AttributeError(name)
        value = getattr(self.estimator, name)
        if name not in ("predict", "predict_proba", "decision_function", "predict_log_proba"):
            return value

        @functools.wraps(value)  # scikit-learn asks for the method's name
        def once(X: Any, *args: Any, **kwargs: Any) -> Any:
            if X is not self.images or args or kwargs:
                return value(X, *args, **kwargs)
            if name not in self._known:
                self._known[name] = value(X)
            return self._known[name]

        return once
