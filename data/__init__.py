"""Images and labels: where pictures come from, and how they become pixels.

Start with a data set. `load_folder` reads your own images, one sub-folder per class; `load_digits` is a small set that
needs no download; `fetch_mnist` and its like get those of the literature; `load_dataset` takes a name or a folder, and
`datasets` lists the names. Each gives a `Dataset`: images, labels, licence, citation, official splits. `PerClassSplit`
draws training and test images where there is no official split; `check_dataset` and `near_duplicates` look for what
spoils a comparison: unreadable files, classes of unequal size, the same picture twice.

`read_image` turns any picture into pixels, and says what is wrong with one it cannot read. The rest serves extractors:
`check_images` makes sure that it is many images, `resize_image` resizes one, `image_key` tells them apart.
"""

from ._errors import ImageReadError
from ._keys import image_key
from ._sequences import check_images
from .catalog import datasets, load_dataset
from .checks import DataCheck, check_dataset
from .dataset import Dataset
from .digits import load_digits
from .duplicates import NearDuplicates, near_duplicates
from .fetch import (
    FetchError,
    data_home,
    fetch_caltech101,
    fetch_cifar10,
    fetch_cifar100,
    fetch_dtd,
    fetch_eurosat,
    fetch_fashion_mnist,
    fetch_flowers102,
    fetch_mnist,
    fetch_oxford_pets,
    fetch_stl10,
)
from .folder import load_folder
from .images import MAX_PIXELS, READER_VERSION, read_image, resize_image
from .splits import PerClassSplit

__all__ = [
    "MAX_PIXELS",
    "READER_VERSION",
    "DataCheck",
    "Dataset",
    "FetchError",
    "ImageReadError",
    "NearDuplicates",
    "PerClassSplit",
    "check_dataset",
    "check_images",
    "data_home",
    "datasets",
    "fetch_caltech101",
    "fetch_cifar10",
    "fetch_cifar100",
    "fetch_dtd",
    "fetch_eurosat",
    "fetch_fashion_mnist",
    "fetch_flowers102",
    "fetch_mnist",
    "fetch_oxford_pets",
    "fetch_stl10",
    "image_key",
    "load_dataset",
    "load_digits",
    "load_folder",
    "near_duplicates",
    "read_image",
    "resize_image",
]
