"""Random weights are said loudly: under the pipeline's name and in the paragraph on top."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from eyecraft.features import CNNFeatures
from eyecraft.pipelines import LinearSVM, compare
from eyecraft.reports import write_report


@pytest.mark.parametrize("weights", [None, "DEFAULT"])
def test_report_says_that_weights_are_random(tmp_path, weights):
    """A tapped network without weights is called untrained in both pages; one with weights is not."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (12, 16, 16, 3), dtype=np.uint8), ["a", "b"] * 6
    tapped = make_pipeline(CNNFeatures("mini", weights=weights, layers="conv1", pooling="avg"), LinearSVM())
    comparison = compare({"tap": tapped}, images, labels, cv=2)
    paths = write_report(comparison, tmp_path)
    for kind in ("html", "md"):
        page = paths[kind].read_text("utf-8")
        assert ("Beware: the network of tap has random weights" in page) == (weights is None)
    assert ("learned nothing" in comparison.pipelines["title"][0]) == (weights is None)
