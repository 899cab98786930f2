"""A training that can be killed at any moment and goes on where it was: safetensors and JSON, no pickle."""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from ._files import write_json, write_whole

_FORMAT = 1
_RECORD = "checkpoint.json"


class Checkpoint:
    """The state of one training in a folder.

    The tensors of an epoch are written first, under a name of their own; then ``checkpoint.json``, which names them,
    takes the place of the old one; then the old tensors go. A reader finds a whole checkpoint at any time.

    Parameters
    ----------
    folder : path
    """

    def __init__(self, folder: Any) -> None:
        self.folder = Path(folder).expanduser()
        self.identity: dict[str, Any] = {}
        self.search: dict[str, Any] | None = None  # of the rate, not to be repeated

    def read(self) -> dict[str, Any] | None:
        """Return what was written last, without its tensors, or None."""
        path = self.folder / _RECORD
        if not path.is_file():
            return None
        try:
            record: dict[str, Any] = json.loads(path.read_text("utf-8"))
            known = record["format"] == _FORMAT
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise self._unusable(f"{_RECORD} cannot be read ({error})") from error
        if not known:
            raise self._unusable(f"it is of format {record['format']!r}, this version reads {_FORMAT}")
        return record

    def tensors(self, record: Mapping[str, Any]) -> dict[str, torch.Tensor]:
        """Return the tensors of a record."""
        try:
            return dict(load_file(self.folder / str(record["tensors"])))
        except (OSError, SafetensorError) as error:
            raise self._unusable(f"{record['tensors']} cannot be read ({error})") from error

    def check(self, record: Mapping[str, Any]) -> None:
        """Raise ``ValueError`` naming what differs unless the record is of the training that `identity` describes."""
        different = _differences(record["identity"], self.identity)
        if different:
            raise ValueError(
                f"The checkpoint in {str(self.folder)!r} is of another training: {'; '.join(different)}. Nothing was "
                "loaded. Repeat the call it was written by, or give another `checkpoint_dir`, or delete this one."
            )

    def write(self, epoch: int, record: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> None:
        """Write the state after an epoch."""
        name = f"epoch-{epoch:05d}.safetensors"
        # each of its own memory, which safetensors asks for
        content = save({key: value.detach().cpu().clone().contiguous() for key, value in tensors.items()})
        write_whole(self.folder / name, lambda file: file.write(content))
        write_json(
            self.folder / _RECORD,
            {
                "format": _FORMAT,
                "epoch": epoch,
                "tensors": name,
                "identity": self.identity,
                "search": self.search,
                **record,
            },
        )
        for old in self.folder.glob("epoch-*.safetensors"):
            if old.name != name:
                with contextlib.suppress(OSError):
                    old.unlink()

    def _unusable(self, reason: str) -> ValueError:
        return ValueError(
            f"The checkpoint in {str(self.folder)!r} cannot be gone on from: {reason}. Delete the folder to begin anew."
        )


def state_of_engine(engine: Any) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return all that the next step depends on, as tensors and as values for JSON."""
    tensors = {f"network.{name}": value for name, value in engine.module_.state_dict().items()}
    numbers: dict[str, dict[str, Any]] = {}
    for index, state in engine.optimizer_.state_dict()["state"].items():
        for name, value in state.items():
            if isinstance(value, torch.Tensor):
                tensors[f"optimizer.{index}.{name}"] = value
            else:
                numbers.setdefault(str(index), {})[name] = value
    record: dict[str, Any] = {"step": engine.step, "optimizer": numbers, "parts": engine.dealer.parts}
    if engine.average is not None:
        tensors |= {f"average.{name}": value for name, value in engine.average.values.items()}
        record["average_steps"] = engine.average.steps
    if engine.scaler is not None:
        record["scaler"] = engine.scaler.state_dict()
    tensors["random.cpu"] = torch.get_rng_state()
    if str(engine.device).startswith("cuda"):
        tensors["random.cuda"] = torch.cuda.get_rng_state(engine.device)
    return tensors, record


def restore_engine(engine: Any, record: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> None:
    """Put an engine, and torch's generators, into the state that `state_of_engine` returned."""
    engine.module_.load_state_dict(_under("network.", tensors))
    states: dict[int, dict[str, Any]] = {int(key): dict(values) for key, values in record["optimizer"].items()}
    for key, value in _under("optimizer.", tensors).items():
        index, name = key.split(".", 1)
        states.setdefault(int(index), {})[name] = value
    engine.optimizer_.load_state_dict({**engine.optimizer_.state_dict(), "state": states})
    engine.step, engine.dealer.parts = record["step"], record["parts"]
    if engine.average is not None:
        engine.average.steps = record["average_steps"]
        for name, value in _under("average.", tensors).items():
            engine.average.values[name].copy_(value)
    if engine.scaler is not None:
        engine.scaler.load_state_dict(record["scaler"])
    torch.set_rng_state(tensors["random.cpu"])
    if "random.cuda" in tensors and str(engine.device).startswith("cuda"):
        torch.cuda.set_rng_state(tensors["random.cuda"], engine.device)


def _under(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return sentences on the values that are not the same, ``lr was 0.1 and is 0.01``."""
    found: list[str] = []
    for key in [*old, *(key for key in new if key not in old)]:
        was, now = old.get(key), new.get(key)
        if was == now:
            continue
        if isinstance(was, Mapping) and isinstance(now, Mapping):
            found += _differences(was, now)
        elif key == "classes" and isinstance(was, list) and isinstance(now, list):
            gone, come = [c for c in was if c not in now], [c for c in now if c not in was]
            parts = [f"without {', '.join(map(repr, gone))}"] if gone else []
            parts += [f"with {', '.join(map(repr, come))} besides"] if come else []
            found.append(f"the classes are now {' and '.join(parts) or 'in another order'}")
        else:
            found.append(f"{key} was {was!r} and is {now!r}")
    return found
