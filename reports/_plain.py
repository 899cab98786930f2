"""From what a comparison holds to what JSON knows."""

from __future__ import annotations

from typing import Any

from ._format import missing


def plain(value: Any) -> Any:
    """Turn NumPy scalars, tuples and missing values inside dictionaries and lists into what JSON knows."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, str | bool | int):
        return value
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if value is None or missing(value):
        return None
    return value if isinstance(value, float) else str(value)
