"""When pipelines are priced: each once its splits are all done, in this process, while nothing else of the run works.

What is priced is the pipeline fitted on the first split. In one process that split is measured last; from a worker its
pipeline is brought home. Its row waits for the prices and goes to disk with them, so a run that is stopped and taken up
again misses no price and fits nothing twice.
"""

import logging
import pickle
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from joblib.externals.loky.backend.reduction import dumps

from ._cost_pass import cost_pass
from ._decoding import Decoding
from ._rows import Row
from .fold import fold

_log = logging.getLogger("eyecraft")


def pack_fitted(row: Row) -> Row:
    """Return the row with its fitted pipeline, if any, as bytes that another process can read; None where none can."""
    if row.fitted is not None:
        try:
            row.fitted = bytes(dumps(fold(row.fitted)))
        except Exception:  # a price must not cost a measured row
            _log.info("pipeline %r cannot be priced: it does not fit into a pickle", row.pipeline, exc_info=True)
            row.fitted = None
    return row


def with_prices(rows: Iterable[Row], images: np.ndarray, test: np.ndarray, decoding: Decoding) -> Iterator[Row]:
    """Yield the rows of one pipeline as they come; the one with a fitted pipeline last, with what that costs.

    Parameters
    ----------
    rows : iterable of Row
        At most one of them with a fitted pipeline.
    images : ndarray
        All images of the comparison.
    test : ndarray of int
        Positions of the test images of the first split.
    decoding : Decoding
        The same for all pipelines.
    """
    held = None
    for row in rows:
        if row.fitted is None:
            yield row
        else:
            held = row
    if held is not None:
        fitted, held.fitted = held.fitted, None
        held.resources = _priced(held, fitted, images, test, decoding)
        yield held


def _priced(row: Row, fitted: Any, images: np.ndarray, test: np.ndarray, decoding: Decoding) -> dict[str, float | int]:
    if isinstance(fitted, bytes):
        try:
            fitted = pickle.loads(fitted)
        except Exception:
            _log.info("pipeline %r cannot be priced: its pickle cannot be read", row.pipeline, exc_info=True)
            return {}
    return cost_pass(row.pipeline, fitted, images, test, row.n_features, decoding)
