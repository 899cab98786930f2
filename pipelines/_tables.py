"""Data frames and plain values as one JSON file."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from ._files import write_json


def write_tables(path: Path, tables: dict[str, pd.DataFrame], **rest: Any) -> None:
    """Write data frames and plain values as one JSON file, whole or not at all."""
    content = {name: {"columns": list(table.columns), "rows": _rows(table)} for name, table in tables.items()}
    write_json(path, {**content, **rest})


def read_tables(path: Path, what: str, names: tuple[str, ...], newer: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return what `write_tables` wrote, with those of *names* as data frames; *newer* ones where they are there.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        It is damaged, or something else.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path.parent} holds no {what}: there is no {path.name} in it")
    try:
        content = json.loads(path.read_text("utf-8"))
        for name in (*names, *(name for name in newer if name in content)):
            rows, columns = content[name]["rows"], content[name]["columns"]
            content[name] = pd.DataFrame(rows, columns=columns)
            if "error" in columns:  # None, where all went well, is to stay None
                texts = [row[columns.index("error")] for row in rows]
                content[name]["error"] = pd.Series(texts, dtype=object)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ValueError(f"{path} is damaged or no {what} ({error}); compute it again") from error
    return dict(content)


def _rows(table: pd.DataFrame) -> list[list[Any]]:
    return [[None if value is None or value != value else value for value in row] for row in table.to_numpy(object)]
