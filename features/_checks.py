"""Checks of parameters, worded alike everywhere: what was expected, what came, why it matters."""

import difflib
import math
import numbers
from collections.abc import Iterable
from typing import Any

import numpy as np


def nearest(name: object, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'a' or 'b'?"`` for the known names closest to *name*, or nothing."""
    close = difflib.get_close_matches(str(name).lower(), list(known), n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else ""


def check_choice(name: str, value: object, choices: Iterable[object]) -> None:
    """Raise ``ValueError`` unless *value* is one of *choices*."""
    choices = list(choices)
    if not any(value is choice or (type(value) is type(choice) and value == choice) for choice in choices):
        hint = nearest(value, [choice for choice in choices if isinstance(choice, str)])
        raise ValueError(f"`{name}` must be one of {', '.join(map(repr, choices))}; got {value!r}{hint}")


def is_flag(value: object) -> bool:
    """Tell whether *value* is True or False, Python's or numpy's."""
    return isinstance(value, bool | np.bool_)


def check_flag(name: str, value: object) -> None:
    """Raise ``ValueError`` unless *value* is True or False."""
    if not is_flag(value):
        raise ValueError(f"`{name}` must be True or False; got {value!r}")


def check_whole(
    name: str, value: Any, *, at_least: int, at_most: int | None = None, unit: str = "", why: str = ""
) -> None:
    """Raise ``ValueError`` unless *value* is a whole number in the given range."""
    if _is_whole(value) and at_least <= value and (at_most is None or value <= at_most):
        return
    raise ValueError(_sentence(f"`{name}` must be a whole number", value, at_least, at_most, unit, why))


def check_number(
    name: str,
    value: Any,
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    unit: str = "",
    why: str = "",
) -> None:
    """Raise ``ValueError`` unless *value* is a finite real number in the given range."""
    real = isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)
    if (
        real
        and (at_least is None or value >= at_least)
        and (above is None or value > above)
        and (at_most is None or value <= at_most)
    ):
        return
    raise ValueError(_sentence(f"`{name}` must be a number", value, at_least, at_most, unit, why, above))


def check_pair(name: str, value: Any, *, at_least: int = 1, unit: str = "", why: str = "") -> tuple[int, int]:
    """Return *value* as two whole numbers (rows, columns); one number stands for both."""
    pair = (value, value) if _is_whole(value) else value
    try:
        first, second = pair
    except (TypeError, ValueError):
        first = second = None
    if not (_is_whole(first) and _is_whole(second) and first >= at_least and second >= at_least):
        what = f"`{name}` must be a whole number or a pair (rows, columns) of them"
        raise ValueError(_sentence(what, value, at_least, None, unit, why))
    return int(first), int(second)


def _is_whole(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _sentence(
    start: str,
    value: object,
    at_least: float | None,
    at_most: float | None,
    unit: str,
    why: str,
    above: float | None = None,
) -> str:
    bounds = [
        f"{sign} {bound:g}" for sign, bound in ((">=", at_least), (">", above), ("<=", at_most)) if bound is not None
    ]
    of_unit = f" of {unit}" if unit else ""
    ending = f". {why}" if why else ""
    return f"{start}{of_unit} {' and '.join(bounds)}".rstrip() + f"; got {value!r}{ending}"
