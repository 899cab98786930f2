"""All data sets by name, and one door to them: a name or a folder."""

import difflib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ._published import PUBLISHED
from .dataset import Dataset
from .digits import load_digits
from .fetch import DataFolder, fetch
from .folder import load_folder

if TYPE_CHECKING:
    import pandas as pd

_BUILT_IN: dict[str, Callable[[], Dataset]] = {"digits": load_digits}


def datasets() -> "pd.DataFrame":
    """List the data sets `load_dataset` knows by name.

    Returns
    -------
    DataFrame
        Index `name`; columns `title`, `n_images`, `n_classes`, `licence`, `citation`, and `network`: whether the first
        use fetches files.

    Examples
    --------
    >>> from eyecraft.data import datasets
    >>> datasets().loc["cifar10", "n_images"].item()
    60000
    """
    import pandas as pd

    rows = []
    for name, load in _BUILT_IN.items():
        found = load()
        title = "handwritten digits of scikit-learn, 8 x 8, gray"
        rows.append((name, title, len(found), len(found.class_names), found.licence, found.citation, False))
    rows += [
        (entry.name, entry.title, entry.n_images, entry.n_classes, entry.licence, entry.citation, True)
        for entry in PUBLISHED.values()
    ]
    columns = ["name", "title", "n_images", "n_classes", "licence", "citation", "network"]
    return pd.DataFrame(rows, columns=columns).set_index("name")


def load_dataset(
    source: str | os.PathLike[str],
    *,
    on_error: Literal["raise", "skip"] = "raise",
    root: DataFolder = None,
    download: bool = True,
) -> Dataset:
    """Load a data set by its name or from a folder of images.

    Parameters
    ----------
    source : str or path
        A name from `datasets()`, in any case, with or without hyphens; or a folder as `load_folder` takes it. A name
        spelled as there goes before a folder so called in the current one, which is `"./name"`.
    on_error : {"raise", "skip"}, default="raise"
        For folders: what to do about broken files.
    root : str or path, optional
        For published data sets: where the files are kept.
    download : bool, default=True
        For published data sets: whether the network may be used.

    Returns
    -------
    Dataset

    Raises
    ------
    ValueError
        When *source* is neither; the message has the nearest names. Also what `load_folder` raises.
    FetchError
        When a published data set cannot be fetched.

    Examples
    --------
    >>> from eyecraft.data import load_dataset
    >>> len(load_dataset("digits"))
    1797
    """
    text = os.fspath(source)
    path = Path(text).expanduser()
    names = {_plain(name): name for name in (*_BUILT_IN, *PUBLISHED)}
    name = names.get(_plain(text)) if isinstance(source, str) else None
    if name != text and path.is_dir():
        name = None  # Caltech-101/ is there: not the data set to be fetched under a like name
    if name in _BUILT_IN:
        return _BUILT_IN[name]()
    if name is not None:
        return fetch(name, root, download=download)
    if path.exists() or path.parent != Path() or not isinstance(source, str):
        return load_folder(path, on_error=on_error)
    close = [names[key] for key in difflib.get_close_matches(_plain(text), names, n=3, cutoff=0.5)]
    meant = f"Did you mean {' or '.join(map(repr, close))}? " if close else ""
    raise ValueError(
        f"{text!r} is neither the name of a data set nor a folder in {str(Path.cwd())!r}. {meant}"
        f"Names: {', '.join(names.values())}; or pass the path of a folder with one sub-folder of images per class."
    )


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "").replace(" ", "")
