"""What changed between two runs, and why their scores may differ."""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np
import pandas as pd

from eyecraft.pipelines._student import Estimate, corrected_t

from ._format import difference_text, metric_words, names_text, range_text, score_text
from ._run_changes import (
    changed_data,
    changed_keys,
    changed_pipelines,
    changed_prices,
    changed_splits,
    changed_studies,
    other_weights,
    same_splits,
)

_MACHINE = ("python", "os", "cpu", "cores", "gpu")
_PROTOCOL = ("cv", "random_state", "metrics")
_ALPHA = 0.05
_NO_SPREAD = 1e-12


class RunDifferences:
    """The differences between two runs.

    Parameters
    ----------
    before, after : dict
        Records of the runs, as reports keep them.

    Attributes
    ----------
    changes : dict of str to list of str
        ``data, splits, protocol, pipelines, versions, code`` (eyecraft's own), ``machine, prices`` (of answering, where
        they moved by a quarter or more) and ``studies``: what changed, in words; empty where nothing did.
    scores : DataFrame
        See `frame`.
    alike : list of str
        Metrics left out because they repeat the first one: balanced accuracy is accuracy where the classes of the test
        images are of one size.

    Raises
    ------
    ValueError
        The runs have no class in common.
    """

    def __init__(self, before: dict[str, Any], after: dict[str, Any]) -> None:
        _check_classes(before["dataset"], after["dataset"])
        self.same_splits = same_splits(before, after)
        self.changes = {
            "data": changed_data(before["dataset"], after["dataset"]),
            "splits": changed_splits(before, after),
            "protocol": changed_keys(before["protocol"], after["protocol"], _PROTOCOL),
            "pipelines": changed_pipelines(before, after),
            "versions": changed_keys(*(each["environment"].get("versions") or {} for each in (before, after))),
            "code": _code(before["environment"].get("source"), after["environment"].get("source")),
            "machine": changed_keys(before["environment"], after["environment"], _MACHINE),
            "prices": changed_prices(before, after),
            "studies": changed_studies(before, after),
        }
        self.alike = _alike(before, after)
        self.scores = self._scores(before, after)

    def frame(self) -> pd.DataFrame:
        """Return the scores of pipelines that both runs hold, one row per pipeline and metric.

        Returns
        -------
        frame : DataFrame
            ``pipeline, metric, before, after`` (means), ``difference``, the ends ``low, high`` of its 95 % interval by
            the corrected t-test (missing for a single split, or without any spread), ``paired`` (whether over the same
            splits; else the two spreads are added up, which is wider), ``parameters_changed`` and ``why`` in words.
        """
        return self.scores.copy()

    def __str__(self) -> str:
        lines = [f"{name}: {'; '.join(said) if said else 'the same'}" for name, said in self.changes.items()]
        for row in self.scores.itertuples():
            ends = "" if pd.isna(row.low) else f" (95 % interval {range_text(row.low, row.high, row.metric)})"
            sign = "+" if row.difference > 0 else "−" if row.difference < 0 else ""
            size = "no difference" if row.difference == 0 else sign + difference_text(row.difference, row.metric)
            means = f"{score_text(row.before, row.metric)} → {score_text(row.after, row.metric)}"
            lines.append(f"{row.pipeline}, {metric_words(row.metric)}: {means}, {size}{ends}. {row.why}")
        return "\n".join(lines)

    def _scores(self, before: dict[str, Any], after: dict[str, Any]) -> pd.DataFrame:
        old, new = ({each["name"]: each for each in record["pipelines"]} for record in (before, after))
        ratios = (_ratio(before["protocol"]), _ratio(after["protocol"]))
        rows = [
            self._score(old[name], new[name], metric, ratios)
            for name in old
            if name in new
            for metric in old[name]["scores"]
            if metric in new[name]["scores"] and metric not in self.alike
        ]
        columns = ["pipeline", "metric", "before", "after", "difference", "low", "high", "paired"]
        columns += ["parameters_changed", "why"]
        return pd.DataFrame([row for row in rows if row], columns=columns)

    def _score(
        self, old: dict[str, Any], new: dict[str, Any], metric: str, ratios: tuple[float, float]
    ) -> dict[str, Any] | None:
        one, other = ([v for v in each["scores"][metric] if v is not None] for each in (old, new))
        if not one or not other:
            return None
        low = high = float("nan")
        means = statistics.fmean(one), statistics.fmean(other)
        pairs = zip(old["scores"][metric], new["scores"][metric], strict=False)
        paired = np.array([b - a for a, b in pairs if a is not None and b is not None])
        if self.same_splits:
            estimate = corrected_t(paired, ratios[1]) if len(paired) > 1 else None
        else:
            estimate = _unpaired(np.array(one), np.array(other), ratios)
        low, high = estimate.interval(_ALPHA) if estimate else (low, high)
        difference = float(paired.mean()) if self.same_splits and len(paired) else means[1] - means[0]
        changed = old.get("parameters") != new.get("parameters")
        return {
            "pipeline": old["name"],
            "metric": metric,
            "before": means[0],
            "after": means[1],
            "difference": difference,
            "low": low,
            "high": high,
            "paired": self.same_splits,
            "parameters_changed": changed,
            "why": self._why(changed, other_weights(old, new), bool(len(one) == len(other) and one == other)),
        }

    def _why(self, changed: bool, reweighted: bool, equal: bool) -> str:
        """Name what may have moved a score, or say that nothing did."""
        if equal:
            return "The same on every split."
        causes = ["its parameters"] if changed else []
        causes += ["its weights"] if reweighted else []
        causes += ["the images or labels"] if self.changes["data"] else []
        causes += ["the splits"] if not self.same_splits else []
        causes += ["versions of libraries"] if self.changes["versions"] else []
        causes += ["eyecraft's own code"] if self.changes["code"] else []
        causes += ["the machine"] if self.changes["machine"] else []
        if not causes:
            return "Nothing that is recorded differs: what is left is chance in fitting (seeds, order of threads)."
        return f"What differs: {', '.join(causes)}."


def _check_classes(one: dict[str, Any], other: dict[str, Any]) -> None:
    old, new = (set(map(str, each.get("class_names") or [])) for each in (one, other))
    if old and new and not old & new:
        raise ValueError(
            f"expected two runs on the same task; {one.get('name')!r} ({names_text(sorted(old))}) and "
            f"{other.get('name')!r} ({names_text(sorted(new))}) have no class in common. Their scores were not set "
            "against each other. Compare the data sets by `eyecraft compare A B`"
        )


def _code(one: str | None, other: str | None) -> list[str]:
    """Say whether eyecraft's modules differ, by their digest: two states of it may have the same version."""
    return [f"{one} → {other}"] if one and other and one != other else []


def _alike(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return the metrics that have the first one's values everywhere, in both runs."""
    scores = [each["scores"] for record in (before, after) for each in record["pipelines"] if each["scores"]]
    metrics = list(before["protocol"].get("metrics") or [])
    return [m for m in metrics[1:] if all(m in one and one[m] == one.get(metrics[0]) for one in scores)]


def _ratio(protocol: dict[str, Any]) -> float:
    """Return the test images for each training image."""
    train, test = (protocol.get(key) or [1] for key in ("train_sizes", "test_sizes"))
    return statistics.fmean(test) / statistics.fmean(train)


def _unpaired(one: np.ndarray, other: np.ndarray, ratios: tuple[float, float]) -> Estimate | None:
    """Return the difference of two means over splits that are not the same, each with its own corrected error."""
    if min(len(one), len(other)) < 2:
        return None
    parts = [
        (1 / len(values) + ratio) * float(np.var(values, ddof=1))
        for values, ratio in zip((one, other), ratios, strict=True)
    ]
    error = float(np.sqrt(sum(parts)))
    if error <= _NO_SPREAD:
        return None
    return Estimate(float(other.mean() - one.mean()), error, min(len(one), len(other)) - 1, error)
