"""How numbers are written in every report: short, aligned, and never more exact than they are."""

from __future__ import annotations

import math

from eyecraft.pipelines._metric_words import difference_text as difference_text
from eyecraft.pipelines._metric_words import is_share as is_share
from eyecraft.pipelines._metric_words import metric_words as metric_words
from eyecraft.pipelines._metric_words import range_text as range_text

DASH = "–"


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


def signed_text(value: float | None, metric: str = "accuracy") -> str:
    """Write a difference with its sign, without a unit for shares: points go without saying in a column of them.

    Examples
    --------
    >>> signed_text(0.0123), signed_text(-0.2), signed_text(0.0), signed_text(None)
    ('+1.2', '−20.0', '0.0', '–')
    """
    if value is None or missing(value):
        return DASH
    text = f"{100 * value:+.1f}" if is_share(metric) else f"{value:+.3g}"
    return text.lstrip("+-") if not text.strip("+-0.") else text.replace("-", "−")


def chance_text(p: float | None) -> str:
    """Write a p-value.

    Examples
    --------
    >>> chance_text(0.00001), chance_text(0.0312), chance_text(0.5), chance_text(None)
    ('< 0.001', '0.031', '0.50', '–')
    """
    if p is None or missing(p):
        return DASH
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


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
