"""The tables of what a pipeline costs: seconds per image, and what it takes to put it to use.

HTML and Markdown lay out the same cells. A column of which nothing is known for any pipeline is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._format import DASH, bytes_text, missing, seconds_text

STAGES = ("decode", "extract", "predict")

_APART = (
    "Measured in a pass of its own, once all splits of a pipeline were done and while nothing else of the run was at "
    "work, on {images} of the first split: seconds of the processor on one thread, no stored features. Decoding is "
    "timed once for all pipelines that read pictures alike."
)
_BUSY = (
    "The machine was busy meanwhile: by the clock on the wall, answers took up to {times:.1f} times as long ({name})."
)
_BUSY_FROM = 1.5  # times as long
_BEFORE = "Decoding and extraction are timed when the features were first computed, so stored features do not flatter."

Write = Callable[[Any], str]
Column = tuple[str, Callable[[dict[str, Any]], Any], Write, str]  # title, value of a row, its text, what it means


def size_text(value: float | None) -> str:
    """Write an amount of memory with at least two digits.

    Examples
    --------
    >>> size_text(900), size_text(3600), size_text(14_029_151), size_text(None)
    ('900 B', '3.5 KiB', '13 MiB', '–')
    """
    if value is None or missing(value) or value < 1024:
        return bytes_text(value)
    for unit in ("KiB", "MiB"):
        value /= 1024
        if value < 9.95:
            return f"{value:.1f} {unit}"
        if value < 1024:
            return f"{value:.0f} {unit}"
    return f"{value / 1024:.1f} GiB"


def products_text(value: float | None) -> str:
    """Write a number of multiply-adds with three digits.

    Examples
    --------
    >>> products_text(416_520), products_text(161_939_456), products_text(15_470_264_320), products_text(None)
    ('417 k', '162 M', '15.5 G', '–')
    """
    if value is None or missing(value):
        return DASH
    for factor, unit in ((1e3, "k"), (1e6, "M"), (1e9, "G")):
        if value < 999.5 * factor:
            return f"{value / factor:.3g} {unit}"
    return f"{value / 1e9:,.0f} G"


_TIME: tuple[Column, ...] = (
    ("Sum", lambda row: row["seconds_per_image"], seconds_text, "decode, extract and predict, many images at once"),
    ("Decode", lambda row: row["seconds"].get("decode"), seconds_text, ""),
    ("Extract", lambda row: row["seconds"].get("extract"), seconds_text, ""),
    (
        "Predict",
        lambda row: row["seconds"].get("predict"),
        seconds_text,
        "with the whole network, where a network is the classifier",
    ),
    ("Alone", lambda row: row["resources"]["single_seconds"], seconds_text, "one image at a time, median"),
    (
        "First, cold",
        lambda row: row["resources"]["cold_seconds"],
        seconds_text,
        "from the pickled pipeline to its first answer, weights read anew; imports and compilation are done by then",
    ),
    ("Fit", lambda row: row["seconds"].get("fit"), seconds_text, "per training image, as measured in the splits"),
)
_NEEDS: tuple[Column, ...] = (
    (
        "Model",
        lambda row: row["resources"]["model_bytes"],
        size_text,
        "length of the fitted pipeline's pickle, with its networks' weights, without training rows (pipelines.fold)",
    ),
    (
        "Memory to answer",
        lambda row: row["resources"]["answer_memory"],
        size_text,
        "the fitted pipeline, and what the process grew by while a copy came up and answered; libraries not counted",
    ),
    (
        "GPU memory",
        lambda row: row["resources"]["gpu_memory"],
        size_text,
        "the most that torch's tensors took on one GPU, training included",
    ),
    (
        "Feature row",
        lambda row: row["resources"]["bytes_per_row"],
        size_text,
        "the features of one image, four bytes a number",
    ),
    (
        "Multiply-adds",
        lambda row: row["resources"]["multiply_adds"],
        products_text,
        "of networks, for one image, up to the last layer used",
    ),
    (
        "Peak memory",
        lambda row: row["peak_memory"] or None,
        size_text,
        "of the whole process, libraries and training included",
    ),
)


def add_prices(rows: list[dict[str, Any]]) -> None:
    """Give each row its place in the tables of costs, ``prices``.

    ``prices`` has the tables ``time`` and ``needs``, each with a ``title``, a ``note``, ``terms`` (pairs of a column
    and what it means) and the row's ``cells`` (``title, value, text``; the same titles in all rows); and ``shares``,
    what share of an answer each of decode, extract and predict takes, in percent, or None.
    """
    how = _how_measured(rows)
    for key, title, columns, note in (
        ("time", "Time per image by stage", _TIME, how),
        ("needs", "What it takes to put it to use", _NEEDS, ""),
    ):
        shown = [column for column in columns if any(column[1](row) is not None for row in rows)]
        terms = [[head, meaning] for head, _, _, meaning in shown if meaning]
        for row in rows:
            cells = [{"title": head, "value": of(row), "text": write(of(row))} for head, of, write, _ in shown]
            row.setdefault("prices", {})[key] = {"title": title, "note": note, "terms": terms, "cells": cells}
    for row in rows:
        row["prices"]["shares"] = _shares(row)


def _how_measured(rows: list[dict[str, Any]]) -> str:
    """Return how the seconds came about, and whether other work on the machine may have got into them."""
    apart = [row["resources"] for row in rows if row["timed_apart"]]
    if not apart:
        return _BEFORE
    sizes = sorted({int(one["n_images"]) for one in apart if one["n_images"] is not None})
    images = "up to 32 test images" if not sizes else f"{sizes[-1]} test images at once"
    if len(sizes) > 1:
        images += f" ({sizes[0]} at least, the slower a pipeline the fewer)"
    text = _APART.format(images=images)
    slower = {
        row["name"]: row["resources"]["warm_wall"] / row["resources"]["warm_seconds"]
        for row in rows
        if row["resources"].get("warm_wall") and row["resources"]["warm_seconds"]
    }
    name = max(slower, key=lambda one: slower[one], default=None)
    busy = name is not None and slower[name] > _BUSY_FROM
    return f"{text} {_BUSY.format(times=slower[name], name=name)}" if busy else text


def _shares(row: dict[str, Any]) -> list[float] | None:
    total = row["seconds_per_image"]
    if not total:
        return None
    return [round(100 * row["seconds"].get(stage, 0.0) / total, 1) for stage in STAGES]


def cost_tables(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the tables of costs as plain text.

    Parameters
    ----------
    rows : list of dict
        As `collect_rows` returns them.

    Returns
    -------
    list of dict
        For each table ``title``; ``note`` (how it was measured and what the columns mean); ``head`` (list of str, the
        first for the pipeline) and ``lines``: pairs of a row and the texts of its cells, of pipelines of which
        something is known. Tables of nothing are left out.
    """
    tables = []
    for key in ("time", "needs"):
        priced = [row for row in rows if any(cell["value"] is not None for cell in row["prices"][key]["cells"])]
        if priced:
            table = priced[0]["prices"][key]
            head = ["Pipeline", *(cell["title"] for cell in table["cells"])]
            lines = [(row, [cell["text"] for cell in row["prices"][key]["cells"]]) for row in priced]
            terms = "; ".join(f"{term}: {meaning}" for term, meaning in table["terms"])
            note = f"{table['note']} {terms}.".strip()
            tables.append({"title": table["title"], "note": note, "head": head, "lines": lines})
    return tables
