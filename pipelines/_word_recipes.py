"""Recipes of local descriptors and visual words, with the parameters of the papers; rows of the table in `recipes`.

Where a paper leaves a parameter open, or where we differ from it, the row says so in a comment.
"""

from collections.abc import Callable
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import FeatureUnion, Pipeline

from eyecraft.features import HOG, SIFT, BagOfVisualWords, Chi2Map, DenseSIFT, Patches, TrainingSpan

from ._recipe import Recipe
from .linear_svm import LinearSVM

_CSURKA = (
    "G. Csurka, C. R. Dance, L. Fan, J. Willamowski and C. Bray (2004), Visual categorization with bags of keypoints, "
    "ECCV workshop on statistical learning in computer vision, https://people.eecs.berkeley.edu/~efros/courses/AP06/"
    "Papers/csurka-eccv-04.pdf"
)
_LAZEBNIK = (
    "S. Lazebnik, C. Schmid and J. Ponce (2006), Beyond bags of features: spatial pyramid matching for recognizing "
    "natural scene categories, CVPR, https://doi.org/10.1109/CVPR.2006.68"
)
_VEDALDI = (
    "A. Vedaldi and B. Fulkerson (2010), VLFeat: an open and portable library of computer vision algorithms, ACM "
    "Multimedia, https://doi.org/10.1145/1873951.1874249"
)
_WANG = (
    "J. Wang, J. Yang, K. Yu, F. Lv, T. Huang and Y. Gong (2010), Locality-constrained linear coding for image "
    "classification, CVPR, https://doi.org/10.1109/CVPR.2010.5540018"
)
_JEGOU = (
    "H. Jegou, M. Douze, C. Schmid and P. Perez (2010), Aggregating local descriptors into a compact image "
    "representation, CVPR, https://doi.org/10.1109/CVPR.2010.5540039"
)
_CHATFIELD = (
    "K. Chatfield, V. Lempitsky, A. Vedaldi and A. Zisserman (2011), The devil is in the details: an evaluation of "
    "recent feature encoding methods, BMVC, https://doi.org/10.5244/C.25.76"
)
_GEHLER = (
    "P. Gehler and S. Nowozin (2009), On feature combination for multiclass object classification, ICCV, "
    "https://doi.org/10.1109/ICCV.2009.5459169"
)
_COATES = (
    "A. Coates, H. Lee and A. Y. Ng (2011), An analysis of single-layer networks in unsupervised feature learning, "
    "AISTATS, https://proceedings.mlr.press/v15/coates11a.html"
)

_SANDE = (
    "K. van de Sande, T. Gevers and C. Snoek (2010), Evaluating color descriptors for object and scene recognition, "
    "IEEE TPAMI 32(9), https://doi.org/10.1109/TPAMI.2009.154"
)
_SUYKENS = (
    "J. A. K. Suykens and J. Vandewalle (1999), Least squares support vector machine classifiers, Neural Processing "
    "Letters 9(3), https://doi.org/10.1023/A:1018628609742"
)

_PYRAMID = ((1, 1), (2, 2), (4, 4))
_SCALES = (4, 6, 8, 10)  # widths of a cell, pixels
_WIDE_SCALES = (4, 6, 9, 13, 19)  # a factor of 1.5 from one to the next


def _dense(**parameters: Any) -> Callable[[], DenseSIFT]:
    return lambda: DenseSIFT(**parameters)


def _bag(
    descriptor: Callable[[], Any], *, C: float = 10.0, then: Callable[[], BaseEstimator] | None = None, **bag: Any
) -> Callable[[], Pipeline]:
    """Return the factory of a bag of visual words with a one-vs-rest linear SVM behind it.

    Parameters
    ----------
    descriptor : callable
        Makes what describes the images.
    then : callable, optional
        Makes the step between the words and the SVM.
    """

    def factory() -> Pipeline:
        steps = [("features", BagOfVisualWords(descriptor(), **bag))]
        if then is not None:
            steps.append(("scaler", then()))
        return Pipeline([*steps, ("classifier", LinearSVM(C=C))])

    return factory


def _fisher(color: str = "gray") -> BagOfVisualWords:
    return BagOfVisualWords(
        DenseSIFT(step=4, bin_sizes=_WIDE_SCALES, root=True, color=color),
        encoding="fisher",
        n_words=256,
        n_components=80,
        append_xy=True,
        pyramid=((1, 1), (2, 2), (3, 1)),
    )


def _llc() -> BagOfVisualWords:
    return BagOfVisualWords(
        DenseSIFT(step=6, bin_sizes=(4, 6, 8), max_side=300),  # SIFT where the paper has HOG
        encoding="llc",
        n_words=2048,
        n_neighbors=5,
        pyramid=_PYRAMID,
    )


def _patches(pyramid: Any) -> BagOfVisualWords:
    return BagOfVisualWords(
        Patches(patch_size=6, step=2, max_side=96),  # 32 x 32 images at step 1 in the paper
        encoding="triangle",
        whiten="zca",
        n_words=1600,  # as in most of the paper's figures; its best one has 4,000
        pyramid=pyramid,
    )


def _champion() -> Pipeline:
    sides = {
        "fisher": _fisher(),
        "llc": _llc(),
        "color": _fisher("opponent"),
        "hog": HOG(variant="uoctti", color=True, image_size=(128, 128), pixels_per_cell=(8, 8)),
        "patches": _patches(_PYRAMID),
    }
    union = FeatureUnion(
        [(name, TrainingSpan(side, center=True)) for name, side in sides.items()],
        transformer_weights={"color": 0.5, "hog": 0.5, "patches": 0.5},  # on the rows; their squares are the kernels'
    )
    return Pipeline([("features", union), ("classifier", RidgeClassifier(alpha=0.1))])


_SMALL_PATCHES = {"image_size": (32, 32), "n_words": 400, "descriptor__step": 1}


def _small(n_words: int, *, at: str = "features", **more: Any) -> dict[str, Any]:
    """Return parameters of the bag at that place for thumbnails: enlarged, a fine grid of small windows, few words."""
    grid = {"descriptor__step": 3, "descriptor__bin_sizes": (3, 5)}
    parameters = {"image_size": (48, 48), "n_words": n_words, **grid, **more}
    return {f"{at}__{name}": value for name, value in parameters.items()}


WORD_RECIPES = (
    Recipe(
        name="bovw-svm",
        title="Bag of visual words + SVM",
        kind="hand-crafted",
        about="How often each of 200 visual words occurs, wherever it is: the spatial pyramid without its cells.",
        citation=_CSURKA,
        factory=_bag(
            _dense(step=6, bin_sizes=(4,), max_side=300),
            n_words=200,
            pyramid=((1, 1),),
            store_descriptors=True,  # a quarter of a megabyte per photograph, read in a seventh of the time
            then=lambda: Chi2Map(gamma=1.0),
        ),
        small=_small(200),
    ),
    Recipe(
        name="spm-svm",
        title="Spatial pyramid + SVM",
        kind="hand-crafted",
        about="Counts of 200 visual words in the whole image, its quarters and its sixteenths.",
        citation=_LAZEBNIK,
        factory=_bag(
            _dense(step=6, bin_sizes=(4,), max_side=300),  # 16 x 16 patch as in the paper; its step is 8
            n_words=200,
            pyramid=_PYRAMID,
            level_weights=(0.25, 0.25, 0.5),
            store_descriptors=True,  # those of bovw-svm
            then=lambda: Chi2Map(gamma=1.0),  # within a point of histogram intersection, and linear
        ),
        small=_small(100),
    ),
    Recipe(
        name="phow-svm",
        title="PHOW + SVM",
        kind="hand-crafted",
        about="Dense SIFT at four scales, 600 words on grids of 2x2 and 4x4: VLFeat's Caltech-101 application.",
        citation=_VEDALDI,
        factory=_bag(
            _dense(step=3, bin_sizes=_SCALES, window="flat", max_side=None, max_height=480),
            n_words=600,
            pyramid=((2, 2), (4, 4)),
            normalization=("level:l1", "l1"),
            then=lambda: Chi2Map(gamma=0.5),
        ),
        small=_small(100),
        quick=False,
        stored=False,
    ),
    Recipe(
        name="llc-svm",
        title="LLC + SVM",
        kind="hand-crafted",
        about="Every descriptor rebuilt from its five nearest of 2,048 words; the largest weights in each cell.",
        citation=_WANG,
        factory=lambda: Pipeline([("features", _llc()), ("classifier", LinearSVM(C=10.0))]),
        small=_small(200),
        quick=False,
        stored=False,
    ),
    Recipe(
        name="vlad-svm",
        title="VLAD + SVM",
        kind="hand-crafted",
        about="For each of 256 words, how the descriptors nearest to it differ from it.",
        citation=_JEGOU,
        factory=_bag(  # the paper has no pyramid and no places; both are from later work, as are RootSIFT and the grid
            _dense(step=4, bin_sizes=_SCALES, root=True),  # Hessian-affine regions in the paper
            encoding="vlad",
            n_words=256,  # the paper has fewer, its aim being a short vector
            n_components=80,
            append_xy=True,
            pyramid=((1, 1), (3, 1)),
        ),
        small=_small(32, n_components=32),
        quick=False,
        stored=False,
    ),
    Recipe(
        name="fisher-svm",
        title="Fisher vector + SVM",
        kind="hand-crafted",
        about="How a mixture of 256 Gaussians would have to change to fit the image's descriptors better.",
        citation=_CHATFIELD,
        factory=lambda: Pipeline([("features", TrainingSpan(_fisher())), ("classifier", LinearSVM(C=10.0))]),
        small=_small(32, at="features__extractor", n_components=32),
        quick=False,
        stored=False,
    ),
    Recipe(
        name="fisher-ridge",
        title="Fisher vector + least squares",
        kind="hand-crafted",
        about="The same features; a least-squares SVM in closed form fits them in a second or two.",
        citation=f"{_CHATFIELD}; {_SUYKENS}",
        factory=lambda: Pipeline([("features", TrainingSpan(_fisher())), ("classifier", RidgeClassifier(alpha=0.1))]),
        small=_small(32, at="features__extractor", n_components=32),
        quick=False,
        stored=False,
    ),
    Recipe(
        name="champion-svm",
        title="Fisher + LLC + colour + HOG + patches, least-squares SVM",
        kind="hand-crafted",
        about="Fisher vectors of edges and of colour edges, LLC, HOG and patches side by side, that is, the weighted "
        "sum of their kernels.",
        citation=f"{_CHATFIELD}; {_WANG}; {_SANDE}; {_COATES}; {_GEHLER}; {_SUYKENS}",
        factory=_champion,
        small=_small(32, at="features__fisher__extractor", n_components=32)
        | _small(200, at="features__llc__extractor")
        | _small(32, at="features__color__extractor", n_components=32)
        | {"features__hog__extractor__image_size": (32, 32), "features__hog__extractor__pixels_per_cell": (8, 8)}
        | {f"features__patches__extractor__{name}": value for name, value in _SMALL_PATCHES.items()},
        quick=False,
        stored=False,
    ),
    Recipe(
        name="patches-kmeans-svm",
        title="Patches, k-means + SVM",
        kind="hand-crafted",
        about="Whitened 6x6 patches, each compared with 1,600 learned ones, summed over the image's quarters.",
        citation=_COATES,
        factory=lambda: Pipeline([("features", _patches(((2, 2),))), ("classifier", LinearSVM(C=10.0))]),
        small={f"features__{name}": value for name, value in _SMALL_PATCHES.items()},
        quick=False,
    ),
    Recipe(
        name="sift-keypoints-bovw-svm",
        title="SIFT keypoints, words + SVM",
        kind="hand-crafted",
        about="Counts of 1,000 words at the places that SIFT finds by itself: objects may move, turn and grow.",
        citation=_CSURKA,
        factory=_bag(
            lambda: SIFT(contrast_threshold=0.02, max_side=512),
            n_words=1000,
            pyramid=((1, 1),),
            store_descriptors=True,
            then=lambda: Chi2Map(gamma=1.0),
        ),
        small={
            "features__image_size": (64, 64),
            "features__n_words": 100,
            "features__descriptor__contrast_threshold": 0.005,
        },
        quick=False,
    ),
)
