"""What the command says about mistakes and mishaps: in the words of a terminal, one line where one will do."""

import copy
import os
import re
import sys
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eyecraft.pipelines import Comparison

# How advice that names a parameter reads where there are options; the first that fits is taken
_SPELLINGS = {
    "load_folder(..., on_error='skip')": "--skip-broken",
    "with on_error='skip'": "with --skip-broken",
    "on_error='skip'": "--skip-broken",
    "overwrite=True": "--overwrite",
    "load_digits(), or load_folder(path) with": "the data set digits, or a folder with",
    "Pass root=, or set EYECRAFT_DATA": "Set EYECRAFT_DATA",
    "Give `image_size=(height, width)`": "In a script, give `image_size=(height, width)`",
    "`out`": "`--out`",
    "`layers`": "`--layers`",
    "`checkpoint_dir`": "`--out`",
    "`weights_dir`": "`--weights-dir`",
    "weights_dir=": "--weights-dir ",
    "`device`": "`--device`",
    "device=": "--device ",
    "cv=": "--folds ",
    "n_train=": "--train-per-class ",
    "n_jobs=": "--jobs ",
    "random_state=": "--seed ",
}
_FOUND = re.compile("|".join(map(re.escape, _SPELLINGS)))
_MISTAKES = (ValueError, OSError, RuntimeError, ImportError)
_LONG = 300  # characters of an error below a table; the report has all of it


def in_options(text: str) -> str:
    """Return advice that names options, not parameters.

    >>> in_options("Choose an `out`, or overwrite=True")
    'Choose an `--out`, or --overwrite'
    """
    return _FOUND.sub(lambda found: _SPELLINGS[found.group()], text)


def explained(error: BaseException) -> str:
    """Return what to tell of an error: the reason and the advice; for what nobody foresaw also its kind."""
    if isinstance(error, MemoryError):
        text = f"there was not enough memory ({error})" if str(error) else "there was not enough memory"
        return f"{text}. Try --jobs 1, fewer or smaller images"
    if isinstance(error, OSError) and error.strerror:  # without the number of the operating system
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    else:
        text = str(error) or type(error).__name__
    if isinstance(error, _MISTAKES):
        return in_options(text)
    return f"{type(error).__name__}: {text}. This should not happen; EYECRAFT_DEBUG=1 shows where it did"


def for_terminal(comparison: "Comparison") -> "Comparison":
    """Return the comparison with errors for the lines below its table: short, with options for parameters."""
    told = copy.copy(comparison)
    frame = comparison.pipelines.copy()
    frame["error"] = [shortened(in_options(text)) if isinstance(text, str) else None for text in frame["error"]]
    object.__setattr__(told, "pipelines", frame)
    return told


def shortened(text: str) -> str:
    """Return the first sentences of a long text, without web pages to read.

    >>> shortened("ValueError: Input X contains NaN. See https://example.org for more.")
    'ValueError: Input X contains NaN.'
    """
    if len(text) <= _LONG and "http" not in text:
        return text
    kept = ""
    for sentence in re.split(r"(?<=[.!?]) ", text):
        if "http" in sentence or (kept and len(kept) + len(sentence) > _LONG):
            break
        kept = f"{kept} {sentence}".strip()
    return kept if 0 < len(kept) <= _LONG else f"{text[:_LONG]} ..."


def speak_plainly() -> None:
    """Prepare a process whose output a person reads: warnings in one line each, once; names in any bytes printable.

    Where standard error is no terminal, lines say what is being done.
    """
    told: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *_: Any) -> None:
        text = in_options(" ".join(str(message).split()))
        if text not in told:
            told.add(text)
            print(f"warning: {text}", file=sys.stderr)

    warnings.showwarning = show  # type: ignore[assignment]
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if sys.stderr is not None and not sys.stderr.isatty():
        os.environ.setdefault("EYECRAFT_PROGRESS", "lines")
