"""What each feature sees on the same images, gathered for a report."""

from __future__ import annotations

import colorsys
import math
from typing import TYPE_CHECKING, Any

from eyecraft.features.handcrafted import ROBINSON_DIRECTIONS

from ._exhibits import parts_of
from ._thumbnails import data_uri

if TYPE_CHECKING:
    from eyecraft.pipelines._exhibit_pictures import Picture
    from eyecraft.pipelines._sights import Sights
    from eyecraft.pipelines.comparison import Comparison

_TINY = 48  # pixels: smaller pictures are drawn with hard pixels
_MANY = 12  # pictures of an image, above which later images are folded away
_TIMES = "\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}"
_READ = {
    "pixels": ("Pixels", "The image as small as its numbers: one brightness (or three colours) per square."),
    "colours": ("Colours", "Every pixel in the mean colour of its bin. Bins are counted per cell; shapes are lost."),
    "sobel": ("Sobel edges", "The brighter, the stronger the edge; the hue tells how it runs."),
    "robinson": (
        "Compass edges",
        "The brighter, the stronger the edge; the hue tells which way it runs, the bright side on its right.",
    ),
    "hog": ("HOG", "Every cell's histogram as strokes along the edges in it: the fuller the bin, the brighter."),
    "words": (
        "Visual words",
        "Every place in the colour of its nearest visual word. Like colours are like words; grey places are flat.",
    ),
    "keypoints": ("Keypoints", "A disc at every keypoint, in the colour of its nearest visual word."),
    "heat": (
        "Activation",
        "How much a network responds, from violet to yellow, at the tapped layer or the last one that has places.",
    ),
    "maps": ("First maps", "The strongest maps of a network's first layer; each is as bright as its own maximum."),
    "own": ("Own picture", "Drawn by the extractor itself."),
}


def collect_sights(comparison: Comparison, names: list[str], *, pictures: bool = True) -> dict[str, Any] | None:
    """Gather what each feature sees.

    Parameters
    ----------
    comparison : Comparison
    names : list of str
        Pipelines in the order of the report.
    pictures : bool
        Whether to encode pictures.

    Returns
    -------
    dict or None
        ``kinds`` (how to read each kind of picture), ``images`` (each with its ``figures``, one for all pipelines that
        see the same), ``pipelines`` (name and titles), ``without`` (name and reason) and ``folded`` (whether images
        after the second are); None where the comparison kept nothing of the kind.
    """
    every = parts_of(comparison, "sights")
    found = {name: every[name] for name in names if name in every}
    images = _images(found, pictures)
    if not images:
        return None
    kinds = dict.fromkeys(figure["kind"] for image in images for figure in image["figures"])
    return {
        "kinds": [{"kind": k, "name": _READ[k][0], "words": _READ[k][1], "key": _key(k)} for k in kinds if k in _READ],
        "images": images,
        "pipelines": [
            {"name": name, "titles": [look.title for look in one.images[0].looks]}
            for name, one in found.items()
            if one.images
        ],
        "without": [{"name": name, "why": one.why_not} for name, one in found.items() if one.why_not],
        "folded": max(len(image["figures"]) for image in images) > _MANY,
    }


def _images(found: dict[str, Sights], pictures: bool) -> list[dict[str, Any]]:
    images: dict[int, dict[str, Any]] = {}
    figures: dict[tuple[int, str, str, bytes], dict[str, Any]] = {}
    for name, sights in found.items():
        for one in sights.images:
            image = images.setdefault(
                one.index,
                {"index": one.index, "label": one.label, "figures": [], **_encoded(one.picture, pictures)},
            )
            for look in one.looks:
                key = (one.index, look.kind, look.title, look.picture.data)
                if key not in figures:
                    figures[key] = {"kind": look.kind, "title": look.title.replace(" × ", _TIMES), "answers": []}
                    figures[key] |= _encoded(look.picture, pictures)
                    image["figures"].append(figures[key])
                figures[key]["answers"].append({"name": name, "predicted": one.predicted})
    for image in images.values():
        n = 1 + len(image["figures"])
        image["columns"] = {key: _even(n, most) for key, most in (("wide", 8), ("mid", 5), ("few", 3))}
    return list(images.values())


def _even(n: int, most: int) -> int:
    """Return how many of n pictures go into a row, at most so many, for rows that are filled as evenly as can be.

    >>> [_even(n, 8) for n in (3, 8, 9, 17)]
    [3, 8, 5, 6]
    """
    return math.ceil(n / math.ceil(n / most))


def _encoded(picture: Picture, pictures: bool) -> dict[str, Any]:
    return {
        "src": data_uri(picture.data, "webp") if pictures else None,
        "width": picture.width,
        "height": picture.height,
        "tiny": max(picture.width, picture.height) <= _TINY,
    }


def _key(kind: str) -> list[dict[str, Any]]:
    """Return the strokes that explain the hues of directions, in a square of 40 units; none for other kinds."""
    if kind == "sobel":
        # a gradient of so many half turns is an edge across it
        return [_stroke(k / 8, math.pi * (k / 8 + 0.5), both=True) for k in range(8)]
    if kind == "robinson":
        headings = {"e": 0, "se": 1, "s": 2, "sw": 3, "w": 4, "nw": 5, "n": 6, "ne": 7}
        return [_stroke(k / 8, math.pi / 4 * headings[name], both=False) for k, name in enumerate(ROBINSON_DIRECTIONS)]
    return []


def _stroke(turn: float, angle: float, *, both: bool) -> dict[str, Any]:
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(turn, 190 / 255, 1))
    x, y = 15 * math.cos(angle), 15 * math.sin(angle)
    start = -1.0 if both else 0.3
    ends = [round(20 + value, 1) for value in (start * x, start * y, x, y)]
    return {"colour": f"rgb({red},{green},{blue})", "ends": ends, "arrow": not both}
