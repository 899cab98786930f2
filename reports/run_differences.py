"""What changed between two runs, and why their scores may differ."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from eyecraft.pipelines._student import corrected_t

from ._format import difference_text, metric_words, names_text, plural, range_text, score_text

_MACHINE = ("python", "os", "cpu", "cores", "gpu")
_PROTOCOL = ("cv", "random_state", "metrics")
_ALPHA = 0.05


class RunDifferences:
    """The differences between two runs.

    Parameters
    ----------
    before, after : dict
        Records of the runs, as reports keep them.

    Attributes
    ----------
    changes : dict of str to list of str
        ``data, splits, protocol, pipelines, versions, machine``: what changed, in words; empty where nothing did.
    scores : DataFrame
        See `frame`.
    """

    def __init__(self, before: dict[str, Any], after: dict[str, Any]) -> None:
        self.same_splits = _same_splits(before, after)
        self.changes = {
            "data": _data(before["dataset"], after["dataset"]),
            "splits": _splits(before, after),
            "protocol": _keys(before["protocol"], after["protocol"], _PROTOCOL),
            "pipelines": _pipelines(before, after),
            "versions": _keys(*(each["environment"].get("versions") or {} for each in (before, after))),
            "machine": _keys(before["environment"], after["environment"], _MACHINE),
        }
        self.scores = self._scores(before, after)

    def frame(self) -> pd.DataFrame:
        """Return the scores of pipelines that both runs hold, one row per pipeline and metric.

        Returns
        -------
        frame : DataFrame
            ``pipeline, metric, before, after`` (means), ``difference``, the ends ``low, high`` of its 95 % interval
            (paired over the splits, by the corrected t-test; missing where the splits are not the same ones or the
            difference has no spread), ``parameters_changed`` and ``why`` in words.
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
        sizes = [after["protocol"].get(key) or [1] for key in ("train_sizes", "test_sizes")]
        ratio = statistics.fmean(sizes[1]) / statistics.fmean(sizes[0])
        rows = [
            self._score(old[name], new[name], metric, ratio)
            for name in old
            if name in new
            for metric in old[name]["scores"]
            if metric in new[name]["scores"]
        ]
        columns = ["pipeline", "metric", "before", "after", "difference", "low", "high", "parameters_changed", "why"]
        return pd.DataFrame([row for row in rows if row], columns=columns)

    def _score(self, old: dict[str, Any], new: dict[str, Any], metric: str, ratio: float) -> dict[str, Any] | None:
        one, other = ([v for v in each["scores"][metric] if v is not None] for each in (old, new))
        if not one or not other:
            return None
        low = high = float("nan")
        means = statistics.fmean(one), statistics.fmean(other)
        pairs = zip(old["scores"][metric], new["scores"][metric], strict=False)
        paired = np.array([b - a for a, b in pairs if a is not None and b is not None])
        if self.same_splits and len(paired) > 1:
            estimate = corrected_t(paired, ratio)
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
            "parameters_changed": changed,
            "why": self._why(changed, bool(len(one) == len(other) and one == other)),
        }

    def _why(self, changed: bool, equal: bool) -> str:
        """Name what may have moved a score, or say that nothing did."""
        if equal:
            return "The same on every split."
        causes = ["its parameters"] if changed else []
        causes += ["the images or labels"] if self.changes["data"] else []
        causes += ["the splits"] if not self.same_splits else []
        causes += ["versions of libraries"] if self.changes["versions"] else []
        causes += ["the machine"] if self.changes["machine"] else []
        if not causes:
            return "Nothing that is recorded differs: what is left is chance in fitting (seeds, order of threads)."
        return f"What differs: {', '.join(causes)}."


def _same_splits(before: dict[str, Any], after: dict[str, Any]) -> bool:
    same_data = before["dataset"].get("fingerprint") == after["dataset"].get("fingerprint")
    n_common = min(len(before["splits"]), len(after["splits"]))
    return bool(same_data and n_common and before["splits"][:n_common] == after["splits"][:n_common])


def _splits(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    one, other = before["splits"], after["splits"]
    if one == other:
        return []
    n_common = min(len(one), len(other))
    if n_common and one[:n_common] == other[:n_common]:
        return [f"{len(one)} before, {len(other)} now, of which the first {n_common} are the same"]
    alike = sum(a == b for a, b in zip(one, other, strict=False))
    return [f"{len(one)} before, {len(other)} now; {alike} of {n_common} with the same images"]


def _data(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    if one.get("fingerprint") == other.get("fingerprint"):
        return []
    said = []
    if one.get("n_images") != other.get("n_images"):
        said.append(f"{one.get('n_images') or 0:,} images before, {other.get('n_images') or 0:,} now")
    old, new = (set(map(str, each.get("class_names") or [])) for each in (one, other))
    for title, names in (("classes gone", old - new), ("classes new", new - old)):
        if names:
            said.append(f"{title}: {names_text(sorted(names))}")
    counts = [each.get("class_counts") or {} for each in (one, other)]
    moved = sorted(name for name in old & new if counts[0].get(name) != counts[1].get(name))
    if moved:
        said.append(f"{plural(len(moved), 'class has', 'classes have')} another number of images: {names_text(moved)}")
    return said or ["the same number of images in the same classes, but other images, labels or another order"]


def _pipelines(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    old, new = ({each["name"]: each for each in record["pipelines"]} for record in (before, after))
    said = []
    for title, names in (("gone", [n for n in old if n not in new]), ("new", [n for n in new if n not in old])):
        if names:
            said.append(f"{title}: {names_text(names, 20)}")
    for name in (name for name in old if name in new):
        one, other = old[name], new[name]
        if one.get("parameters") != other.get("parameters"):
            said.append(f"{name} was {one.get('parameters')}, is {other.get('parameters')}")
        if bool(one.get("error")) != bool(other.get("error")):
            said.append(f"{name} {'failed before' if one.get('error') else 'fails now: ' + str(other['error'])}")
    return said


def _keys(one: dict[str, Any], other: dict[str, Any], keys: Iterable[str] | None = None) -> list[str]:
    names = sorted({*one, *other}) if keys is None else keys
    return [
        f"{name} {_said(one.get(name))} → {_said(other.get(name))}"
        for name in names
        if one.get(name) != other.get(name)
    ]


def _said(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "none" if value is None else str(value)
