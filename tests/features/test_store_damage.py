"""The feature store when things go wrong: never a wrong row, nothing lost but time."""

import os
import socket
import sqlite3
import subprocess
import sys
import time
import warnings
import zlib
from pathlib import Path

import numpy as np
import psutil
import pytest
from references.store_work import Work, expected, fill

from eyecraft.features import _store_claims
from eyecraft.features._store import FeatureStore
from eyecraft.features._store_index import FeatureStoreWarning, open_index, reason
from eyecraft.features._store_shards import rows_of


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


@pytest.mark.parametrize(
    "owner",
    [
        f"{socket.gethostname()}/{os.getpid()}/123.00/aaaa",  # this process's number, before the machine was restarted
        f"{socket.gethostname()}/{os.getppid()}/123.00/aaaa",  # a number that was given to another process
        f"{socket.gethostname()}/{os.getpid()}/{psutil.Process().create_time():.2f}/aaaa",  # not taken back by us
        f"{socket.gethostname()}/{os.getpid()}/aaaa",  # of an older version, a month ago
    ],
)
def test_claims_of_the_dead_are_taken_over(tmp_path: Path, owner: str) -> None:
    """A claim is as alive as the very process that made it, not as any that has its number now."""
    store = FeatureStore(tmp_path)
    fill(store, 1)
    with open_index(tmp_path) as index:
        assert index is not None
        index.execute("INSERT INTO claims VALUES ('x', 'k1', ?, ?)", (owner, time.time() - 30 * 86400))
    assert fill(store, 2)[1].asked == [1]


def test_waiting_says_for_whom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """After a while, the process that computes the rows is named, once."""
    store = FeatureStore(tmp_path)
    fill(store, 1)
    parent = psutil.Process(os.getppid())
    owner = f"{socket.gethostname()}/{parent.pid}/{parent.create_time():.2f}/aaaa"
    with open_index(tmp_path) as index:
        assert index is not None
        index.execute("INSERT INTO claims VALUES ('x', 'k1', ?, ?)", (owner, time.time()))
    monkeypatch.setattr(_store_claims, "_PATIENCE", 0.1)
    end = time.monotonic() + 0.4
    monkeypatch.setattr(_store_claims, "_is_gone", lambda *_: time.monotonic() > end)
    assert fill(store, 2)[1].asked == [1]
    (said,) = [record.getMessage() for record in caplog.records]
    assert f"being computed for the store in {tmp_path} by process {parent.pid} on {socket.gethostname()}" in said


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


def test_no_flipped_bit_of_a_header_gives_another_row(tmp_path: Path) -> None:
    """The header is outside the checksum: with a bit of it flipped a shard is refused or reads the same."""
    fill(FeatureStore(tmp_path), 5)
    (shard,) = tmp_path.glob("shards/x/*.npy")
    good, rows = shard.read_bytes(), expected(5)
    places = [(f"k{i}", 2 * i, 2 * i + 2, zlib.crc32(rows[i].data)) for i in range(5)]
    accepted = 0
    for bit in range(0, 8 * 80, 3):
        changed = bytearray(good)
        changed[bit // 8] ^= 1 << bit % 8
        shard.write_bytes(changed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                got = rows_of(shard, places)
            except Exception:
                continue
        accepted += 1
        np.testing.assert_array_equal([row for _, row in got], rows)
    assert accepted < 150


def test_a_header_that_no_parser_likes_is_recomputed(tmp_path: Path) -> None:
    """Damage at which NumPy raises tokenize.TokenError is damage like any other; big-endian rows are not taken."""
    store = FeatureStore(tmp_path)
    for old, new in ((b"'descr'", b"'descr("), (b"'<f4'", b"'>f4'"), (b"(10,)", b"()   ")):
        fill(store, 5)
        (shard,) = tmp_path.glob("shards/x/*.npy")
        shard.write_bytes(shard.read_bytes().replace(old, new))
        with pytest.warns(FeatureStoreWarning, match="is damaged"):
            np.testing.assert_array_equal(fill(store, 5)[0], expected(5))


def test_errors_of_the_receiver_are_not_taken_for_damage(tmp_path: Path) -> None:
    """What the receiver of a row raises goes through, and the shard stays."""
    store = FeatureStore(tmp_path)
    fill(store, 2)

    def refuse(position: int, row: np.ndarray) -> None:
        raise ValueError("not mine")

    with pytest.raises(ValueError, match="not mine"):
        store.fill("x", ["k0"], Work(), refuse)
    assert fill(store, 2)[1].asked == []


def test_no_damaged_page_of_the_index_lasts(tmp_path: Path) -> None:
    """Whatever page of the index is overwritten, all rows come, and soon they are stored again."""
    store = FeatureStore(tmp_path)
    fill(store, 200, batch_size=200)
    index = tmp_path / "index.sqlite"
    good = index.read_bytes()
    assert len(good) >= 8 * 4096
    for page in range(len(good) // 4096):
        index.write_bytes(good[: page * 4096] + b"\xa7" * 4096 + good[(page + 1) * 4096 :])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FeatureStoreWarning)
            for _ in range(2):
                np.testing.assert_array_equal(fill(store, 200, batch_size=200)[0], expected(200))
        assert fill(store, 200, batch_size=200)[1].asked == [], page


def test_rows_that_are_said_to_be_stored_and_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index that cannot be put right (a full disk) does not keep anyone waiting: the rows are computed."""
    store = FeatureStore(tmp_path)
    fill(store, 4)
    (shard,) = tmp_path.glob("shards/x/*.npy")
    shard.unlink()
    monkeypatch.setattr(FeatureStore, "_discard", lambda *_: None)
    out, work = fill(store, 4, batch_size=3)
    np.testing.assert_array_equal(out, expected(4))
    assert work.asked == [0, 1, 2, 3]


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


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device"), "its disk is full: No space left on device. `eyecraft store"),
        (sqlite3.OperationalError("database or disk is full"), "its disk is full. `eyecraft store --max-size 1G"),
        (PermissionError(13, "Permission denied"), "it cannot be written: Permission denied. EYECRAFT_STORE=folder"),
        (OSError(5, "Input/output error"), "Input/output error"),
    ],
)  # fmt: skip
def test_reasons_say_what_helps(tmp_path: Path, error: Exception, words: str) -> None:
    """A full disk and a forbidden folder are told apart, each with what to do."""
    assert reason(error, tmp_path).startswith(words)


def test_unusable_folder_costs_time_only(tmp_path: Path) -> None:
    """A store that cannot be opened: a warning and correct rows."""
    file = tmp_path / "file"
    file.write_text("in the way")
    with pytest.warns(FeatureStoreWarning, match="cannot (be used|keep features)"):
        out, _ = fill(FeatureStore(file), 3)
    np.testing.assert_array_equal(out, expected(3))


def test_index_made_but_empty(tmp_path: Path) -> None:
    """A process killed while it made the index leaves nothing that hurts."""
    sqlite3.connect(tmp_path / "index.sqlite").close()
    np.testing.assert_array_equal(fill(FeatureStore(tmp_path), 2)[0], expected(2))
