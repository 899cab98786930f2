"""Experiments of papers, repeated: the same protocol on the same data, our figure beside the published one."""

import os
import warnings
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from joblib import parallel_config

from eyecraft.data import Dataset, PerClassSplit, load_dataset
from eyecraft.features._checks import check_whole, nearest

from ._protocols import MARKS, PROTOCOLS, Protocol, Published
from .compare import compare
from .comparison import Comparison
from .recipes import Recipe, build, find

METRIC = "balanced_accuracy"  # mean over the classes of each class's accuracy, as all of these papers have it


@dataclass(frozen=True, eq=False)
class Reproduction:
    """An experiment of a paper, repeated.

    Attributes
    ----------
    protocol : Protocol
        What was repeated.
    n_train : int
        Training images per class.
    comparison : Comparison
        All that was measured; one pipeline.
    """

    protocol: Protocol
    n_train: int
    comparison: Comparison

    @property
    def scores(self) -> np.ndarray:
        """Mean per-class accuracy of every finished split, from 0 to 1."""
        scores = self.comparison.scores
        return scores[scores["metric"] == METRIC].sort_values("split")["value"].to_numpy(float)

    @property
    def published(self) -> Published | None:
        """The figure for this number of training images."""
        return self.protocol.published.get(self.n_train)

    def frame(self) -> pd.DataFrame:
        """Return ours and the published figure in percent, one row: ``n_train, n_splits, ours, ours_sd, ...``."""
        scores, published = 100 * self.scores, self.published
        row = {
            "name": self.protocol.name,
            "n_train": self.n_train,
            "n_splits": len(scores),
            "ours": scores.mean() if len(scores) else np.nan,
            "ours_sd": scores.std(ddof=1) if len(scores) > 1 else np.nan,
            "published": np.nan if published is None else published.percent,
            "published_sd": np.nan if published is None or published.sd is None else published.sd,
            "mark": "" if published is None else published.mark,
            "source": "" if published is None else f"{published.source} of {self.protocol.citation}",
        }
        return pd.DataFrame([row])

    def __str__(self) -> str:
        return "\n".join(_summary(self))


def protocols() -> list[Protocol]:
    """Return all experiments that can be repeated.

    Examples
    --------
    >>> from eyecraft.pipelines import protocols
    >>> str(protocols()[0].published[30])
    '64.6 ± 0.8'
    """
    return list(PROTOCOLS)


def find_protocol(name: str) -> Protocol:
    """Return the experiment of that name; ``ValueError`` with the nearest names if there is none."""
    known = {protocol.name: protocol for protocol in PROTOCOLS}
    if name not in known:
        hint = nearest(name, known) or "."
        raise ValueError(f"unknown experiment {name!r}{hint} The experiments are: {', '.join(known)}")
    return known[name]


def reproduce(
    name: str,
    data: "Dataset | str | os.PathLike[str]",
    *,
    n_train: int | None = None,
    n_splits: int = 5,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    n_jobs: int | None = None,
    random_state: int = 0,
    command: str | None = None,
) -> Reproduction:
    """Repeat an experiment of a paper.

    Parameters
    ----------
    name : str
        One that `protocols` lists, such as "caltech101-spm".
    data : Dataset, or path of a folder
        The data set of the paper, one sub-folder per class.
    n_train : int, optional
        Training images per class; the paper's if not given.
    n_splits : int, default=5
        Random splits. The first ones stay the same when there are more.
    out : path, optional
        Folder for the results; the same call goes on where it was stopped, see `eyecraft.pipelines.compare`.
    overwrite : bool
        Begin the folder anew.
    n_jobs : int, optional
        Threads that describe images; -1 means all cores. Splits come one after another, so that the features of one
        only are in memory.
    random_state : int, default=0
        Seed of the splits and of the codebook.
    command : str, optional
        The command line that asked for this, kept with the results.

    Returns
    -------
    Reproduction

    Raises
    ------
    ValueError
        Unknown name (the message has the nearest ones); data with other classes than the paper's; a class with too few
        images. Also what `compare` raises.

    Notes
    -----
    Codebook, projection and classifier are learned from the training part of each split alone.

    Examples
    --------
    >>> from eyecraft.pipelines import reproduce
    >>> print(reproduce("caltech101-spm", "101_ObjectCategories", n_jobs=-1))  # doctest: +SKIP
    """
    protocol = find_protocol(name)
    check_whole("n_splits", n_splits, at_least=1)
    n_train = next(iter(protocol.published)) if n_train is None else n_train
    dataset = data if isinstance(data, Dataset) else load_dataset(data)
    check_data(protocol, dataset)
    # one split at a time in this process; `None` inside the extractors then means these threads
    with parallel_config("threading", n_jobs=n_jobs), warnings.catch_warnings():
        # with one training image of each class scikit-learn wonders whether names are numbers to be predicted
        warnings.filterwarnings("ignore", "The number of unique classes is greater than 50%")
        comparison = compare(
            _pipelines(protocol),
            dataset,
            cv=PerClassSplit(n_train, protocol.n_test, n_splits, random_state),
            scoring=[METRIC, "accuracy"],
            out=out,
            overwrite=overwrite,
            n_jobs=1,
            random_state=random_state,
            command=command,
        )
    return Reproduction(protocol, n_train, comparison)


def check_data(protocol: Protocol, dataset: Dataset) -> None:
    """Raise ``ValueError`` unless the data has as many classes as the paper's, and the same ones where names are known.

    Upper and lower case are not told apart.
    """
    present = tuple(np.unique(dataset.labels).tolist())  # a subset still names the classes it has lost
    where = dataset.source or dataset.name
    if len(present) != protocol.n_classes:
        what = f"{protocol.n_classes} classes; {where} has {len(present)}: {_few(present)}"
    else:
        wanted = {name.casefold(): name for name in protocol.class_names}
        missing = sorted(set(wanted) - {str(name).casefold() for name in present})
        if not missing:
            return
        others = tuple(name for name in present if str(name).casefold() not in wanted)
        lacks = _few(tuple(wanted[name] for name in missing))
        what = f"other classes than those of {where}, which lacks {lacks}, and has {_few(others)}"
    raise ValueError(
        f"{protocol.name} is an experiment on {what}. Figures on other classes cannot be compared. Expected: "
        f"{protocol.data}"
    )


def _few(names: tuple[str, ...], shown: int = 4) -> str:
    return ", ".join(names[:shown]) + (f" and {len(names) - shown} more" if len(names) > shown else "")


def _pipelines(protocol: Protocol) -> list[Recipe]:
    """Return the protocol's pipeline, with what differs from the recipe of that name."""
    return [replace(find(protocol.recipe), factory=lambda: build(protocol.recipe, **protocol.parameters))]


def _summary(done: Reproduction) -> list[str]:
    """Return the lines that set ours beside the published figure."""
    protocol, published = done.protocol, done.published
    row = done.frame().iloc[0]
    test = f"at most {protocol.n_test}" if protocol.n_test else "all other"
    lines = [
        f"{protocol.name}: {protocol.title}",
        f"{done.n_train} training and {test} test images per class; mean per-class accuracy, percent",
        *(f"  split {number}: {100 * score:.1f}" for number, score in enumerate(done.scores, 1)),
    ]
    if not len(done.scores):
        return [*lines, "  no split was finished", *done.comparison.errors["error"].unique()]
    spread = f" ± {row['ours_sd']:.1f}" if row["n_splits"] > 1 else ""
    over = f"{row['n_splits']} splits" if row["n_splits"] > 1 else "1 split, no deviation"
    lines.append(f"ours       {row['ours']:.1f}{spread}  ({over})")
    if published is None:
        figures = ", ".join(f"{figure} with {n}" for n, figure in protocol.published.items())
        lines.append(f"published  nothing with {done.n_train} training images; {figures}")
    else:
        lines.append(f"published  {published}  ({published.source}; {published.mark}: {MARKS[published.mark]})")
        lines.append(f"ours is {_verdict(row['ours'] - published.percent)}")
    lines.append(f"source: {protocol.citation}")
    return [*lines, f"where ours differs: {protocol.differs}"] if protocol.differs else lines


def _verdict(points: float) -> str:
    if round(abs(points), 1) == 0:
        return "equal to a tenth of a point"
    return f"{abs(points):.1f} points {'above' if points > 0 else 'below'}"
