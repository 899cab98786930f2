"""The paragraph on top of a report: who won, by how much, and what that is worth, in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eyecraft.pipelines._entries import UNTRAINED
from eyecraft.pipelines.pareto import cheapest_within

from ._format import difference_text, is_share, metric_words, names_text, plural, range_text, score_text, seconds_text
from ._verdicts import find_pair

if TYPE_CHECKING:
    from eyecraft.pipelines.comparison import Comparison

WITHIN = 1.0
"""A pipeline counts as nearly as good as the best within so many percentage points."""

LEVEL = 0.0005
"""Shares closer than this are printed alike and count as a tie."""

HAND_CRAFTED, LEARNED = "hand-crafted", "learned"


def collect_answer(
    comparison: Comparison, rows: list[dict[str, Any]], found: dict[str, Any], metric: str
) -> dict[str, Any]:
    """Say in sentences what the sorted rows and the verdicts on their pairs show.

    Parameters
    ----------
    comparison : Comparison
    rows : list of dict
        As `collect_rows` returns them.
    found : dict
        As `collect_verdicts` returns it.
    metric : str

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
        "cheapest": _cheapest(comparison, done, metric),
    }
    answer["highlights"] = _highlights(answer)
    if not done:
        failed = sum(row["error"] is not None for row in rows)
        headline = f"No pipeline finished: {failed} of {plural(len(rows), 'pipeline')} failed."
        return answer | {"headline": headline, "sentences": ["Their errors are listed below."], "hedge": ""}
    n_splits = len(done[0]["values"])
    sentences = [
        _lead(done, found),
        _standing(done, found),
        _kinds(done, answer, found, metric),
        _price(done, answer, found, metric),
        _untrained(rows),
        _trouble(rows),
    ]
    return answer | {
        "headline": _headline(done, metric, n_splits),
        "sentences": [sentence for sentence in sentences if sentence],
        "hedge": _hedge(done, found, metric, n_splits),
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


def _cheapest(comparison: Comparison, done: list[dict[str, Any]], metric: str) -> str | None:
    if not is_share(metric) or not any(row["seconds_per_image"] for row in done):
        return None
    try:
        return str(cheapest_within(comparison, WITHIN, metric)["pipeline"])
    except ValueError:  # seconds were measured, but of none that is near the best
        return None


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


def _lead(done: list[dict[str, Any]], found: dict[str, Any]) -> str:
    """Give the verdict on the two best."""
    pair = find_pair(found, done[0]["name"], done[1]["name"]) if len(done) > 1 else None
    return f"{pair['sentence']} {pair['note']}".strip() if pair else ""


def _standing(done: list[dict[str, Any]], found: dict[str, Any]) -> str:
    """Say how the best stands against all the others."""
    best = done[0]["name"]
    others = [row["name"] for row in done[1:]]
    if len(others) < 2:
        return ""
    by_verdict: dict[str, list[str]] = {"better": [], "equivalent": [], "undecided": []}
    for name in others:
        by_verdict.setdefault(found["cells"][best][name]["verdict"], []).append(name)
    if by_verdict["better"] == others:
        return f"{best} is better than each of the {len(others)} others."
    parts = []
    for verdict, words in (
        ("better", "better than"),
        ("equivalent", "equivalent to"),
        ("undecided", "undecided against"),
    ):
        names = by_verdict[verdict]
        if names:
            parts.append(f"{words} {names_text(names, 4) if len(names) <= 4 else len(names)}")
    return f"Of the {len(others)} others, {best} is {', '.join(parts)}."


def _kinds(done: list[dict[str, Any]], answer: dict[str, Any], found: dict[str, Any], metric: str) -> str:
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
    side, ahead, behind = ("hand-crafted", hand, learned) if gap > 0 else ("learned", learned, hand)
    told = "" if {hand["name"], learned["name"]} == {done[0]["name"], done[1]["name"]} else _aside(ahead, behind, found)
    text = f"The best hand-crafted pipeline is {ends}: {difference_text(gap, metric)} in favour of {side} features"
    return f"{text}{told}."


def _aside(ahead: dict[str, Any], behind: dict[str, Any], found: dict[str, Any]) -> str:
    """Return the verdict on a pair for a place inside another sentence."""
    verdict = found["cells"][ahead["name"]][behind["name"]]["verdict"]
    said = {"better": "more than chance", "equivalent": "in effect equivalent", "undecided": "undecided"}
    return f", {said.get(verdict, 'undecided')}"


def _price(done: list[dict[str, Any]], answer: dict[str, Any], found: dict[str, Any], metric: str) -> str:
    if answer["cheapest"] is None or len(done) < 2:
        return ""
    cheapest = next(row for row in done if row["name"] == answer["cheapest"])
    cost = f"{seconds_text(cheapest['seconds_per_image'])} per image"
    if cheapest is done[0]:
        return f"No cheaper pipeline comes within one point of it; it takes {cost}."
    best = done[0]["seconds_per_image"]
    against = f", against {seconds_text(best)} for {done[0]['name']}" if best else ""
    cell = found["cells"][done[0]["name"]][cheapest["name"]]
    between = "" if cell["low"] is None else f", interval {range_text(cell['low'], cell['high'], metric)} points"
    said = {"better": "the best is better than it", "undecided": "whether the best is better is undecided"}
    verdict = said.get(cell["verdict"], "the two are equivalent")
    return f"The cheapest within one point of the best is {cheapest['name']} at {cost}{against} ({verdict}{between})."


def _untrained(rows: list[dict[str, Any]]) -> str:
    names = [row["name"] for row in rows if UNTRAINED in row["title"]]
    if not names:
        return ""
    return f"Beware: the network of {names_text(names, 4)} has {UNTRAINED}."


def _trouble(rows: list[dict[str, Any]]) -> str:
    failed = [row for row in rows if row["error"] is not None]
    waiting = [row for row in rows if row["error"] is None and not row["complete"]]
    parts = [f"{plural(len(failed), 'pipeline')} failed"] if failed else []
    parts += [f"{plural(len(waiting), 'pipeline')} did not finish every split"] if waiting else []
    return f"{' and '.join(parts)}; see the failures below." if parts else ""


def _hedge(done: list[dict[str, Any]], found: dict[str, Any], metric: str, n_splits: int) -> str:
    """Say what the verdicts rest on."""
    equal = f"differences up to {difference_text(found['rope'], metric)} count as equivalent"
    if n_splits < 2:
        return (
            "There is one split only: verdicts rest on its test images alone and say nothing about other training "
            f"sets ({equal}). Ask for several splits before you rely on a small difference."
        )
    spread = "The ± is the standard deviation over splits, not a confidence interval."
    if len(done) < 2 or not found["n_tests"]:
        return spread
    holm = f", adjusted for {plural(found['n_tests'], 'pair')} (Holm)" if found["n_tests"] > 1 else ""
    return (
        f"Verdicts rest on the differences over the same {n_splits} splits, by the t-test corrected for the images "
        f"that splits share (Nadeau and Bengio){holm}; {equal}. {spread}"
    )
