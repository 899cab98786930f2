"""Published data sets, fetched once and kept in a folder of the user's.

Downloading, checksums and unpacking are left to `torchvision.datasets`. What is added: official splits ready for `cv=`,
licence and citation, a check that all images are there, and an error that helps where there is no network.
"""

import os
import sys
import warnings
from pathlib import Path
from typing import Any

from ._published import PUBLISHED, Published
from ._readers import READERS, Contents
from .dataset import Dataset

DataFolder = str | os.PathLike[str] | None


class FetchError(RuntimeError):
    """A published data set is not there and could not be fetched; the message says how to go on."""


def data_home() -> Path:
    """Return the folder published data sets are kept in: `EYECRAFT_DATA`, or one in the user's cache folder."""
    chosen = os.environ.get("EYECRAFT_DATA")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        cache = Path(os.environ.get("LOCALAPPDATA", "~/AppData/Local"))
    elif sys.platform == "darwin":
        cache = Path("~/Library/Caches")
    else:
        cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"))
    return cache.expanduser() / "eyecraft" / "data"


def fetch_mnist(root: DataFolder = None, *, download: bool = True) -> Dataset:
    """Fetch MNIST: 70,000 handwritten digits, 28 x 28 pixels, gray; official split 60,000 / 10,000.

    Parameters
    ----------
    root : str or path, optional
        Folder to keep the files in; by default `EYECRAFT_DATA` or one in the user's cache folder.
    download : bool, default=True
        Whether the network may be used when the files are not there.

    Returns
    -------
    Dataset

    Raises
    ------
    FetchError
        When the files are missing and cannot be fetched, or are incomplete.
    """
    return fetch("mnist", root, download=download)


def fetch_fashion_mnist(root: DataFolder = None, *, download: bool = True) -> Dataset:
    """Fetch Fashion-MNIST: 70,000 articles of clothing, 28 x 28 pixels, gray; split 60,000 / 10,000.

    Parameters, result and errors are those of `fetch_mnist`.
    """
    return fetch("fashion-mnist", root, download=download)


def fetch_cifar10(root: DataFolder = None, *, download: bool = True) -> Dataset:
    """Fetch CIFAR-10: 60,000 photographs of 10 kinds of object, 32 x 32 pixels; split 50,000 / 10,000.

    Parameters, result and errors are those of `fetch_mnist`.
    """
    return fetch("cifar10", root, download=download)


def fetch_cifar100(root: DataFolder = None, *, download: bool = True) -> Dataset:
    """Fetch CIFAR-100: 60,000 photographs of 100 kinds of object, 32 x 32 pixels; split 50,000 / 10,000.

    Parameters, result and errors are those of `fetch_mnist`.
    """
    return fetch("cifar100", root, download=download)


def fetch_caltech101(root: DataFolder = None, *, download: bool = True) -> Dataset:
    """Fetch Caltech-101: 9,144 photographs, 101 kinds of object and the class BACKGROUND_Google; no official split.

    The papers draw 15 or 30 training images per class: `PerClassSplit`. Most score all 102 classes.

    Parameters, result and errors are those of `fetch_mnist`.
    """
    return fetch("caltech101", root, download=download)


def fetch_flowers102(root: DataFolder = None, *, download: bool = True) -> Dataset:
    """Fetch Oxford Flowers: 8,189 photographs of 102 kinds of flower; 2,040 (training and validation) / 6,149.

    Parameters, result and errors are those of `fetch_mnist`.
    """
    return fetch("flowers102", root, download=download)


def fetch_dtd(root: DataFolder = None, *, download: bool = True) -> Dataset:
    """Fetch Describable Textures: 5,640 photographs of 47 textures; ten official splits 3,760 / 1,880.

    Parameters, result and errors are those of `fetch_mnist`.
    """
    return fetch("dtd", root, download=download)


def fetch_stl10(root: DataFolder = None, *, download: bool = True) -> Dataset:
    """Fetch STL-10: 13,000 labelled photographs of 10 kinds of object, 96 x 96 pixels; split 5,000 / 8,000.

    The download (2.6 GB) also holds 100,000 photographs without labels, which are not loaded.

    Parameters, result and errors are those of `fetch_mnist`.
    """
    return fetch("stl10", root, download=download)


def fetch_eurosat(root: DataFolder = None, *, download: bool = True) -> Dataset:
    """Fetch EuroSAT: 27,000 satellite images of 10 kinds of land use, 64 x 64 pixels, RGB; no official split.

    Parameters, result and errors are those of `fetch_mnist`.
    """
    return fetch("eurosat", root, download=download)


def fetch_oxford_pets(root: DataFolder = None, *, download: bool = True) -> Dataset:
    """Fetch Oxford-IIIT Pets: 7,349 photographs of 37 breeds of cats and dogs; split 3,680 / 3,669.

    Parameters, result and errors are those of `fetch_mnist`.
    """
    return fetch("oxford-pets", root, download=download)


def fetch(name: str, root: DataFolder = None, *, download: bool = True) -> Dataset:
    """Fetch any data set of the table by name: the engine of the `fetch_` functions."""
    entry = PUBLISHED[name]
    folder = Path(data_home() if root is None else root).expanduser().absolute()
    if download:
        _make_folder(entry, folder)
    try:
        contents = _read(entry, folder, download)
    except (ImportError, MemoryError):
        raise
    except Exception as error:  # torchvision raises RuntimeError, URLError, OSError, BadZipFile, KeyError, ...
        raise FetchError(_message(entry, folder, download, error)) from error
    _check_complete(entry, folder, contents)
    return Dataset(
        images=contents.images,
        labels=contents.labels,
        name=entry.name,
        class_names=contents.class_names,
        licence=entry.licence,
        citation=entry.citation,
        source=f"torchvision.datasets.{entry.torchvision}",
        splits=contents.splits,
    )


def _read(entry: Published, folder: Path, download: bool) -> Contents:
    import torchvision.datasets

    kind: Any = getattr(torchvision.datasets, entry.torchvision)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy complains of the pickles of 2009 that CIFAR comes as
        return READERS[entry.name](kind, folder, download)


def _make_folder(entry: Published, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FetchError(
            f"cannot make the folder {str(folder)!r} to keep {entry.name!r} in: {error.strerror or error}. "
            "Pass root=, or set EYECRAFT_DATA to a folder that can be written to."
        ) from error


def _message(entry: Published, folder: Path, download: bool, error: Exception) -> str:
    files = "".join(f"\n  {address}\n    -> {folder / path}" for address, path in entry.files)
    tried = "fetching it failed" if download else "download=False forbids fetching it"
    again = "call again" if download else "call again with download=True to unpack them"
    return (
        f"the data set {entry.name!r} could not be read from {str(folder)!r}, and {tried}: {_reason(error)}\n"
        f"Fetch by hand, on any computer, and put in place (do not unpack):{files}\n"
        f"Then {again}. Without any network: load_digits(), or load_folder(path) with images of your own."
    )


def _reason(error: Exception) -> str:
    words = " ".join(str(error).split()) or "no reason given"
    return f"{words} ({type(error).__name__})"


def _check_complete(entry: Published, folder: Path, contents: Contents) -> None:
    """An interrupted unpacking leaves part of a data set, which torchvision takes for the whole."""
    n_found = len(contents.images)
    if contents.images.dtype.kind == "U":
        n_found = sum(map(os.path.isfile, contents.images.tolist()))
    if n_found < entry.n_images:
        unpacked = folder / entry.files[0][1].split("/")[0]
        raise FetchError(
            f"the data set {entry.name!r} in {str(folder)!r} is incomplete: {n_found:,} of {entry.n_images:,} images, "
            f"probably from an interrupted unpacking. Remove {str(unpacked)!r} and fetch it again."
        )
