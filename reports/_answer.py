"""The paragraph on top of a report: who won, by how much, and what that is worth, in plain words."""

from __future__ import annotations

from typing import Any

from ._format import (
    difference_text,
    is_share,
    metric_words,
    plural,
    score_text,
    seconds_text,
)

WITHIN = 0.01
"""A pipeline counts as nearly as good as the best within this difference (one percentage point)."""

LEVEL = 0.0005
"""Shares closer than this are printed alike and count as a tie."""

HAND_CRAFTED, LEARNED = "hand-crafted", "learned"


def collect_answer(rows: list[dict[str, Any]], metric: str, n_splits: int) -> dict[str, Any]:
    """Say in sentences what the sorted rows show.

    Nothing here is a significance test: differences are means over the same splits, and the text says so.

    Parameters
    ----------
    rows : list of dict
        As `collect_rows` returns them.
    metric : str
    n_splits : int

    Returns
    -------
    dict
        ``headline`` (str), ``sentences`` (list of str), ``hedge`` (str) and the names ``winner, runner_up,
        best_handcrafted, best_learned, cheapest`` (None where there is none); ``highlights``: each of those
        names with what it is.
    """
    done = [row for row in rows if row["complete"]] or [row for row in rows if row["mean"] is not None]
    answer: dict[str, Any] = {
        "winner": done[0]["name"] if done else None,
        "runner_up": done[1]["name"] if len(done) > 1 else None,
        "best_handcrafted": _first(done, HAND_CRAFTED),
        "best_learned": _first(done, LEARNED),
        "cheapest": _cheapest(done, metric),
    }
    answer["highlights"] = _highlights(answer)
    if not done:
        failed = sum(row["error"] is not None for row in rows)
        headline = f"No pipeline finished: {failed} of {plural(len(rows), 'pipeline')} failed."
        return answer | {"headline": headline, "sentences": ["Their errors are listed below."], "hedge": ""}
    sentences = [_lead(done, metric), _kinds(done, answer, metric), _price(done, answer, metric), _trouble(rows)]
    return answer | {
        "headline": _headline(done, metric, n_splits),
        "sentences": [sentence for sentence in sentences if sentence],
        "hedge": _hedge(done, n_splits),
    }


def _highlights(answer: dict[str, Any]) -> dict[str, list[str]]:
    titles = {
        "winner": "highest score",
        "runner_up": "runner-up",
        "best_handcrafted": "best hand-crafted",
        "best_learned": "best learned",
        "cheapest": "cheapest within 1 point",
    }
    highlights: dict[str, list[str]] = {}
    for key, title in titles.items():
        if answer[key] is not None:
            highlights.setdefault(answer[key], []).append(title)
    return highlights


def _first(done: list[dict[str, Any]], kind: str) -> str | None:
    return next((row["name"] for row in done if row["kind"] == kind), None)


def _cheapest(done: list[dict[str, Any]], metric: str) -> str | None:
    if not done or not is_share(metric):
        return None
    near = [row for row in done if done[0]["mean"] - row["mean"] <= WITHIN + 1e-12 and row["seconds_per_image"]]
    return min(near, key=lambda row: row["seconds_per_image"])["name"] if near else None


def _headline(done: list[dict[str, Any]], metric: str, n_splits: int) -> str:
    best = done[0]
    over = f"mean of {plural(n_splits, 'split')}" if n_splits > 1 else "one split"
    score = f"{score_text(best['mean'], metric)} {metric_words(metric)} ({over})"
    if len(done) == 1:
        return f"{best['name']} reached {score}; there is no other finished pipeline to compare it with."
    if _level(best, done[1], metric):
        return f"{best['name']} and {done[1]['name']} tie at {score}."
    return f"{best['name']} came first with {score}."


def _level(best: dict[str, Any], second: dict[str, Any], metric: str) -> bool:
    """Tell whether two means read the same: apart by less than half of the last digit shown."""
    return bool(best["mean"] - second["mean"] < (LEVEL if is_share(metric) else 1e-12))


def _lead(done: list[dict[str, Any]], metric: str) -> str:
    if len(done) < 2 or _level(done[0], done[1], metric):
        return ""
    best, second = done[:2]
    text = f"It is {difference_text(best['mean'] - second['mean'], metric)} ahead of the runner-up, {second['name']}"
    pairs = [(a, b) for a, b in zip(best["values"], second["values"], strict=False) if a is not None and b is not None]
    if len(pairs) < 2:
        return f"{text}."
    return f"{text} (mean difference over the same splits; ahead in {sum(a > b for a, b in pairs)} of {len(pairs)})."


def _kinds(done: list[dict[str, Any]], answer: dict[str, Any], metric: str) -> str:
    by_name = {row["name"]: row for row in done}
    hand, learned = (by_name.get(answer[key]) for key in ("best_handcrafted", "best_learned"))
    if hand is None or learned is None:
        return f"Only {done[0]['kind']} features finished, so the two kinds cannot be set against each other."
    gap = hand["mean"] - learned["mean"]
    ends = (
        f"{hand['name']} ({score_text(hand['mean'], metric)}), and the best learned one is "
        f"{learned['name']} ({score_text(learned['mean'], metric)})"
    )
    if gap == 0:
        return f"The best hand-crafted pipeline is {ends}: no difference."
    side = "hand-crafted" if gap > 0 else "learned"
    return f"The best hand-crafted pipeline is {ends}: {difference_text(gap, metric)} in favour of {side} features."


def _price(done: list[dict[str, Any]], answer: dict[str, Any], metric: str) -> str:
    if answer["cheapest"] is None or len(done) < 2:
        return ""
    cheapest = next(row for row in done if row["name"] == answer["cheapest"])
    cost = f"{seconds_text(cheapest['seconds_per_image'])} per image"
    if cheapest is done[0]:
        return f"No cheaper pipeline comes within one point of it; it takes {cost}."
    best = done[0]["seconds_per_image"]
    against = f", against {seconds_text(best)} for {done[0]['name']}" if best else ""
    return f"The cheapest within one point of the best is {cheapest['name']} at {cost}{against}."


def _trouble(rows: list[dict[str, Any]]) -> str:
    failed = [row for row in rows if row["error"] is not None]
    waiting = [row for row in rows if row["error"] is None and not row["complete"]]
    parts = [f"{plural(len(failed), 'pipeline')} failed"] if failed else []
    parts += [f"{plural(len(waiting), 'pipeline')} did not finish every split"] if waiting else []
    return f"{' and '.join(parts)}; see the failures below." if parts else ""


def _hedge(done: list[dict[str, Any]], n_splits: int) -> str:
    if n_splits < 2:
        return (
            "There is one split only: no spread can be shown, and a small difference may be chance. "
            "Ask for several splits before you rely on it."
        )
    if len(done) < 2:
        return "The ± is the standard deviation over splits, not a confidence interval."
    return (
        "These are differences of means, not a significance test: the splits share images, so their scores are not "
        "independent and the ± (standard deviation over splits) is not a confidence interval."
    )
