"""Every pair of pipelines of a comparison, tested: what `verdicts` puts into its frame."""

from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ._holm import holm
from ._metric_words import is_share, p_text
from ._one_test_set import mcnemar, permutation, tally
from ._student import Estimate, corrected_t

if TYPE_CHECKING:
    from .comparison import Comparison

CORRECTED_T, MCNEMAR, PERMUTATION, NO_TEST = "corrected t", "McNemar", "permutation", "none"
BETTER, EQUIVALENT, UNDECIDED, WORSE = "better", "equivalent", "undecided", "worse"

_UNLIKE = 1.1  # sizes of splits that differ by more than this factor are worth a word


@dataclass
class Pair:
    """Two pipelines, the first at least as good as the second on the splits that both finished.

    Parameters
    ----------
    first, second : str
    splits : list of int
        The splits that both finished.
    difference : float
        Mean over those splits of the first's score less the second's; NaN without any.
    estimate : Estimate or None
        None where nothing can be tested.
    test : str
        "corrected t", "McNemar", "permutation" or "none".
    why_not : str
        In words, why nothing can be tested.
    same_answers : bool
        Whether there is no spread because both gave the same answers.
    n_images : int
        Test images of a single split.
    lower : float
        Mean over those splits of the second's score.
    cv : str
        How the splits were made, in words.
    slight : bool
        Whether a pair that is *better* is so by less than the region of equivalence, probably.
    """

    first: str
    second: str
    splits: list[int]
    difference: float
    estimate: Estimate | None = None
    test: str = NO_TEST
    why_not: str = ""
    same_answers: bool = False
    n_images: int = 0
    lower: float = 0.0
    cv: str = ""
    p: float | None = None
    p_mcnemar: float | None = None
    p_permutation: float | None = None
    p_holm: float | None = None
    n_tests: int = 0
    smallest: float | None = None
    n_more: int | None = None
    probabilities: tuple[float, float, float] | None = None
    verdict: str = UNDECIDED
    slight: bool = False
    notes: list[str] = field(default_factory=list)


def judge_pairs(comparison: "Comparison", metric: str, rope: float, alpha: float) -> list[Pair]:
    """Test every pair of pipelines, best first, and judge all of them together."""
    evidence = _Evidence(comparison, metric)
    pairs = [evidence.pair(one, other) for one, other in combinations(evidence.order, 2)]
    tested = [pair for pair in pairs if pair.p is not None]
    adjusted, factors = holm(np.array([pair.p for pair in tested], dtype=float))
    for pair, p_holm, factor in zip(tested, adjusted, factors, strict=True):
        pair.p_holm, pair.n_tests = float(p_holm), len(tested)
        _judge(pair, rope, alpha, int(factor))
    return pairs


def _judge(pair: Pair, rope: float, alpha: float, factor: int) -> None:
    """Fill in what rests on the estimate, and the verdict."""
    estimate = pair.estimate
    if estimate is None or pair.p_holm is None:
        return
    pair.probabilities = estimate.probabilities(rope)
    pair.smallest = estimate.smallest(alpha / pair.n_tests)
    pair.verdict, pair.slight = judged(estimate, pair.p_holm, rope, alpha)
    if pair.test == CORRECTED_T:
        settled = pair.verdict != UNDECIDED
        pair.n_more = 0 if settled else estimate.more_splits(alpha / factor, alpha, rope)


def judged(estimate: Estimate, p_adjusted: float, rope: float, alpha: float) -> tuple[str, bool]:
    """Return the verdict on a difference as seen from the first, and whether it is a slight one.

    Slight is a difference that is there, but more probably within the region of equivalence than beyond it.
    """
    better, equivalent, worse = estimate.probabilities(rope)
    if equivalent >= 1 - alpha:
        return EQUIVALENT, False
    if p_adjusted > alpha:
        return UNDECIDED, False
    return (BETTER, better < 0.5) if estimate.mean > 0 else (WORSE, worse < 0.5)


class _Evidence:
    """What a comparison holds about pairs, looked up once."""

    def __init__(self, comparison: "Comparison", metric: str) -> None:
        self.comparison, self.metric = comparison, metric
        scores = comparison.scores[comparison.scores["metric"] == metric]
        names = comparison.pipelines["name"].tolist()
        wide = scores.pivot(index="split", columns="pipeline", values="value").reindex(columns=names)
        self.scores = {name: wide[name].where(np.isfinite(wide[name])).dropna() for name in names}
        means = {name: values.mean() if len(values) else -np.inf for name, values in self.scores.items()}
        self.order = sorted(names, key=lambda name: -means[name])  # stable: ties stay in the order given
        self.errors = dict(zip(names, comparison.pipelines["error"], strict=True))
        self.n_splits = comparison.protocol["n_splits"]
        self.cv = str(comparison.protocol.get("cv") or "")
        self.fixed = self.n_splits == 1 and "n_splits=1" not in self.cv
        tests = [np.sort(test) for _, test in comparison.splits]
        self.one_test_set = len(tests) > 1 and all(np.array_equal(tests[0], test) for test in tests[1:])

    def pair(self, first: str, second: str) -> Pair:
        """Return the pair with its own test; what concerns all pairs together is left open."""
        differences = (self.scores[first] - self.scores[second]).dropna()
        if len(differences) and differences.mean() < 0:  # on the splits that both finished the order may be another
            first, second, differences = second, first, -differences
        splits = [int(split) for split in differences.index]
        pair = Pair(first, second, splits, float(differences.mean()) if splits else np.nan)
        pair.cv = self.cv
        pair.lower = float(self.scores[second][splits].mean()) if splits else 0.0
        pair.notes = self._notes(pair)
        if not splits:
            pair.why_not = self._no_scores(pair)
        elif len(splits) == 1:
            self._test_images(pair)
        else:
            self._test_splits(pair, differences.to_numpy(float))
        return pair

    def _test_splits(self, pair: Pair, differences: np.ndarray) -> None:
        train, test = self._sizes(pair)
        pair.estimate = corrected_t(differences, float(np.mean(test) / np.mean(train)))
        if pair.estimate is not None:
            pair.test, pair.p = CORRECTED_T, pair.estimate.p
            return
        answers = [(self._answers(pair.first, split), self._answers(pair.second, split)) for split in pair.splits]
        known = all(len(one) and len(one) == len(other) for one, other in answers)
        pair.same_answers = known and all((one["predicted"] == other["predicted"]).all() for one, other in answers)
        if pair.same_answers:
            pair.verdict, pair.n_more = EQUIVALENT, 0
        pair.why_not = f"the difference is the same on each of {len(differences)} splits, with no spread to judge by"

    def _test_images(self, pair: Pair) -> None:
        """Test one split image by image."""
        one, other = (self._answers(name, pair.splits[0]) for name in (pair.first, pair.second))
        if self.metric not in ("accuracy", "balanced_accuracy"):
            pair.why_not = "one split gives no spread, and this metric has no test image by image"
            return
        if not len(one) or len(one) != len(other):
            pair.why_not = "one split gives no spread, and the answers to its images were not kept"
            return
        counts = tally(one["label"].to_numpy(), one["predicted"].to_numpy(), other["predicted"].to_numpy())
        pooled = counts.pooled()
        pair.n_images = len(one)
        pair.p_mcnemar = mcnemar(int(pooled.only_first[0]), int(pooled.only_second[0]))
        pair.p_permutation = permutation(counts)
        if not self.fixed:  # the test images, too, would be others the next time
            pair.why_not = _drawn(pair, self.metric)
            return
        by_image = self.metric == "accuracy"
        pair.test, pair.p = (MCNEMAR, pair.p_mcnemar) if by_image else (PERMUTATION, pair.p_permutation)
        pair.estimate = (pooled if by_image else counts).estimate()
        absent = set(self.comparison.dataset["class_names"]) - set(one["label"])
        if absent and not by_image:
            pair.notes.append(f"The mean leaves out {_counted(len(absent), 'class')} without a test image.")

    def _answers(self, name: str, split: int) -> pd.DataFrame:
        answers = self.comparison.predictions
        found = answers[(answers["pipeline"] == name) & (answers["split"] == split)]
        return found.sort_values("index").set_index("index")

    def _sizes(self, pair: Pair) -> tuple[list[int], list[int]]:
        train, test = (self.comparison.protocol[key] for key in ("train_sizes", "test_sizes"))
        return [train[split] for split in pair.splits], [test[split] for split in pair.splits]

    def _no_scores(self, pair: Pair) -> str:
        empty = [name for name in (pair.first, pair.second) if self.scores[name].empty]
        if not empty:
            return "no split was finished by both"
        errors = [str(self.errors[name]) for name in empty if self.errors[name] is not None]
        which = f"{empty[0]} has no score" if len(empty) == 1 else "neither has a score"
        return f"{which} ({errors[0].rstrip('.')})" if errors else which

    def _notes(self, pair: Pair) -> list[str]:
        notes = []
        if 0 < len(pair.splits) < self.n_splits:
            notes.append(f"Rests on the {len(pair.splits)} of {self.n_splits} splits that both finished.")
        if len(pair.splits) < 2:
            return notes
        for what, sizes in zip(("training", "test"), self._sizes(pair), strict=True):
            if max(sizes) > _UNLIKE * min(sizes):
                span = f"{min(sizes):,} to {max(sizes):,} {what} images"
                notes.append(f"Splits have {span}; the correction takes the mean.")
        if self.one_test_set:
            notes.append("All splits test the same images: chance in the choice of test images is not in the interval.")
        if not is_share(self.metric):
            notes.append("The region of equivalence is in units of the metric.")
        return notes


def _drawn(pair: Pair, metric: str) -> str:
    """Say what one random split is worth."""
    test, p = (MCNEMAR, pair.p_mcnemar) if metric == "accuracy" else (PERMUTATION, pair.p_permutation)
    return (
        f"that is on the {pair.n_images:,} test images of one random split alone ({test} p {p_text(p or 0.0)}) and "
        "says nothing about other splits, so ask for several"
    )


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}es"
