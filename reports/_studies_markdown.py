"""Labels needed, robustness and cleanness of the data in the Markdown report: sentences and tables."""

from __future__ import annotations

from typing import Any

from ._format import DASH, plural, score_text, spread_text
from ._markup import folded, plain, table

_AREAS = (
    "*Under all*: mean score over all perturbations and levels, with its standard error over test images. *Kept*: the "
    "share of what is above guessing on untouched images; 100 % is no loss. Bold: no other is clearly ahead."
)
_MARKS = {"hand-crafted": "●", "learned": "◆"}


def curves_section(c: dict[str, Any]) -> list[str]:
    """Return the learning curves as a table, with crossings in sentences; nothing without curves."""
    curves = c["curves"]
    if not curves:
        return []
    metric = curves["metric"]
    cells = []
    for line in curves["lines"]:
        by_size = {point["size"]: point for point in line["points"]}
        scores = [
            f"{score_text(by_size[size]['mean'], metric)} {spread_text(by_size[size]['sd'], metric)}".strip()
            if size in by_size
            else DASH
            for size in curves["sizes"]
        ]
        cells.append([_named(line), *scores])
    blocks = ["## How many labels?", f"**{plain(curves['lead'])}** {plain(curves['how'])}"]
    said = [f"- {plain(one['sentence'])}" for one in curves["crossings"]]
    blocks.append("\n".join(said[: curves["n_shown"]]))
    if said[curves["n_shown"] :]:
        rest = said[curves["n_shown"] :]
        blocks.append(folded(f"{plural(len(rest), 'further pair')}", "\n".join(rest)))
    blocks.append(table(["Training images per class", *(f"{size:,}" for size in curves["sizes"])], cells))
    return [*blocks, *_failures(curves)]


def robustness_section(c: dict[str, Any]) -> list[str]:
    """Return the areas under the curves, and the curves folded below; nothing without robustness."""
    robust = c["robustness"]
    if not robust:
        return []
    kinds = [chart["name"] for chart in robust["charts"]]
    metric = robust["metric"]
    head = ["Pipeline", "untouched", "under all", "mean kept", *(f"{plain(kind)} kept" for kind in kinds)]
    cells = [
        [
            _named(row),
            score_text(row["clean"], metric),
            _bold(
                f"{score_text(row['score'], metric)} {spread_text(row['standard_error'], metric)}".strip(), robust, row
            ),
            *(_kept(robust, row, column) for column in ("mean", *kinds)),
        ]
        for row in robust["areas"]
    ]
    blocks = [
        "## How robust?",
        f"**{plain(robust['lead'])}** {plain(robust['how'])}",
        _AREAS,
        table(head, cells),
        *(plain(note) for note in robust["notes"]),
    ]
    for chart in robust["charts"]:
        rows = []
        for line in chart["lines"]:
            values = dict(zip(line["steps"], line["values"], strict=True))
            found = [score_text(values.get(step), robust["metric"]) for step in range(len(chart["levels"]))]
            rows.append([_named(line), *found])
        shown = table([f"{plain(chart['name'])}, {plain(chart['unit'])}", *chart["levels"]], rows)
        blocks.append(folded(f"{plain(chart['name'])}: {plain(chart['about'])}", shown))
    return [*blocks, *_failures(robust)]


def clean_section(c: dict[str, Any]) -> list[str]:
    """Return copies across train and test, doubtful labels, uneven classes and broken files."""
    clean = c["clean"]
    if not clean:
        return []
    blocks = ["## Is the data clean?", f"**{plain(clean['lead'])}**", plain(clean["warning"] or "")]
    if clean["copies"]:
        blocks += _copies(clean["copies"])
    if clean["uneven"]:
        blocks.append(plain(clean["uneven"]))
    if clean["files"]:
        listed = "\n".join(f"- {plain(path)}: {plain(reason)}" for path, reason in clean["files"])
        blocks.append(folded(f"{plural(clean['n_files'], 'unreadable file')}", listed))
    if clean["suspects"]:
        said = f"{plural(clean['n_suspects'], 'image')} of {clean['n_judged']:,}. {plain(clean['doubted'])}"
        head = ["image", "label", "more likely", plain(clean["unit"]), "pipelines that agree"]
        rows = [
            [
                plain(one["file"]),
                plain(one["label"]),
                plain(one["suggested"]),
                score_text(one["share"], digits=0),
                f"{len(one['agree'])} of {one['n_asked']}",
            ]
            for one in clean["suspects"]
        ]
        blocks += ["### Labels to look at", said, table(head, rows, left=3)]
    return blocks


def _copies(copies: dict[str, Any]) -> list[str]:
    if not copies["n_pairs"]:
        return [plain(copies["told"])]
    across = f", {copies['n_across']:,} of them across classes" if copies["n_across"] else ""
    blocks = [
        "### Near duplicates",
        f"{plural(copies['n_pairs'], 'pair')} among {copies['n_images']:,} images{across}. {plain(copies['told'])}",
    ]
    head = ["Split", "test images", "with a copy in training", "share", "of another class"]
    rows = [
        [
            str(one["split"] + 1),
            f"{one['n_test']:,}",
            f"{one['n_leaked']:,}",
            score_text(one["share"]),
            f"{one['n_other_class']:,}",
        ]
        for one in copies["splits"]
    ]
    blocks.append(table(head, rows))
    pairs = [
        [
            plain(one["first_file"]),
            plain(one["first_label"]),
            plain(one["second_file"]),
            plain(one["second_label"]),
            f"{one['correlation']:.3f}",
        ]
        for one in copies["pairs"]
    ]
    return [*blocks, table(["image", "class", "image", "class", "correlation"], pairs, left=4) if pairs else ""]


def _named(line: dict[str, Any]) -> str:
    return f"{_MARKS.get(line['kind'], '■')} {plain(line['name'])}"


def _kept(robust: dict[str, Any], row: dict[str, Any], column: str) -> str:
    text = score_text(row["mean"] if column == "mean" else row["kept"][column])
    return f"**{text}**" if row["name"] in robust["best"][column] else text


def _bold(text: str, robust: dict[str, Any], row: dict[str, Any]) -> str:
    return f"**{text}**" if row["name"] in robust["best"]["score"] else text


def _failures(found: dict[str, Any]) -> list[str]:
    return [f"{plain(one['name'])} failed: {plain(one['error'])}" for one in found["failed"]]
