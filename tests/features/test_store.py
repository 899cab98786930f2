"""The feature store: each row computed once, by however many at a time."""

import multiprocessing
import os
import pickle
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from references.store_work import Work, expected, fill

from eyecraft.data._cache import cache_folder
from eyecraft.features._store import Batch, FeatureStore, open_store


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


def test_cost_is_what_was_measured(tmp_path: Path) -> None:
    """Seconds per image survive in the store, and other images that are stored do not mix in."""
    store = FeatureStore(tmp_path)
    assert store.cost("x", ["k0"]) == {}
    fill(store, 8, batch_size=3)
    dear = Batch([np.zeros(2, np.float32)], 100.0, 100.0)
    store.fill("x", ["dear"], lambda positions: dear, lambda position, row: None)
    assert store.cost("x", ["k0", "k7", "unknown"]) == {"decode": 0.25, "extract": 1.0}
    assert store.cost("x", ["dear"]) == {"decode": 100.0, "extract": 100.0}


def test_keys_in_any_bytes(tmp_path: Path) -> None:
    """Names of files need be no text; they are told apart, found and measured."""
    store, keys, work = FeatureStore(tmp_path), [os.fsdecode(b"caf\xe9"), os.fsdecode(b"caf\xe8"), "犬"], Work()
    for _ in range(2):
        store.fill("x", keys, work, lambda position, row: None)
    assert work.asked == [0, 1, 2]
    assert store.contains("x", keys).all()
    assert store.cost("x", keys)["extract"] == 1.0


def test_contains(tmp_path: Path) -> None:
    """Looking up reads nothing and tells what is there."""
    store = FeatureStore(tmp_path)
    fill(store, 2)
    np.testing.assert_array_equal(store.contains("x", ["k1", "other", "k0"]), [True, False, True])


def test_open_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None, 'default', a folder and a store are understood; EYECRAFT_STORE moves or ends the default."""
    assert open_store(None) is None
    assert open_store(tmp_path) == FeatureStore(tmp_path)
    store = FeatureStore(tmp_path)
    assert open_store(store) is store
    monkeypatch.setenv("EYECRAFT_STORE", str(tmp_path / "mine"))
    assert open_store("default") == FeatureStore(tmp_path / "mine")
    monkeypatch.setenv("EYECRAFT_STORE", "~/mine")
    assert open_store("default") == FeatureStore(Path.home() / "mine")
    for word in ("off", "OFF"):
        monkeypatch.setenv("EYECRAFT_STORE", word)
        assert open_store("default") is None
    monkeypatch.delenv("EYECRAFT_STORE")
    assert cache_folder() is not None
    with pytest.raises(ValueError, match="`store` must be None, 'default', a folder or a FeatureStore; got 3"):
        open_store(3)  # type: ignore[arg-type]


def test_pickles_as_its_folder(tmp_path: Path) -> None:
    """A store travels to worker processes."""
    store = FeatureStore(tmp_path)
    assert pickle.loads(pickle.dumps(store)) == store
    assert repr(store) == f"FeatureStore({str(tmp_path)!r})"
