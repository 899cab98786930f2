"""Runs that were stopped, repeated, changed or crowded: nothing lost, nothing mixed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier

from eyecraft.pipelines import Comparison, compare

IMAGES = np.arange(12 * 36, dtype=np.uint8).reshape(12, 6, 6)
LABELS = np.array(["cat", "dog", "cow"] * 4)


class Watched(ClassifierMixin, BaseEstimator):
    """Answers the most frequent class, counts its fits, and breaks off at one of them."""

    fits = 0
    break_at = None

    def __init__(self, value=1, n_jobs=None):
        self.value = value
        self.n_jobs = n_jobs

    def fit(self, X, y):
        """Count, and perhaps break off."""
        if Watched.fits == Watched.break_at:
            raise KeyboardInterrupt
        Watched.fits += 1
        self.classes_, counts = np.unique(y, return_counts=True)
        self.answer_ = self.classes_[counts.argmax()]
        return self

    def predict(self, X):
        """Answer."""
        return np.full(len(X), self.answer_)


@pytest.fixture(autouse=True)
def _from_zero():
    Watched.fits, Watched.break_at = 0, None


def run(out, **changed):
    """Compare two pipelines over four folds, with changes."""
    arguments = {"pipelines": {"a": Watched(1), "b": Watched(2)}, "X": IMAGES, "y": LABELS, "cv": 4, "out": out}
    return compare(**arguments | changed)


def test_repeating_a_call_computes_nothing(tmp_path):
    """All eight rows are reused, and the result is the same."""
    first = run(tmp_path)
    again = run(tmp_path)
    assert Watched.fits == 8
    pd.testing.assert_frame_equal(first.predictions, again.predictions)
    pd.testing.assert_frame_equal(first.seconds, again.seconds)


def test_interruption_keeps_what_is_finished(tmp_path):
    """Broken off in the sixth row: five on disk and readable; the second call computes three."""
    Watched.break_at = 5
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    partial = Comparison.load(tmp_path)
    assert partial.scores.query("metric == 'accuracy'").groupby("pipeline").size().to_dict() == {"a": 4, "b": 1}
    Watched.fits, Watched.break_at = 0, None
    finished = run(tmp_path)
    assert Watched.fits == 3
    assert finished.table()["n_splits"].tolist() == [4, 4]


def test_killed_run_is_taken_up_again(tmp_path):
    """A process that is killed leaves whole rows and a lock that does not stand in the way."""
    script = tmp_path / "slow.py"
    script.write_text(
        "import sys, time, numpy as np\n"
        "from sklearn.dummy import DummyClassifier\n"
        "from eyecraft.pipelines import compare\n"
        "class Slow(DummyClassifier):\n"
        "    def fit(self, X, y):\n"
        "        time.sleep(0.5)\n"
        "        return super().fit(X, y)\n"
        "X = np.arange(12 * 36, dtype=np.uint8).reshape(12, 6, 6)\n"
        "result = compare({'p': Slow()}, X, ['cat', 'dog', 'cow'] * 4, cv=4, out=sys.argv[1])\n"
        "print(result.pipelines['error'][0])\n"
    )
    out = tmp_path / "out"
    rows = lambda: sorted(out.glob("rows/*/*.json"))  # noqa: E731
    with subprocess.Popen([sys.executable, str(script), str(out)]) as process:
        deadline = time.monotonic() + 60
        while len(rows()) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    before = {path: path.stat().st_mtime_ns for path in rows()}
    assert 2 <= len(before) < 4
    done = subprocess.run([sys.executable, str(script), str(out)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "None"
    assert len(rows()) == 4
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in before.items())
    assert not list(out.rglob("*.part"))


def test_worker_that_dies_is_an_error_of_its_pipeline(tmp_path):
    """Other pipelines go on in new workers."""
    script = tmp_path / "dies.py"
    script.write_text(
        "import os, numpy as np\n"
        "from sklearn.dummy import DummyClassifier\n"
        "from eyecraft.pipelines import compare\n"
        "class Dies(DummyClassifier):\n"
        "    def fit(self, X, y):\n"
        "        os._exit(3)\n"
        "if __name__ == '__main__':\n"
        "    X, y = np.zeros((12, 6, 6), dtype=np.uint8), ['cat', 'dog', 'cow'] * 4\n"
        "    result = compare({'bad': Dies(), 'good': DummyClassifier()}, X, y, cv=2, n_jobs=2)\n"
        "    print(result.pipelines['error'].tolist(), len(result.errors))\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == (
        "['RuntimeError: a worker process died, perhaps for lack of memory; try n_jobs=1', None] 2"
    )


@pytest.mark.parametrize(
    ("changed", "fits"),
    [
        ({"pipelines": {"a": Watched(3), "b": Watched(2)}}, 4),
        ({"pipelines": {"a": Watched(1, n_jobs=1), "b": Watched(2)}}, 0),
        ({"pipelines": {"a": Watched(1), "b": Watched(2), "c": Watched(1)}}, 4),
        ({"pipelines": {"b": Watched(2)}}, 0),
        ({"scoring": ["accuracy"]}, 0),
        ({"scoring": ["f1_macro"]}, 8),
        ({"overwrite": True}, 8),
    ],
)
def test_only_what_changed_is_computed_again(tmp_path, changed, fits):
    """Parameters that change numbers count; workers do not."""
    run(tmp_path)
    Watched.fits = 0
    result = run(tmp_path, **changed)
    assert Watched.fits == fits
    assert set(result.scores["metric"]) == set(result.protocol["metrics"])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"X": IMAGES + np.uint8(1)}, "the images or labels differ"),
        ({"y": LABELS[::-1]}, "the images or labels differ"),
        ({"X": IMAGES[:9], "y": LABELS[:9], "cv": 3}, "12 images before, 9 now; .*4 splits before, 3 now"),
        ({"random_state": 1}, "the indices of the splits differ"),
        ({"cv": 3}, "4 splits before, 3 now"),
    ],
)
def test_unlike_data_or_splits_are_refused(tmp_path, changed, message):
    """Nothing is touched; another folder or overwrite=True goes on."""
    run(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(ValueError, match=message) as caught:
        run(tmp_path, **changed)
    assert "another `out` folder" in str(caught.value)
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert len(run(tmp_path, overwrite=True, **changed).pipelines) == 2


def test_more_splits_of_the_same_seed_are_added(tmp_path):
    """From two splits to four computes two; back to two computes none, and four are still there."""
    splits = [([0, 1, 6, 7], [2, 8]), ([1, 2, 7, 8], [3, 9]), ([2, 3, 8, 9], [4, 10]), ([3, 4, 9, 10], [5, 11])]
    run(tmp_path, cv=splits[:2])
    for n_splits, fits in ((4, 4), (2, 0), (4, 0)):
        Watched.fits = 0
        assert run(tmp_path, cv=splits[:n_splits]).table()["n_splits"].tolist() == [n_splits, n_splits]
        assert Watched.fits == fits


def test_failed_rows_are_tried_again(tmp_path):
    """An error is not a result."""

    class Flaky(Watched):
        def fit(self, X, y):
            if Watched.fits == 0:
                Watched.fits = 1
                raise OSError("the network drive is gone")
            return super().fit(X, y)

    assert run(tmp_path, pipelines={"f": Flaky()}).table()["n_splits"].tolist() == [3]
    assert run(tmp_path, pipelines={"f": Flaky()}).table()["n_splits"].tolist() == [4]
    assert Watched.fits == 5


@pytest.mark.parametrize("name", ["split-001.json", "split-001.npz"])
def test_damaged_row_is_computed_again(tmp_path, name):
    """A file cut short is as good as none."""
    run(tmp_path)
    path = next(tmp_path.glob(f"rows/a-*/{name}"))
    path.write_bytes(path.read_bytes()[:40])
    Watched.fits = 0
    assert run(tmp_path).table()["n_splits"].tolist() == [4, 4]
    assert Watched.fits == 1


def test_two_runs_in_one_folder(tmp_path):
    """The second is told who is there."""

    class Nested(DummyClassifier):
        def fit(self, X, y):
            run(tmp_path, pipelines={"b": DummyClassifier()})

    error = run(tmp_path, pipelines={"n": Nested()}).pipelines["error"][0]
    assert f"RuntimeError: another run (process {os.getpid()} on " in error
    assert "choose another `out`" in error


def test_lock_of_a_dead_process_is_taken_over(tmp_path):
    """What the lock file says does not matter, only whether somebody holds it."""
    (tmp_path / ".lock").write_text('{"pid": 1, "host": "elsewhere", "started": "yesterday"}')
    run(tmp_path)
    assert (tmp_path / ".lock").read_text() == ""


def test_folder_that_cannot_be_written(tmp_path):
    """Said before any work."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match=r"`out` must be a folder that can be written; .* Nothing was computed"):
        run(tmp_path / "file" / "out")
    assert Watched.fits == 0


def test_disk_that_is_full_at_the_start(tmp_path, monkeypatch):
    """Said before any work."""
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 5 << 20}))
    with pytest.raises(OSError, match=r"at least 32 MiB free; .* has 5 MiB"):
        run(tmp_path)
    assert Watched.fits == 0


def test_disk_that_fills_up_in_the_middle(tmp_path, monkeypatch):
    """The error says what to do; the rows before it are there for the next call."""
    real, written = np.savez_compressed, []

    def full(file, **arrays):
        if "predicted" in arrays:  # a row's answers, not the pictures beside them
            written.append(file)
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        real(file, **arrays)

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(OSError, match=r"rows finished before are kept. To go on: free some space, then repeat"):
        run(tmp_path)
    Watched.fits = 0
    run(tmp_path)
    assert Watched.fits == 6


def test_odd_names(tmp_path):
    """Any text may name a pipeline; file names stay plain and different."""
    names = [
        "../../up",
        "größe/ß",
        "a b",
        "a-b",
        "名前",
        "<b>&amp;",
        "x" * 300,
        "con",
        "CON",
        'quo"te, comma',
        "\ud800",
    ]
    result = run(tmp_path, pipelines={name: DummyClassifier() for name in names})
    folders = [path.name for path in (tmp_path / "rows").iterdir()]
    assert len(folders) == len(names)
    assert all(name.isascii() and len(name) < 60 and ".." not in name for name in folders)
    assert Comparison.load(tmp_path).pipelines["name"].tolist()[:-1] == names[:-1]
    assert "&lt;b&gt;&amp;amp;" in result._repr_html_()
    assert not list(tmp_path.parent.glob("up*"))


def test_metric_functions_are_told_apart_by_what_they_do(tmp_path):
    """The same name with another body is another metric."""
    run(tmp_path, scoring={"own": lambda estimator, X, y: 1.0})
    Watched.fits = 0
    result = run(tmp_path, scoring={"own": lambda estimator, X, y: 2.0})
    assert Watched.fits == 8
    assert set(result.scores.query("metric == 'own'")["value"]) == {2.0}


def test_loading_what_is_not_there(tmp_path):
    """The folder is named, and what would fill it."""
    with pytest.raises(FileNotFoundError, match=r"holds no comparison.json"):
        Comparison.load(tmp_path)


def test_loading_what_is_damaged(tmp_path):
    """Repeating the call repairs it."""
    run(tmp_path)
    (tmp_path / "splits.npz").unlink()
    with pytest.raises(ValueError, match=r"cannot be read .*splits.npz.* Repeat the call"):
        Comparison.load(tmp_path)
    run(tmp_path)
    assert Watched.fits == 8
    assert Comparison.load(tmp_path).protocol["n_splits"] == 4


def test_manifest_that_is_damaged_mixes_nothing(tmp_path):
    """Rows carry their own keys."""
    run(tmp_path)
    (tmp_path / "run.json").write_text("{")
    run(tmp_path, X=IMAGES + np.uint8(1))
    assert Watched.fits == 16
    assert json.loads((Path(tmp_path) / "run.json").read_text())["images"] == 12
