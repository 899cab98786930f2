"""What the command says: options in place of parameters, short errors below tables, plain warnings."""

import os
import sys
import warnings

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

from eyecraft._wording import explained, for_terminal, in_options, shortened, speak_plainly
from eyecraft.pipelines import compare


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("load_folder(..., on_error='skip') leaves such files out", "--skip-broken leaves such files out"),
        ("or leave them out with on_error='skip'.", "or leave them out with --skip-broken."),
        ("choose another `out`, or overwrite=True", "choose another `--out`, or --overwrite"),
        ("Use cv=2 or fewer; try n_jobs=1", "Use --folds 2 or fewer; try --jobs 1"),
        ("Pass root=, or set EYECRAFT_DATA to a folder", "Set EYECRAFT_DATA to a folder"),
    ],
)  # fmt: skip
def test_parameters_become_options(said: str, told: str) -> None:
    """Advice can be followed as it stands."""
    assert in_options(said) == told


def test_errors_of_the_system_have_no_number() -> None:
    """The file and the reason are enough."""
    assert explained(FileNotFoundError(2, "No such file or directory", "cats")) == "cats: No such file or directory"


def test_long_errors_keep_their_first_sentences() -> None:
    """What a library adds to read on the web is left to the report."""
    text = "ValueError: Input X contains NaN. LinearSVC does not accept them. See https://a.b for more. Or https://c.d"
    assert shortened(text) == "ValueError: Input X contains NaN. LinearSVC does not accept them."
    assert len(shortened("word " * 200)) < 320


def test_errors_below_the_table() -> None:
    """They are short and name options; the comparison keeps its own."""

    class Failing(DummyClassifier):
        def fit(self, *_: object, **__: object) -> "Failing":
            raise ValueError("No. Use cv=2. See https://a.b")

    result = compare({"failing": Failing()}, np.zeros((4, 6, 6), np.uint8), list("abab"), cv=2)
    assert for_terminal(result).pipelines["error"].tolist() == ["ValueError: No. Use --folds 2."]
    assert "https" in result.pipelines["error"].tolist()[0]


def test_warnings_are_one_line_once(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """No file names and source lines, and nothing twice; lines take the place of bars where nobody watches."""
    monkeypatch.delenv("EYECRAFT_PROGRESS")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        speak_plainly()
        for _ in range(2):
            warnings.warn("the store is full; choose another `out`", UserWarning, stacklevel=1)
    assert capsys.readouterr().err == "warning: the store is full; choose another `--out`\n"
    assert os.environ.pop("EYECRAFT_PROGRESS") == "lines"
