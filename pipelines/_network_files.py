"""A fitted `CNNClassifier` as JSON and safetensors, which any program reads and which cannot run code."""

import contextlib
import hashlib
import json
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save
from sklearn.utils.validation import check_is_fitted
from torch import nn

from eyecraft.features.learned.preprocessing import Preprocessing
from eyecraft.features.learned.weights import check_fits, read_weights

from ._files import plain, write_json, write_whole
from ._network_models import Plan, build_network, order_memory, set_dropout
from ._network_settings import Settings

_FORMAT = 2
_RECORD, _NETWORK, _FILTERS = "classifier.json", "network.safetensors", "filters.safetensors"
_KINDS_OF_LABELS = "USiufb"  # text, whole numbers, floats, truth values


def save_classifier(classifier: Any, folder: str | os.PathLike[str]) -> None:
    """Write a fitted classifier into *folder*; the JSON last, which makes it whole and knows what the others hold."""
    check_is_fitted(classifier, "module_")
    target, plan = Path(folder).expanduser(), classifier._plan
    parameters, left_out = _written(classifier.get_params(deep=False))
    record = {
        "format": _FORMAT,
        "model": {"name": plan.name, "kind": plan.kind, "source": plan.source, "pretrained": plan.pretrained},
        "classes": _labels(classifier.classes_),
        "preprocessing": asdict(classifier.preprocessing_),
        "settings": classifier.settings_.as_dict(),
        "history": classifier.history_.to_dict("list"),
        "parameters": parameters,
        "not_written": left_out,
        "digests": {_NETWORK: _write_tensors(target / _NETWORK, classifier.module_.state_dict())},
    }
    filters = {str(epoch): torch.from_numpy(kept) for epoch, kept in getattr(classifier, "filters_", {}).items()}
    if filters:
        record["digests"][_FILTERS] = _write_tensors(target / _FILTERS, filters)
    write_json(target / _RECORD, record)
    if not filters:
        (target / _FILTERS).unlink(missing_ok=True)  # of another network that was here before


def load_classifier(kind: Any, folder: str | os.PathLike[str], *, model: Any, device: str) -> Any:
    """Return the classifier of class *kind* that `save_classifier` wrote."""
    source = Path(folder).expanduser()
    record = _read_record(source)
    with _whole(source):
        plan = _plan(record["model"], model, source)
        given = {name: _as_parameter(value) for name, value in record["parameters"].items()} | {"device": device}
        classifier = kind(plan.name if model is None else model, **given)
        classifier.classes_ = _as_array(record["classes"])
        classifier.settings_, preprocessing = _settings(record["settings"]), _preprocessing(record["preprocessing"])
        classifier.history_ = pd.DataFrame(record["history"])
        digests, left_out = dict(record["digests"]), list(record["not_written"])
        _check_files(source, digests)
    with torch.random.fork_rng(devices=[]):
        channels, n_classes = len(preprocessing.mean), len(classifier.classes_)
        network = build_network(plan, model, channels, n_classes, preprocessing.input_size)
    set_dropout(network, classifier.dropout)
    state = read_weights(source / _NETWORK)
    check_fits(network, state, model=plan.name, source=str(source / _NETWORK))
    network.load_state_dict(state)
    order_memory(network, channels, preprocessing.input_size)
    classifier.module_, classifier.preprocessing_ = network.eval(), preprocessing
    kept = read_weights(source / _FILTERS) if _FILTERS in digests else {}
    classifier.filters_ = {int(epoch): kept[epoch].numpy() for epoch in sorted(kept, key=int)}
    classifier.rate_search_ = None
    classifier._plan = plan
    if left_out:
        warnings.warn(
            f"{', '.join(map(repr, left_out))} could not be written as JSON and {'are' if len(left_out) > 1 else 'is'} "
            "at the default again. Answers do not depend on it; before training goes on, call set_params.",
            stacklevel=3,
        )
    return classifier


@contextlib.contextmanager
def _whole(folder: Path) -> Iterator[None]:
    """Raise ``ValueError`` where the record lacks something, or has something else in its place."""
    try:
        yield
    except (KeyError, TypeError, AttributeError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else error
        raise ValueError(
            f"{str(folder / _RECORD)!r} is damaged ({what}). Nothing was loaded. Save the classifier again."
        ) from error


def _check_files(folder: Path, digests: Mapping[str, str]) -> None:
    """Raise ``ValueError`` unless the files are those that the record was written with."""
    for name, expected in digests.items():
        path = folder / name
        if not path.is_file() or _digest(path.read_bytes()) != expected:
            state = "another one or damaged" if path.is_file() else "not there"
            raise ValueError(
                f"{str(path)!r} must be the file that {_RECORD} was written with; it is {state}, as after a kill while "
                "saving. Nothing was loaded. Save the classifier again."
            )


def _read_record(folder: Path) -> dict[str, Any]:
    path = folder / _RECORD
    if not path.is_file():
        raise FileNotFoundError(f"{str(folder)!r} holds no classifier: there is no {_RECORD}. Write one by `save`.")
    try:
        record: dict[str, Any] = json.loads(path.read_text("utf-8"))
        known = record["format"] == _FORMAT
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{str(path)!r} is damaged ({error}). Save the classifier again.") from error
    if not known:
        raise ValueError(f"{str(path)!r} is of format {record['format']!r}; this version reads {_FORMAT}.")
    return record


def _plan(written: Mapping[str, Any], model: Any, folder: Path) -> Plan:
    """Return the plan of the network that was saved, without weights."""
    name, kind = written["name"], written["kind"]
    if kind in ("callable", "module") and model is None:
        what = "a network of its own" if kind == "module" else "a function that makes the network"
        raise ValueError(
            f"The classifier in {str(folder)!r} was trained with {what}, {name!r}, which is not written. Give it: "
            "load(folder, model=...)."
        )
    if model is not None:
        kind = "module" if isinstance(model, nn.Module) else "callable"
    network = model if isinstance(model, nn.Module) else None
    return Plan(
        name, kind, None, kind in ("own", "sized", "callable"), written["pretrained"], None, written["source"], network
    )


def _written(parameters: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the parameters that JSON holds, but for model and device, and the names of the others."""
    kept: dict[str, Any] = {}
    left_out = []
    for name, value in parameters.items():
        if isinstance(value, Enum):
            value = str(value)
        if isinstance(value, os.PathLike):
            value = os.fspath(value)
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, (set, frozenset, range)):
            value = sorted(value)
        if name in ("model", "device"):
            continue
        if value is None or isinstance(value, (bool, int, float, str, list, tuple)):
            kept[name] = value
        elif isinstance(value, Mapping):  # JSON's own keys are text, labels need not be
            kept[name] = {"pairs": [[plain(key), plain(one)] for key, one in value.items()]}
        else:
            left_out.append(name)
    return kept, left_out


def _as_parameter(written: Any) -> Any:
    return dict(map(tuple, written["pairs"])) if isinstance(written, Mapping) else written


def _labels(classes: np.ndarray) -> dict[str, Any]:
    text = classes.dtype == object and all(isinstance(label, str) for label in classes)
    if not (text or classes.dtype.kind in _KINDS_OF_LABELS):
        raise ValueError(
            f"Labels of {classes.dtype} cannot be written as JSON; train with strings, numbers or truth values."
        )
    return {"values": classes.tolist(), "dtype": "object" if text else classes.dtype.str}


def _as_array(written: Mapping[str, Any]) -> np.ndarray:
    return np.array(written["values"], dtype=np.dtype(written["dtype"]))


def _preprocessing(written: Mapping[str, Any]) -> Preprocessing:
    known = {part.name for part in fields(Preprocessing)}
    values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in written.items()}
    return Preprocessing(**{name: value for name, value in values.items() if name in known})


def _settings(written: Mapping[str, Any]) -> Settings:
    return Settings(**{**written, "image_size": tuple(written["image_size"])})


def _write_tensors(path: Path, tensors: Mapping[str, torch.Tensor]) -> str:
    """Write tensors and return the digest of the file."""
    content = save({name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()})
    write_whole(path, lambda file: file.write(content))
    return _digest(content)


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
