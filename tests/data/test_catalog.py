"""Data sets by name."""

import pandas as pd
import pytest
from PIL import Image

from eyecraft.data import catalog, datasets, load_dataset


def test_every_data_set_is_listed():
    """Eleven names, each with its terms and a citation that can be followed."""
    table = datasets()
    assert isinstance(table, pd.DataFrame)
    assert len(table) == 11
    assert table.loc["digits", "network"] == False  # noqa: E712 - a NumPy boolean
    assert table["network"].sum() == 10
    assert table["citation"].str.contains("https://").all()
    assert (table["licence"].str.len() > 2).all()


@pytest.mark.parametrize("name", ["digits", "Digits", "DIGITS"])
def test_names_in_any_spelling(name):
    """Case, hyphens and spaces do not matter."""
    assert load_dataset(name).name == "digits"


def test_published_names_go_to_their_fetcher(monkeypatch, tmp_path):
    """Root and download are passed on."""
    calls = []
    monkeypatch.setattr(catalog, "fetch", lambda *args, **options: calls.append((*args, options)))
    for name in ("fashion_mnist", "FashionMNIST", "CIFAR-10", "oxford pets"):
        load_dataset(name, root=tmp_path, download=False)
    options = {"download": False}
    assert calls == [(name, tmp_path, options) for name in ("fashion-mnist", "fashion-mnist", "cifar10", "oxford-pets")]


def test_folders(tmp_path, monkeypatch):
    """A path is loaded as a folder, and so is a bare name that exists; a known name goes first as it is spelled."""
    for name in (f"{parent}/{label}/1.png" for parent in ("pets", "digits", "Digits-") for label in "ab"):
        (tmp_path / name).parent.mkdir(parents=True)
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    (tmp_path / "pets" / "b" / "2.png").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    assert len(load_dataset("pets", on_error="skip")) == 2
    assert len(load_dataset("./digits")) == len(load_dataset(tmp_path / "digits")) == 2
    assert len(load_dataset("digits")) == 1797
    assert len(load_dataset("Digits-")) == 2


def test_unknown_names():
    """The nearest names are given, and that a folder would do."""
    with pytest.raises(ValueError, match=r"Did you mean 'fashion-mnist'.*one sub-folder of images per class"):
        load_dataset("fashon-mnist")
    with pytest.raises(ValueError, match=r"'zzzzzz' is neither the name of a data set nor a folder in .*Names: digits"):
        load_dataset("zzzzzz")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        load_dataset("no/such/folder")
