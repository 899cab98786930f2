"""Looking after the feature store: what it holds, what it takes, what is deleted."""

import os
import sqlite3
import time
from pathlib import Path

import pytest
from references.store_work import Work, fill

from eyecraft.features._store import FeatureStore
from eyecraft.features._store_index import FeatureStoreWarning


def test_summary_and_prune(tmp_path: Path) -> None:
    """Extractors are listed with rows and bytes; the least recently used goes first."""
    store = FeatureStore(tmp_path)
    assert store.summary() == []
    assert store.prune(older_than=0) == 0
    fill(store, 4, description="first")
    store.fill("y", ["a"], Work(), lambda position, row: None, description="second")
    by_key = {entry["key"]: entry for entry in store.summary()}
    assert by_key["x"]["n_rows"] == 4
    assert by_key["y"]["description"] == "second"
    assert by_key["x"]["bytes"] == next(tmp_path.glob("shards/x/*")).stat().st_size
    assert store.size() == sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert store.prune(max_bytes=store.size() - 1) == by_key["x"]["bytes"]
    assert [entry["key"] for entry in store.summary()] == ["y"]
    store.prune(older_than=0)
    assert store.summary() == []
    assert not list(tmp_path.glob("shards/*"))


def test_orphans_are_swept(tmp_path: Path) -> None:
    """A shard the index does not know goes once it is old, not while it may still be named."""
    store = FeatureStore(tmp_path)
    fill(store, 1)
    orphan = tmp_path / "shards" / "x" / "orphan.npy"
    orphan.write_bytes(b"12345")
    assert store.prune() == 0
    os.utime(orphan, (0, 0))
    assert store.prune() == 5
    assert fill(store, 1)[1].asked == []


def test_what_a_damaged_index_leaves_is_measured_and_pruned(tmp_path: Path) -> None:
    """The index set aside and the shards that it named count, and are deleted."""
    store = FeatureStore(tmp_path)
    fill(store, 3)
    (tmp_path / "index.sqlite").write_bytes(b"not a database at all" * 100)
    with pytest.warns(FeatureStoreWarning, match="index was damaged"):
        assert store.summary() == []
    assert store.size() > 2100
    store.prune(older_than=0)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["index.sqlite"]


def test_pruning_packs_the_index(tmp_path: Path) -> None:
    """Room that deleted rows took in the index is given back, and counted."""
    store = FeatureStore(tmp_path)
    fill(store, 2000, batch_size=2000)
    assert store.size() > 200_000
    assert store.prune(older_than=0) > 150_000
    assert store.size() < 50_000


def test_a_store_that_is_read_only_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pruning it is refused in words, and nothing is deleted."""
    store = FeatureStore(tmp_path)
    fill(store, 2)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PermissionError, match="cannot be changed: it is read-only"):
        store.prune(older_than=0)
    assert fill(store, 2)[1].asked == []


def test_reading_counts_as_use(tmp_path: Path) -> None:
    """Rows that were read today are not those unused for a month."""
    store = FeatureStore(tmp_path)
    fill(store, 2)
    with sqlite3.connect(tmp_path / "index.sqlite") as index:
        index.execute("UPDATE extractors SET used = used - 40 * 86400")
    index.close()
    fill(store, 2)
    assert time.time() - store.summary()[0]["used"] < 60
    assert store.prune(older_than=30) == 0
