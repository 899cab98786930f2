"""The paragraph on top of the matrix page: which pipeline wins where, and whether that is more than chance."""

from __future__ import annotations

import statistics
from typing import Any

from ._answer import _untrained
from ._format import chance_text, difference_text, metric_words, names_text, plural, seconds_text

_SHOWN = 4  # names in one breath
_MUCH_CHEAPER = 2.0  # times as fast as the leading pipeline


def answer_matrix(collected: dict[str, Any]) -> dict[str, Any]:
    """Say in sentences what the matrix shows.

    Returns
    -------
    dict
        ``headline`` (str), ``sentences`` (list of str), ``hedge`` (str).
    """
    won = [dataset for dataset in collected["datasets"] if dataset["best"]]
    if not won:
        return {"headline": "No pipeline has a score on any data set.", "sentences": _trouble(collected), "hedge": ""}
    sentences = [_clear(won), _kinds(collected), _ranks(collected), _price(collected), *_trouble(collected)]
    sentences.append(_untrained(collected["rows"]))
    return {
        "headline": _headline(collected, won),
        "sentences": [sentence for sentence in sentences if sentence],
        "hedge": _hedge(collected, won),
    }


def _headline(collected: dict[str, Any], won: list[dict[str, Any]]) -> str:
    """Name the winners with their data sets, the most frequent first."""
    wins: dict[str, list[str]] = {row["name"]: [] for row in collected["rows"]}
    for dataset in won:
        for name in dataset["best"]:
            wins[name].append(dataset["name"])
    ordered = sorted((name for name in wins if wins[name]), key=lambda name: -len(wins[name]))
    what, n = metric_words(collected["metric"]), len(won)
    first = ordered[0]
    if n == 1:
        best = names_text(won[0]["best"], _SHOWN)
        return f"{best} has the highest {what} on {won[0]['name']}, the only data set with scores."
    if len(wins[first]) == n:
        shared = f"; {names_text(ordered[1:], _SHOWN)} shares the place on some" if len(ordered) > 1 else ""
        which = " with scores" if n < len(collected["datasets"]) else ""
        return f"{first} has the highest {what} on all {n} data sets{which}{shared}."
    told = [f"{name} on {_of(wins[name], n)}" for name in ordered[:_SHOWN]]
    more = f", and {plural(len(ordered) - _SHOWN, 'other')} elsewhere" if len(ordered) > _SHOWN else ""
    return f"Highest {what}: {'; '.join(told)}{more}."


def _of(names: list[str], n: int) -> str:
    return f"{len(names)} of {n} data sets ({names_text(names, _SHOWN)})" if len(names) > 1 else names[0]


def _clear(won: list[dict[str, Any]]) -> str:
    """Say where the best is ahead of all others by more than chance."""
    clear = [dataset["name"] for dataset in won if dataset["clear"]]
    if len(clear) == len(won):
        where = "there" if len(won) == 1 else "on each of them"
        return f"The winner is ahead of every other pipeline by more than chance {where}."
    if not clear:
        where = "It is not" if len(won) == 1 else "On none of them is the winner"
        return f"{where} ahead of every other pipeline by more than chance."
    where = f"on {names_text(clear, _SHOWN)} alone"
    return f"The winner is ahead of every other pipeline by more than chance {where}; elsewhere another may be as good."


def _kinds(collected: dict[str, Any]) -> str:
    """Count where the best learned pipeline beats the best hand-crafted one."""
    n_both = n_learned = 0
    for place in range(len(collected["datasets"])):
        best: dict[str, float] = {}
        for row in collected["rows"]:
            cell = row["cells"][place]
            if cell["state"] == "whole":
                best[row["kind"]] = max(best.get(row["kind"], cell["mean"]), cell["mean"])
        if {"hand-crafted", "learned"} <= set(best):
            n_both += 1
            n_learned += best["learned"] > best["hand-crafted"]
    if not n_both:
        return ""
    count = n_learned or "none"
    where = f"{'all' if n_learned == n_both > 1 else f'{count} of'} {plural(n_both, 'data set')}"
    return f"The best learned pipeline scores higher than the best hand-crafted one on {where}."


def _ranks(collected: dict[str, Any]) -> str:
    """Say what the average ranks show, and whether that is more than chance."""
    ranking = collected["ranking"]
    if ranking is None:
        return ""
    order = sorted(ranking["average"], key=ranking["average"].get)
    first, n = order[0], ranking["n_datasets"]
    average = ranking["average"][first]
    tied = [name for name in order if round(ranking["average"][name] - average, 9) == 0]
    if len(tied) > 1:
        return (
            f"Over {plural(n, 'data set')} {names_text(tied, _SHOWN)} share the best average rank, {average:.2f} among "
            f"{len(order)} pipelines."
        )
    text = f"Over {plural(n, 'data set')} {first} has the best average rank, {average:.2f} among {len(order)} pipelines"
    tested = tested_text(ranking)
    if n < ranking["fewest"]:
        return f"{text}, which proves nothing yet: even the same order on all {n} could come about by chance."
    if not ranking["differ"]:
        return f"{text}; the ranks differ no more than they would by chance ({tested})."
    group = next((one for one in ranking["groups"] if first in one), [first])
    level = [name for name in group if name != first]
    if len(level) == len(order) - 1:
        return f"{text}; ranks differ by more than chance ({tested}), though not those of any one pair."
    behind = [name for name in order if name not in group]
    ahead = f"{first} is ahead of {names_text(behind, _SHOWN)}"
    apart = f", and cannot be told apart from {names_text(level, _SHOWN)}" if level else ""
    return f"{text}; the ranks differ by more than chance ({tested}): {ahead}{apart}."


def tested_text(ranking: dict[str, Any]) -> str:
    """Name the test of the ranks and its p: ``Friedman p = 0.52``; ``Wilcoxon p = 0.031`` for two pipelines."""
    two = ranking["friedman_p"] is None
    text = chance_text(ranking["wilcoxon_p" if two else "friedman_p"])
    return f"{'Wilcoxon' if two else 'Friedman'} p {text if text.startswith('<') else f'= {text}'}"


def _price(collected: dict[str, Any]) -> str:
    """Say what the leading pipeline costs, and which much cheaper one comes nearest to it."""
    first, *others = collected["rows"]
    seconds = [cell["seconds"] for cell in first["cells"] if cell["state"] == "whole" and cell["seconds"]]
    if not seconds:
        return ""
    text = f"{first['name']} takes {_span(seconds)} per image"
    near = [(gap, row["name"], times) for row in others if (found := _cheaper(row, first)) for gap, times in [found]]
    if not near:
        return f"{text}; no other pipeline is much cheaper."
    gap, name, times = min(near)
    lower = f"{difference_text(gap, collected['metric'])} {'lower' if gap > 0 else 'higher'}"
    return f"{text}; {name}, {lower} on average, is {times:.0f} times as fast."


def _span(seconds: list[float]) -> str:
    low, high = seconds_text(min(seconds)), seconds_text(max(seconds))
    return low if low == high else f"{low} to {high}"


def _cheaper(row: dict[str, Any], first: dict[str, Any]) -> tuple[float, float] | None:
    """Return how much lower a pipeline scores on average and how many times as fast it is; None if less than twice."""
    pairs = [
        (other["mean"] - own["mean"], other["seconds"] / own["seconds"])
        for own, other in zip(row["cells"], first["cells"], strict=True)
        if own["state"] == other["state"] == "whole" and own["seconds"] and other["seconds"]
    ]
    if not pairs:
        return None
    gaps, times = zip(*pairs, strict=True)
    typical = statistics.median(times)
    return (statistics.fmean(gaps), typical) if typical >= _MUCH_CHEAPER else None


def _trouble(collected: dict[str, Any]) -> list[str]:
    """Name what is missing: data sets, and pipelines that do not take part in the ranks."""
    lost = [dataset["name"] for dataset in collected["datasets"] if dataset["error"]]
    sentences = [f"There are no results on {names_text(lost, _SHOWN)}."] if lost else []
    if collected["unranked"] and collected["ranking"] is not None:
        sentences.append(
            f"The ranks leave out {names_text(collected['unranked'], _SHOWN)}: not a score on every data set."
        )
    return sentences


def _hedge(collected: dict[str, Any], won: list[dict[str, Any]]) -> str:
    ranking, n = collected["ranking"], len(won)
    if ranking is None:
        return f"No ranks: {collected['why_not']}." if collected["why_not"] else ""
    text = (
        "Ranks say which pipeline tends to win on data sets like these, not by how much; for images of your own, go by "
        "the column that is most like them."
    )
    if n < ranking["fewest"]:
        more = f"It takes at least {ranking['fewest']} data sets before ranks can differ by more than chance. "
    elif n < 2 * ranking["fewest"]:
        more = f"With {n} data sets only large and steady differences in rank can show. "
    else:
        more = ""
    return more + text
