"""What changed between two runs, in words: data, splits, pipelines, versions, prices and studies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ._cost_table import size_text
from ._format import metric_words, names_text, plural, score_text, seconds_text

_PRICED = 1.25  # times as much, and more, is said
_PRICES = (
    ("seconds_per_image", "{} per image", seconds_text),
    ("answer_memory", "{} of memory to answer", size_text),
    ("model_bytes", "a model of {}", size_text),
)


def same_splits(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Tell whether the splits of the shorter run are the first ones of the other, on the same images."""
    same_data = before["dataset"].get("fingerprint") == after["dataset"].get("fingerprint")
    n_common = min(len(before["splits"]), len(after["splits"]))
    return bool(same_data and n_common and before["splits"][:n_common] == after["splits"][:n_common])


def changed_splits(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Say how many splits there are and how many are the same."""
    one, other = before["splits"], after["splits"]
    if one == other:
        return []
    n_common = min(len(one), len(other))
    if n_common and one[:n_common] == other[:n_common]:
        return [f"{len(one)} before, {len(other)} now, of which the first {n_common} are the same"]
    alike = sum(a == b for a, b in zip(one, other, strict=False))
    return [f"{len(one)} before, {len(other)} now; {alike} of {n_common} with the same images"]


def changed_data(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Say what of images and classes differs."""
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


def changed_pipelines(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Say which pipelines came and went, and which have other parameters or weights, or fail in one run only."""
    old, new = ({each["name"]: each for each in record["pipelines"]} for record in (before, after))
    said = []
    for title, names in (("gone", [n for n in old if n not in new]), ("new", [n for n in new if n not in old])):
        if names:
            said.append(f"{title}: {names_text(names, 20)}")
    for name in (name for name in old if name in new):
        one, other = old[name], new[name]
        if one.get("parameters") != other.get("parameters"):
            said.append(f"{name} was {one.get('parameters')}, is {other.get('parameters')}")
        if other_weights(one, other):
            said.append(f"{name} has other weights")
        if bool(one.get("error")) != bool(other.get("error")):
            said.append(f"{name} {'failed before' if one.get('error') else 'fails now: ' + str(other['error'])}")
    return said


def other_weights(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Tell whether the networks of a pipeline are known to differ."""
    return bool(one.get("weights") and other.get("weights") and one["weights"] != other["weights"])


def changed_prices(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Say what became a quarter dearer or cheaper; less is as much as two measurements differ."""
    old, new = ({each["name"]: each for each in record["pipelines"]} for record in (before, after))
    said = []
    for name in (name for name in old if name in new):
        for key, words, write in _PRICES:
            one, other = old[name].get(key), new[name].get(key)
            if one and other and max(one / other, other / one) > _PRICED:
                said.append(f"{name} took {words.format(write(one))}, takes {words.format(write(other))}")
    return said


def changed_studies(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Say which studies only one run has, how they were done otherwise, and what came out differently."""
    old, new = before.get("studies") or {}, after.get("studies") or {}
    said = [f"{study} only before" for study in old if study not in new]
    said += [f"{study} only now" for study in new if study not in old]
    for study in (study for study in old if study in new):
        one, other = old[study], new[study]
        settings = changed_keys(one, other, [key for key in one if key not in ("means", "metric")])
        said += [f"{study}: {text}" for text in settings]
        for name, mean in (one.get("means") or {}).items():
            said += _moved(study, name, mean, (other.get("means") or {}).get(name), str(one.get("metric")))
    return said


def _moved(study: str, name: str, old: Any, new: Any, metric: str) -> list[str]:
    """Say how the main number of a study moved, of learning curves that of the largest size both have."""
    where = ""
    if isinstance(old, dict) and isinstance(new, dict):
        size = max((size for size in old if size in new), key=float, default=None)
        old, new, where = old.get(size), new.get(size), f" at {size} per class"
    if old is None or new is None or score_text(old, metric) == score_text(new, metric):
        return []
    return [f"{study}: {name}{where}, {metric_words(metric)} {score_text(old, metric)} → {score_text(new, metric)}"]


def changed_keys(one: dict[str, Any], other: dict[str, Any], keys: Iterable[str] | None = None) -> list[str]:
    """Say which values differ under these keys; under all unless told."""
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
