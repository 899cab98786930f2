"""The report as GitHub Markdown: the same words and numbers as the HTML page, without the pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._charts import class_gaps
from ._cost_markdown import cost_section
from ._cost_table import size_text
from ._files import write_text
from ._format import (
    DASH,
    bytes_text,
    count_text,
    is_share,
    metric_words,
    names_text,
    plural,
    score_text,
    seconds_text,
    spread_text,
)
from ._markup import block, code, folded, plain, table
from ._sights_markdown import sights_section
from ._studies_markdown import clean_section, curves_section, robustness_section
from ._training_markdown import training_section
from ._verdicts_markdown import against_best, interval, verdicts_section
from ._words_markdown import words_section
from .collect import collect

if TYPE_CHECKING:
    from eyecraft.pipelines.comparison import Comparison
    from eyecraft.pipelines.studies import Studies


def write_markdown(comparison: Comparison, path: str | Path, *, studies: Studies | None = None) -> Path:
    """Write the report of a comparison as one Markdown file, complete or not at all.

    Parameters
    ----------
    comparison : Comparison
    path : str or Path
        The file to write; its folder is made if need be. An older file of that name is replaced.
    studies : Studies, optional
        Learning curves, robustness and what is known about the data.

    Returns
    -------
    Path
    """
    return write_text(path, render_markdown(collect(comparison, thumbnails=False, studies=studies)))


def render_markdown(collected: dict[str, Any]) -> str:
    """Write what `collect` gathered as GitHub Markdown; every name from outside is escaped.

    Parameters
    ----------
    collected : dict

    Returns
    -------
    str
    """
    parts: list[Callable[[dict[str, Any]], Iterable[str]]] = [
        _answer,
        _data,
        _scores,
        verdicts_section,
        cost_section,
        curves_section,
        robustness_section,
        _classes,
        _confusion,
        _images,
        sights_section,
        words_section,
        training_section,
        clean_section,
        _failures,
        _methods,
        _protocol,
    ]
    return "\n\n".join(block for part in parts for block in part(collected) if block) + "\n"


def _named(row: dict[str, Any]) -> str:
    mark = {"hand-crafted": "●", "learned": "◆"}.get(row["kind"], "■")
    return f"{mark} {plain(row['name'])}"


def _answer(c: dict[str, Any]) -> list[str]:
    answer = c["answer"]
    return [
        f"# {plain(c['dataset'].get('name') or 'Images')}: which features win?",
        f"**{plain(answer['headline'])}**",
        "\n".join(
            f"- {one['title']}: **{plain(one['figure'])}**{one['joint']} {plain(one['text'])}"
            for one in answer["points"]
        ),
        plain(" ".join([*([answer["warning"]] if answer["warning"] else []), *answer["sentences"]])),
        f"> {plain(answer['hedge'])}" if answer["hedge"] else "",
    ]


def _data(c: dict[str, Any]) -> list[str]:
    data, protocol = c["dataset"], c["protocol"]
    counts = sorted(data["class_counts"].values())
    each = f", {_range(counts)} images per class" if counts else ""
    sizes = ""
    if protocol.get("train_sizes"):
        sizes = f", {protocol['train_sizes'][0]:,} training and {protocol['test_sizes'][0]:,} test images"
    facts = [
        f"- {title}: {plain(data[key])}"
        for title, key in (
            ("Source", "source"),
            ("Licence", "licence"),
            ("Citation", "citation"),
            ("Fingerprint", "fingerprint"),
        )
        if data.get(key)
    ]
    skipped = [entry if isinstance(entry, str) else " – ".join(map(str, entry)) for entry in data["skipped"]]
    if skipped:
        facts.append(f"- Skipped: {plural(len(skipped), 'file')}: {plain(names_text(skipped, 5))}")
    images = plural(data.get("n_images") or 0, "image")
    classes = plural(len(data["class_names"]), "class", "classes")
    what = (
        f"{plural(len(c['rows']), 'pipeline')} on {plain(data.get('name') or 'images')}: {images} in {classes}{each}."
    )
    splits = f"{plural(c['n_splits'], 'split')}{sizes}; every pipeline saw the same ones."
    return ["## What was compared on what", f"{what} {splits}", "\n".join(facts)]


def _range(counts: list[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _scores(c: dict[str, Any]) -> list[str]:
    metrics = [c["metric"], *(name for name in c["metrics"] if name != c["metric"])]
    head = ["#", "Pipeline", *(plain(metric_words(name)) for name in metrics)]
    head += ["95 % interval", "against the best", "time per image", "fit, one split", "features"]
    needs = {"answer_memory": "memory", "model_bytes": "model"}
    needs = needs if any(row["resources"]["answer_memory"] for row in c["rows"]) else {}
    rows = []
    for rank, row in enumerate(c["rows"], 1):
        note = ""
        if not row["complete"]:
            done = f"{row['n_done']} of {plural(c['n_splits'], 'split')}"
            note = f" ({'failed' if row['error'] is not None else 'unfinished'}, {done})"
        scores = [
            f"{score_text(row['scores'][name]['mean'], name)} {spread_text(row['scores'][name]['sd'], name)}".strip()
            for name in metrics
        ]
        rows.append(
            [
                str(rank) if row["complete"] else DASH,
                _named(row) + note,
                *scores,
                interval(c, row["name"]),
                against_best(c, row["name"]),
                seconds_text(row["seconds_per_image"]),
                seconds_text(row["fit_seconds"]),
                count_text(row["n_features"]),
                *(size_text(row["resources"][key]) for key in needs),
            ]
        )
    many = f"mean ± standard deviation over {plural(c['n_splits'], 'split')}"
    over = many if c["n_splits"] > 1 else "one split, so no spread"
    legend = (
        "● hand-crafted, ◆ learned. Time per image is decode + extract + predict."
        f"{' Memory is what it takes to answer, model what is to be stored.' if needs else ''}"
    )
    return [
        "## Scores",
        f"Sorted by {plain(metric_words(c['metric']))}: {over}. {legend}",
        table([*head, *needs.values()], rows, left=2),
        _split_table(c) if c["n_splits"] > 1 else "",
    ]


def _split_table(c: dict[str, Any]) -> str:
    head = ["Every split", *(str(split + 1) for split in range(c["n_splits"]))]
    rows = [
        [_named(row), *(score_text(value, c["metric"]) for value in row["values"])]
        for row in c["rows"]
        if row["mean"] is not None
    ]
    return table(head, rows) if rows else ""


def _classes(c: dict[str, Any]) -> list[str]:
    found = c["per_class"]
    if not found["scores"]:
        return ["## Class by class", "No pipeline made a prediction."]
    blocks = ["## Class by class"]
    blocks += [
        f"The test set of split {gap['split'] + 1} has no image of {plain(names_text(gap['classes']))}."
        for gap in found["absent"]
    ]
    duel = c["examples"]["duel"]
    gaps = class_gaps(found, duel["left"], duel["right"]) if duel else None
    if duel and gaps:
        head = ["They differ most on", plain(duel["left"]), plain(duel["right"]), "points"]
        cells = [
            [plain(gap["name"]), _share(gap["left"]), _share(gap["right"]), f"{100 * gap['gap']:+.1f}"]
            for gap in gaps["gaps"]
        ]
        blocks.append(table(head, cells))
    scores = found["scores"]
    cells = [
        [plain(name), count_text(found["support"][k]), *(_share(values[k]) for values in scores.values())]
        for k, name in enumerate(found["classes"])
    ]
    full = table(["Class", "tests", *map(plain, scores)], cells)
    blocks.append("Right answers per class, all splits together:")
    return [*blocks, full if len(cells) <= 20 else folded(f"All {len(cells)} classes", full)]


def _share(value: float | None) -> str:
    return score_text(value, "accuracy", digits=0)


def _confusion(c: dict[str, Any]) -> list[str]:
    classes, counts = c["confusion"]["classes"], c["confusion"]["counts"]
    if not counts:
        return ["## What is taken for what", "No pipeline made a prediction."]
    blocks = ["## What is taken for what"]
    for name, pairs in c["confusion"]["pairs"].items():
        said = [
            f"{plain(pair['label'])} taken for {plain(pair['predicted'])} ({pair['count']} of {pair['of']})"
            for pair in pairs
        ]
        blocks.append(f"**{plain(name)}**: {'; '.join(said) or 'no mistakes'}.")
        if len(classes) <= 12:
            cells = [[plain(one), *map(str, line)] for one, line in zip(classes, counts[name], strict=True)]
            matrix = table(["true class / answer", *map(plain, classes)], cells)
            blocks.append(folded("Confusion matrix, all splits together", matrix))
    return blocks


def _images(c: dict[str, Any]) -> list[str]:
    e = c["examples"]
    if not e["pipelines"]:
        return ["## Image by image", "No pipeline finished every split."]
    tally = table(
        ["pipelines that are right", *map(str, range(len(e["right_by"])))],
        [["images", *map(count_text, e["right_by"])]],
    )
    blocks = [
        "## Image by image",
        f"{plural(e['n_images'], 'test image')}, each counted once (in the first split that tests it).",
        tally,
    ]
    if duel := e["duel"]:
        for side, other in (("left", "right"), ("right", "left")):
            kinds = duel[f"{side}_kind"], duel[f"{other}_kind"]
            what = f"What {kinds[0]} gets right and {kinds[1]} gets wrong: " if kinds[0] != kinds[1] else ""
            title = f"### {what}{plain(duel[side])} right, {plain(duel[other])} wrong"
            blocks += [f"{title}: {plural(duel[f'only_{side}'], 'image')}", _gallery(e, duel[f"{side}_examples"])]
    blocks += [f"### Wrong for every pipeline: {plural(e['n_all_wrong'], 'image')}", _gallery(e, e["all_wrong"])]
    return [*blocks, "### A random handful", _gallery(e, e["samples"])]


def _gallery(e: dict[str, Any], shown: list[dict[str, Any]]) -> str:
    cells = [
        [
            str(one["index"]),
            plain(one["label"]),
            *("✓" if answer == one["label"] else plain(answer) for answer in one["answers"].values()),
        ]
        for one in shown
    ]
    return table(["image", "true class", *map(plain, e["pipelines"])], cells, left=99) if cells else "None."


def _failures(c: dict[str, Any]) -> list[str]:
    failed = [row for row in c["rows"] if row["error"] is not None]
    if not failed:
        return []
    blocks = ["## Failures"]
    for row in failed:
        blocks += [f"### {_named(row)}", code(row["error"])]
        blocks += [block(one["traceback"]) for one in row["errors"] if one["traceback"]]
    return blocks


def _methods(c: dict[str, Any]) -> list[str]:
    blocks = ["## Methods"]
    for row in c["rows"]:
        facts = [f"- Kind: {plain(row['kind'])}", f"- Features: {count_text(row['n_features'])}"]
        facts += [f"- Parameters: {code(row['parameters'])}"] if row["parameters"] else []
        facts += [f"- Citation: {plain(row['citation'])}"] if row["citation"] else []
        blocks += [f"### {_named(row)}", plain(row["title"]) if row["title"] != row["name"] else "", "\n".join(facts)]
    return blocks


def _protocol(c: dict[str, Any]) -> list[str]:
    protocol, environment = c["protocol"], c["environment"]
    facts = [f"- Splits: {code(protocol['cv'])}"] if protocol.get("cv") else []
    facts.append(f"- Metrics: {plain(', '.join(metric_words(name) for name in c['metrics']))}")
    if is_share(c["metric"]) and c["dataset"]["class_names"]:
        facts.append(
            f"- Blind guessing: right for about {score_text(1 / len(c['dataset']['class_names']))} of each class"
        )
    if protocol.get("random_state") is not None:
        facts.append(f"- Random state: {plain(protocol['random_state'])}")
    again = protocol.get("command")
    return [
        "## Protocol",
        "\n".join(facts),
        "## Environment, and how to run it again",
        block(str(again)) if again else "The comparison was started from Python; the same call repeats it.",
        "\n".join(
            f"- {plain(key.replace('_', ' '))}: {_listed(key, value)}" for key, value in environment.items() if value
        ),
    ]


def _listed(key: str, value: Any) -> str:
    if isinstance(value, dict):
        return plain(", ".join(f"{name} {version}" for name, version in value.items() if version))
    if isinstance(value, list):
        return plain(", ".join(map(str, value)))
    return bytes_text(value) if key == "memory" and isinstance(value, int) else plain(value)
