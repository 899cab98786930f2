"""The result of a comparison: tidy frames with everything a table, a plot or a test needs."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from eyecraft.features._checks import check_choice

from ._exhibits import Exhibit
from ._frames import tidy
from ._gallery import Gallery
from ._saving import as_json, read_comparison, write_comparison


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Several pipelines on the same splits of the same images.

    Made by `eyecraft.pipelines.compare` and by `Comparison.load`.

    Attributes
    ----------
    pipelines : DataFrame
        One row per pipeline, in the order given: ``name, kind`` ("hand-crafted", "learned", or "other" where no
        features of either kind are known to be inside), ``title, citation, parameters, n_features`` (numbers per image
        that the classifier gets; missing for networks), ``peak_memory`` (bytes; the largest resident memory of the
        whole process while the pipeline ran, so it includes the interpreter and whatever was loaded before), ``error``
        (None if all went well) and ``weights`` (digest of the frozen networks inside; None where there are none).
    scores : DataFrame
        ``pipeline, split, metric, value``.
    predictions : DataFrame
        ``pipeline, split, index`` (position of the image), ``label, predicted`` (as text).
    seconds : DataFrame
        ``pipeline, split, stage, seconds, n_images``; stages "decode", "extract", "fit", "predict". Features come from
        the feature store, so their seconds are those measured when they were computed, times the images of the split:
        what the split costs, not what the cache saved.
    costs : DataFrame
        ``pipeline, stage, seconds_per_image``: "decode", "extract" and "predict" per image answered for, "fit" per
        training image. The first three are the warm ones of `resources` where all pipelines have those, so that all
        were measured alike; else the means of `seconds`.
    errors : DataFrame
        ``pipeline, split, error, traceback``; splits without an error are not listed.
    resources : DataFrame
        What it takes to put a pipeline to use, measured in a pass of its own on up to 32 test images of the first
        split: on one thread, without the feature store, as `fold` makes it. One row per pipeline; what could not be
        measured is missing.

        Seconds are the processor's, or the wall's for pipelines that mostly wait (for a GPU, say).

        - ``cold_seconds``: from a pickled pipeline in memory to the answer for one image, network weights read and
          prepared anew; libraries are imported and kernels compiled by then. Of these ``cold_decode, cold_extract`` and
          ``cold_rest``.
        - ``warm_seconds``: per image, ``n_images`` of them at once; of these ``warm_decode, warm_extract,
          warm_predict`` (all that is left), the shortest of some runs. ``warm_wall``: the same by the clock on the
          wall, longer where the machine was busy with other work. ``single_seconds``: one image at a time, median.
        - ``answer_memory``: bytes the fitted pipeline takes and those the process grew by while a copy came up and
          answered for ``n_images`` at once; what was there before, such as libraries, is not counted.
        - ``gpu_memory``: bytes, largest sum of torch's tensors on one GPU, training included.
        - ``bytes_per_row``: of one image's features, four a number.
        - ``model_bytes``: length of the fitted pipeline's pickle, and the weights of networks given by name.
        - ``multiply_adds``: of the networks inside for one image, up to the last layer tapped.

        Empty in comparisons that an older version saved.
    dataset : dict
        ``name, n_images, class_names, class_counts, fingerprint, licence, citation, source, skipped``.
    protocol : dict
        ``cv`` (in words), ``n_splits, train_sizes, test_sizes, metrics, random_state, command``.
    environment : dict
        ``date, python, os, cpu, cores, memory, gpu, versions``; ``source`` (digest of eyecraft's own code);
        ``directory`` and ``weights`` (working directory, and EYECRAFT_WEIGHTS or None).
    splits : list of (train, test)
        Index arrays into the images.
    groups : ndarray of shape (n_images,) or None
        What was kept on one side of every split has the same number; None where nothing was.
    exhibits : dict of str to Exhibit
        By pipeline, what reports show of it, from the pipeline fitted on the first split: `words` (of bags), `sights`
        (what it sees of test images), `training` (of networks); each None where there is nothing.
    """

    pipelines: pd.DataFrame
    scores: pd.DataFrame
    predictions: pd.DataFrame
    seconds: pd.DataFrame
    costs: pd.DataFrame
    errors: pd.DataFrame
    dataset: dict[str, Any]
    protocol: dict[str, Any]
    environment: dict[str, Any]
    splits: list[tuple[np.ndarray, np.ndarray]]
    gallery: Gallery
    exhibits: dict[str, Exhibit] = field(default_factory=dict)
    resources: pd.DataFrame = field(default_factory=lambda: tidy("resources", []))
    groups: np.ndarray | None = None

    def image(self, position: int) -> np.ndarray | None:
        """Return a thumbnail of the image at a position.

        Parameters
        ----------
        position : int
            As in the column ``index`` of `predictions`.

        Returns
        -------
        pixels : ndarray of shape (height, width, 3), uint8, or None
            RGB, longer side at most 256 pixels; 160 where the images were in memory. None where the image is gone, or
            was not among the 2,000 that are kept with a comparison of images in memory.
        """
        return self.gallery.image(int(position))

    def table(self, sort_by: str | None = None) -> pd.DataFrame:
        """Return one row per pipeline, best first; pipelines without a score last.

        Parameters
        ----------
        sort_by : str, optional
            Metric; the first of the protocol by default.

        Returns
        -------
        table : DataFrame
            ``pipeline, kind``; for each metric ``<metric>`` (mean over splits) and ``<metric>_sd`` (standard deviation
            over splits, with n - 1; missing for a single split); ``n_splits`` that have a score;
            ``seconds_per_image`` (decode, extract and predict: the cost of answering for one new image);
            ``fit_seconds`` (mean per split), ``n_features, peak_memory, error``.
        """
        metrics = list(self.protocol["metrics"])
        sort_by = metrics[0] if sort_by is None else sort_by
        check_choice("sort_by", sort_by, metrics)
        table = self.pipelines[["name", "kind"]].rename(columns={"name": "pipeline"})
        for metric in metrics:
            values = self.scores[self.scores["metric"] == metric].groupby("pipeline")["value"]
            table[metric] = _looked_up(table, values.mean())
            table[f"{metric}_sd"] = _looked_up(table, values.std(ddof=1))
        answered = self.scores[self.scores["metric"] == metrics[0]].groupby("pipeline")["split"].nunique()
        table["n_splits"] = _looked_up(table, answered).fillna(0).astype(int)
        per_image = self.costs[self.costs["stage"] != "fit"].groupby("pipeline")["seconds_per_image"].sum()
        table["seconds_per_image"] = _looked_up(table, per_image)
        fits = self.seconds[self.seconds["stage"] == "fit"].groupby("pipeline")["seconds"].mean()
        table["fit_seconds"] = _looked_up(table, fits)
        rest = self.pipelines[["n_features", "peak_memory", "error"]]
        table = pd.concat([table, rest], axis=1)
        return table.sort_values(sort_by, ascending=False, kind="stable", na_position="last", ignore_index=True)

    def to_dict(self) -> dict[str, Any]:
        """Return what `save` writes to ``comparison.json``: ``dataset, protocol, pipelines, environment``."""
        return as_json(self._content())

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write ``comparison.json``, the frames as CSV, splits and thumbnails; each file whole or not at all.

        Parameters
        ----------
        folder : path
            Made if it is not there; files of an earlier comparison in it are replaced.

        Returns
        -------
        folder : Path

        Raises
        ------
        OSError
            The folder cannot be written.
        """
        path = Path(folder)
        write_comparison(path, self._content())
        return path

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Read what `save`, or `compare` with ``out``, wrote.

        Raises
        ------
        FileNotFoundError
            The folder holds no ``comparison.json``.
        ValueError
            A file is missing or damaged.
        """
        content = read_comparison(Path(folder))
        return cls(**content.pop("frames"), **content)

    def _content(self) -> dict[str, Any]:
        frames = ("pipelines", "scores", "predictions", "seconds", "costs", "errors", "resources")
        rest = ("dataset", "protocol", "environment", "splits", "groups", "gallery", "exhibits")
        return {
            "frames": {name: getattr(self, name) for name in frames},
            **{name: getattr(self, name) for name in rest},
        }

    def __repr__(self) -> str:
        return f"{self._headline()}\n{_rounded(self.table()).to_string(index=False, na_rep='')}"

    def _repr_html_(self) -> str:
        table = _rounded(self.table()).to_html(index=False, escape=True, border=0, na_rep="")
        headline = self._headline().replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return f"<p>{headline}</p>\n{table}"

    def _headline(self) -> str:
        n_classes = len(self.dataset["class_names"])
        what = f"{self.dataset['n_images']:,} images of {n_classes} classes ({self.dataset['name']})"
        return f"{_counted(len(self.pipelines), 'pipeline')} on {what}, {self.protocol['cv']}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _looked_up(table: pd.DataFrame, values: pd.Series) -> pd.Series:
    return table["pipeline"].map(values).astype(float)


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table as people read it: no columns without content, scores to a thousandth."""
    shown = table.dropna(axis="columns", how="all")
    for column in shown.select_dtypes("float"):
        small = "seconds" in str(column)
        shown[column] = shown[column].map(lambda value, small=small: f"{value:.3g}" if small else f"{value:.3f}")
    return shown
