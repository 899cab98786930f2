"""What a fitted pipeline can show of itself: what it sees of a few images, its visual words, how its network trained.

An exhibit decorates a report and nothing else depends on it. It is made from the pipeline that was fitted on the first
split, in a few seconds, after the clocks have stopped; whatever goes wrong here leaves that part out and a line in the
log.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np

from ._exhibit_training import TrainingExhibit, training_of
from ._exhibit_words import WordExhibit, words_of
from ._sights import Sights, sights_of

_FORMAT = 2
_PARTS: dict[str, type[WordExhibit] | type[Sights] | type[TrainingExhibit]] = {
    "words": WordExhibit,
    "sights": Sights,
    "training": TrainingExhibit,
}

_log = logging.getLogger("eyecraft")


@dataclass(frozen=True, eq=False)
class Exhibit:
    """What a report shows of a pipeline, from the one fitted on the first split.

    Attributes
    ----------
    words : WordExhibit or None
        Of pipelines that begin with a bag of visual words.
    sights : Sights or None
        What its features see of a few test images.
    training : TrainingExhibit or None
        Of pipelines that end in a network which was trained.
    """

    words: WordExhibit | None = None
    sights: Sights | None = None
    training: TrainingExhibit | None = None

    def __bool__(self) -> bool:
        return any(getattr(self, part.name) is not None for part in fields(self))

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the exhibit as arrays without objects, for an ``.npz``."""
        arrays = {"meta": np.array(json.dumps({"format": _FORMAT}))}
        for name in _PARTS:
            part = getattr(self, name)
            if part is not None:
                arrays |= {f"{name}.{key}": values for key, values in part.to_arrays().items()}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """Return the exhibit that `to_arrays` described; raises ``ValueError`` or ``KeyError`` if it did not."""
        if json.loads(str(arrays["meta"])).get("format") != _FORMAT:
            raise ValueError("the exhibit was written by another version")
        parts = {}
        for name, kind in _PARTS.items():
            inside = {key.removeprefix(f"{name}."): arrays[key] for key in arrays if key.startswith(f"{name}.")}
            if inside:
                parts[name] = kind.from_arrays(inside)
        return cls(**parts)  # type: ignore[arg-type]


def exhibit_of(
    name: str,
    estimator: Any,
    images: Sequence[Any] | np.ndarray,
    labels: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    predicted: np.ndarray,
) -> Exhibit | None:
    """Make the exhibit of a fitted pipeline; None if it has nothing to show.

    Parameters
    ----------
    name : str
        Name of the pipeline.
    estimator : fitted classifier
    images : sequence of images
    labels : ndarray of shape (n_images,)
    train, test : ndarray of int
        The split the pipeline was measured on.
    predicted : ndarray of str, shape (n_test,)
        The answers.
    """
    exhibit = Exhibit(
        words=_made(name, "words", lambda: words_of(name, estimator, images, labels, train, test, predicted)),
        sights=_made(name, "sights", lambda: sights_of(name, estimator, images, labels, test, predicted)),
        training=_made(name, "training", lambda: training_of(estimator)),
    )
    return exhibit or None


def keep_for_exhibit(estimator: Any) -> None:
    """Ask the networks in a pipeline that is not fitted yet to keep what an exhibit shows of their training.

    Nothing that is measured changes: `CNNClassifier` copies its first-layer filters after some epochs.
    """
    wanted = {
        name: True
        for name, value in estimator.get_params(deep=True).items()
        if name.rpartition("__")[2] == "keep_filters" and value is None
    }
    if wanted:
        estimator.set_params(**wanted)


def _made(name: str, what: str, make: Callable[[], Any]) -> Any:
    try:
        return make()
    except Exception:  # a decoration must not cost a measured row
        _log.info("no exhibit of pipeline %r: its %s could not be shown", name, what, exc_info=True)
        return None
