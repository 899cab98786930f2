"""What a report shows of bags of visual words, gathered from the exhibits of a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._exhibits import parts_of
from ._format import names_text, plural
from ._words_pictures import heat_map, heat_over, picture_uri, places_in_picture, strip
from ._words_sampling import grid_step, sampling_marks

if TYPE_CHECKING:
    from eyecraft.pipelines._exhibit_words import Sample, WordExhibit
    from eyecraft.pipelines.comparison import Comparison

_MOST_BYTES = 2400  # of the patches of one word: 48 of them stay below 160 kB in the page
_CHOSEN = {
    "votes": "the strongest first: those that raise one class most above the mean over all classes, at the amount "
    "an average training image has of the word",
    "weights": "those with the largest weights for any class first",
    "frequency": "the most frequent first",
}
_HOW = {
    "linear": "Each descriptor's words are multiplied by the classifier's weights for the pyramid cells it lies in.",
    "shared": "Between the words and the classifier stands a curve (a kernel map or square roots), so what a word adds "
    "in a cell is shared among the descriptors that made it, in proportion to their part: the sum is exact, the "
    "sharing a convention.",
    "largest": "The words are pooled by their maximum, so what a word adds in a cell is the vote of the descriptor "
    "that shows it most clearly; the others leave no trace.",
}
_SUM = (
    "Votes are those for the answer less the mean over all classes. Together they are the answer's lead over that "
    "mean, apart from the lead an image without any words would have."
)


def exhibits_of(comparison: Comparison) -> dict[str, WordExhibit]:
    """Return the visual words by pipeline; none for comparisons that know of none."""
    return parts_of(comparison, "words")


def exhibit_for(comparison: Comparison, pipeline: str | None) -> tuple[str, WordExhibit]:
    """Return the name and the exhibit of a pipeline; the first that has one unless told.

    Raises
    ------
    ValueError
        If it has none.
    """
    found = exhibits_of(comparison)
    name = next(iter(found), None) if pipeline is None else pipeline
    if name is None or name not in found:
        raise ValueError(
            f"pipeline must be one that begins with a bag of visual words and finished the first split "
            f"({', '.join(found) or 'none did'}); got {pipeline!r}. Other features have no words to show."
        )
    return name, found[name]


def sample_of(exhibit: WordExhibit, sample: int) -> Sample:
    """Return a sample image by its number; raises ``ValueError`` if there is none."""
    if not 0 <= sample < len(exhibit.samples):
        raise ValueError(f"sample must be from 0 to {len(exhibit.samples) - 1}; got {sample!r}")
    return exhibit.samples[sample]


def collect_words(comparison: Comparison, names: list[str], *, pictures: bool = True) -> list[dict[str, Any]]:
    """Gather words, sampling and votes of every pipeline that has an exhibit.

    Parameters
    ----------
    comparison : Comparison
    names : list of str
        Pipelines in the order of the report.
    pictures : bool
        Whether to encode pictures.

    Returns
    -------
    list of dict
        ``name, summary, chosen, words, sampling, samples, how, why_not``.
    """
    found = exhibits_of(comparison)
    return [_one(name, found[name], pictures) for name in names if name in found]


def _one(name: str, exhibit: WordExhibit, pictures: bool) -> dict[str, Any]:
    about = exhibit.about
    grids = names_text([_by(rows, columns) for rows, columns in about["pyramid"]])
    what = "Gaussians" if about["encoding"] == "fisher" else "words"
    return {
        "name": name,
        "summary": f"{about['n_words']:,} {what} learned from {about['descriptor']} descriptors, "
        f"encoding “{about['encoding']}”, pooled over {grids} cells. Fitted on the training images of the first split.",
        "chosen": f"{plural(len(exhibit.words), 'word')} of {about['n_words']:,}, {_CHOSEN[exhibit.chosen_by]}. "
        f"Each row: the nearest patches among {plural(exhibit.n_images, 'training image')}, one per image at most, "
        "nearest first.",
        "words": [_word(exhibit, k, pictures) for k in range(len(exhibit.words))],
        "sampling": _sampling(exhibit, pictures) if exhibit.samples else None,
        "samples": [_sample(one, pictures) for one in exhibit.samples] if exhibit.how else [],
        "how": f"{_HOW[exhibit.how]} {_SUM}" if exhibit.how else "",
        "why_not": exhibit.why_not,
    }


def _by(one: int, other: int) -> str:
    return f"{one:,} × {other:,}".replace(" ", "\N{NO-BREAK SPACE}")


def _word(exhibit: WordExhibit, k: int, pictures: bool) -> dict[str, Any]:
    n_patches = int((exhibit.sources[k] >= 0).sum())
    patches = exhibit.patches[k, :n_patches]
    return {
        "number": int(exhibit.words[k]),
        "speaks_for": exhibit.speaks_for[k],
        "strength": float(exhibit.strengths[k]),
        "sources": exhibit.sources[k, :n_patches].tolist(),
        "n_each": exhibit.patches.shape[1],
        "n_patches": n_patches,
        "side": exhibit.patches.shape[2],
        "src": picture_uri(strip(patches), _MOST_BYTES) if pictures and n_patches else None,
    }


def _sampling(exhibit: WordExhibit, pictures: bool) -> dict[str, Any]:
    sample, about = exhibit.samples[0], exhibit.about
    x, y, widths = places_in_picture(sample)
    places = np.stack([x, y, widths, sample.places[:, 3]], axis=1)
    height, width = sample.picture.shape[:2]
    marks = sampling_marks(places, (height, width), grid=about["grid"], cells=about["cells"])
    original = sampling_marks(sample.places, sample.image_size, grid=about["grid"], cells=about["cells"])
    return {
        "label": sample.label,
        "width": width,
        "height": height,
        "src": picture_uri(sample.picture) if pictures else None,
        "words": _sampling_words(original, sample, about),
        "dots": "".join(f"M{x + 0.5:.4g} {y + 0.5:.4g}h0" for x, y in marks["dots"]),
        "circles": "".join(map(_circle_path, marks["circles"])),
        "windows": "".join(
            f"M{a + 0.5:.1f} {b + 0.5:.1f}L{c + 0.5:.1f} {d + 0.5:.1f}"
            for window in marks["windows"]
            for a, b, c, d in window
        ),
    }


def _circle_path(circle: tuple[float, float, float, float, float]) -> str:
    x, y, radius, end_x, end_y = circle
    x, y, end_x, end_y = x + 0.5, y + 0.5, end_x + 0.5, end_y + 0.5
    half = f"a{radius:.1f} {radius:.1f} 0 1 0"
    ring = f"M{x - radius:.1f} {y:.1f}{half} {2 * radius:.1f} 0{half} {-2 * radius:.1f} 0"
    return f"{ring}M{x:.1f} {y:.1f}L{end_x:.1f} {end_y:.1f}"


def _sampling_words(marks: dict[str, Any], sample: Sample, about: dict[str, Any]) -> str:
    """Say what the sampling picture shows, in the pixels of the image that was described."""
    height, width = sample.image_size
    total = f"{plural(marks['total'], 'descriptor')} in an image of {_by(width, height)} pixels"
    cells = f" with its {_by(about['cells'], about['cells'])} cells" if about["cells"] > 1 else ""
    if not marks["total"]:
        return f"No descriptor was found in an image of {_by(width, height)} pixels."
    if about["grid"]:
        every = grid_step(marks["dots"])
        step = f", a dot every {every:.3g} pixels" if every else ""
        widths = names_text([f"{width:.0f}" for width in marks["widths"]])
        squares = "square is a window" if len(marks["widths"]) == 1 else "squares are a window of each size"
        return f"{total}{step}. The {squares}{cells}, drawn to scale: {widths} pixels wide."
    shown = f"; the {marks['shown']:,} of the highest contrast are drawn" if marks["shown"] < marks["total"] else ""
    return (
        f"{total}{shown}. A circle is as wide as one cell of what is described around the keypoint, its radius points "
        f"along the keypoint's angle. The square is one whole window{cells}, drawn to scale."
    )


def _sample(sample: Sample, pictures: bool) -> dict[str, Any]:
    votes = sample.votes if sample.votes is not None else np.zeros(0)
    told = pictures and sample.votes is not None
    return {
        "index": sample.index,
        "label": sample.label,
        "predicted": sample.predicted,
        "width": sample.picture.shape[1],
        "height": sample.picture.shape[0],
        "src": picture_uri(sample.picture) if pictures else None,
        "heat": picture_uri(heat_over(sample.picture, heat_map(sample))) if told else None,
        "n": len(sample.places),
        "lead": sample.lead,
        "base": sample.base,
        "votes_for": float(votes[votes > 0].sum()),
        "votes_against": float(votes[votes < 0].sum()),
    }
