"""The first screen of a report: which pipeline to use, why, how surely, at what cost, and what else; in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eyecraft.pipelines._entries import UNTRAINED
from eyecraft.pipelines._verdict_best import few_splits
from eyecraft.pipelines.pareto import cheapest_within

from ._answer_points import WITHIN, points
from ._format import difference_text, is_share, metric_words, names_text, plural, score_text
from ._guessing import guess_of
from ._verdicts import find_pair

if TYPE_CHECKING:
    from eyecraft.pipelines.comparison import Comparison

LEVEL = 0.0005
"""Shares closer than this are printed alike and count as a tie."""

GUESSING = 0.02
"""A best pipeline that is no more above blind guessing than this is none to use."""

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
        ``headline`` (str); ``points`` (dictionaries of ``title, figure, text``: how good, how sure, what it costs, and
        what to use where that is too much); ``warning`` (str) where there are too few splits; ``sentences`` (list of
        str); ``hedge`` (str: what the verdicts rest on); and the names ``winner, runner_up, best_handcrafted,
        best_learned, cheapest`` (None where there is none).
    """
    done = [row for row in rows if row["complete"]] or [row for row in rows if row["mean"] is not None]
    answer: dict[str, Any] = {
        "winner": done[0]["name"] if done else None,
        "runner_up": done[1]["name"] if len(done) > 1 else None,
        "best_handcrafted": _first(done, HAND_CRAFTED),
        "best_learned": _first(done, LEARNED),
        "cheapest": _cheapest(comparison, done, metric),
    }
    if not done:
        return answer | _nothing(rows)
    n_splits = len(done[0]["values"])
    guess = guess_of(comparison, metric)
    sentences = [_rest(done, found), _untrained(rows), _trouble(rows)]
    return answer | {
        "headline": _headline(done, metric, guess),
        "points": points(done, found, answer["cheapest"], metric, guess),
        "warning": _warning(done, found, n_splits),
        "sentences": [sentence for sentence in sentences if sentence],
        "hedge": _hedge(done, found, metric, n_splits),
    }


def _warning(done: list[dict[str, Any]], found: dict[str, Any], n_splits: int) -> str:
    """Say that there are too few splits, unless these were enough to rule all the others out."""
    settled = all(one["verdict"] in ("worse", "barely worse") for one in found["against"].values())
    return "" if settled and n_splits > 1 else few_splits(len(done), n_splits)


def _nothing(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Say that no pipeline finished, and whether that is a failure or work to go on with."""
    failed = sum(row["error"] is not None for row in rows)
    waiting = len(rows) - failed
    sentences = ["Their errors are listed below."] if failed else []
    if waiting:
        sentences.append(
            f"{plural(waiting, 'pipeline')} {'has' if waiting == 1 else 'have'} not been run on any split yet: the run "
            "was stopped before. The same command goes on with it."
        )
    which = f"{failed} of {plural(len(rows), 'pipeline')} failed" if failed else "the run was stopped too early"
    headline = f"No pipeline finished: {which}."
    return {"headline": headline, "points": [], "warning": "", "sentences": sentences, "hedge": ""}


def _first(done: list[dict[str, Any]], kind: str) -> str | None:
    return next((row["name"] for row in done if row["kind"] == kind), None)


def _cheapest(comparison: Comparison, done: list[dict[str, Any]], metric: str) -> str | None:
    if not is_share(metric) or not any(row["seconds_per_image"] for row in done):
        return None
    try:
        return str(cheapest_within(comparison, WITHIN, metric)["pipeline"])
    except ValueError:  # seconds were measured, but of none that is near the best
        return None


def _headline(done: list[dict[str, Any]], metric: str, guess: float | None) -> str:
    best = done[0]
    score = f"{score_text(best['mean'], metric)} {metric_words(metric)}"
    if guess is not None and best["mean"] < guess + GUESSING:
        which = "It is" if len(done) == 1 else f"The best is {best['name']}, and it is"
        return f"None of these is worth using. {which} no better than blind guessing: {score}."
    if len(done) == 1:
        return f"{best['name']} reached {score}; there is no other finished pipeline to compare it with."
    if _level(best, done[1], metric):
        return f"Use {best['name']} or {done[1]['name']}: they tie at {score}."
    rival = next((row for row in done if row["kind"] != best["kind"]), done[1])
    what = f"the best {rival['kind']} pipeline" if rival["kind"] != best["kind"] else "the runner-up"
    lead = difference_text(best["mean"] - rival["mean"], metric)
    return f"Use {best['name']}: {score}, {lead} above {what}, {rival['name']}."


def _level(best: dict[str, Any], second: dict[str, Any], metric: str) -> bool:
    """Tell whether two means read the same: apart by less than half of the last digit shown."""
    return bool(best["mean"] - second["mean"] < (LEVEL if is_share(metric) else 1e-12))


def _rest(done: list[dict[str, Any]], found: dict[str, Any]) -> str:
    """Say which of the others may be as good as the best, and which are ruled out."""
    best = done[0]["name"]
    others = [row["name"] for row in done[1:] if row["name"] in found["against"]]
    if len(others) < 2:
        return ""
    beaten = [name for name in others if found["against"][name]["verdict"] in ("worse", "barely worse")]
    if beaten == others:
        return f"{best} is better than each of the {len(others)} others."
    if not beaten:
        return f"None of the {len(others)} others is ruled out as the best yet."
    left = [name for name in others if name not in beaten]
    may = names_text(left, 4) if len(left) <= 4 else f"{len(left)} others"
    out = names_text(beaten, 4) if len(beaten) <= 4 else f"{len(beaten)} pipelines"
    return f"Ruled out as the best: {out}. Not ruled out: {may}."


def _untrained(rows: list[dict[str, Any]]) -> str:
    names = [row["name"] for row in rows if UNTRAINED in row["title"]]
    if not names:
        return ""
    return f"Beware: the network of {names_text(names, 4)} has {UNTRAINED}."


def _trouble(rows: list[dict[str, Any]]) -> str:
    failed = [row for row in rows if row["error"] is not None]
    waiting = [row for row in rows if row["error"] is None and not row["complete"]]
    parts = [f"{plural(len(failed), 'pipeline')} failed; see the failures below"] if failed else []
    parts += [f"{plural(len(waiting), 'pipeline')} did not finish every split"] if waiting else []
    return f"{' and '.join(reversed(parts))}." if parts else ""


def _hedge(done: list[dict[str, Any]], found: dict[str, Any], metric: str, n_splits: int) -> str:
    """Say what the verdicts rest on, and what a run like this can find."""
    equal = f"Differences up to {difference_text(found['rope'], metric)} count as equivalent."
    if n_splits < 2:
        return (
            "There is one split only: what is said rests on its test images alone and says nothing about other "
            f"training sets. {equal}"
        )
    spread = "The ± is the standard deviation over splits, not a confidence interval."
    if len(done) < 2 or not found["n_tests"]:
        return spread
    n = found["n_against"]
    together = f", adjusted for the {n} comparisons with the best (Holm)" if n > 1 else ""
    every = f"; between any two, for all {found['n_tests']} pairs" if found["n_tests"] > n > 1 else ""
    return (
        f"Verdicts rest on the differences over the same {n_splits} splits, by the t-test corrected for the images "
        f"that splits share (Nadeau and Bengio){together}{every}. {equal} {_reach(done, found, metric)}{spread}"
    )


def _reach(done: list[dict[str, Any]], found: dict[str, Any], metric: str) -> str:
    """Say which difference between the two best would have been found."""
    pair = find_pair(found, done[0]["name"], done[1]["name"])
    smallest = None if pair is None else pair["smallest_detectable"]
    if smallest is None:
        return ""
    if is_share(metric) and smallest >= 1 - done[1]["mean"]:
        return "Between the two best this run is too small to find any difference reliably. "
    return f"Between the two best it reliably finds differences above {difference_text(smallest, metric)}. "
