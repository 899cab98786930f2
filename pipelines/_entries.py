"""The pipelines of a comparison: named, described, and fingerprinted so that a changed one is computed again."""

import hashlib
import inspect
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import joblib
import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from eyecraft.features import ImageTransformer
from eyecraft.features.local._local import LocalDescriptor

from .recipes import Recipe, build, find

_WITHOUT_EFFECT = frozenset({"n_jobs", "n_workers", "verbose", "store", "memory", "weights_dir"})  # on what is measured
UNTRAINED = "random weights: it has learned nothing"
"""Said with the title of a pipeline on activations of an untrained network."""
_LONGEST = 300  # characters of a single value that is shown
_NETWORKS = ("torch", "torchvision", "skorch", "timm", "eyecraft.features.learned", "eyecraft.pipelines.cnn")


@dataclass(frozen=True)
class Entry:
    """One pipeline of a comparison."""

    name: str
    estimator: Any
    kind: str
    title: str
    citation: str
    parameters: str
    digest: str


def make_entries(pipelines: Any, **for_recipes: Any) -> list[Entry]:
    """Return the pipelines in the order given; raises before any work if one of them cannot take part.

    Parameters
    ----------
    pipelines : mapping, or list of recipe names, recipes, estimators and (name, estimator)
        As in `compare`.
    **for_recipes
        Arguments of `build` for those given as recipes.
    """
    if isinstance(pipelines, (str, Recipe)) or hasattr(pipelines, "get_params"):
        pipelines = [pipelines]
    if not isinstance(pipelines, Iterable):
        raise TypeError(f"`pipelines` must be a list or a dictionary; got {type(pipelines).__name__}")
    given = [*pipelines.items()] if isinstance(pipelines, Mapping) else [_named(item) for item in pipelines]
    if not given:
        raise ValueError("`pipelines` must hold at least one pipeline; it is empty. See eyecraft.pipelines.recipes()")
    entries = [_entry(name, item, for_recipes) for name, item in _told_apart(given)]
    twice = [name for name, count in Counter(entry.name for entry in entries).items() if count > 1]
    if twice:
        raise ValueError(f"`pipelines` must have different names; {twice[0]!r} is there more than once")
    return entries


def _named(item: Any) -> tuple[str | None, Any]:
    if isinstance(item, tuple):
        if len(item) != 2 or not isinstance(item[0], str):
            raise TypeError(f"a pair in `pipelines` must be (name, estimator); got {item!r}")
        return item
    return None, item


def _told_apart(given: list[tuple[str | None, Any]]) -> Iterator[tuple[str, Any]]:
    """Name what came without a name; equal pipelines without names are numbered."""
    used = Counter(name for name, _ in given if name is not None)
    for name, item in given:
        if name is None and hasattr(item, "get_params"):
            base = name = _plain_name(item)
            while used[name]:
                used[base] += 1
                name = f"{base}-{used[base]}"
            used[name] += 1
        yield name if name is not None else getattr(item, "name", item), item


def _plain_name(estimator: Any) -> str:
    steps = [step for _, step in estimator.steps] if isinstance(estimator, Pipeline) else [estimator]
    return "-".join(type(step).__name__.lower() for step in steps if step not in (None, "passthrough"))


def _entry(name: Any, item: Any, for_recipes: Mapping[str, Any]) -> Entry:
    if not isinstance(name, str) or not name.strip():
        raise TypeError(f"the name of a pipeline must be text; got {name!r}")
    recipe = item if isinstance(item, Recipe) else find(item) if isinstance(item, str) else None
    estimator = item if recipe is None else build(recipe, **for_recipes)
    if inspect.isclass(estimator) or not (hasattr(estimator, "fit") and hasattr(estimator, "predict")):
        hint = "; give an object, not the class" if inspect.isclass(estimator) else ""
        raise TypeError(f"pipeline {name!r} must have fit and predict; got {' '.join(repr(estimator).split())}{hint}")
    return Entry(
        name=name,
        estimator=estimator,
        kind=recipe.kind if recipe else _kind(estimator),
        title=_title(recipe.title if recipe else name, estimator),
        citation=recipe.citation if recipe else "",
        parameters=as_text(estimator),
        digest=hashlib.blake2b(repr(canonical(estimator)).encode(), digest_size=16).hexdigest(),
    )


def _kind(estimator: Any) -> str:
    """Return what a pipeline that is no recipe rests on: a network, an extractor of images, or something else."""
    inside = parts(estimator)
    if any(map(is_network, inside)):
        return "learned"
    return "hand-crafted" if any(isinstance(part, ImageTransformer | LocalDescriptor) for part in inside) else "other"


def _title(title: str, estimator: Any) -> str:
    """Return the title, with a loud word where a network taps a random start by the user's choice."""
    untrained = any(
        isinstance(part, ImageTransformer) and is_network(part) and _starts_at_random(part) for part in parts(estimator)
    )
    return f"{title} ({UNTRAINED})" if untrained else title


def _starts_at_random(extractor: Any) -> bool:
    named = extractor.get_params(deep=False)
    return isinstance(named.get("model"), str) and named.get("weights", "") is None


def parts(estimator: Any) -> list[Any]:
    """Return the estimator and all estimators inside it."""
    inside = estimator.get_params(deep=True).values() if hasattr(estimator, "get_params") else ()
    return [estimator, *(value for value in inside if hasattr(value, "get_params") and not inspect.isclass(value))]


def is_network(estimator: Any) -> bool:
    """Tell whether an estimator is, or holds, a neural network."""
    modules = [kind.__module__ for kind in type(estimator).__mro__]
    return any(
        module == name or module.startswith((f"{name}.", f"{name}_")) for module in modules for name in _NETWORKS
    )


def as_text(estimator: Any) -> str:
    """Return the parameters step by step on one line: of eyecraft's own all that are set, of others what was changed.

    Those without effect on what is measured, such as where features are kept, are left out.
    """
    steps = [step for _, step in estimator.steps] if isinstance(estimator, Pipeline) else [estimator]
    with config_context(print_changed_only=True):
        return " > ".join(map(_step_as_text, steps))


def _step_as_text(step: Any) -> str:
    if not isinstance(step, BaseEstimator):
        return _shortened(_without_address(repr(step)))
    if type(step).__module__.split(".")[0] != "eyecraft":
        return _without_address(BaseEstimator.__repr__(step, N_CHAR_MAX=2000))
    parameters = step.get_params(deep=False).items()
    shown = {key: value for key, value in parameters if key not in _WITHOUT_EFFECT and value is not None}
    return f"{type(step).__name__}({', '.join(f'{key}={_step_as_text(shown[key])}' for key in sorted(shown))})"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def canonical(value: Any) -> Any:
    """Return nested plain values that are equal exactly when two estimators compute the same."""
    if hasattr(value, "get_params") and not inspect.isclass(value):
        parameters = {key: item for key, item in value.get_params(deep=False).items() if key not in _WITHOUT_EFFECT}
        inside = {key: canonical(item) for key, item in sorted(parameters.items())}
        if isinstance(value, ImageTransformer):  # a fitted network inside counts with what it learned
            inside |= {key: _content(item) for key, item in parameters.items() if hasattr(item, "get_params")}
        return _qualified(type(value)), getattr(value, "_code_version", None), inside
    if isinstance(value, (list, tuple)):
        return [canonical(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): canonical(item) for key, item in value.items()}
    if inspect.isclass(value):
        return _qualified(value)
    if inspect.isfunction(value):
        constants = [constant for constant in value.__code__.co_consts if not inspect.iscode(constant)]
        return _qualified(value), value.__code__.co_code.hex(), repr(constants)
    if value is None or isinstance(value, (str, bytes, bool, int, float, np.generic)):
        return repr(value)
    return _content(value)


def _content(value: Any) -> str:
    try:
        return str(joblib.hash(value))
    except Exception:  # what cannot be pickled is told apart by its text
        return _without_address(repr(value))


def _qualified(thing: Any) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"


def _without_address(text: str) -> str:
    return re.sub(r" at 0x[0-9a-fA-F]+", "", " ".join(text.split()))
