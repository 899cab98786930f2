"""A folder of images as a data set: the names of the sub-folders are the labels."""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from ._errors import ImageReadError
from ._sound import find_unreadable
from .dataset import Dataset, Split

# HEIC is among them although it is not read: such a photograph must not be passed over in silence.
_SUFFIXES = ".jpg .jpeg .jpe .jfif .png .webp .gif .tif .tiff .bmp .dib .pbm .pgm .ppm .pnm .avif .jp2 .j2k .heic .heif"
IMAGE_SUFFIXES = frozenset(_SUFFIXES.split(" "))
_TEST_NAMES = ("test", "val", "valid", "validation")
_LAYOUT = (
    "Expected one sub-folder per class, folder/cat/1.jpg and folder/dog/2.jpg, or the same below folder/train "
    "and folder/test"
)
_SHOWN = 5

Labelled = tuple[str, str]  # path, label


def load_folder(
    path: str | os.PathLike[str], *, on_error: Literal["raise", "skip"] = "raise", name: str | None = None
) -> Dataset:
    """Load a folder of images with one sub-folder per class.

    Parameters
    ----------
    path : str or path
        A folder laid out as `cat/1.jpg`, `dog/2.jpg`, with any folders further down belonging to their class; or with
        these below `train/` and `test/` (or `val/`, `valid/`, `validation/`), which is kept as the official split. With
        both `val/` and `test/`, the images of `val/` are training images.
    on_error : {"raise", "skip"}, default="raise"
        What to do about broken image files: raise one error that names them, or leave them out and list them in
        `Dataset.skipped`. Every file is looked through once, at about a third of the time of decoding for JPEG files
        and all of it for others; that it was sound is remembered until it changes.
    name : str, optional
        Name of the data set; by default the folder's.

    Returns
    -------
    Dataset
        `images` holds absolute paths, sorted by class and path. Hidden files and files without an image's suffix are
        ignored; `Dataset.n_ignored` counts them. `Dataset.empty_classes` names folders that hold no readable image.

    Warns
    -----
    UserWarning
        When all class folders hold the same sub-folders, as the parts of a split do.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        When there is no such folder.
    ValueError
        When it holds no images, images of a single class, or a class in `test/` that is not in `train/`.
    ImageReadError
        When files are broken and *on_error* is "raise".

    Examples
    --------
    >>> import tempfile, pathlib, PIL.Image
    >>> from eyecraft.data import load_folder
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for label in ("cat", "dog"):
    ...         pathlib.Path(folder, label).mkdir()
    ...         PIL.Image.new("RGB", (8, 8)).save(pathlib.Path(folder, label, "1.png"))
    ...     load_folder(folder, name="pets")
    Dataset 'pets': 2 image files in 2 classes, 1 a class
    """
    if on_error not in ("raise", "skip"):
        raise ValueError(f"on_error must be 'raise' or 'skip'; got {on_error!r}")
    root = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links
    _check_folder(root)
    train, test, n_ignored, folders = _list_all(root)
    unreadable = find_unreadable([path for path, _ in train + test], str(root))
    train, broken = _part(train, unreadable)
    test, broken_test = _part(test, unreadable)
    broken += broken_test
    if broken and on_error == "raise":
        raise ImageReadError(_broken_message(root, broken, len(train) + len(test) + len(broken)))
    both = train + test
    empty = tuple(sorted(folders - {label for _, label in both}))
    _check_classes(root, train, test, broken, empty)
    return Dataset(
        images=np.array([image for image, _ in both]),
        labels=np.array([label for _, label in both]),
        name=name or root.name,
        source=str(root),
        splits=[_split(len(train), len(test))] if test else None,
        skipped=tuple(broken),
        n_ignored=n_ignored,
        empty_classes=empty,
    )


def _check_folder(root: Path) -> None:
    if root.is_dir():
        return
    if root.exists():
        hint = " Unpack the archive first." if root.suffix.lower() in (".zip", ".tar", ".gz", ".tgz", ".7z") else ""
        raise NotADirectoryError(f"a folder of images is needed, and {str(root)!r} is a file.{hint} {_LAYOUT}.")
    nearest = next(parent for parent in root.parents if parent.exists())
    raise FileNotFoundError(
        f"there is no folder {str(root)!r}; the path exists as far as {str(nearest)!r}. Check the spelling."
    )


def _list_all(root: Path) -> tuple[list[Labelled], list[Labelled], int, set[str]]:
    """List training and test images (all are training images where there is no split).

    Also count the other files, and name the folders that stand for classes.
    """
    folders = _visible_folders(root)
    by_name = {folder.name.lower(): folder for folder in folders}
    parts = [by_name[name] for name in ("train", *_TEST_NAMES) if name in by_name]
    if len(parts) < 2 or parts[0].name.lower() != "train" or not all(_visible_folders(part) for part in parts):
        _warn_of_parts(root, folders)
        images, n_ignored = _list_classes(root)
        return images, [], n_ignored, {folder.name for folder in folders}
    test_part = by_name["test"] if "test" in by_name else parts[1]
    train: list[Labelled] = []
    test: list[Labelled] = []
    n_ignored = sum(1 for entry in root.iterdir() if entry.is_file())
    for part in parts:
        images, n_more = _list_classes(part)
        n_ignored += n_more
        if part is test_part:
            test += images
        else:
            train += images
    classes = {folder.name for part in parts for folder in _visible_folders(part)}
    return sorted(train, key=_order), test, n_ignored, classes


def _warn_of_parts(root: Path, folders: list[Path]) -> None:
    """Say so where folders taken for classes look like parts of a split under other names."""
    inside = {frozenset(below.name for below in _visible_folders(folder)) for folder in folders}
    if len(folders) < 2 or len(inside) > 1 or len(next(iter(inside))) < 2:
        return
    names, below = ([repr(name) for name in sorted(group)] for group in ({f.name for f in folders}, next(iter(inside))))
    warnings.warn(
        f"the {len(names)} folders in {str(root)!r} are taken for classes ({_some(names)}), and all hold the same "
        f"sub-folders ({_some(below)}). If these are the classes, call the folders train and test",
        UserWarning,
        stacklevel=4,
    )


def _some(names: list[str]) -> str:
    return f"{', '.join(names[:_SHOWN])}{' ...' * (len(names) > _SHOWN)}"


def _visible_folders(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _order(image: Labelled) -> tuple[str, str]:
    return image[1], image[0]


def _list_classes(root: Path) -> tuple[list[Labelled], int]:
    """List the images in the sub-folders of *root*, and count the files that are none."""
    images: list[Labelled] = []
    n_ignored = sum(1 for entry in root.iterdir() if not entry.is_dir())
    for folder in _visible_folders(root):
        found: list[Labelled] = []
        for file in _walk(str(folder), set()):
            if _is_image_name(file):
                found.append((file, folder.name))
            else:
                n_ignored += 1
        images += sorted(found)
    return images, n_ignored


def _walk(folder: str, seen: set[str]) -> Iterator[str]:
    """Yield the files below *folder*; links are followed, but no folder is entered twice."""
    real = os.path.realpath(folder)
    if real in seen:
        return
    seen.add(real)
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.is_dir():
                yield entry.path
            elif not entry.name.startswith("."):
                yield from _walk(entry.path, seen)


def _is_image_name(path: str) -> bool:
    name = os.path.basename(path)  # noqa: PTH119 - called for every file; a Path is ten times slower
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES  # noqa: PTH122


def _part(images: list[Labelled], unreadable: dict[str, str]) -> tuple[list[Labelled], list[tuple[str, str]]]:
    """Part the sound files from the broken ones, these with the reason."""
    broken = [(path, unreadable[path]) for path, _ in images if path in unreadable]
    return [image for image in images if image[0] not in unreadable], broken


def _broken_message(root: Path, broken: list[tuple[str, str]], n_images: int) -> str:
    shown = "".join(f"\n  {os.path.relpath(path, root)}: {reason}" for path, reason in broken[:_SHOWN])
    more = f"\n  ... and {len(broken) - _SHOWN:,} more" if len(broken) > _SHOWN else ""
    return (
        f"{len(broken):,} of {n_images:,} image files in {str(root)!r} cannot be read:{shown}{more}\n"
        "Replace or remove them, or leave them out with on_error='skip'."
    )


def _check_classes(
    root: Path, train: list[Labelled], test: list[Labelled], broken: list[tuple[str, str]], empty: tuple[str, ...]
) -> None:
    classes = sorted({label for _, label in train})
    if not classes:
        raise ValueError(
            f"found no images to learn from in {str(root)!r}: {_what_is_there(root, len(broken))}. {_LAYOUT}."
        )
    if len(classes) == 1:
        inside = [folder.name for folder in _visible_folders(root / classes[0])] if not test else []
        hint = f" It holds sub-folders such as {inside[0]!r}: is {str(root / classes[0])!r} meant?" if inside else ""
        none = f"; no readable image is in {_some(list(map(repr, empty)))}" if empty else ""
        raise ValueError(
            f"at least two classes are needed to compare anything; {str(root)!r} has one, {classes[0]!r}{none}.{hint} "
            f"{_LAYOUT}."
        )
    missing = sorted({label for _, label in test} - set(classes))
    if missing:
        raise ValueError(
            f"every class to be tested must be among the training images; {str(root)!r} has no training images of "
            f"{_some(list(map(repr, missing)))} "
            f"({len(missing)} of {len(set(classes) | set(missing))} classes). Are folders named alike in both parts?"
        )


def _what_is_there(root: Path, n_broken: int) -> str:
    if n_broken:
        return f"image files there: {n_broken:,}, all of them broken"
    entries = list(root.iterdir())
    loose = sum(1 for entry in entries if entry.is_file() and _is_image_name(str(entry)))
    if loose:
        return f"images directly in it: {loose:,}, which leaves them without a label"
    if not entries:
        return "it is empty"
    return f"sub-folders: {len(_visible_folders(root)):,}, entries in all: {len(entries):,}, but no image files"


def _split(n_train: int, n_test: int) -> Split:
    return np.arange(n_train, dtype=np.intp), np.arange(n_train, n_train + n_test, dtype=np.intp)
