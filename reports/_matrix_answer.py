"""The paragraph on top of the matrix page: which pipeline wins where, and whether that is more than chance."""

from __future__ import annotations

from typing import Any

from ._answer import _untrained
from ._format import chance_text, metric_words, names_text, plural

_SHOWN = 4  # names in one breath


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
    sentences = [_clear(won), _kinds(collected), _ranks(collected), *_trouble(collected), _untrained(collected["rows"])]
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
