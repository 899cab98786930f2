"""One finished piece of a comparison: one pipeline on one split."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from ._exhibits import Exhibit

STAGES = ("decode", "extract", "fit", "predict")


@dataclass
class Row:
    """What one pipeline did on one split; everything but the answers fits into JSON.

    Parameters
    ----------
    pipeline : str
        Name of the pipeline.
    split : int
        Number of the split, from 0.
    key : dict of str to str
        What the row depends on (data, split, estimator); a row with another key is not reused.
    metrics : dict of str to str
        Digest of each metric's definition.
    scores : dict of str to float
        Value of each metric on the test images.
    seconds, n_images : dict of str to float and int
        Seconds per stage and the number of images they were spent on.
    n_features : int or None
        Length of the row of numbers that the classifier was given.
    peak_memory : int or None
        Peak resident memory of the process while this row was computed, bytes.
    gpu_memory : int or None
        Peak of torch's tensors on a GPU meanwhile, bytes; None where none was used.
    predicted : ndarray of str, shape (n_test,)
        The answers for the test images, in the order of the split.
    error, traceback : str or None
        Why there is no result, or why a metric is missing.
    resources : dict of str to float
        What answering costs, from a pass of its own; see `cost_pass`. First splits only.
    fitted : classifier, bytes or None
        Of a first split, the pipeline that is still to be priced; from another process, its pickle. Never on disk.
    weights : str or None
        Digests of the frozen networks inside. First splits only.
    exhibit : Exhibit or None
        What the pipeline can show of itself; first splits of bags of visual words only.
    """

    pipeline: str
    split: int
    key: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, str] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    n_images: dict[str, int] = field(default_factory=dict)
    n_features: int | None = None
    peak_memory: int | None = None
    gpu_memory: int | None = None
    predicted: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=str))
    error: str | None = None
    traceback: str | None = None
    resources: dict[str, float | int] = field(default_factory=dict)
    weights: str | None = None
    exhibit: Exhibit | None = None
    fitted: Any = None

    def to_json(self) -> dict[str, Any]:
        """Return all but the answers and the exhibit."""
        content = asdict(replace(self, predicted=np.empty(0), exhibit=None, fitted=None))
        del content["predicted"], content["exhibit"], content["fitted"]
        return content

    @classmethod
    def from_json(cls, content: dict[str, Any], predicted: np.ndarray, exhibit: Exhibit | None = None) -> "Row":
        """Return the row that `to_json` described; null scores are metrics without a value."""
        row = cls(**content, predicted=predicted, exhibit=exhibit)
        row.scores = {name: float("nan") if value is None else value for name, value in row.scores.items()}
        return row

    def serves(self, key: dict[str, str], metrics: dict[str, str]) -> bool:
        """Tell whether this row answers the question that another run asks."""
        known = all(self.metrics.get(name) == digest for name, digest in metrics.items())
        return self.error is None and self.key == key and known
