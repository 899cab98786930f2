"""Metrics and differences between them in words, as verdicts and reports write them."""

import re

_SHARE_METRICS = ("accuracy", "f1", "precision", "recall", "jaccard", "roc_auc", "average_precision")


def is_share(metric: str) -> bool:
    """Tell whether a scikit-learn metric lies between 0 and 1 and reads best as a percentage."""
    return not metric.startswith("neg_") and any(word in metric for word in _SHARE_METRICS)


def metric_words(metric: str) -> str:
    """Write a scikit-learn metric name as words.

    Examples
    --------
    >>> metric_words("balanced_accuracy")
    'mean per-class accuracy'
    >>> metric_words("f1_macro")
    'f1 macro'
    """
    return {"balanced_accuracy": "mean per-class accuracy"}.get(metric, metric.replace("_", " "))


def difference_text(value: float, metric: str = "accuracy") -> str:
    """Write a difference of two scores in percentage points, or in the metric's own unit.

    Examples
    --------
    >>> difference_text(0.0123), difference_text(0.01), difference_text(0.00042)
    ('1.2 points', '1.0 point', '0.04 points')
    """
    if not is_share(metric):
        return f"{abs(value):.3g}"
    points = abs(100 * value)
    text = f"{points:.2f}" if 0 < points < 0.1 else f"{points:.1f}"
    return f"{text} {'point' if text == '1.0' else 'points'}"


def range_text(low: float, high: float, metric: str = "accuracy") -> str:
    """Write the ends of an interval, without a unit; shares are cut where no difference of two shares can be.

    Examples
    --------
    >>> range_text(-0.012, 0.034), range_text(-0.5, 12.0, "neg_log_loss")
    ('−1.2 to 3.4', '−0.5 to 12')
    >>> range_text(-0.248, 1.015)
    '−24.8 to 100.0'
    """
    share = is_share(metric)
    low, high = (max(low, -1.0), min(high, 1.0)) if share else (low, high)
    low_text, high_text = (f"{100 * end:.1f}" if share else f"{end:.3g}" for end in (low, high))
    return f"{low_text} to {high_text}".replace("-0.0 ", "0.0 ").replace("-", "−")


def more_splits_text(n_more: int, n_splits: int, cv: str) -> str:
    """Say how to get so many splits more: folds can only be drawn again as a whole.

    Examples
    --------
    >>> more_splits_text(1, 5, "PerClassSplit(n_train=15)"), more_splits_text(7, 5, "")
    ('one more split', '7 more splits')
    >>> more_splits_text(7, 5, "5 stratified folds, shuffled (random_state=0)")
    'drawing the folds 3 times in all (repeats=3)'
    """
    found = re.match(r"(\d+) stratified folds", cv)
    if found:
        repeats = -(-(n_splits + n_more) // int(found[1]))
        return f"drawing the folds {repeats} times in all (repeats={repeats})"
    return "one more split" if n_more == 1 else f"{n_more:,} more splits"


def p_text(p: float) -> str:
    """Write a p-value with its sign of relation.

    Examples
    --------
    >>> p_text(0.00001), p_text(0.0312), p_text(0.5)
    ('< 0.001', '= 0.031', '= 0.50')
    """
    return "< 0.001" if p < 0.001 else f"= {p:.2g}" if p < 0.1 else f"= {p:.2f}"


def percent_text(probability: float) -> str:
    """Write a probability so that only certainty reads as certainty.

    Examples
    --------
    >>> percent_text(0.9996), percent_text(0.9934), percent_text(0.981)
    ('over 99.9 %', '99.3 %', '98 %')
    """
    percent = 100 * probability
    return "over 99.9 %" if percent > 99.9 else f"{percent:.1f} %" if percent > 99 else f"{percent:.0f} %"
