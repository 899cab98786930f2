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
    class_names : tuple of str
        The classes' folders; empty where copies of the data set name them differently.
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
    class_names: tuple[str, ...] = ()


_CALTECH = (
    "Caltech-101: one sub-folder for each of the 101 objects and BACKGROUND_Google, 102 classes in all; "
    "https://doi.org/10.22002/D1.20086"
)
_CALTECH_CLASSES = """
    BACKGROUND_Google Faces Faces_easy Leopards Motorbikes accordion airplanes anchor ant barrel bass beaver binocular
    bonsai brain brontosaurus buddha butterfly camera cannon car_side ceiling_fan cellphone chair chandelier
    cougar_body cougar_face crab crayfish crocodile crocodile_head cup dalmatian dollar_bill dolphin dragonfly
    electric_guitar elephant emu euphonium ewer ferry flamingo flamingo_head garfield gerenuk gramophone grand_piano
    hawksbill headphone hedgehog helicopter ibis inline_skate joshua_tree kangaroo ketch lamp laptop llama lobster
    lotus mandolin mayfly menorah metronome minaret nautilus octopus okapi pagoda panda pigeon pizza platypus pyramid
    revolver rhino rooster saxophone schooner scissors scorpion sea_horse snoopy soccer_ball stapler starfish
    stegosaurus stop_sign strawberry sunflower tick trilobite umbrella watch water_lilly wheelchair wild_cat
    windsor_chair wrench yin_yang
"""
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
_MAP = (
    "a chi-squared map and a linear SVM in place of the histogram intersection kernel; the paper's figure is a mean "
    "over ten splits"
)
_STEP = {"features__descriptor__step": 8}  # the recipe's is 6, which scores higher

PROTOCOLS = (
    Protocol(
        name="caltech101-spm",
        title="Spatial pyramid of 200 words, 3 levels",
        citation=_SPM,
        data=_CALTECH,
        n_classes=102,
        class_names=tuple(_CALTECH_CLASSES.split()),
        recipe="spm-svm",
        published={
            30: Published(64.6, 0.8, "from memory", "results on Caltech-101"),
            15: Published(56.4, None, "from memory", "results on Caltech-101"),
        },
        parameters=_STEP,
        differs=_MAP,
    ),
    Protocol(
        name="caltech101-phow",
        title="PHOW: dense SIFT at 4 scales, 600 words, grids 2x2 and 4x4",
        citation=_PHOW,
        data=_CALTECH,
        n_classes=102,
        class_names=tuple(_CALTECH_CLASSES.split()),
        recipe="phow-svm",
        published={15: Published(64.0, None, "verified", "head of the script")},
        n_test=15,
        parameters={"features__descriptor__window_size": 1.5},
        differs="exact nearest words in place of a kd-tree's; for every scale a grid of its own, centred in the image; "
        "the chi-squared map with a uniform in place of a rectangular window",
    ),
    Protocol(
        name="caltech101-llc",
        title="LLC: 2,048 words, 5 neighbours, 3 levels",
        citation=_LLC,
        data=_CALTECH,
        n_classes=102,
        class_names=tuple(_CALTECH_CLASSES.split()),
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
        class_names=tuple(_CALTECH_CLASSES.split()),
        recipe="fisher-svm",
        published={30: Published(77.8, 0.6, "from memory", "results on Caltech-101")},
        differs="RootSIFT in place of SIFT, places appended; scales and regions of the image are the recipe's",
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
        parameters={"n_words": 400, **_STEP},
        differs=_MAP,
    ),
)
