"""A look at all images of a comparison, and what it found on disk beside the comparison."""

import contextlib
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eyecraft.data import Dataset, ImageReadError, check_dataset, read_image
from eyecraft.data.checks import DataCheck
from eyecraft.data.duplicates import NearDuplicates

from ._files import read_arrays, write_arrays, write_json
from ._material import Material
from .comparison import Comparison

_FEW_PIXELS = 32  # a side: smaller pictures are enlarged to the thumbnails that are compared, and look alike
_HANDFUL = 9
_LIKENESS: dict[str, Any] = {"min_correlation": 0.95, "max_distance": 12}
_LIKENESS_OF_FEW_PIXELS: dict[str, Any] = {"min_correlation": 0.995, "max_distance": 6}


def look_over(
    X: Any, material: Material, comparison: Comparison, n_jobs: int | None
) -> tuple[DataCheck, dict[str, Any]]:
    """Return what the images look like, with the settings for their size."""
    settings = likeness_of(material.images)
    data, labels = (X, None) if isinstance(X, Dataset) else (material.images, material.names)
    return check_dataset(data, labels, splits=comparison.splits, n_jobs=n_jobs, **settings), settings


def likeness_of(images: np.ndarray) -> dict[str, Any]:
    """Return when two images count as near duplicates, by their size."""
    return dict(_LIKENESS_OF_FEW_PIXELS if _of_few_pixels(images) else _LIKENESS)


def _of_few_pixels(images: np.ndarray) -> bool:
    """Tell whether most of a handful of images, evenly spread, have fewer than 32 pixels on a side."""
    small = []
    for position in np.linspace(0, len(images) - 1, min(len(images), _HANDFUL)).astype(int):
        with contextlib.suppress(ImageReadError):
            small.append(min(read_image(images[position]).shape[:2]) < _FEW_PIXELS)
    return 2 * sum(small) > len(small)


def likeness_in(settings: dict[str, Any]) -> dict[str, Any]:
    """Return those settings that say how near duplicates were told."""
    return {key: settings[key] for key in _LIKENESS if key in settings}


def write_checks(path: Path, checks: DataCheck, settings: dict[str, Any], fingerprint: str) -> None:
    """Write a ``.json`` and, before it, an ``.npz`` of the same name; splits are the comparison's and are not kept."""
    found = checks.duplicates
    arrays: dict[str, Any] = {
        "pairs": found.pairs,
        "distances": found.distances,
        "correlations": found.correlations,
        "groups": found.groups,
    }
    if found.labels is not None:
        arrays["labels"] = found.labels
    write_arrays(path.with_suffix(".npz"), **arrays)
    content = {
        "name": checks.name,
        "n_images": checks.n_images,
        "class_counts": checks.class_counts,
        "unreadable": checks.unreadable,
        "unreadable_positions": found.unreadable,
    }
    write_json(path, {"fingerprint": fingerprint, "settings": settings, "checks": content})


def read_checks(
    path: Path, splits: Sequence[tuple[np.ndarray, np.ndarray]]
) -> tuple[str, tuple[DataCheck, dict[str, Any]]]:
    """Return the fingerprint of the data, and the checks with their settings, for these splits.

    Raises
    ------
    OSError, ValueError, KeyError, TypeError, AttributeError
        The files are damaged.
    """
    content = json.loads(path.read_text("utf-8"))
    kept = content["checks"]
    try:
        arrays = read_arrays(path.with_suffix(".npz"))
    except (zipfile.BadZipFile, EOFError) as error:
        raise ValueError(f"{path.with_suffix('.npz').name} is damaged ({error})") from error
    unreadable = tuple((int(position), str(reason)) for position, reason in kept["unreadable_positions"])
    duplicates = NearDuplicates(
        **{name: arrays[name] for name in ("pairs", "distances", "correlations", "groups")},
        labels=arrays.get("labels"),
        unreadable=unreadable,
    )
    checks = DataCheck(
        name=kept["name"],
        n_images=int(kept["n_images"]),
        class_counts={str(name): int(count) for name, count in kept["class_counts"].items()},
        unreadable=tuple((str(what), str(reason)) for what, reason in kept["unreadable"]),
        duplicates=duplicates,
        splits=tuple(splits),
    )
    if len(duplicates.groups) != checks.n_images or duplicates.pairs.ndim != 2:
        raise ValueError("its arrays do not fit the number of images")
    return str(content["fingerprint"]), (checks, dict(content["settings"]))
