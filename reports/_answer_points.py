"""What a choice of pipeline rests on, in a few figures: how good it is, how sure that is, what it costs, what else."""

from __future__ import annotations

from typing import Any

from eyecraft.pipelines._metric_words import more_splits_text, p_text, percent_text

from ._cost_table import size_text
from ._format import difference_text, metric_words, plural, score_text, seconds_text, spread_text

WITHIN = 1.0
"""A pipeline counts as nearly as good as the best within so many percentage points."""

_LIKELY = 0.75  # below this, a lead is called open
_MUCH_CHEAPER = 2.0  # a pipeline that is not near the best is worth a word where it is at least so many times as fast


def points(
    done: list[dict[str, Any]], found: dict[str, Any], cheapest: str | None, metric: str, guess: float | None
) -> list[dict[str, str]]:
    """Return what there is to know of the best of the finished pipelines.

    Parameters
    ----------
    done : list of dict
        Rows of `collect_rows`, best first.
    found : dict
        As `collect_verdicts` returns it.
    cheapest : str or None
        The cheapest within `WITHIN` points of the best.
    metric : str
    guess : float or None
        What blind guessing gets, where that is known.

    Returns
    -------
    list of dict
        ``title, figure, text, kind`` (of the pipeline that the figure names, else empty), and ``joint``, the mark that
        parts figure and text where both are in one line.
    """
    found_points = [_good(done, metric, guess), _sure(done, found, metric), _cost(done[0])]
    return [point for point in [*found_points, _instead(done, cheapest, metric)] if point]


def _point(title: str, figure: str, text: str, kind: str = "") -> dict[str, str]:
    joint = "," if kind else "" if any(map(str.isdigit, figure)) else ":"
    return {"title": title, "figure": figure, "joint": joint, "text": text, "kind": kind}


def _good(done: list[dict[str, Any]], metric: str, guess: float | None) -> dict[str, str]:
    best = done[0]
    n_splits = len(best["values"])
    over = f"mean of {plural(n_splits, 'split')} ({spread_text(best['sd'], metric)})" if n_splits > 1 else "one split"
    text = f"{metric_words(metric)}, {over}."
    if len(done) > 1:
        text += f" The runner-up, {done[1]['name']}, reaches {score_text(done[1]['mean'], metric)}"
        text += f"; blind guessing, {score_text(guess, metric)}." if guess is not None else "."
    elif guess is not None:
        text += f" Blind guessing gets {score_text(guess, metric)}."
    return _point("How good", score_text(best["mean"], metric), text)


def _sure(done: list[dict[str, Any]], found: dict[str, Any], metric: str) -> dict[str, str] | None:
    """Say how sure it is that the best is the best: by the other that is the most likely to be as good."""
    cells = {row["name"]: found["against"][row["name"]] for row in done[1:] if row["name"] in found["against"]}
    if not cells:
        return None
    known = {name: cell for name, cell in cells.items() if cell["likely"] is not None}
    if not known:
        return _point("How sure", "Not known", _untested(done, found))
    title, limit = "How sure", difference_text(found["rope"], metric)
    rival = min(known, key=lambda name: known[name]["likely"])
    cell, n = known[rival], len(known)
    others = "the runner-up" if n == 1 else f"each of the {n} others"
    likely = f"by more than {limit} with a probability of {percent_text(cell['likely'])}"
    if cell["verdict"] == "equivalent":
        return _point(title, "A tie", f"{rival} is as good in effect, within {limit} most probably.")
    if all(one["verdict"] == "worse" for one in known.values()):
        worst = max(one["p_adjusted"] for one in known.values())
        return _point(title, "Beyond chance", f"Ahead of {others} (p {p_text(worst)}), of {rival} {likely}.")
    if cell["verdict"] == "barely worse":
        text = f"Ahead of {others} beyond chance, but of {rival} probably by less than {limit}."
        return _point(title, "By a hair", text)
    by_itself = f"p {p_text(cell['p'])}"
    among = p_text(cell["p_adjusted"]).removeprefix("= ")
    chance = f"{by_itself} by itself, {among} as one of {n}" if among not in by_itself else by_itself
    doubt = f"Not yet beyond chance ({chance}).{_settle(cell, done, found)}"
    if cell["likely"] < _LIKELY:
        return _point(title, "Open", f"Ahead of {rival} {likely} only. {doubt}")
    return _point(title, f"{percent_text(cell['likely'])} likely", f"to beat {rival} by more than {limit}. {doubt}")


def _settle(cell: dict[str, Any], done: list[dict[str, Any]], found: dict[str, Any]) -> str:
    more = cell["n_more_splits"]
    if not more:
        return ""
    text = more_splits_text(more, len(done[0]["values"]), found["cv"])
    return f" {text[0].upper()}{text[1:]} would settle it, should the lead last."


def _untested(done: list[dict[str, Any]], found: dict[str, Any]) -> str:
    if len(done[0]["values"]) == 1:
        return "One split cannot tell a better pipeline from a luckier one."
    return "There is no spread from split to split to judge by."


def _cost(best: dict[str, Any]) -> dict[str, str] | None:
    if not best["seconds_per_image"]:
        return None
    memory, model = (best["resources"][key] for key in ("answer_memory", "model_bytes"))
    text = "per image, from file to answer"
    text += f", and {size_text(memory)} of memory" if memory is not None else ""
    text += f". The model takes {size_text(model)}." if model is not None else "."
    return _point("What it costs", seconds_text(best["seconds_per_image"]), text)


def _instead(done: list[dict[str, Any]], cheapest: str | None, metric: str) -> dict[str, str] | None:
    """Name what to use where the best costs too much: as good in effect, or else the best that is much cheaper."""
    best = done[0]
    if len(done) < 2 or not best["seconds_per_image"]:
        return None
    near = cheapest not in (None, best["name"])
    fit = [
        row
        for row in done[1:]
        if (row["name"] == cheapest if near else row["worth_it"])
        and (near or _MUCH_CHEAPER * row["seconds_per_image"] <= best["seconds_per_image"])
    ]
    title = "If that is too much"
    if not fit:
        return _point(title, "Nothing else", "No other pipeline is both much cheaper and worth using.")
    return _point(title, fit[0]["name"], _beside(fit[0], best, metric), fit[0]["kind"])


def _beside(row: dict[str, Any], best: dict[str, Any], metric: str) -> str:
    lower = f"{difference_text(best['mean'] - row['mean'], metric)} lower, {score_text(row['mean'], metric)}"
    times = best["seconds_per_image"] / row["seconds_per_image"]
    faster = f", {times:.0f} times as fast" if times >= 1.95 else ""
    memory = row["resources"]["answer_memory"]
    within = f", in {size_text(memory)}" if memory is not None else ""
    return f"{lower}, at {seconds_text(row['seconds_per_image'])}{faster}{within}."
