"""What a comparison taught, written for people.

`write_report` writes ``report.html`` and ``report.md`` into a folder; `score_table` is the table a terminal shows. Both
only lay out what `collect` gathers: one plain dictionary of words, numbers and small pictures.

Figures of their own follow scikit-learn's displays: ``ScoreDisplay.from_comparison(comparison)`` draws with matplotlib
and ``.frame()`` gives the numbers back. matplotlib is loaded only when something is drawn with it.
`VisualWordsDisplay`, `SamplingDisplay` and `VoteMapDisplay` look into a bag of visual words; `FeatureViewDisplay` draws
what an extractor sees of an image.
"""

from .ablation_display import AblationDisplay, ablation_table
from .accuracy_cost_display import AccuracyCostDisplay
from .agreement_display import AgreementDisplay
from .class_gap_display import ClassGapDisplay
from .collect import collect
from .confusion_display import ConfusionDisplay
from .feature_view_display import FeatureViewDisplay
from .filters_display import FiltersDisplay
from .gallery_display import GalleryDisplay
from .html import render_html, write_html
from .learning_curve_display import LearningCurveDisplay
from .markdown import render_markdown, write_markdown
from .matrix_page import matrix_table, write_matrix_report
from .per_class_display import PerClassDisplay
from .probe_display import ProbeDisplay
from .probe_report import probe_table, write_probe_report
from .rank_display import RankDisplay
from .report import write_report
from .robustness_display import RobustnessDisplay
from .run_differences import RunDifferences
from .sampling_display import SamplingDisplay
from .score_display import ScoreDisplay
from .stage_cost_display import StageCostDisplay
from .terminal import score_table
from .training_display import TrainingDisplay
from .verdict_display import VerdictDisplay
from .visual_words_display import VisualWordsDisplay
from .vote_map_display import VoteMapDisplay

__all__ = [
    "AblationDisplay",
    "AccuracyCostDisplay",
    "AgreementDisplay",
    "ClassGapDisplay",
    "ConfusionDisplay",
    "FeatureViewDisplay",
    "FiltersDisplay",
    "GalleryDisplay",
    "LearningCurveDisplay",
    "PerClassDisplay",
    "ProbeDisplay",
    "RankDisplay",
    "RobustnessDisplay",
    "RunDifferences",
    "SamplingDisplay",
    "ScoreDisplay",
    "StageCostDisplay",
    "TrainingDisplay",
    "VerdictDisplay",
    "VisualWordsDisplay",
    "VoteMapDisplay",
    "ablation_table",
    "collect",
    "matrix_table",
    "probe_table",
    "render_html",
    "render_markdown",
    "score_table",
    "write_html",
    "write_markdown",
    "write_matrix_report",
    "write_probe_report",
    "write_report",
]
