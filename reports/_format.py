"""How numbers are written in every report: short, aligned, and never more exact than they are."""

from __future__ import annotations

import math

DASH = "–"

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


def score_text(value: float | None, metric: str = "accuracy", *, digits: int = 1) -> str:
    """Write one score: a percentage for shares, four significant digits for anything else.

    Examples
    --------
    >>> score_text(0.9731), score_text(-1.25, "neg_log_loss"), score_text(None)
    ('97.3 %', '-1.25', '–')
    """
    if value is None or missing(value):
        return DASH
    return f"{100 * value:.{digits}f} %" if is_share(metric) else f"{value:.4g}"


def spread_text(sd: float | None, metric: str = "accuracy", *, digits: int = 1) -> str:
    """Write a standard deviation in the unit of its score (percentage points, no sign), or nothing."""
    if sd is None or missing(sd):
        return ""
    return f"± {100 * sd:.{digits}f}" if is_share(metric) else f"± {sd:.2g}"


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


def seconds_text(value: float | None) -> str:
    """Write a duration with two or three significant digits and a unit that suits it.

    Examples
    --------
    >>> [seconds_text(value) for value in (0.0000042, 0.00123, 0.5, 12.34, 4000)]
    ['4.2 µs', '1.2 ms', '500 ms', '12 s', '67 min']
    """
    if value is None or missing(value):
        return DASH
    for limit, factor, unit in ((1e-3, 1e6, "µs"), (1.0, 1e3, "ms"), (300.0, 1.0, "s"), (math.inf, 1 / 60, "min")):
        if abs(value) < limit:
            scaled = value * factor
            return f"{scaled:.0f} {unit}" if scaled >= 9.95 or scaled == 0 else f"{scaled:.1f} {unit}"
    return DASH


def bytes_text(value: float | None) -> str:
    """Write an amount of memory.

    Examples
    --------
    >>> bytes_text(734_003_200), bytes_text(3 * 2**30)
    ('700 MiB', '3.0 GiB')
    """
    if value is None or missing(value):
        return DASH
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def count_text(value: int | None) -> str:
    """Write a whole number with commas between thousands."""
    return DASH if value is None or missing(value) else f"{value:,.0f}"


def plural(number: int, noun: str, nouns: str | None = None) -> str:
    """Write a count and its noun: ``1 split``, ``5 splits``, ``1,200 images``."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def names_text(names: list[str], most: int = 10) -> str:
    """Join names with commas; past `most`, say how many more there are."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most:,} more"


def missing(value: object) -> bool:
    """Tell whether `value` is None, NaN or pandas' NA."""
    return value is None or value != value or str(value) == "<NA>"
