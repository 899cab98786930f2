"""The experiments of papers that `reproduce` repeats: data, splits, pipeline, and the figures they published."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

#: How far a published figure has been followed back.
MARKS = {
    "verified": "read in the source itself",
    "quoted": "as another paper quotes it",
    "from memory": "not yet checked against the source",
}


@dataclass(frozen=True)
class Published:
    """A published figure.

    Parameters
    ----------
    percent : float
        Mean over the classes of each class's accuracy, in percent.
    sd : float or None
        Standard deviation over the splits, where one was published.
    mark : {"verified", "quoted", "from memory"}
        How far the figure has been followed back, see `MARKS`.
    source : str
        Where it stands.
    """

    percent: float
    sd: float | None
    mark: Literal["verified", "quoted", "from memory"]
    source: str

    def __str__(self) -> str:
        return f"{self.percent:.1f}" + (f" ± {self.sd:.1f}" if self.sd is not None else "")


@dataclass(frozen=True)
class Protocol:
    """An experiment of a paper.

    Parameters
    ----------
    name : str
        What `reproduce` and the command line call it.
    title : str
        The method, in words.
    citation : str
        The paper.
    data : str
        The data set, and how to get it.
    n_classes : int
        Classes it is scored on.
    recipe : str
        The pipeline, see `eyecraft.pipelines.recipes`.
    published : mapping of int to Published
        Training images per class, and the figure; the first is the main one.
    n_test : int or None
        Test images per class, at most; None takes all the rest.
    parameters : mapping
        What differs from the recipe.
    differs : str
        Where our pipeline is not the paper's.
    """

    name: str
    title: str
    citation: str
    data: str
    n_classes: int
    recipe: str
    published: Mapping[int, Published]
    n_test: int | None = 50
    parameters: Mapping[str, Any] = field(default_factory=dict)
    differs: str = ""


_CALTECH = (
    "Caltech-101: one sub-folder for each of the 101 objects and BACKGROUND_Google, 102 classes in all; "
    "https://doi.org/10.22002/D1.20086"
)
_SCENES = (
    "15-Scene: one sub-folder for each of the 15 categories; https://doi.org/10.6084/m9.figshare.7007177.v1 "
    "(Fei-Fei and Perona 2005, Lazebnik et al. 2006)"
)
_SPM = "Lazebnik, Schmid and Ponce, Beyond bags of features, CVPR 2006, https://doi.org/10.1109/CVPR.2006.68"
_PHOW = "Vedaldi and Fulkerson, VLFeat 0.9, apps/phow_caltech101.m, https://www.vlfeat.org/applications/caltech-101-code.html"
_LLC = (
    "Wang, Yang, Yu, Lv, Huang and Gong, Locality-constrained linear coding for image classification, CVPR 2010, "
    "https://doi.org/10.1109/CVPR.2010.5540018"
)
_FISHER = (
    "Chatfield, Lempitsky, Vedaldi and Zisserman, The devil is in the details, BMVC 2011, "
    "https://doi.org/10.5244/C.25.76"
)
_MAP = "step 6 in place of 8; a chi-squared map and a linear SVM in place of the histogram intersection kernel"

PROTOCOLS = (
    Protocol(
        name="caltech101-spm",
        title="Spatial pyramid of 200 words, 3 levels",
        citation=_SPM,
        data=_CALTECH,
        n_classes=102,
        recipe="spm-svm",
        published={
            30: Published(64.6, 0.8, "from memory", "results on Caltech-101"),
            15: Published(56.4, None, "from memory", "results on Caltech-101"),
        },
        differs=_MAP,
    ),
    Protocol(
        name="caltech101-phow",
        title="PHOW: dense SIFT at 4 scales, 600 words, grids 2x2 and 4x4",
        citation=_PHOW,
        data=_CALTECH,
        n_classes=102,
        recipe="phow-svm",
        published={15: Published(64.0, None, "verified", "head of the script")},
        differs="tests on up to 50 images per class, where the script takes 15",
    ),
    Protocol(
        name="caltech101-llc",
        title="LLC: 2,048 words, 5 neighbours, 3 levels",
        citation=_LLC,
        data=_CALTECH,
        n_classes=102,
        recipe="llc-svm",
        published={
            30: Published(73.4, None, "from memory", "results on Caltech-101"),
            15: Published(65.4, None, "from memory", "results on Caltech-101"),
        },
        differs="SIFT in place of HOG, and no steps of codebook optimisation after k-means",
    ),
    Protocol(
        name="caltech101-fisher",
        title="Fisher vectors, 256 Gaussians",
        citation=_FISHER,
        data=_CALTECH,
        n_classes=102,
        recipe="fisher-svm",
        published={30: Published(77.8, 0.6, "from memory", "results on Caltech-101")},
        differs="RootSIFT with places appended, regions 1x1 and 3x1",
    ),
    Protocol(
        name="scene15-spm",
        title="Spatial pyramid of 400 words, 3 levels",
        citation=_SPM,
        data=_SCENES,
        n_classes=15,
        recipe="spm-svm",
        published={100: Published(81.4, 0.5, "from memory", "results on scene categories")},
        n_test=None,
        parameters={"n_words": 400},
        differs=_MAP,
    ),
)
