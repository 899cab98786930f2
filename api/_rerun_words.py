"""From the record that a page keeps of its run to the commands that repeat it."""

import os
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_REPEATABLE = ("compare", "reproduce")  # what writes a page with the record of its run
_STUDIES = {  # as records call them: the option, what it was done with, and the option for that
    "learning curves": ("--learning-curves", "n_splits", "--draws", 5),
    "robustness": ("--robustness", "n_images", "--images", None),
    "wrong labels": ("--label-errors", None, None, None),
}
Tell = Callable[[str], Any]


def recorded_words(record: dict[str, Any], run: Path) -> list[str]:
    """Return the arguments of the recorded command, without those that say where results go.

    Recipes that were chosen by default then are named, so that a later default does not change them.
    """
    command = record["protocol"].get("command")
    if not command:
        raise ValueError(
            f"expected a run that a command started; the one in {run} was started from Python, so that its page does "
            "not say all it takes. Repeat the call to `eyecraft.compare`; its protocol and parameters are in the report"
        )
    words = shlex.split(str(command))
    if len(words) < 2 or Path(words[0]).stem != "eyecraft" or words[1] not in _REPEATABLE:
        raise ValueError(
            f"expected a page made by `eyecraft {'` or `eyecraft '.join(_REPEATABLE)}`; this one names {command!r}. "
            "Nothing was run"
        )
    kept, skip = [], False
    for word in words[1:]:
        if not skip and word != "--out" and not word.startswith("--out=") and word != "--overwrite":
            kept.append(word)
        skip = word == "--out"
    names = list(dict.fromkeys(str(each["name"]) for one in _records(record) for each in one["pipelines"]))
    if kept[0] == "compare" and names and not any(word.startswith(("-r", "--recipes")) for word in kept):
        kept += ["--recipes", ",".join(names)]
    return kept


def with_weights(words: list[str], record: dict[str, Any], tell: Tell) -> list[str]:
    """Point the command at the folder of weights that was used then, where it is still there."""
    environment: dict[str, Any] = next((one["environment"] for one in _records(record)), {})
    place = words.index("--weights-dir") + 1 if "--weights-dir" in words else None
    if place is not None and place < len(words):
        before = Path(environment.get("directory") or ".") / words[place]
        moved = not Path(words[place]).exists() and before.exists()
        return [*words[:place], str(before), *words[place + 1 :]] if moved else words
    used = environment.get("weights")
    if words[0] != "compare" or not used or os.environ.get("EYECRAFT_WEIGHTS"):
        return words
    folder = Path(environment.get("directory") or ".") / used
    if folder.is_dir():
        return [*words, "--weights-dir", str(folder)]
    tell(f"weights were read from {folder}, which is not here: a network may get others. EYECRAFT_WEIGHTS says where")
    return words


def with_data(words: list[str], record: dict[str, Any], data: Path | None) -> list[str]:
    """Point the command at the images: where the user says, else where they were, else where they were loaded from."""
    places = _places_of_data(words)
    if data is not None and len(places) > 1:
        raise ValueError(
            f"--data says where the images of one data set are; this run has {len(places)}. Nothing was run. Rerun the "
            "report of each, or put the folders where they were"
        )
    sources = [record["datasets"].get(name) for name in record["names"]] if "datasets" in record else [record]
    words = list(words)
    for place, one in zip(places, sources, strict=False):
        recorded = Path(str(((one or {}).get("dataset") or {}).get("source") or ""))
        if data is not None:
            words[place] = str(data)
        elif not Path(words[place]).exists() and recorded.is_absolute() and recorded.is_dir():
            words[place] = str(recorded)  # else a folder from here, or a name
    return words


def split_studies(words: list[str], record: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return the command without the studies that it would do otherwise than they were done, and options for those.

    Studies may have been added by `eyecraft study`, which takes more options than `eyecraft compare`. Each list of
    options is for one call of it: studies of the same pipelines go together.
    """
    apart: dict[str, list[str]] = {}
    found = record.get("studies") or {}
    for name, (option, setting, how, usual) in _STUDIES.items():
        about = found.get(name) or {}
        told, some = about.get(setting) if setting else None, _of_some(about, record)
        done_by_compare = option in words and not some and (told is None or usual is None or told == usual)
        if name not in found or done_by_compare or (setting is None and "judge" not in about):
            continue
        words = [word for word in words if word != option]
        options = apart.setdefault(some, ["--recipes", some] if some else [])
        options += [option] if told is None else [option, str(how), str(told)]
    if "near duplicates" in found:
        words = [word for word in words if word != "--no-checks"]
    return words, list(apart.values())


def _of_some(about: dict[str, Any], record: dict[str, Any]) -> str:
    """Return the pipelines of a study, parted by commas, or nothing if all that answered were in it."""
    studied = list(about.get("means") or {})
    answered = [str(one["name"]) for one in record.get("pipelines") or () if one.get("error") is None]
    return ",".join(studied) if studied and set(studied) < set(answered) else ""


def _records(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the record, or those of several data sets that have results."""
    if "datasets" in record:
        yield from (one for one in record["datasets"].values() if one)
    elif "pipelines" in record:
        yield record


def _places_of_data(words: list[str]) -> list[int]:
    """Return where the command names its images: an option's value, or all words that belong to no option."""
    if words[0] == "reproduce":
        return [words.index("--data") + 1] if "--data" in words else []
    flags, places, place = _flags(), [], 1
    while place < len(words):
        word = words[place]
        if not word.startswith("-"):
            places.append(place)
        alone = word in flags or "=" in word or (not word.startswith("--") and len(word) > 2)  # -rNAMES
        place += 1 if alone or not word.startswith("-") else 2
    return places


def _flags() -> set[str]:
    """Return the options of `eyecraft compare` that take no value."""
    import typer

    from .cli import app

    command: Any = typer.main.get_command(app)
    options = command.commands["compare"].params
    return {name for option in options if getattr(option, "is_flag", False) for name in option.opts}
