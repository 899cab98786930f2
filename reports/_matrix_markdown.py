"""The matrix page as GitHub Markdown."""

from __future__ import annotations

from typing import Any

from . import _format as words
from ._markup import code, folded, plain, table
from ._verdicts import SYMBOLS


def render_matrix_markdown(collected: dict[str, Any], links: dict[str, str] | None = None) -> str:
    """Write what `collect_matrix` gathered as GitHub Markdown; *links* lead to the data sets' own reports."""
    links = links or {}
    answer, metric = collected["answer"], collected["metric"]
    names = [plain(dataset["name"]) for dataset in collected["datasets"]]
    parts = [
        f"# {', '.join(names)}",
        f"**{plain(answer['headline'])}** {plain(' '.join(answer['sentences']))}".rstrip(),
    ]
    if answer["hedge"]:
        parts.append(plain(answer["hedge"]))
    if collected["rows"]:
        parts += ["## Scores", _scores(collected, links), _legend(metric)]
    parts += _ranks(collected)
    if any(cell["seconds"] for row in collected["rows"] for cell in row["cells"]):
        parts += ["## Cost", "Time per image: decode, extract and predict.", _costs(collected)]
    parts += ["## Data sets", _datasets(collected, links)]
    if collected["faults"]:
        parts += ["## Failures", "\n".join(map(_fault, collected["faults"]))]
    if collected["changed"]:
        parts.append(f"Settings differ between data sets for {plain(words.names_text(collected['changed']))}.")
    if collected["command"]:
        parts += ["## Run it again", code(collected["command"])]
    return "\n\n".join(parts) + "\n"


def _scores(collected: dict[str, Any], links: dict[str, str]) -> str:
    head = ["pipeline", "mean rank", *(_linked(dataset["name"], links) for dataset in collected["datasets"])]
    rows = [
        [
            plain(row["name"]),
            words.DASH if row["rank"] is None else f"{row['rank']:.2f}",
            *(cell_text(cell, collected["metric"]) for cell in row["cells"]),
        ]
        for row in collected["rows"]
    ]
    return table(head, rows)


def cell_text(cell: dict[str, Any], metric: str) -> str:
    """Write a cell of the matrix: score, spread, and the distance to the best with the verdict on it."""
    if cell["state"] in ("none", "absent", "failed"):
        return {"none": words.DASH, "absent": "not run", "failed": "failed"}[cell["state"]]
    score = f"{words.score_text(cell['mean'], metric)} {words.spread_text(cell['sd'], metric)}".strip()
    if cell["state"] == "partial":
        return f"({score}; {cell['n_done']} of {cell['n_splits']} splits)"
    if cell["best"]:
        return f"★ **{score}**"
    behind = f"{SYMBOLS.get(cell['verdict'], '')} {words.signed_text(-cell['behind'], metric)}".strip()
    return f"{score} ({behind})"


def _legend(metric: str) -> str:
    unit = " points" if words.is_share(metric) else ""
    return (
        f"{words.metric_words(metric).capitalize()}, mean ± standard deviation over splits. ★ the highest of its "
        f"column; in brackets so many{unit} behind it: ▽ worse by more than chance, = equivalent, ? undecided."
    )


def _ranks(collected: dict[str, Any]) -> list[str]:
    ranking = collected["ranking"]
    if ranking is None:
        return ["## Ranks", f"None: {plain(collected['why_not'])}."] if collected["why_not"] else []
    groups = [" = ".join(plain(name) for name in group) for group in ranking["groups"]]
    told = f"Not to be told apart: {'; '.join(groups)}." if groups else "All can be told apart."
    numbers = f"Nemenyi's critical difference is {ranking['critical_difference']:.2f} at level {ranking['alpha']:g}."
    rows = [
        [
            plain(pair["first"]),
            plain(pair["second"]),
            f"{pair['rank_difference']:.2f}",
            *(words.chance_text(pair[key]) for key in ("p_nemenyi", "p_wilcoxon", "p_holm")),
        ]
        for pair in ranking["pairs"]
    ]
    head = ["ranks better", "than", "rank difference", "p (Nemenyi)", "p (Wilcoxon)", "p (Holm)"]
    return ["## Ranks", f"{told} {numbers}", folded("All pairs", table(head, rows, left=2))]


def _costs(collected: dict[str, Any]) -> str:
    head = ["pipeline", *(plain(dataset["name"]) for dataset in collected["datasets"])]
    rows = [
        [plain(row["name"]), *(words.seconds_text(cell["seconds"]) for cell in row["cells"])]
        for row in collected["rows"]
    ]
    return table(head, rows)


def _datasets(collected: dict[str, Any], links: dict[str, str]) -> str:
    rows = [
        [
            _linked(each["name"], links),
            words.count_text(each["n_images"]),
            words.count_text(each["n_classes"]),
            plain(each["cv"]),
        ]
        for each in collected["datasets"]
    ]
    return table(["data set", "images", "classes", "splits"], rows)


def _linked(name: str, links: dict[str, str]) -> str:
    return f"[{plain(name)}]({links[name]})" if name in links else plain(name)


def _fault(fault: dict[str, Any]) -> str:
    where = f" on {plain(fault['where'])}" if fault["where"] else ""
    return f"- {plain(fault['what'])}{where}: {plain(fault['error'])}"
