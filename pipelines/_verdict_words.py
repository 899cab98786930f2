"""One sentence for each pair of pipelines, in plain words."""

from ._metric_words import difference_text, is_share, metric_words, more_splits_text, p_text, percent_text, range_text
from ._student import MOST_SPLITS
from ._verdict_pairs import BETTER, CORRECTED_T, EQUIVALENT, MCNEMAR, Pair


def sentence(pair: Pair, metric: str, rope: float, alpha: float) -> str:
    """Say who is better, by how much and how sure that is; or why it cannot be said, and what would help."""
    if pair.same_answers:
        same = f"they gave the same answer to every test image of all {len(pair.splits)} splits"
        return f"{pair.first} and {pair.second} are equivalent: {same}."
    if pair.estimate is None or pair.probabilities is None:
        told = f"{_told(pair, metric)}; " if pair.splits else ""
        return f"{pair.first} against {pair.second} is undecided: {told}{pair.why_not}."
    judged = _judged(pair, pair.estimate.interval(alpha), pair.probabilities, metric, rope, alpha)
    if pair.test == CORRECTED_T:
        return f"{judged}."
    return (
        f"On this one test set of {pair.n_images:,} images {judged}; one split says nothing about other training sets."
    )


def _judged(
    pair: Pair,
    ends: tuple[float, float],
    probabilities: tuple[float, float, float],
    metric: str,
    rope: float,
    alpha: float,
) -> str:
    interval = f"{100 * (1 - alpha):g} % interval {range_text(*ends, metric)}"
    size, limit = difference_text(pair.difference, metric), difference_text(rope, metric)
    more = f"{size} more {metric_words(metric)} ({interval}, {_p_words(pair)})"
    likely = f"with a probability of {percent_text(probabilities[0])}"
    if pair.verdict == EQUIVALENT:
        return (
            f"{pair.first} and {pair.second} are equivalent: with a probability of {percent_text(probabilities[1])} "
            f"they differ by less than {limit} of {metric_words(metric)} (difference {size}, {interval})"
        )
    if pair.verdict == BETTER and pair.slight:
        return (
            f"{pair.first} is better than {pair.second}, but probably by less than {limit}: {more}; the lead is above "
            f"that {likely} only"
        )
    if pair.verdict == BETTER:
        return f"{pair.first} is better than {pair.second}: {more}, and the lead is above {limit} {likely}"
    return (
        f"{pair.first} against {pair.second} is undecided: {_told(pair, metric, _alone(pair, interval))}, by more than "
        f"{limit} {likely}; a run like this {_what_is_found(pair, metric)}, and {_what_helps(pair)}"
    )


def _told(pair: Pair, metric: str, evidence: str = "") -> str:
    """Say what was seen, whatever it is worth."""
    within = f" ({evidence})" if evidence else ""
    if pair.difference == 0:
        return f"they are level in {metric_words(metric)}{within}"
    return f"{pair.first} is {difference_text(pair.difference, metric)} ahead in {metric_words(metric)}{within}"


def _alone(pair: Pair, interval: str) -> str:
    """Give the interval and p of this pair alone, and p among all: the first may exclude 0 where the last is large."""
    if pair.n_tests < 2:
        return f"{interval}, {_p_words(pair)}"
    return f"taken alone {interval} and p {p_text(pair.p or 0.0)}; {_p_words(pair)}"


def _what_is_found(pair: Pair, metric: str) -> str:
    smallest = pair.smallest or 0.0
    if is_share(metric) and smallest >= 1 - pair.lower:
        return "is too small to find any difference reliably"
    return f"reliably finds only differences above {difference_text(smallest, metric)}"


def _what_helps(pair: Pair) -> str:
    if pair.test != CORRECTED_T:
        return "more test images or more splits are needed"
    if pair.n_more is None:
        return f"more splits alone cannot settle it (not even {MOST_SPLITS:,}), because splits share images: add images"
    splits = more_splits_text(pair.n_more, len(pair.splits), pair.cv)
    return f"{splits} would settle it if difference and spread stay as they are"


def _p_words(pair: Pair) -> str:
    test = {CORRECTED_T: "p", MCNEMAR: "McNemar p"}.get(pair.test, "permutation p")
    several = f" after Holm over {pair.n_tests} pairs" if pair.n_tests > 1 else ""
    return f"{test} {p_text(pair.p_holm or 0.0)}{several}"
