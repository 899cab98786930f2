"""The same pipelines on several data sets: each data set compared by itself, then all of them as one matrix."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from eyecraft.data import Dataset, load_dataset

from ._entries import make_entries
from .compare import compare
from .comparison import Comparison
from .comparison_matrix import ComparisonMatrix, datasets_table, folder_name

_RECIPE_OPTIONS = ("random_state", "device", "weights_dir")


def compare_many(
    pipelines: Any,
    datasets: Any,
    *,
    cv: Any = 5,
    out: str | os.PathLike[str] | None = None,
    **options: Any,
) -> ComparisonMatrix:
    """Compare the same pipelines on several data sets, one after the other.

    Parameters
    ----------
    pipelines : mapping or list
        As for `compare`.
    datasets : mapping of name to data set, or list of data sets
        A data set is a `Dataset`, a name or folder for `load_dataset`, or, in a mapping, a pair ``(images, labels)``.
        In a list, equal names get a number: ``pets, pets-2``.
    cv : optional
        As for `compare`: one for all data sets, or a mapping of name to one.
    out : path, optional
        Folder for the results: one sub-folder per data set, and ``matrix.json`` and ``matrix.csv``. The same call goes
        on where it was stopped.
    **options
        Whatever else `compare` takes (``scoring, overwrite, n_jobs, random_state, store, command`` ...).

    Returns
    -------
    ComparisonMatrix
        A data set that cannot be read or compared has its ``error``; the others went on.

    Raises
    ------
    ValueError, TypeError
        Before any work: fewer than two data sets, or pipelines that cannot take part. Later: every data set failed; the
        error is that of the first.
    KeyboardInterrupt
        When interrupted; what was finished is in *out*.

    See Also
    --------
    compare : The same for one data set.
    rank : The ranks of pipelines over the data sets.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.dummy import DummyClassifier
    >>> from eyecraft.pipelines.several import compare_many
    >>> images = np.zeros((8, 6, 6), dtype=np.uint8)
    >>> pets, cars = (images, ["cat"] * 6 + ["dog"] * 2), (images, ["van"] * 4 + ["bus"] * 4)
    >>> dummies = {"commonest": DummyClassifier(), "even": DummyClassifier(strategy="uniform", random_state=0)}
    >>> compare_many(dummies, {"pets": pets, "cars": cars}, cv=2).frame().to_dict("index")
    {'commonest': {'pets': 0.75, 'cars': 0.5}, 'even': {'pets': 0.25, 'cars': 0.5}}
    """
    sources = _named(datasets)
    make_entries(pipelines, **{key: options[key] for key in _RECIPE_OPTIONS if key in options})  # mistakes at once
    errors: list[Exception] = []

    def work(name: str, source: Any) -> Comparison:
        own = cv[name] if isinstance(cv, Mapping) else cv
        folder = None if out is None else Path(out) / folder_name(name)
        if isinstance(source, tuple):
            return compare(pipelines, *source, cv=own, out=folder, dataset=name, **options)
        return compare(pipelines, load_named(name, source), cv=own, out=folder, **options)

    told = options.get("command")
    matrix = run_each(sources, work, out=out, command=told, on_error=lambda _, error: errors.append(error))
    if not matrix.comparisons:
        raise errors[0]
    return matrix


def run_each(
    sources: Mapping[str, Any],
    work: Callable[[str, Any], Comparison],
    *,
    out: str | os.PathLike[str] | None = None,
    command: str | None = None,
    on_error: Callable[[str, Exception], object] | None = None,
) -> ComparisonMatrix:
    """Do the same work on every data set; one that fails does not stop the others.

    Parameters
    ----------
    sources : mapping
        Data sets by name.
    work : callable
        ``work(name, source)`` returns the comparison; with *out*, kept in its folder in there (see `folder_name`).
    out : path, optional
        What is known is written there before every data set, so that an interrupted run can be looked at.
    command : str, optional
        The command line that asked for this.
    on_error : callable, optional
        Called with name and error of a data set that failed.

    Raises
    ------
    ValueError
        Before any work: *out* holds the comparison of one data set.
    """
    if out is not None and (Path(out) / "run.json").exists():
        raise ValueError(f"{out} holds the comparison of one data set; several go into another folder. Choose an `out`")
    done: dict[str, Comparison] = {}
    errors: dict[str, str | None] = dict.fromkeys(sources)

    def matrix() -> ComparisonMatrix:
        return ComparisonMatrix(_table(sources, errors), dict(done), command)

    for name, source in sources.items():
        if out is not None:
            matrix().write(out)
        try:
            done[name] = work(name, source)
            if out is not None:
                done[name] = Comparison.load(Path(out) / folder_name(name))  # thumbnails in place of all images
        except Exception as error:
            done.pop(name, None)
            errors[name] = str(error) or type(error).__name__
            if on_error is not None:
                on_error(name, error)
    result = matrix()
    if out is not None:
        result.write(out)
    return result


def distinct(names: Iterable[str]) -> list[str]:
    """Tell equal names apart with numbers; those that differ only in case too, which some disks take for one.

    >>> distinct(["pets", "Pets", "cars", "pets-2", "pets"])
    ['pets', 'Pets-3', 'cars', 'pets-2', 'pets-4']
    """
    given = list(names)
    taken, told = {name.casefold() for name in given}, []
    first: set[str] = set()
    for name in given:
        own, number = name, 2
        if name.casefold() in first:
            while (own := f"{name}-{number}").casefold() in taken:
                number += 1
        first.add(name.casefold())
        taken.add(own.casefold())
        told.append(own)
    return told


def source_name(source: str | os.PathLike[str]) -> str:
    """Return what a data set given by name or path is called: the last part of its path."""
    return Path(os.path.abspath(Path(source).expanduser())).name or "images"  # noqa: PTH100 - resolve() follows links


def load_named(name: str, source: Any, **options: Any) -> Dataset:
    """Return the data set, loaded if need be, under that name."""
    dataset = source if isinstance(source, Dataset) else load_dataset(source, **options)
    return dataset if dataset.name == name else replace(dataset, name=name)


def _named(datasets: Any) -> dict[str, Any]:
    """Return the data sets by name."""
    if isinstance(datasets, Mapping):
        named = {str(name): source for name, source in datasets.items()}
    elif isinstance(datasets, (str, Dataset)) or not isinstance(datasets, Iterable):
        raise TypeError(f"`datasets` must be several data sets; got {datasets!r}. For one, see `compare`")
    else:
        sources = list(datasets)
        names = [source.name if isinstance(source, Dataset) else _path_name(source) for source in sources]
        named = dict(zip(distinct(names), sources, strict=True))
    if len(named) < 2:
        raise ValueError(f"`datasets` must be two or more; got {len(named)}. For one, see `compare`")
    return named


def _path_name(source: Any) -> str:
    if not isinstance(source, (str, os.PathLike)):
        raise TypeError(
            f"a data set in a list must be a Dataset, a name or a folder; got {type(source).__name__}. "
            "Images and labels need a name: give a dictionary, {name: (images, labels)}"
        )
    return source_name(source)


def _table(sources: Mapping[str, Any], errors: Mapping[str, str | None]) -> pd.DataFrame:
    texts = {name: str(source) if isinstance(source, (str, os.PathLike)) else "" for name, source in sources.items()}
    return datasets_table(
        [
            {"name": name, "source": texts[name], "folder": folder_name(name), "error": error}
            for name, error in errors.items()
        ]
    )
