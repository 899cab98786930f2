"""Is the data clean? Copies across train and test, uneven classes, broken files and doubtful labels, for a report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ._format import count_text, missing, plural, score_text

if TYPE_CHECKING:
    from eyecraft.data.checks import DataCheck
    from eyecraft.pipelines.comparison import Comparison
    from eyecraft.pipelines.label_errors import LabelErrors
    from eyecraft.pipelines.studies import Studies

MOST_PAIRS = 8
MOST_SUSPECTS = 12
_MOST_FILES = 50
_MOST_LOOKED_AT = 2000  # pairs: a data set of copies has millions
_AGREED = 2 / 3  # share of all answers that must name the same other class before a label is called doubtful
_UNEVEN = 3.0
_FEW = 10


def collect_clean(comparison: Comparison, studies: Studies | None) -> dict[str, Any] | None:
    """Gather what is known about the data; None where nothing was looked at and there is nothing to tell.

    Returns
    -------
    dict
        ``looked`` (whether every image was), ``lead`` and ``warning`` (sentences, the latter None if there is nothing
        to fear), ``copies`` (None, or ``n_pairs, n_images, n_across`` classes, ``told`` (how), ``splits`` of ``split,
        n_test, n_leaked, share, n_other_class``, ``without`` (what leaving them out changes) and ``pairs`` of ``first,
        second, first_file, second_file, first_label, second_label, correlation, n_apart``), ``uneven`` (None or a
        sentence), ``files`` (``path, reason``), ``n_files``, ``suspects`` (``index, file, label, suggested, share,
        agree``), ``n_suspects``, ``n_judged``, ``doubted`` (how, in words) and ``unit`` (of ``share``).
    """
    checks = None if studies is None else studies.checks
    errors = None if studies is None else studies.label_errors
    files = [_entry(one) for one in (comparison.dataset.get("skipped") if checks is None else checks.unreadable) or []]
    copies = None if checks is None or studies is None else _copies(comparison, checks, studies.settings)
    judge = None if studies is None else studies.settings.get("judge")
    suspects = [] if errors is None else _suspects(comparison, errors, by_votes=judge is None)
    uneven = _uneven(comparison)
    if checks is None and not suspects and uneven is None:  # files left out are in the card of the data set
        return None
    return {
        "looked": checks is not None,
        "lead": _lead(checks, copies, len(suspects), len(files), judged=errors is not None),
        "warning": _warning(copies),
        "copies": copies,
        "uneven": uneven,
        "files": files[:_MOST_FILES],
        "n_files": len(files),
        "suspects": suspects[:MOST_SUSPECTS],
        "n_suspects": len(suspects),
        "n_judged": 0 if errors is None else int(errors.n_judged),
        "doubted": _doubted(judge),
        "unit": "of the answers" if judge is None else "probable",
    }


def clean_positions(clean: dict[str, Any] | None) -> set[int]:
    """Return the positions of the images the section shows."""
    if clean is None:
        return set()
    pairs = clean["copies"]["pairs"] if clean["copies"] else []
    return {pair[end] for pair in pairs for end in ("first", "second")} | {one["index"] for one in clean["suspects"]}


def _entry(one: Any) -> list[str]:
    return [one, ""] if isinstance(one, str) else [*map(str, one), ""][:2]


def _lead(
    checks: DataCheck | None, copies: dict[str, Any] | None, n_suspects: int, n_files: int, *, judged: bool
) -> str:
    found = []
    if copies is not None:
        found.append(
            plural(copies["n_pairs"], "pair") + " of near duplicates" if copies["n_pairs"] else "no near duplicates"
        )
    if n_files or checks is not None:
        found.append(f"{n_files:,} unreadable {'file' if n_files == 1 else 'files'}" if n_files else "no broken file")
    if n_suspects:
        found.append(f"{plural(n_suspects, 'label')} in doubt")
    elif judged and checks is not None:
        found.append("no label that is in doubt")
    text = ", ".join(found)
    if checks is not None:
        return f"Every image was looked at once: {text}."
    return f"{text[:1].upper()}{text[1:]}{'. ' * bool(text)}Images were not searched for near duplicates."


def _warning(copies: dict[str, Any] | None) -> str | None:
    """Say on top of the report what makes its scores look better than they are."""
    if copies is None or not copies["n_leaked"]:
        return None
    many = copies["n_leaked"] != 1
    images = f"{count_text(copies['n_leaked'])} of {plural(copies['n_tests'], 'test image')}"
    return (
        f"{images} {'have' if many else 'has'} a near duplicate among the training images. {copies['without']}".strip()
    )


def _copies(comparison: Comparison, checks: DataCheck, settings: dict[str, Any]) -> dict[str, Any]:
    duplicates = checks.duplicates
    frame = duplicates.frame()
    leakage = checks.leakage
    splits = [
        {
            "split": int(row["split"]),
            "n_test": int(row["n_test"]),
            "n_leaked": int(row["n_leaked"]),
            "share": float(row["share"]),
            "n_other_class": 0 if missing(row["n_other_class"]) else int(row["n_other_class"]),
        }
        for row in leakage.to_dict("records")
    ]
    labelled = "same_class" in frame
    n_across = int((~frame["same_class"].astype(bool)).sum()) if labelled else 0
    return {
        "n_pairs": len(frame),
        "n_images": len(np.unique(duplicates.pairs)),
        "n_across": n_across,
        "told": _told(settings),
        "splits": splits,
        "n_leaked": sum(one["n_leaked"] for one in splits),
        "n_tests": sum(one["n_test"] for one in splits),
        "without": _without(comparison, checks),
        "pairs": _pairs(comparison, frame) if labelled else [],
    }


def _told(settings: dict[str, Any]) -> str:
    """Say when two pictures count as near duplicates."""
    if not settings:
        return ""
    return (
        f"Two pictures count as near duplicates where their perceptual hashes differ in at most "
        f"{settings['max_distance']} of 64 bits and their thumbnails correlate by {settings['min_correlation']:g} or "
        "more; mirrored, turned or strongly cropped copies are not found."
    )


def _pairs(comparison: Comparison, frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return pairs to look at: of two classes first, then those that a split takes apart, then the likest."""
    sides = [(set(np.asarray(train).tolist()), set(np.asarray(test).tolist())) for train, test in comparison.splits]
    some = frame.sort_values("same_class", kind="stable").head(_MOST_LOOKED_AT)
    names = file_names(comparison)
    shown = []
    for row in some.to_dict("records"):
        first, second = int(row["first"]), int(row["second"])
        apart = sum((first in train and second in test) or (second in train and first in test) for train, test in sides)
        shown.append(
            {
                "first": first,
                "second": second,
                "first_file": names(first),
                "second_file": names(second),
                "first_label": str(row["first_label"]),
                "second_label": str(row["second_label"]),
                "correlation": float(row["correlation"]),
                "n_apart": apart,
            }
        )
    shown.sort(key=lambda pair: (pair["first_label"] == pair["second_label"], not pair["n_apart"]))
    return _different(shown)[:MOST_PAIRS]


def file_names(comparison: Comparison) -> Callable[[int], str]:
    """Return what to call the image at a position: its folder and file, or its number where it is no file."""
    paths = comparison.gallery.paths() if hasattr(comparison, "gallery") else None

    def name(position: int) -> str:
        return "/".join(Path(paths[position]).parts[-2:]) if paths else f"image {position}"

    return name


def _different(pairs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put pairs that show a picture for the second time behind the others: ten copies make 45 pairs."""
    seen: set[int] = set()
    fresh: list[dict[str, Any]] = []
    stale: list[dict[str, Any]] = []
    for pair in pairs:
        both = {pair["first"], pair["second"]}
        (stale if both & seen else fresh).append(pair)
        seen |= both
    return fresh + stale


def _without(comparison: Comparison, checks: DataCheck) -> str:
    """Say how much leaving the leaked test images out changes the share of right answers."""
    found = comparison.predictions
    if found.empty:
        return ""
    leaked = [
        (split, int(image))
        for split, (train, test) in enumerate(checks.splits)
        for image in checks.duplicates.leaked(train, test)["test"].unique()
    ]
    if not leaked:
        return ""
    outside = ~pd.MultiIndex.from_frame(found[["split", "index"]]).isin(leaked)
    right = found.assign(right=found["label"].astype(str) == found["predicted"].astype(str), kept=outside)
    before = right.groupby("pipeline")["right"].mean()
    after = right[right["kept"]].groupby("pipeline")["right"].mean()
    change = (after - before).dropna()
    if change.empty:
        return "No test image is without."
    name = change.abs().idxmax()
    if abs(change[name]) < 0.0005:
        return "Leaving them out changes no pipeline's accuracy by a tenth of a point."
    return (
        f"Leaving them out changes accuracy most for {name}: {score_text(float(before[name]))} with them, "
        f"{score_text(float(after[name]))} without."
    )


def _uneven(comparison: Comparison) -> str | None:
    """Say how uneven the classes are, where it matters for reading the scores."""
    counts = comparison.dataset.get("class_counts") or {}
    if not isinstance(counts, dict) or len(counts) < 2:
        return None
    small, large = (str(pick(counts, key=counts.__getitem__)) for pick in (min, max))
    least, most = int(min(counts.values())), int(max(counts.values()))
    text = f"The largest class, {large}, has {plural(most, 'image')}, the smallest, {small}, {least:,}"
    if most >= _UNEVEN * max(least, 1):
        return f"{text}: accuracy mostly tells of the large classes; mean per-class accuracy weighs all alike."
    return f"{text}: its own score rests on very few images." if least < _FEW else None


def _doubted(judge: str | None) -> str:
    """Say how labels came to be doubted."""
    look = "That is a wrong label, or a picture that is hard for all: look before you change it."
    if judge is None:
        return f"Two thirds of all answers or more name the same other class. {look}"
    return (
        f"{judge}, fitted without them, is confident of another class: the probability is that class's. "
        f"{look.replace('for all', 'for it')}"
    )


def _suspects(comparison: Comparison, errors: LabelErrors, *, by_votes: bool) -> list[dict[str, Any]]:
    """Return the images to look at, surest first.

    By votes, those for which most answers of all pipelines and splits name the same other class.
    """
    frame = errors.frame()
    if by_votes:
        frame = frame[frame["suggested_score"] >= _AGREED]
    answers = comparison.predictions
    answers = answers[answers["index"].isin(frame["index"])]
    by_image = {int(index): found for index, found in answers.groupby("index")}
    names = file_names(comparison)
    suspects = []
    for row in frame.to_dict("records"):
        found = by_image.get(int(row["index"]), answers.iloc[:0])
        votes = found.assign(same=found["predicted"].astype(str) == str(row["suggested"])).groupby(
            "pipeline", sort=False
        )
        agree = [str(name) for name, share in votes["same"].mean().items() if share > 0.5]
        if by_votes and len(agree) < 2:  # one pipeline's mistake, however often
            continue
        suspects.append(
            {
                "index": int(row["index"]),
                "file": names(int(row["index"])),
                "label": str(row["label"]),
                "suggested": str(row["suggested"]),
                "share": float(row["suggested_score"]),
                "agree": agree,
                "n_asked": int(found["pipeline"].nunique()),
            }
        )
    return sorted(suspects, key=lambda one: (-one["share"], -len(one["agree"]))) if by_votes else suspects
