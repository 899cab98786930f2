"""The same few test images as every pipeline of a comparison sees them."""

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from eyecraft.data import read_image

from ._exhibit_pictures import Picture, pack, picture_of, shrunk, unpack
from ._sights_views import NoViewError, View, views_of

N_IMAGES = 4
_SECONDS = 2.0  # of the processor: after them no further image is drawn

_log = logging.getLogger("eyecraft")


@dataclass(frozen=True)
class Look:
    """What one extractor sees of one image, encoded: see `View`."""

    kind: str
    title: str
    picture: Picture


@dataclass(frozen=True)
class Sight:
    """One test image, the answer of a pipeline, and what its extractors see.

    Attributes
    ----------
    index : int
        Position of the image.
    label, predicted : str
        True class and answer.
    picture : Picture
        The image itself.
    looks : list of Look
        One or two.
    """

    index: int
    label: str
    predicted: str
    picture: Picture
    looks: list[Look]


@dataclass(frozen=True)
class Sights:
    """What a pipeline sees of some test images.

    Attributes
    ----------
    images : list of Sight
    why_not : str
        Why there are none.
    """

    images: list[Sight] = field(default_factory=list)
    why_not: str = ""

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the sights as arrays without objects, for an ``.npz``."""
        pictures = [picture for one in self.images for picture in (one.picture, *(look.picture for look in one.looks))]
        data, sizes = pack(pictures)
        images = [
            {
                "index": one.index,
                "label": one.label,
                "predicted": one.predicted,
                "looks": [(look.kind, look.title) for look in one.looks],
            }
            for one in self.images
        ]
        meta = {"images": images, "why_not": self.why_not, "sizes": sizes}
        return {"pictures": data, "meta": np.array(json.dumps(meta))}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """Return the sights that `to_arrays` described; raises ``ValueError`` or ``KeyError`` if it did not."""
        meta = json.loads(str(arrays["meta"]))
        if len(meta["sizes"]) != sum(1 + len(one["looks"]) for one in meta["images"]):
            raise ValueError("the sights are not one picture for every image and look")
        pictures = iter(unpack(arrays["pictures"], meta["sizes"]))
        images = []
        for one in meta["images"]:
            picture = next(pictures)
            looks = [Look(kind, title, next(pictures)) for kind, title in one["looks"]]
            images.append(Sight(one["index"], one["label"], one["predicted"], picture, looks))
        return cls(images, meta["why_not"])


def sights_of(
    name: str,
    estimator: Any,
    images: Sequence[Any] | np.ndarray,
    labels: np.ndarray,
    test: np.ndarray,
    predicted: np.ndarray,
) -> Sights:
    """Draw what a fitted pipeline sees of a few test images, the same for every pipeline of a split.

    The parameters are those of `_exhibits.exhibit_of`. After two seconds of work no further image is drawn.
    """
    start = time.thread_time()
    found: list[Sight] = []
    answers = dict(zip(test.tolist(), predicted.tolist(), strict=True))
    for position in chosen_images(test, labels):
        if found and time.thread_time() - start > _SECONDS:
            _log.info("pipeline %r: %d of the pictures were drawn in %g s", name, len(found), _SECONDS)
            break
        try:
            looks = [_encoded(view) for view in views_of(estimator, images[position])]
        except NoViewError as error:
            return Sights(why_not=str(error))
        picture = picture_of(shrunk(read_image(images[position])))
        found.append(Sight(position, str(labels[position]), str(answers[position]), picture, looks))
    return Sights(found)


def chosen_images(test: np.ndarray, labels: np.ndarray) -> list[int]:
    """Choose test images: the first ones of four classes that are spread evenly over the sorted names.

    With fewer classes the second image of each comes next, and so on; with fewer images than four, all.
    """
    by_class: dict[str, list[int]] = {}
    for position in test.tolist():
        by_class.setdefault(str(labels[position]), []).append(position)
    names = sorted(by_class)
    spread = np.linspace(0, len(names) - 1, min(N_IMAGES, len(names))).round().astype(int)
    columns = [by_class[names[k]] for k in spread.tolist()]
    chosen: list[int] = []
    for rank in range(max(map(len, columns), default=0)):
        chosen += [column[rank] for column in columns if rank < len(column)]
    return chosen[:N_IMAGES]


def _encoded(view: View) -> Look:
    return Look(view.kind, view.title, picture_of(view.picture))
