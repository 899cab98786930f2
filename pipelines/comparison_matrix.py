"""The result of comparing the same pipelines on several data sets: pipelines x data sets, and their ranks."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pandas as pd

from eyecraft.features._checks import check_choice

from ._files import slug, write_json, write_text
from .comparison import Comparison
from .ranking import Ranking, different, mean_scores, ranking_of, unlike

MATRIX_FILE = "matrix.json"
UNFINISHED = "not finished; repeat the same command and it goes on from there"
"""The error of a data set whose folder holds no results yet."""

_COLUMNS = ("name", "source", "folder", "error")
_FORMAT = 1  # raise when the file changes
_RESERVED = frozenset({"", ".", "..", MATRIX_FILE, "matrix.csv", "index.html", "index.md"})


@dataclass(frozen=True, eq=False, repr=False)
class ComparisonMatrix:
    """Several pipelines on several data sets.

    Made by `compare_many`, by ``eyecraft compare A B C`` and by `ComparisonMatrix.load`.

    Attributes
    ----------
    datasets : DataFrame
        One row per data set, in the order given: ``name, source, folder`` (where its comparison lies, inside the folder
        of the matrix) and ``error`` (None where there is a comparison).
    comparisons : dict of str to Comparison
        By data set; without those that failed.
    command : str or None
        The command line that asked for it.
    """

    datasets: pd.DataFrame
    comparisons: dict[str, Comparison] = field(default_factory=dict)
    command: str | None = None

    @property
    def pipelines(self) -> list[str]:
        """Names of all pipelines, in the order given."""
        return list(dict.fromkeys(name for each in self.comparisons.values() for name in each.pipelines["name"]))

    @property
    def metrics(self) -> list[str]:
        """The metrics that all data sets have, the main one first."""
        lists = [list(each.protocol["metrics"]) for each in self.comparisons.values()]
        return [metric for metric in (lists[0] if lists else []) if all(metric in each for each in lists)]

    def table(self) -> pd.DataFrame:
        """Return one row per data set and pipeline: ``dataset``, then the columns of `Comparison.table`."""
        tables = []
        for name, comparison in self.comparisons.items():
            own = comparison.table().astype({"error": object})
            own.insert(0, "dataset", name)
            tables.append(own)
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=["dataset", "pipeline"])

    def frame(self, metric: str | None = None) -> pd.DataFrame:
        """Return the matrix of scores.

        Parameters
        ----------
        metric : str, optional
            The first that all data sets have if not given.

        Returns
        -------
        frame : DataFrame
            A row per pipeline, a column per data set: mean over splits. Missing where a pipeline failed, was not run or
            has not finished all splits.
        """
        metric = self._metric(metric)
        columns = {name: mean_scores(name, each, metric) for name, each in self.comparisons.items()}
        frame = pd.DataFrame(columns, index=pd.Index(self.pipelines, dtype=object))
        return frame.rename_axis(index="pipeline", columns="dataset")

    def ranks(self, metric: str | None = None, alpha: float = 0.05) -> Ranking:
        """Rank the pipelines that have a score on every data set.

        Data sets without any score, and pipelines that lack one on another (`unranked`), are left out.

        Parameters
        ----------
        metric : str, optional
            As for `frame`. Higher is better.
        alpha : float, default=0.05
            Level of the tests.

        Returns
        -------
        Ranking

        Raises
        ------
        ValueError
            Fewer than two data sets or pipelines are left, or two data sets are the same images and labels.
        """
        metric = self._metric(metric)
        scores = self.frame(metric).dropna(axis="columns", how="all")
        different({name: self.comparisons[name] for name in scores})
        scores = scores.dropna()
        if len(scores) < 2:
            raise ValueError(
                f"ranks need at least 2 pipelines with a score on every data set; {len(scores)} of "
                f"{len(self.pipelines)} have one. Their errors are in `table()`"
            )
        return ranking_of(
            scores.T, metric, alpha, unlike({name: self.comparisons[name] for name in scores}, scores.index)
        )

    def unranked(self, metric: str | None = None) -> list[str]:
        """Return the pipelines that lack a score on one of the data sets that have any."""
        scores = self.frame(metric).dropna(axis="columns", how="all")
        return [str(name) for name in scores.index[scores.isna().any(axis="columns")]]

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write every comparison into a sub-folder of its own, and ``matrix.json`` and ``matrix.csv`` beside them.

        Parameters
        ----------
        folder : path
            Made if it is not there.

        Raises
        ------
        OSError
            The folder cannot be written.
        """
        for name, comparison in self.comparisons.items():
            comparison.save(Path(folder) / folder_name(name))
        return self.write(folder)

    def write(self, folder: str | os.PathLike[str]) -> Path:
        """Write ``matrix.csv`` and ``matrix.json`` alone, where the comparisons lie in *folder* already."""
        path = Path(folder)
        write_text(path / "matrix.csv", self.table().to_csv(index=False, lineterminator="\n"))
        write_json(path / MATRIX_FILE, self.to_dict())
        return path

    def to_dict(self) -> dict[str, Any]:
        """Return what ``matrix.json`` holds: ``datasets, pipelines, metrics, scores, ranks, command``."""
        frames = {metric: self.frame(metric) for metric in self.metrics}
        return {
            "format": _FORMAT,
            "command": self.command,
            "datasets": [
                {key: None if pd.isna(value) else value for key, value in row.items()}
                for row in self.datasets.to_dict("records")
            ],
            "pipelines": self.pipelines,
            "metrics": self.metrics,
            "scores": {metric: frame.T.to_dict() for metric, frame in frames.items()},
            "ranks": {metric: self._ranks_as_dict(metric) for metric in self.metrics},
        }

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Read what `save`, or `compare_many` with ``out``, wrote; data sets that are not finished have an ``error``.

        Raises
        ------
        FileNotFoundError
            The folder holds no ``matrix.json``.
        ValueError
            A file is damaged.
        """
        path = Path(folder) / MATRIX_FILE
        if not path.is_file():
            raise FileNotFoundError(
                f"expected a folder that `eyecraft compare A B` or `compare_many(..., out=folder)` wrote; {folder} "
                f"holds no {MATRIX_FILE}"
            )
        try:
            content = json.loads(path.read_text("utf-8"))
            records = [{key: row[key] for key in _COLUMNS} for row in content["datasets"]]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is damaged ({error}). Repeat the command that made it") from error
        comparisons = {}
        for row in records:
            own = Path(folder) / folder_name(row["name"])  # not the folder it names: it is to lie in this one
            if row["error"] is None and (own / "comparison.json").is_file():
                comparisons[row["name"]] = Comparison.load(own)
            row["error"] = row["error"] if row["name"] in comparisons else row["error"] or UNFINISHED
        return cls(datasets_table(records), comparisons, content.get("command"))

    def _metric(self, metric: str | None) -> str:
        known = self.metrics
        if metric is None and known:
            return known[0]
        check_choice("metric", metric, known)
        return str(metric)

    def _ranks_as_dict(self, metric: str) -> dict[str, Any] | None:
        try:
            found = self.ranks(metric)
        except ValueError:
            return None
        return {
            "average": found.ranks.mean().to_dict(),
            "friedman_statistic": found.friedman_statistic,
            "friedman_p": found.friedman_p,
            "critical_difference": found.critical_difference,
            "alpha": found.alpha,
            "groups": found.groups(),
        }

    def __repr__(self) -> str:
        text = f"{len(self.pipelines)} pipelines on {len(self.comparisons)} of {len(self.datasets)} data sets"
        for row in self.datasets[self.datasets["error"].notna()].to_dict("records"):
            text += f"\n{row['name']}: {row['error']}"
        return f"{text}\n{self.frame().to_string(na_rep='', float_format='{:.3f}'.format)}" if self.metrics else text


def datasets_table(records: list[dict[str, Any]]) -> pd.DataFrame:
    """Return `ComparisonMatrix.datasets` from its rows; None, where all went well, stays None."""
    return pd.DataFrame({key: pd.Series([row[key] for row in records], dtype=object) for key in _COLUMNS})


def folder_name(name: str) -> str:
    """Return the name of a data set's folder: its own name where that can be one.

    >>> folder_name("pets"), folder_name("cats/dogs")
    ('pets', 'cats-dogs-aa6eedf3')
    """
    usable = name not in _RESERVED and not set(name) & set("/\\\0") and len(name.encode("utf-8", "replace")) < 200
    return name if usable else slug(name)
