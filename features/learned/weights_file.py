"""Files of weights: reading them without running any code, and finding the one for a model in a folder."""

import pickle
import re
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file

if TYPE_CHECKING:
    import os

FILE_ENDINGS = (".safetensors", ".pth", ".pt")
_USUAL_PLACES = ("state_dict", "model_state_dict", "model")  # where training scripts put the weights, best first
_WRAPPERS = ("module.", "_orig_mod.")  # put before every name by torch.nn.DataParallel and torch.compile
_DENSENET_OLD_KEY = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.(\d)\.")  # names of torchvision's DenseNet files
_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"  # how files of torch.save begin
_OTHERS = {
    b"<": "a web page, or the like",
    b"version https://git-lfs": "a pointer of Git LFS, not the file it stands for",
}


def read_weights(path: "str | os.PathLike[str]") -> dict[str, torch.Tensor]:
    """Read a file of weights without running any code in it.

    Parameters
    ----------
    path : path
        ``.safetensors``, or ``.pth`` / ``.pt`` as written by ``torch.save(network.state_dict(), path)``; what training
        scripts wrap around it is taken off.

    Returns
    -------
    state : dict of str to Tensor

    Raises
    ------
    FileNotFoundError
        No such file.
    ValueError
        The file is damaged or something else, holds more than tensors, or would run code.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"There is no weights file {str(path)!r}. Give the path of a {endings()} file.")
    with path.open("rb") as file:
        start = file.read(64).lstrip()
    other = next((what for mark, what in _OTHERS.items() if start.startswith(mark)), None)
    if other is not None:
        raise ValueError(f"{str(path)!r} is {other}: no weights are in it. Fetch the file itself.")
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what torch's readers raise for a damaged file is anybody's guess
        raise _refused(path, start, error) from error
    return _only_tensors(content, path)


def endings() -> str:
    """Return the endings of files, as a phrase."""
    return ", ".join(FILE_ENDINGS[:-1]) + f" or {FILE_ENDINGS[-1]}"


def without_prefix(state: Mapping[str, torch.Tensor], wanted: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Return *state* less the name that a wrapper put before all its keys, where *wanted* has them without."""
    state = dict(state)
    while state and not state.keys() & wanted.keys():
        first = {key.partition(".")[0] for key in state}
        if len(first) > 1 or not all("." in key for key in state):
            break
        state = {key.partition(".")[2]: tensor for key, tensor in state.items()}
    return state


def file_in(folder: Path, model: str, entry: Enum) -> Path | None:
    """Return the file of *folder* that serves for *entry*: torchvision's own name first, then any for the model.

    Files whose names say that they are another of the model's weights do not serve.

    Raises
    ------
    ValueError
        Several files would do.
    """
    own = Path(entry.value.url).name
    if (folder / own).is_file():
        return folder / own
    found = [path for path in files_for(folder, model) if not _is_another(path, model, entry)]
    return only_file([path for path in found if entry.name.lower() in path.name.lower()] or found, folder, model)


def files_for(folder: Path, model: str) -> list[Path]:
    """Return the files of *folder* called ``<model>`` or ``<model>-<anything>``, in order."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix in FILE_ENDINGS and (path.stem == model or path.name.startswith(f"{model}-"))
    )


def only_file(found: list[Path], folder: Path, model: str) -> Path | None:
    """Return the one file that was found, or None; raise ``ValueError`` for several."""
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise ValueError(f"Several files in {str(folder)!r} are for {model}: {names}. Give one of them as `weights`.")
    return found[0] if found else None


def modern_keys(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return *state* with the names that torchvision's networks have now."""
    return {_DENSENET_OLD_KEY.sub(r"\1\2.", key): value for key, value in state.items()}


def _is_another(path: Path, model: str, entry: Enum) -> bool:
    """Tell whether a file's name says that it is another of torchvision's weights: by address, name or version."""
    words = set(re.split(r"[-.]", path.name.lower().removeprefix(model)))
    words |= {part for word in words for part in word.split("_")}
    own = {entry.name.lower(), _version(entry)}
    others = [record for record in type(entry) if record is not entry]
    named = {name for record in others for name in (record.name.lower(), _version(record))} - own
    return path.name in {Path(record.value.url).name for record in others} or bool(words & named)


def _version(entry: Enum) -> str:
    """Return the last part of a name: "v2" of IMAGENET1K_V2."""
    return entry.name.rpartition("_")[2].lower()


def _refused(path: Path, start: bytes, error: Exception) -> ValueError:
    if "TorchScript" in str(error):
        return ValueError(
            f"{str(path)!r} was not loaded: it is a TorchScript program, and loading it could run code. If you trust "
            f"where it is from, write its tensors alone: torch.save(torch.jit.load({path.name!r}).state_dict(), "
            "'model.pth')."
        )
    if isinstance(error, pickle.UnpicklingError) and start.startswith((_ZIP, _PICKLE)):
        return ValueError(
            f"{str(path)!r} was not loaded: it holds more than tensors, and unpacking it could run code. Only plain "
            "weights are read. If you trust where it is from, load it yourself and write its tensors alone: "
            "safetensors.torch.save_file(network.state_dict(), 'model.safetensors')."
        )
    told = str(error).partition("\n")[0].partition(". ")[0]
    known = start.startswith((_ZIP, _PICKLE)) or path.suffix == ".safetensors"
    reason = told if known and len(told) > 8 else "not as torch writes them"
    return ValueError(f"{str(path)!r} is no readable weights file ({reason}). It may be cut off; fetch it again.")


def _only_tensors(content: Any, path: Path) -> dict[str, torch.Tensor]:
    """Return the state dict in what a training script wrote."""
    if isinstance(content, Mapping) and not _is_plain(content):
        found = [key for key, value in content.items() if _is_plain(value)]
        best = [key for key in _USUAL_PLACES if key in found] or found
        content = content[best[0]] if best and (len(found) == 1 or best[0] in _USUAL_PLACES) else content
    if not _is_plain(content):
        keys = f" with {', '.join(map(repr, list(content)[:6]))}" if isinstance(content, Mapping) and content else ""
        raise ValueError(
            f"{str(path)!r} holds {type(content).__name__}{keys}, not a network's weights by name. Write the file by "
            "torch.save(network.state_dict(), path)."
        )
    for wrapper in _WRAPPERS * 2:
        if all(key.startswith(wrapper) for key in content):
            content = {key.removeprefix(wrapper): value for key, value in content.items()}
    return modern_keys(content)


def _is_plain(content: Any) -> bool:
    """Tell whether *content* is tensors by name."""
    by_name = isinstance(content, Mapping) and bool(content)
    return by_name and all(isinstance(key, str) and isinstance(one, torch.Tensor) for key, one in content.items())
