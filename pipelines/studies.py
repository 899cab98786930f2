"""What a comparison leaves open: how many labels it takes, how robust the pipelines are, whether the data is clean.

`study` runs the same pipelines through `learning_curves` and `robustness` and looks at the images with `check_dataset`;
`Studies` keeps what came out beside the comparison, where its report finds it.
"""

import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

from eyecraft.data import Dataset
from eyecraft.data.checks import DataCheck
from eyecraft.features._checks import check_whole

from ._data_checks import likeness_in, look_over, read_checks, write_checks
from ._entries import Entry, make_entries
from ._material import Material, gather
from ._out_of_fold import doubted_labels, read_doubts, write_doubts
from ._robustness_study import study_robustness
from ._run_folder import holding_out
from .comparison import Comparison
from .label_errors import LabelErrors
from .label_errors import label_errors as find_label_errors
from .learning_curves import LearningCurves
from .learning_curves import learning_curves as measure_curves
from .robustness import Robustness

_log = logging.getLogger("eyecraft")
_Kept = TypeVar("_Kept")

_FOLDER = "studies"
_CURVES, _ROBUSTNESS, _CHECKS, _DOUBTS = "learning-curves", "robustness", "checks.json", "label-errors.json"
_DESCRIBED = ("name", "licence", "citation", "source", "skipped")
_MOST_VOTES = 30_000_000  # images times classes: a table of votes of 240 MB, which a report should not need


@dataclass(frozen=True, eq=False, repr=False)
class Studies:
    """What was found beside the scores of a comparison. Made by `study` and `Studies.load`.

    Attributes
    ----------
    learning_curves : LearningCurves or None
        Scores against training images per class.
    robustness : Robustness or None
        Scores under perturbations.
    label_errors : LabelErrors or None
        Images whose label is probably wrong: by the out-of-fold scores of the best pipeline where those were asked for,
        else by the votes of the comparison's pipelines. The votes follow from its predictions and are kept in no file;
        None with fewer than two pipelines that answered, or more than 30 million images times classes.
    checks : DataCheck or None
        Unreadable files, classes, near duplicates and leakage across the comparison's splits.
    settings : dict
        How near duplicates were told (``min_correlation, max_distance``), and who judged the labels (``judge``, a
        pipeline; missing for votes).
    """

    learning_curves: LearningCurves | None = None
    robustness: Robustness | None = None
    label_errors: LabelErrors | None = None
    checks: DataCheck | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    def save(self, folder: str | os.PathLike[str], comparison: Comparison) -> Path:
        """Write what there is into the sub-folder ``studies`` of a comparison's folder; return that.

        Raises
        ------
        OSError
            The folder cannot be written.
        """
        root = Path(folder) / _FOLDER
        if self.learning_curves is not None:
            self.learning_curves.save(root / _CURVES)
        if self.robustness is not None:
            self.robustness.save(root / _ROBUSTNESS)
        if self.checks is not None:
            write_checks(root / _CHECKS, self.checks, likeness_in(self.settings), _fingerprint(comparison))
        if self.label_errors is not None and "judge" in self.settings:
            write_doubts(root / _DOUBTS, self.label_errors, self.settings["judge"], _fingerprint(comparison))
        return root

    @classmethod
    def load(cls, folder: str | os.PathLike[str], comparison: Comparison | None = None) -> Self:
        """Read what belongs to a comparison; what is missing, damaged or of other images is None.

        Parameters
        ----------
        folder : path
            The comparison's folder.
        comparison : Comparison, optional
            Read from the folder unless given.

        Raises
        ------
        FileNotFoundError, ValueError
            No comparison was given, and the folder holds none that can be read.
        """
        comparison = Comparison.load(folder) if comparison is None else comparison
        root, mine = Path(folder) / _FOLDER, _fingerprint(comparison)
        curves = _kept(root / _CURVES / "learning_curves.json", mine, _read_curves)
        robust = _kept(root / _ROBUSTNESS / "robustness.json", mine, _read_robustness)
        found = _kept(root / _CHECKS, mine, lambda path: read_checks(path, comparison.splits))
        checks, settings = found if found is not None else (None, {})
        doubts = _kept(root / _DOUBTS, mine, read_doubts)
        if doubts is None:
            return cls(curves, robust, _suspects(comparison), checks, settings)
        return cls(curves, robust, doubts[0], checks, {**settings, "judge": doubts[1]})

    def __repr__(self) -> str:
        found = (self.checks, self.label_errors, self.learning_curves, self.robustness)
        return "\n".join(repr(one) for one in found if one is not None) or "Studies: none"


@holding_out
def study(
    comparison: Comparison,
    X: Any,
    y: Any = None,
    *,
    learning_curves: bool = False,
    robustness: bool = False,
    label_errors: bool = False,
    checks: bool = True,
    pipelines: Any = None,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    n_splits: int = 5,
    n_images: int = 500,
    n_jobs: int | None = None,
    device: str | None = None,
    weights_dir: str | os.PathLike[str] | None = None,
    store: Any = "default",
    command: str | None = None,
    on_done: Callable[[], object] | None = None,
) -> Studies:
    """Study the pipelines of a finished comparison further, on the same images.

    Parameters
    ----------
    comparison : Comparison
    X, y : Dataset, or images and labels
        What was compared on.
    learning_curves : bool
        Whether to score against the number of training images per class.
    robustness : bool
        Whether to score under perturbations.
    label_errors : bool
        Whether to look for wrong labels with the best pipeline, fitted five times more and asked about images that it
        was not trained on. Without, the votes of all pipelines tell, more coarsely.
    checks : bool
        Whether to look every image over for broken files and near duplicates.
    pipelines : mapping or list, optional
        As given to `compare`, all or some of them; the recipes of that name unless told, which takes a comparison of
        recipes.
    out : path, optional
        The comparison's folder. What is finished is kept there, and the same call goes on where it was stopped: by
        points of the curves, and pipeline by pipeline under perturbations.
    overwrite : bool
        Begin anew: what is kept there of earlier studies is removed.
    n_splits : int, default=5
        Draws of training and test images behind the learning curves.
    n_images : int, default=500
        Test images that are perturbed, at most: as many of each class as there are, up to an equal share.
    n_jobs : int, optional
        Threads that read images and extract features.
    device, weights_dir, store, command : optional
        As for `compare`.
    on_done : callable, optional
        Called after each study but the last, with *out* holding it: what is known can be shown while the next one runs.

    Returns
    -------
    Studies
        With what *out* held already.

    Raises
    ------
    ValueError
        Before any work: the images or labels are not those of the comparison, a pipeline is no recipe or no longer the
        one that was compared, a class has too few images for learning curves.
    OSError, RuntimeError
        *out* cannot be written, or another run is writing to it.

    Notes
    -----
    1. Robustness: each pipeline is fitted on the training part of the comparison's first split and asked about test
       images of that split, 46 times each.
    2. Pictures of fewer than 32 pixels a side look alike without being copies: a pair of them counts from a correlation
       of 0.995 on, with at most 6 bits of their hashes different; others from 0.95 on, with at most 12.
    3. Checks take about 0.7 ms an image on one core; stored features serve learning curves and the fits.

    Examples
    --------
    >>> from eyecraft.data import load_digits
    >>> from eyecraft.pipelines import compare
    >>> from eyecraft.pipelines.studies import study
    >>> digits = load_digits().head(6)
    >>> result = compare(["pixels-svm", "sobel-svm"], digits, cv=2)
    >>> study(result, digits).checks.frame()["value"].astype(int).tolist()
    [0, 6, 1, 0, 0, 0, 0]
    """
    check_whole("n_splits", n_splits, at_least=1)
    check_whole("n_images", n_images, at_least=1)
    material = _same_data(comparison, gather(X, y, _about(comparison, X)))
    seed = comparison.protocol.get("random_state")
    settings = {"random_state": seed, "device": device, "weights_dir": weights_dir, "store": store}
    entries: list[Entry] = []
    if learning_curves or robustness or label_errors:
        pipelines = _recipes_of(comparison) if pipelines is None else pipelines
        entries = _same_pipelines(comparison, make_entries(pipelines, small=material.is_small(), **settings))
    root = None if out is None else Path(out) / _FOLDER
    if overwrite and root is not None:
        shutil.rmtree(root, ignore_errors=True)
    found = Studies() if out is None else Studies.load(out, comparison)
    left = sum((checks and found.checks is None, label_errors and "judge" not in found.settings))
    left += learning_curves + robustness
    looked, told, doubts = found.checks, dict(found.settings), found.label_errors

    def done() -> None:
        nonlocal left
        left -= 1
        if left > 0 and on_done is not None:
            on_done()

    if checks and looked is None:
        looked, likeness = look_over(X, material, comparison, n_jobs)
        told |= likeness
        if root is not None:
            write_checks(root / _CHECKS, looked, likeness, _fingerprint(comparison))
        done()
    if label_errors and "judge" not in told:
        judge = _best(comparison, entries)
        doubts, told["judge"] = doubted_labels(judge, material, n_jobs, seed, comparison.groups), judge.name
        if root is not None:
            write_doubts(root / _DOUBTS, doubts, judge.name, _fingerprint(comparison))
        done()
    curves, robust = found.learning_curves, found.robustness
    if learning_curves:
        folder = None if root is None else root / _CURVES
        options: dict[str, Any] = {"n_splits": n_splits, "n_jobs": n_jobs, "out": folder, "command": command}
        options["groups"] = comparison.groups
        about = _about(comparison, X)
        curves = measure_curves(pipelines, X, y, scoring=_metrics(comparison), dataset=about, **options, **settings)
        done()
    if robustness:
        folder = None if root is None else root / _ROBUSTNESS
        split = comparison.splits[0]
        robust = study_robustness(entries, material, split, n_images, seed or 0, n_jobs, folder)
    doubts = _suspects(comparison) if doubts is None else doubts
    return Studies(curves, robust, doubts, looked, told)


def _best(comparison: Comparison, entries: list[Entry]) -> Entry:
    """Return the pipeline with the highest mean score."""
    rank = {str(name): place for place, name in enumerate(comparison.table()["pipeline"])}
    return min(entries, key=lambda entry: rank[entry.name])


def _about(comparison: Comparison, X: Any) -> dict[str, Any] | None:
    """Return what is known of images that do not come as a data set."""
    if isinstance(X, Dataset):
        return None
    return {key: comparison.dataset[key] for key in _DESCRIBED if key in comparison.dataset}


def _metrics(comparison: Comparison) -> list[str]:
    """Return those metrics of the comparison that a name alone stands for."""
    from sklearn.metrics import get_scorer_names

    known = set(get_scorer_names())
    return [metric for metric in comparison.protocol["metrics"] if metric in known] or ["balanced_accuracy"]


def _recipes_of(comparison: Comparison) -> list[str]:
    """Return the names of the pipelines that answered; all if none did."""
    answered = set(comparison.predictions["pipeline"])
    names = [str(name) for name in comparison.pipelines["name"]]
    return [name for name in names if name in answered] or names


def _same_pipelines(comparison: Comparison, entries: list[Entry]) -> list[Entry]:
    compared = dict(zip(comparison.pipelines["name"], comparison.pipelines["parameters"], strict=True))
    for entry in entries:
        before = compared.get(entry.name)
        if before != entry.parameters:
            what = "it was not compared" if before is None else f"it was {before} and is now {entry.parameters}"
            raise ValueError(
                f"`pipelines` must be those that were compared; {entry.name!r} is not: {what}. Nothing was measured. "
                "Compare again, or give the pipelines and settings of that time"
            )
    return entries


def _same_data(comparison: Comparison, material: Material) -> Material:
    if _fingerprint(comparison) != material.key:
        raise ValueError(
            f"`X` and `y` must be what was compared on, {comparison.dataset['n_images']:,} images of "
            f"{comparison.dataset['name']!r} with fingerprint {_fingerprint(comparison)}; got {len(material.labels):,} "
            f"with {material.key}: files or labels differ. Nothing was measured. Compare again on what is there now"
        )
    return material


def _fingerprint(comparison: Comparison) -> str:
    return str(comparison.dataset.get("fingerprint"))


def _suspects(comparison: Comparison) -> LabelErrors | None:
    """Return the labels that the pipelines outvote; a single pipeline would only tell its own mistakes."""
    answers = comparison.predictions
    if answers["pipeline"].nunique() < 2:
        return None
    if (int(answers["index"].max()) + 1) * len(comparison.dataset["class_names"]) > _MOST_VOTES:
        _log.info("too many images and classes to look for wrong labels by votes")
        return None
    return find_label_errors(comparison)


def _kept(path: Path, fingerprint: str, read: Callable[[Path], tuple[str | None, _Kept]]) -> _Kept | None:
    """Return what a file holds if it can be read and is on the same data."""
    if not path.is_file():
        return None
    try:
        theirs, content = read(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        _log.warning("%s cannot be read and is left out: %s", path, error)
        return None
    if theirs != fingerprint:
        _log.warning("%s is about other images than the comparison and is left out", path)
        return None
    return content


def _read_curves(path: Path) -> tuple[str | None, LearningCurves]:
    curves = LearningCurves.load(path.parent)
    curves.frame(curves.protocol["metrics"][0])  # fails here rather than in a report
    return curves.dataset.get("fingerprint"), curves


def _read_robustness(path: Path) -> tuple[str | None, Robustness]:
    robust = Robustness.load(path.parent)
    robust.areas()
    return robust.protocol.get("fingerprint"), robust
