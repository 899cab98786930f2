"""The feature store: each row computed once, never a wrong one, nothing lost but time."""

import multiprocessing
import os
import pickle
import sqlite3
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from eyecraft.features._store import Batch, FeatureStore, default_folder, open_store
from eyecraft.features._store_index import FeatureStoreWarning


class Work:
    """Computes ``[position, position + 0.5]`` and remembers which positions it was asked for."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.asked: list[int] = []
        self.seconds = seconds

    def __call__(self, positions: list[int]) -> Batch:
        """Compute, after a while."""
        time.sleep(self.seconds)
        self.asked += positions
        return Batch([np.array([p, p + 0.5], np.float32) for p in positions], 0.25 * len(positions), len(positions))


def fill(store: FeatureStore, n: int, work: Work | None = None, **options: object) -> tuple[np.ndarray, Work]:
    """Fill *n* rows under keys ``k0, k1, ...`` and return them with the work that was needed."""
    work = work or Work()
    out = np.full((n, 2), np.nan, np.float32)
    store.fill("x", [f"k{i}" for i in range(n)], work, out.__setitem__, **options)  # type: ignore[arg-type]
    return out, work


def expected(n: int) -> np.ndarray:
    """Return the rows `Work` computes."""
    return np.arange(n, dtype=np.float32)[:, None] + np.array([0, 0.5], np.float32)


def test_second_time_computes_nothing(tmp_path: Path) -> None:
    """Rows come from disk the second time, and are the same."""
    store = FeatureStore(tmp_path)
    first, work = fill(store, 10, batch_size=3)
    second, again = fill(store, 10)
    np.testing.assert_array_equal(first, expected(10))
    np.testing.assert_array_equal(second, first)
    assert work.asked == list(range(10))
    assert again.asked == []


def test_only_the_missing_are_computed(tmp_path: Path) -> None:
    """A longer list costs only what is new."""
    store = FeatureStore(tmp_path)
    fill(store, 4)
    out, work = fill(store, 7)
    assert work.asked == [4, 5, 6]
    np.testing.assert_array_equal(out, expected(7))


def test_equal_images_are_computed_once(tmp_path: Path) -> None:
    """The same key twice is one extraction, delivered to both places."""
    rows: dict[int, np.ndarray] = {}
    work = Work()
    FeatureStore(tmp_path).fill("x", ["a", "b", "a"], work, rows.__setitem__)
    assert work.asked == [0, 1]
    np.testing.assert_array_equal(rows[2], rows[0])


def test_extractors_do_not_share_rows(tmp_path: Path) -> None:
    """Another extractor key means another row."""
    store = FeatureStore(tmp_path)
    fill(store, 2)
    work = Work()
    store.fill("y", ["k0", "k1"], work, lambda position, row: None)
    assert work.asked == [0, 1]


def test_ragged_rows_of_any_type(tmp_path: Path) -> None:
    """Rows may differ in length, be empty, and be integers."""
    store = FeatureStore(tmp_path)
    rows = [np.arange(n, dtype=np.uint8) for n in (3, 0, 5)]
    for _ in range(2):
        got: dict[int, np.ndarray] = {}
        store.fill("x", ["a", "b", "c"], lambda positions: Batch([rows[p] for p in positions]), got.__setitem__)
        for position, row in enumerate(rows):
            np.testing.assert_array_equal(got[position], row)
            assert got[position].dtype == np.uint8


def test_interrupt_keeps_what_was_done(tmp_path: Path) -> None:
    """Ctrl-C in the third batch loses that batch only, and its claim."""
    store = FeatureStore(tmp_path)

    class Interrupted(Work):
        def __call__(self, positions: list[int]) -> Batch:
            if positions[0] >= 4:
                raise KeyboardInterrupt
            return super().__call__(positions)

    with pytest.raises(KeyboardInterrupt):
        fill(store, 6, Interrupted(), batch_size=2)
    out, work = fill(store, 6)
    assert work.asked == [4, 5]
    np.testing.assert_array_equal(out, expected(6))


def test_two_threads_compute_each_row_once(tmp_path: Path) -> None:
    """Two callers at once share the work: n computations in all, both get all rows."""
    works = [Work(0.01), Work(0.01)]
    outs: dict[int, np.ndarray] = {}

    def run(which: int) -> None:
        outs[which] = fill(FeatureStore(tmp_path), 20, works[which], batch_size=2)[0]

    threads = [threading.Thread(target=run, args=(which,)) for which in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(works[0].asked + works[1].asked) == list(range(20))
    for out in outs.values():
        np.testing.assert_array_equal(out, expected(20))


def _count_in_process(folder: str, queue: "multiprocessing.Queue[int]") -> None:
    work = Work(0.005)
    fill(FeatureStore(folder), 30, work, batch_size=3)
    queue.put(len(work.asked))


def test_two_processes_compute_each_row_once(tmp_path: Path) -> None:
    """The same across processes."""
    context = multiprocessing.get_context("spawn" if sys.platform == "win32" else "fork")
    queue: multiprocessing.Queue[int] = context.Queue()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads of other tests
        workers = [context.Process(target=_count_in_process, args=(str(tmp_path), queue)) for _ in range(2)]
        for worker in workers:
            worker.start()
    assert queue.get(timeout=60) + queue.get(timeout=60) == 30
    for worker in workers:
        worker.join()


def test_killed_process_leaves_no_locks(tmp_path: Path) -> None:
    """Rows claimed by a process that was killed are computed by the next one."""
    script = f"""
import os, numpy as np
from eyecraft.features._store import Batch, FeatureStore
def work(positions):
    if positions[0] == 2:
        os._exit(9)
    return Batch([np.array([p, p + 0.5], np.float32) for p in positions])
FeatureStore({str(tmp_path)!r}).fill("x", [f"k{{i}}" for i in range(4)], work, lambda p, r: None, batch_size=2)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 9
    out, work = fill(FeatureStore(tmp_path), 4)
    assert work.asked == [2, 3]
    np.testing.assert_array_equal(out, expected(4))


@pytest.mark.parametrize("damage", ["flip", "truncate", "delete", "garbage"])
def test_damaged_shard_is_recomputed(tmp_path: Path, damage: str) -> None:
    """A damaged file means a warning that names it and correct rows, never a wrong one."""
    store = FeatureStore(tmp_path)
    fill(store, 5)
    (shard,) = tmp_path.glob("shards/x/*.npy")
    content = bytearray(shard.read_bytes())
    if damage == "flip":
        content[-3] ^= 1
    shard.write_bytes({"truncate": content[:-8], "garbage": b"\0" * 64}.get(damage, content))
    if damage == "delete":
        shard.unlink()
    with pytest.warns(FeatureStoreWarning, match=rf"{shard.name} is damaged .* computed again"):
        out, work = fill(store, 5)
    np.testing.assert_array_equal(out, expected(5))
    assert 4 in work.asked
    fill(store, 5)  # rows of the shard that were still sound are computed once more
    assert fill(store, 5)[1].asked == []


def test_damaged_index_is_begun_anew(tmp_path: Path) -> None:
    """An index that is no database is set aside, with a warning."""
    store = FeatureStore(tmp_path)
    fill(store, 3)
    (tmp_path / "index.sqlite").write_bytes(b"not a database at all" * 100)
    with pytest.warns(FeatureStoreWarning, match="index was damaged"):
        out, work = fill(store, 3)
    np.testing.assert_array_equal(out, expected(3))
    assert work.asked == [0, 1, 2]
    assert list(tmp_path.glob("index.damaged-*"))


def test_full_disk_costs_time_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No space left: a warning, correct rows, no half-written file."""

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(FeatureStoreWarning, match="cannot keep features .*No space left"):
        out, _ = fill(FeatureStore(tmp_path), 3)
    np.testing.assert_array_equal(out, expected(3))
    assert not list(tmp_path.glob("shards/*/*"))


def test_unusable_folder_costs_time_only(tmp_path: Path) -> None:
    """A store that cannot be opened: a warning and correct rows."""
    file = tmp_path / "file"
    file.write_text("in the way")
    with pytest.warns(FeatureStoreWarning, match="cannot (be used|keep features)"):
        out, _ = fill(FeatureStore(file), 3)
    np.testing.assert_array_equal(out, expected(3))


def test_cost_is_what_was_measured(tmp_path: Path) -> None:
    """Seconds per image survive in the store, and other images that are stored do not mix in."""
    store = FeatureStore(tmp_path)
    assert store.cost("x", ["k0"]) == {}
    fill(store, 8, batch_size=3)
    dear = Batch([np.zeros(2, np.float32)], 100.0, 100.0)
    store.fill("x", ["dear"], lambda positions: dear, lambda position, row: None)
    assert store.cost("x", ["k0", "k7", "unknown"]) == {"decode": 0.25, "extract": 1.0}
    assert store.cost("x", ["dear"]) == {"decode": 100.0, "extract": 100.0}


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
    assert store.prune(max_bytes=by_key["y"]["bytes"]) == by_key["x"]["bytes"]
    assert [entry["key"] for entry in store.summary()] == ["y"]
    store.prune(older_than=0)
    assert store.summary() == []
    assert not list(tmp_path.glob("shards/*/*"))


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


def test_contains(tmp_path: Path) -> None:
    """Looking up reads nothing and tells what is there."""
    store = FeatureStore(tmp_path)
    fill(store, 2)
    np.testing.assert_array_equal(store.contains("x", ["k1", "other", "k0"]), [True, False, True])


def test_index_made_but_empty(tmp_path: Path) -> None:
    """A process killed while it made the index leaves nothing that hurts."""
    sqlite3.connect(tmp_path / "index.sqlite").close()
    np.testing.assert_array_equal(fill(FeatureStore(tmp_path), 2)[0], expected(2))


def test_open_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None, 'default', a folder and a store are understood; EYECRAFT_STORE moves or ends the default."""
    assert open_store(None) is None
    assert open_store(tmp_path) == FeatureStore(tmp_path)
    store = FeatureStore(tmp_path)
    assert open_store(store) is store
    monkeypatch.setenv("EYECRAFT_STORE", str(tmp_path / "mine"))
    assert open_store("default") == FeatureStore(tmp_path / "mine")
    monkeypatch.setenv("EYECRAFT_STORE", "off")
    assert open_store("default") is None
    monkeypatch.delenv("EYECRAFT_STORE")
    assert default_folder() is not None
    with pytest.raises(ValueError, match="`store` must be None, 'default', a folder or a FeatureStore; got 3"):
        open_store(3)  # type: ignore[arg-type]


def test_pickles_as_its_folder(tmp_path: Path) -> None:
    """A store travels to worker processes."""
    store = FeatureStore(tmp_path)
    assert pickle.loads(pickle.dumps(store)) == store
    assert repr(store) == f"FeatureStore({str(tmp_path)!r})"
