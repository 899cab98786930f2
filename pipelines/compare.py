"""The comparison of many pipelines on the same splits of the same images: measured, kept as it goes, resumed.

The order of work is: check everything; then, pipeline by pipeline, put the features of all images into the feature
store; then fit and test each split. A row is on disk before the next one begins.
"""

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs

from eyecraft.features._checks import check_whole
from eyecraft.features._progress import progress

from . import _environment
from ._decoding import Decoding
from ._entries import Entry, make_entries
from ._frames import make_frames
from ._gallery import Gallery
from ._groups import resolve_groups
from ._material import Material, gather
from ._measure import Task, failed, measure, measure_elsewhere, runs_in_parallel
from ._peaks import largest_of, peak_gpu_memory, peak_memory
from ._pricing import with_prices
from ._rows import Row
from ._run_folder import RunFolder
from ._scoring import Scorer, digests, resolve
from ._splits import Split, digest_of, make_splits
from ._sweep import extract_once, image_extractors, stored_costs
from .comparison import Comparison


def compare(
    pipelines: Any,
    X: Any,
    y: Any = None,
    *,
    cv: Any = 5,
    repeats: int = 1,
    groups: Any = None,
    scoring: Any = ("accuracy", "balanced_accuracy"),
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    n_jobs: int | None = None,
    random_state: int | None = 0,
    dataset: Any = None,
    device: str | None = None,
    weights_dir: str | os.PathLike[str] | None = None,
    store: Any = "default",
    command: str | None = None,
) -> Comparison:
    """Measure several pipelines side by side: scores, answers, seconds per stage, feature length and memory.

    Parameters
    ----------
    pipelines : mapping or list
        Classifiers that take images: a dictionary ``name -> estimator``, or a list of recipe names (see
        `eyecraft.pipelines.recipes`), estimators and pairs ``(name, estimator)``. Estimators are cloned, never fitted.
    X : Dataset or sequence of images
        Paths, arrays, PIL images or encoded bytes; a `Dataset` brings its labels.
    y : array of shape (n_images,), optional
        Class labels, text or whole numbers.
    cv : int, splitter, iterable of (train, test), or "official"
        A number means stratified folds, shuffled with *random_state*; "official" is the data set's own split. Every
        pipeline sees the same indices.
    repeats : int, default=1
        How many times folds are drawn, each time otherwise; for *cv* given as a number.
    groups : "copies" or array of shape (n_images,), optional
        Images that stay on one side of every split: "copies" finds near duplicates (see
        `eyecraft.data.near_duplicates`), an array has the same value for what belongs together. Splits that tear a
        group apart, such as an official one, are refused.
    scoring : str, callable, or list or mapping of them
        Names of scikit-learn scorers or ``scorer(estimator, X, y)``. Accuracy and balanced accuracy (mean over the
        classes in the test part of each class's accuracy) are always there.
    out : path, optional
        Folder for the results. Every finished row is kept there, and the same call goes on where it was stopped:
        rows whose data, split, estimator and metrics are the same are not computed again.
    overwrite : bool
        Begin the folder anew.
    n_jobs : int, optional
        Splits computed at once, each in a process of its own; networks train one at a time, and so do comparisons of
        images held in memory as a list. Also the threads that extract features.
    random_state : int, optional
        Seeds the folds and the recipes given by name; estimators keep the seed they have.
    dataset : str, mapping or Dataset, optional
        What the data is called, or more about it (``name, licence, citation, source``).
    device, weights_dir, store : optional
        For recipes given by name; see `eyecraft.pipelines.build`.
    command : str, optional
        The command line that asked for this, kept in the protocol.

    Returns
    -------
    Comparison
        A pipeline that raised an exception is in ``errors`` and has ``error`` set; the others went on. What answering
        costs was measured once per pipeline in a pass of its own, see `Comparison.resources`.

    Raises
    ------
    ValueError, TypeError
        Before any work: something cannot be compared (labels, splits, metrics, names), or *out* holds a comparison on
        other data or splits.
    OSError
        Before any work: *out* cannot be written. Later: its disk is full; what was finished is kept.
    RuntimeError
        Another run is writing to *out*.
    KeyboardInterrupt
        When interrupted; finished rows are in *out*, together with the comparison of them.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.dummy import DummyClassifier
    >>> from eyecraft.pipelines import compare
    >>> images = np.zeros((8, 6, 6), dtype=np.uint8)
    >>> labels = ["cat"] * 6 + ["dog"] * 2
    >>> result = compare({"always cat": DummyClassifier()}, images, labels, cv=2)
    >>> result.table()[["pipeline", "accuracy", "balanced_accuracy"]]
         pipeline  accuracy  balanced_accuracy
    0  always cat      0.75                0.5
    """
    metrics = resolve(scoring)
    material = gather(X, y, dataset)
    check_whole("repeats", repeats, at_least=1)
    together = resolve_groups(groups, material, n_jobs)
    splits, cv_text = make_splits(cv, material, random_state, together, repeats)
    small = _any_recipe(pipelines) and material.is_small()
    settings = {"small": small, "random_state": random_state, "device": device, "weights_dir": weights_dir}
    entries = make_entries(pipelines, **settings, store=store)
    protocol = {
        "cv": cv_text,
        "n_splits": len(splits),
        "train_sizes": [len(train) for train, _ in splits],
        "test_sizes": [len(test) for _, test in splits],
        "metrics": list(metrics),
        "random_state": random_state,
        "command": command,
    }
    run = _Run(entries, material, splits, metrics, protocol, n_jobs, together)
    if out is None:
        return run.work(None)
    with RunFolder(out) as folder:
        folder.adopt(run.manifest(), overwrite=overwrite)
        return run.work(folder)


def _any_recipe(pipelines: Any) -> bool:
    items = pipelines.values() if isinstance(pipelines, Mapping) else pipelines
    return isinstance(items, str) or (isinstance(items, Iterable) and any(not hasattr(item, "fit") for item in items))


@dataclass
class _Run:
    """One comparison while it is being computed."""

    entries: list[Entry]
    material: Material
    splits: list[Split]
    metrics: dict[str, Scorer | None]
    protocol: dict[str, Any]
    n_jobs: int | None
    groups: np.ndarray | None = None

    def __post_init__(self) -> None:
        self._digests = digests(self.metrics)
        self._rows: dict[tuple[str, int], Row] = {}
        self._decoding = Decoding()

    def manifest(self) -> dict[str, Any]:
        """Return what a folder's rows must have in common."""
        return {
            "images": len(self.material.labels),
            "classes": len(self.material.description["class_names"]),
            "images or labels": self.material.key,
            "splits": len(self.splits),
            "indices of the splits": [digest_of(split) for split in self.splits],
        }

    def work(self, folder: RunFolder | None) -> Comparison:
        """Compute what is missing; what is finished is saved whatever happens."""
        pending = [task for entry in self.entries for task in self._pending(entry, folder)]
        try:
            with warnings.catch_warnings(), progress("comparing", len(pending)) as advance:
                # joblib replaces workers that have grown, which is no news to anyone
                warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
                for entry in self.entries:
                    tasks = [task for task in pending if task.row.pipeline == entry.name]
                    for row in self._finished(entry, tasks):
                        self._rows[row.pipeline, row.split] = row
                        if folder is not None:
                            folder.write(row)
                        advance(note=f"{entry.name}: split {row.split + 1} of {len(self.splits)} done")
        except KeyboardInterrupt:
            if folder is not None:
                self._comparison().save(folder.folder)
            raise
        comparison = self._comparison()
        if folder is not None:
            comparison.save(folder.folder)
        return comparison

    def _pending(self, entry: Entry, folder: RunFolder | None) -> list[Task]:
        """Take over the rows that are finished; return the tasks for the others."""
        tasks = []
        for number, split in enumerate(self.splits):
            key = {"data": self.material.key, "split": digest_of(split), "estimator": entry.digest}
            row = folder.read(entry.name, number) if folder is not None else None
            if row is not None and row.serves(key, self._digests) and len(row.predicted) == len(split[1]):
                row.scores = {name: row.scores[name] for name in self.metrics}
                self._rows[entry.name, number] = row
            else:
                row = Row(entry.name, number, key, self._digests)
                tasks.append(Task(row, entry.estimator, *split, self.metrics))
        return tasks

    def _finished(self, entry: Entry, tasks: list[Task]) -> Iterator[Row]:
        """Yield the rows of one pipeline as they are computed."""
        if not tasks:
            return
        images = self.material.images
        try:
            with peak_memory() as peak, peak_gpu_memory() as gpu_peak:
                extractors = image_extractors(entry.estimator)
                extract_once(entry.name, extractors, self._used(), self.n_jobs)
                costs = stored_costs(extractors, self._used())
                on_gpu = gpu_peak()
        except Exception as error:
            yield from (failed(task.row, error) for task in tasks)
            return
        tasks = [task.with_costs(costs) for task in tasks]
        if effective_n_jobs(self.n_jobs) > 1 and runs_in_parallel(entry.estimator, extractors, images):
            rows = self._in_processes(tasks)
        else:
            tasks.sort(key=lambda task: task.row.split == 0)  # priced when it is done, so it is done last
            rows = (measure(task.with_threads(self.n_jobs), images, self.material.labels) for task in tasks)
        for row in with_prices(rows, images, self.splits[0][1], self._decoding):
            row.peak_memory = largest_of(row.peak_memory, peak())
            row.gpu_memory = largest_of(row.gpu_memory, on_gpu)
            yield row

    def _in_processes(self, tasks: list[Task]) -> Iterator[Row]:
        waiting = {task.row.split: task.row for task in tasks}
        parallel = Parallel(n_jobs=min(effective_n_jobs(self.n_jobs), len(tasks)), return_as="generator_unordered")
        try:
            job = delayed(measure_elsewhere)
            for row in parallel(job(task, self.material.images, self.material.labels) for task in tasks):
                del waiting[row.split]
                yield row
        except Exception as error:  # a worker that died, or an estimator that cannot be sent to one
            died = isinstance(error, BrokenProcessPool)
            what = "died, perhaps for lack of memory" if died else f"failed ({type(error).__name__}: {error})"
            told = RuntimeError(f"a worker process {what}; try n_jobs=1")
            told.__cause__ = error
            yield from (failed(row, told) for row in waiting.values())

    def _used(self) -> np.ndarray:
        """Return the images that any split uses, each once."""
        used = np.unique(np.concatenate([part for split in self.splits for part in split]))
        images = self.material.images
        return images if len(used) == len(images) else images[used]

    def _comparison(self) -> Comparison:
        frames = make_frames(self.entries, list(self._rows.values()), self.splits, self.material.names)
        return Comparison(
            **frames,
            dataset=self.material.description,
            protocol=self.protocol,
            environment=_environment.describe(),
            splits=self.splits,
            groups=self.groups,
            gallery=Gallery(self.material.images),
            exhibits={row.pipeline: row.exhibit for row in self._rows.values() if row.exhibit is not None},
        )
