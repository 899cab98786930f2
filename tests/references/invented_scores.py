"""Comparisons made up from scores alone, with no more than verdicts, ranks and costs read of them."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd


def invented(
    scores: dict[str, list[float | None]],
    *,
    train_sizes: list[int] | None = None,
    test_sizes: list[int] | None = None,
    answers: dict[str, list[list[str]]] | None = None,
    labels: list[list[str]] | None = None,
    metric: str = "accuracy",
    name: str = "invented",
    errors: dict[str, str] | None = None,
) -> Any:
    """Return a comparison; None is the score of a split that failed. Split s tests images 1000 s, 1000 s + 1, ..."""
    n_splits = max(len(values) for values in scores.values())
    train_sizes, test_sizes = train_sizes or [80] * n_splits, test_sizes or [20] * n_splits
    rows = [
        (pipeline, split, metric, value)
        for pipeline, values in scores.items()
        for split, value in enumerate(values)
        if value is not None
    ]
    given = [
        (pipeline, split, 1000 * split + place, label, answer)
        for pipeline, splits in (answers or {}).items()
        for split, each in enumerate(splits)
        for place, (label, answer) in enumerate(zip((labels or [])[split], each, strict=True))
    ]
    return SimpleNamespace(
        pipelines=pd.DataFrame(
            {"name": list(scores), "parameters": "", "error": [(errors or {}).get(each) for each in scores]}
        ),
        scores=pd.DataFrame(rows, columns=["pipeline", "split", "metric", "value"]),
        predictions=pd.DataFrame(given, columns=["pipeline", "split", "index", "label", "predicted"]),
        dataset={
            "name": name,
            "fingerprint": f"print of {name}",
            "class_names": sorted({label for each in labels or [] for label in each}),
        },
        protocol={
            "metrics": [metric],
            "n_splits": n_splits,
            "train_sizes": train_sizes,
            "test_sizes": test_sizes,
        },
        splits=[
            (np.arange(train), 1000 * split + np.arange(test))
            for split, (train, test) in enumerate(zip(train_sizes, test_sizes, strict=True))
        ],
    )
