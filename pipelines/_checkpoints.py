"""A training that can be killed at any moment and goes on where it was: safetensors and JSON, no pickle."""

import contextlib
import functools
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from ._files import plain, write_json, write_whole
from ._network_identity import differences

_FORMAT = 2
_RECORD = "checkpoint.json"


class OtherTraining(ValueError):  # noqa: N818  (it says what is there)
    """The checkpoint was written by another training."""


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
        self.start: dict[str, Any] = {}  # what the first step took: the search for the rate, the head's factor

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
        """Raise `OtherTraining` naming what differs unless the record is of the training that `identity` describes."""
        different = differences(record["identity"], plain(self.identity))
        if different:
            raise OtherTraining(
                f"The checkpoint in {str(self.folder)!r} is of another training: {'; '.join(different)}. Nothing was "
                "loaded. Repeat the call it was written by, or give another `checkpoint_dir`, or delete this one."
            )

    def write(self, epoch: int, record: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> None:
        """Write the state after an epoch."""
        name = f"epoch-{epoch:05d}.safetensors"
        # each of its own memory, which safetensors asks for
        content = save({key: value.detach().cpu().clone().contiguous() for key, value in tensors.items()})
        write_whole(self.folder / name, functools.partial(_write_through, content))
        write_json(
            self.folder / _RECORD,
            {
                "format": _FORMAT,
                "epoch": epoch,
                "tensors": name,
                "identity": self.identity,
                "start": self.start,
                **record,
            },
        )
        for old in self.folder.iterdir():  # and what a kill left half written
            if old.name not in (name, _RECORD) and old.name.startswith(("epoch-", f"{_RECORD}.")):
                with contextlib.suppress(OSError):
                    old.unlink()

    def _unusable(self, reason: str) -> ValueError:
        return ValueError(
            f"The checkpoint in {str(self.folder)!r} cannot be gone on from: {reason}. Delete the folder to begin anew."
        )


def _write_through(content: bytes, file: IO[bytes]) -> None:
    """Write, and wait until the disk has it: the record that names the file must not outlive it."""
    file.write(content)
    file.flush()
    os.fsync(file.fileno())


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
    record["watch"] = engine.watch.as_record()
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
    engine.watch.restore(record["watch"])
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
