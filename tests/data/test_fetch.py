"""Published data sets, from tiny copies in the authors' own formats; the network is switched off throughout."""

import gzip
import inspect
import io
import os
import pickle
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import replace
from urllib.error import URLError

import numpy as np
import pytest
import scipy.io
import torchvision.datasets as tv
from PIL import Image

from eyecraft import data
from eyecraft.data import FetchError, data_home, read_image
from eyecraft.data._published import PUBLISHED

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """Make every attempt to reach the network fail."""

    def refuse(*args, **options):
        raise URLError("Temporary failure in name resolution")

    monkeypatch.setattr(tv.utils, "_get_redirect_url", refuse)


@pytest.fixture
def unsigned(monkeypatch):
    """Let torchvision take any file for the right one, as the tiny copies have other checksums."""
    for module in (tv.utils, tv.mnist, tv.cifar, tv.flowers102, tv.stl10):
        monkeypatch.setattr(module, "check_integrity", lambda path, md5=None: os.path.isfile(path))  # noqa: PTH113


def jpeg():
    """Make the bytes of a small photograph."""
    buffer = io.BytesIO()
    Image.fromarray(RNG.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


def tar(**members):
    """Pack files into a .tar.gz."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, contents in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(contents)
            archive.addfile(info, io.BytesIO(contents))
    return buffer.getvalue()


def zipped(**members):
    """Pack files into a .zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, contents in members.items():
            archive.writestr(name, contents)
    return buffer.getvalue()


def idx(values):
    """Encode an array as the MNIST files are: magic number, big-endian shape, bytes."""
    header = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes()
    return gzip.compress(header + values.astype(np.uint8).tobytes())


def matlab(**values):
    """Encode arrays as a MATLAB file."""
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, values)
    return buffer.getvalue()


def pixels(n, *shape):
    """Invent *n* images."""
    return RNG.integers(0, 256, (n, *shape), dtype=np.uint8)


def batch(n, key):
    """Encode CIFAR's pickled batch of *n* images with labels 0, 1, 0, ..."""
    return pickle.dumps({"data": pixels(n, 3072), key: [i % 2 for i in range(n)]})


def fake_mnist():
    """Six and four images, as four .gz files in the order of the table."""
    return [idx(pixels(6, 28, 28)), idx(np.arange(6)), idx(pixels(4, 28, 28)), idx(np.arange(4))]


def fake_cifar(folder, train, test, meta, names, labels):
    """Make CIFAR's archive of pickles with two images in each."""
    members = {f"{folder}/{name}": batch(2, labels) for name in (*train, test)}
    return [tar(**members, **{f"{folder}/{meta}": pickle.dumps({names: ["apple", "boat"]})})]


def fake_caltech():
    """Make a zip that holds a .tar.gz, in which a stray file lies among the background images."""
    folder = "101_ObjectCategories"
    names = ("BACKGROUND_Google/image_0001.jpg", "ant/image_0001.jpg", "ant/image_0002.jpg", "bass/image_0001.jpg")
    members = {f"{folder}/{name}": jpeg() for name in names} | {f"{folder}/BACKGROUND_Google/tmp": b"stray"}
    return [zipped(**{f"caltech-101/{folder}.tar.gz": tar(**members)})]


def fake_flowers():
    """Six images of two flowers, numbered, with MATLAB files of labels and splits."""
    members = {f"jpg/image_{i:05d}.jpg": jpeg() for i in range(1, 7)}
    parts = matlab(trnid=np.array([[5, 1]]), valid=np.array([[2, 6]]), tstid=np.array([[3, 4]]))
    return [tar(**members), matlab(labels=np.array([[1, 1, 1, 2, 2, 2]])), parts]


def fake_dtd():
    """Three images of each of two textures, in ten partitions."""
    names = [f"{label}/{label}_{i}.jpg" for label in ("banded", "dotted") for i in range(3)]
    members = {f"dtd/images/{name}": jpeg() for name in names}
    for number in range(1, 11):
        for i, part in enumerate(("train", "val", "test")):
            chosen = names[(i + number) % 3 :: 3]
            members[f"dtd/labels/{part}{number}.txt"] = "\n".join(chosen).encode() + b"\n"
    return [tar(**members)]


def fake_stl10():
    """Two labelled images in each part, stored by channel and column."""
    image = np.zeros((3, 96, 96), dtype=np.uint8)
    image[0, 5, :] = 255  # column 5 red
    members = {"train_X.bin": image.tobytes() * 2, "train_y.bin": b"\x01\x02", "unlabeled_X.bin": b""}
    members |= {"test_X.bin": image.tobytes() * 2, "test_y.bin": b"\x02\x01", "class_names.txt": b"airplane\nbird\n"}
    return [tar(**{f"stl10_binary/{name}": contents for name, contents in members.items()})]


def fake_eurosat():
    """Two images of each of two kinds of land."""
    return [zipped(**{f"2750/{label}/{label}_{i}.jpg": jpeg() for label in ("Forest", "River") for i in (1, 2)})]


def fake_pets():
    """Two images of each of two breeds, one to train on."""
    ids = [f"{breed}_{i}" for breed in ("Abyssinian", "great_pyrenees") for i in (1, 2)]
    lines = [f"{name} {1 + i // 2} 1 1\n".encode() for i, name in enumerate(ids)]
    lists = {"annotations/trainval.txt": lines[0] + lines[2], "annotations/test.txt": lines[1] + lines[3]}
    return [tar(**{f"images/{name}.jpg": jpeg() for name in ids}), tar(**lists)]


FAKES = {
    "mnist": (fake_mnist, 10, list("0123456789"), [(6, 4)]),
    "fashion-mnist": (fake_mnist, 10, ["T-shirt/top", "Trouser"], [(6, 4)]),
    "cifar10": (
        lambda: fake_cifar(
            "cifar-10-batches-py",
            [f"data_batch_{i}" for i in range(1, 6)],
            "test_batch",
            "batches.meta",
            "label_names",
            "labels",
        ),
        12,
        ["apple", "boat"],
        [(10, 2)],
    ),
    "cifar100": (
        lambda: fake_cifar("cifar-100-python", ["train"], "test", "meta", "fine_label_names", "fine_labels"),
        4,
        ["apple", "boat"],
        [(2, 2)],
    ),
    "caltech101": (fake_caltech, 4, ["BACKGROUND_Google", "ant", "bass"], None),
    "flowers102": (fake_flowers, 6, ["pink primrose", "hard-leaved pocket orchid"], [(4, 2)]),
    "dtd": (fake_dtd, 6, ["banded", "dotted"], [(4, 2)] * 10),
    "stl10": (fake_stl10, 4, ["airplane", "bird"], [(2, 2)]),
    "eurosat": (fake_eurosat, 4, ["Forest", "River"], None),
    "oxford-pets": (fake_pets, 4, ["Abyssinian", "Great Pyrenees"], [(2, 2)]),
}


def place(name, root, monkeypatch):
    """Put the fake files where the error message says, and expect as many images as they hold."""
    make, n_images, _, _ = FAKES[name]
    for (_, path), contents in zip(PUBLISHED[name].files, make(), strict=True):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(contents)
    monkeypatch.setitem(PUBLISHED, name, replace(PUBLISHED[name], n_images=n_images))


def fetcher(name):
    """Return the public function for a data set."""
    return getattr(data, f"fetch_{name.replace('-', '_')}")


@pytest.mark.parametrize("name", FAKES)
def test_files_put_in_place_by_hand_are_read(name, tmp_path, monkeypatch, unsigned):
    """Files put where the message says are unpacked and read without a network, and so the second time."""
    place(name, tmp_path, monkeypatch)
    _, n_images, class_names, parts = FAKES[name]
    found = fetcher(name)(tmp_path)
    assert len(found) == n_images
    assert list(found.class_names[: len(class_names)]) == class_names
    assert (None if found.splits is None else [(len(train), len(test)) for train, test in found.splits]) == parts
    assert (found.name, found.licence, found.citation) == (name, PUBLISHED[name].licence, PUBLISHED[name].citation)
    assert all(read_image(image).ndim == 3 for image in found.images)
    assert fetcher(name)(str(tmp_path), download=False).fingerprint == found.fingerprint


@pytest.mark.parametrize("name", FAKES)
def test_without_a_network(name, tmp_path):
    """The message says what was tried, where each file goes, and what works without a network."""
    with pytest.raises(FetchError) as caught:
        fetcher(name)(tmp_path)
    message = str(caught.value)
    for address, path in PUBLISHED[name].files:
        assert address in message
        assert str(tmp_path / path) in message
    assert "Temporary failure in name resolution" in message
    assert "load_digits(), or load_folder(path)" in message
    with pytest.raises(FetchError, match="download=False forbids fetching it"):
        fetcher(name)(tmp_path, download=False)


@pytest.mark.parametrize("name", PUBLISHED)
def test_addresses_are_those_of_torchvision(name):
    """What the message tells to fetch by hand is what torchvision would fetch."""
    entry = PUBLISHED[name]
    kind = getattr(tv, entry.torchvision)
    code = inspect.getsource(kind) + inspect.getsource(inspect.getmro(kind)[1]) + repr(vars(kind))
    for address, _ in entry.files:
        start, file = address.rsplit("/", 1)
        assert address in code or (f"{start}/" in code and file in code)


def test_labels_and_splits_follow_the_authors(tmp_path, monkeypatch, unsigned):
    """Flowers: training and validation lists are joined in order, each image keeps its own label."""
    place("flowers102", tmp_path, monkeypatch)
    found = data.fetch_flowers102(tmp_path)
    numbers = [int(path[-9:-4]) for path in found.images]
    assert numbers == [5, 1, 2, 6, 3, 4]
    assert [label[:4] for label in found.labels] == ["hard", "pink", "pink", "hard", "pink", "hard"]


def test_every_partition_of_dtd_covers_it(tmp_path, monkeypatch, unsigned):
    """Ten splits, each with every image once."""
    place("dtd", tmp_path, monkeypatch)
    found = data.fetch_dtd(tmp_path)
    for train, test in found.splits:
        assert sorted([*train, *test]) == list(range(6))
    assert not np.array_equal(found.splits[0][1], found.splits[1][1])


def test_pictures_stand_upright(tmp_path, monkeypatch, unsigned):
    """STL-10 stores columns first: the red column is a column in `images`, too."""
    place("stl10", tmp_path, monkeypatch)
    image = data.fetch_stl10(tmp_path).images[0]
    assert image[:, 5].tolist() == [[255, 0, 0]] * 96
    assert image.sum() == 255 * 96


def test_caltech_without_its_stray_file(tmp_path, monkeypatch, unsigned):
    """The file `tmp` among the background images is left out."""
    place("caltech101", tmp_path, monkeypatch)
    assert all(path.endswith(".jpg") for path in data.fetch_caltech101(tmp_path).images)


def test_an_interrupted_unpacking_is_noticed(tmp_path, monkeypatch, unsigned):
    """torchvision takes part of the images for all of them; the count tells."""
    place("eurosat", tmp_path, monkeypatch)
    data.fetch_eurosat(tmp_path)
    (tmp_path / "eurosat/2750/River/River_1.jpg").unlink()
    with pytest.raises(FetchError, match=r"incomplete: 3 of 4 images.*Remove .*eurosat' and fetch it again"):
        data.fetch_eurosat(tmp_path)
    place("oxford-pets", tmp_path, monkeypatch)
    data.fetch_oxford_pets(tmp_path)
    (tmp_path / "oxford-iiit-pet/images/Abyssinian_1.jpg").unlink()
    with pytest.raises(FetchError, match="incomplete: 3 of 4 images"):
        data.fetch_oxford_pets(tmp_path)


def test_a_damaged_file_is_not_trusted(tmp_path):
    """With checksums on, a wrong file in the right place is fetched again, which fails here."""
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(b"half of it")
    with pytest.raises(FetchError, match="Temporary failure"):
        data.fetch_cifar10(tmp_path)


def test_a_folder_that_cannot_be_made(tmp_path):
    """The parameter and the variable that choose it are named."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FetchError, match=r"cannot make the folder .* Pass root=, or set EYECRAFT_DATA"):
        data.fetch_mnist(tmp_path / "file" / "data")


@pytest.mark.parametrize(
    ("platform", "variable", "below"),
    [
        ("linux", "XDG_CACHE_HOME", "eyecraft/data"),
        ("win32", "LOCALAPPDATA", "eyecraft/data"),
        ("linux", "EYECRAFT_DATA", ""),
    ],
)
def test_where_data_is_kept(monkeypatch, tmp_path, platform, variable, below):
    """The user's choice first, else the platform's cache folder."""
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.delenv("EYECRAFT_DATA", raising=False)
    monkeypatch.setenv(variable, str(tmp_path))
    assert data_home() == tmp_path / below


def test_where_data_is_kept_on_a_mac(monkeypatch):
    """Below the library's cache folder."""
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.delenv("EYECRAFT_DATA", raising=False)
    assert data_home().parts[-4:] == ("Library", "Caches", "eyecraft", "data")


def test_importing_is_light():
    """Neither torch nor pandas nor scikit-learn is loaded before it is needed."""
    code = "import sys, eyecraft.data; print({'torch', 'pandas', 'sklearn', 'matplotlib'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
