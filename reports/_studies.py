"""What a report shows of the studies beside a comparison: labels needed, robustness, cleanness of the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._studies_clean import collect_clean
from ._studies_curves import collect_curves
from ._studies_robustness import collect_robustness

if TYPE_CHECKING:
    from eyecraft.pipelines.comparison import Comparison
    from eyecraft.pipelines.studies import Studies


def collect_studies(comparison: Comparison, studies: Studies | None, metric: str) -> dict[str, Any]:
    """Gather the three sections; each is None where there is nothing to show.

    Returns
    -------
    dict
        ``curves``, ``robustness`` and ``clean``.
    """
    curves = None if studies is None else studies.learning_curves
    robust = None if studies is None else studies.robustness
    return {
        "curves": None if curves is None else collect_curves(curves, metric),
        "robustness": None if robust is None else collect_robustness(robust, metric),
        "clean": collect_clean(comparison, studies),
    }
