"""Recipes of networks that others have trained, and of one that nobody has; rows of the table in `recipes`.

Every network is frozen: one layer's activations of the whole image, scaled to unit length, go to a linear SVM.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import Normalizer

from eyecraft.features import HOG

from ._recipe import Recipe
from ._word_recipes import WORD_RECIPES
from .linear_svm import LinearSVM

_KRIZHEVSKY = (
    "A. Krizhevsky, I. Sutskever and G. E. Hinton (2012), ImageNet classification with deep convolutional neural "
    "networks, NIPS, https://proceedings.neurips.cc/paper/2012/hash/c399862d3b9d6b76c8436e924a68c45b-Abstract.html"
)
_DONAHUE = (
    "J. Donahue et al. (2014), DeCAF: a deep convolutional activation feature for generic visual recognition, ICML, "
    "https://proceedings.mlr.press/v32/donahue14.html"
)
_SIMONYAN = (
    "K. Simonyan and A. Zisserman (2015), Very deep convolutional networks for large-scale image recognition, ICLR, "
    "https://doi.org/10.48550/arXiv.1409.1556"
)
_SZEGEDY = "C. Szegedy et al. (2015), Going deeper with convolutions, CVPR, https://doi.org/10.1109/CVPR.2015.7298594"
_HE = (
    "K. He, X. Zhang, S. Ren and J. Sun (2016), Deep residual learning for image recognition, CVPR, "
    "https://doi.org/10.1109/CVPR.2016.90"
)
_JARRETT = (
    "K. Jarrett, K. Kavukcuoglu, M. Ranzato and Y. LeCun (2009), What is the best multi-stage architecture for object "
    "recognition?, ICCV, https://doi.org/10.1109/ICCV.2009.5459469"
)
_IANDOLA = "F. N. Iandola et al. (2016), SqueezeNet, https://doi.org/10.48550/arXiv.1602.07360"
_GEHLER = (
    "P. Gehler and S. Nowozin (2009), On feature combination for multiclass object classification, ICCV, "
    "https://doi.org/10.1109/ICCV.2009.5459169"
)


def _cnn(**parameters: Any) -> Any:
    """Return the extractor; torch is loaded only now."""
    return import_module("eyecraft.features").CNNFeatures(**{"l2": True, "resize": "warp", **parameters})


def _network_svm(**parameters: Any) -> Callable[[], Pipeline]:
    """Return the factory of a frozen network with a one-vs-rest linear SVM behind it."""
    return lambda: Pipeline([("features", _cnn(**parameters)), ("classifier", LinearSVM(C=1.0))])


def _hog_and_fc7() -> Pipeline:
    hog = HOG(color=True, image_size=(128, 128), pixels_per_cell=(16, 16))
    parts = [("hog", Pipeline([("hog", hog), ("unit", Normalizer())])), ("fc7", _cnn(model="mini", layers="fc7"))]
    return Pipeline([("features", FeatureUnion(parts)), ("classifier", LinearSVM(C=1.0))])


def _phow_and(name: str, **network: Any) -> Callable[[], Pipeline]:
    """Return the factory of PHOW and a layer of a network, which is called *name*, side by side."""

    def factory() -> Pipeline:
        words = Pipeline([*_phow().factory().steps[:-1], ("unit", Normalizer())])  # the map does not keep it
        parts = [("phow", words), (name, _cnn(**network))]
        return Pipeline([("features", FeatureUnion(parts)), ("classifier", LinearSVM(C=10.0))])

    return factory


def _alexnet(layer: str, activation: str) -> Recipe:
    before = activation == "pre"
    return Recipe(
        name=f"alexnet-{layer}{'-pre' if before else ''}-svm",
        title=f"AlexNet {layer}{' before ReLU' if before else ''} + SVM",
        kind="learned",
        about=f"The {'first' if layer == 'fc6' else 'second'} fully connected layer of AlexNet, "
        f"{'before' if before else 'behind'} its non-linearity.",
        citation=_DONAHUE,
        factory=_network_svm(model="alexnet", layers=layer, activation=activation),
        pretrained="alexnet",
        quick=False,
    )


def _phow() -> Recipe:
    (recipe,) = (row for row in WORD_RECIPES if row.name == "phow-svm")
    return recipe


LEARNED_RECIPES = (
    *(
        Recipe(
            name=f"mini-{layer}-svm",
            title=f"Mini {layer} + SVM",
            kind="learned",
            about=f"The {place} fully connected layer of the network in the box, a small AlexNet for 64x64 pixels.",
            citation=_KRIZHEVSKY,
            factory=_network_svm(model="mini", layers=layer),
            pretrained="mini",
        )
        for layer, place in (("fc6", "first"), ("fc7", "second"))
    ),
    Recipe(
        name="random-conv-svm",
        title="Untrained convolutions + SVM",
        kind="learned",
        about="The network in the box before any training: what its shape alone is worth.",
        citation=_JARRETT,
        factory=_network_svm(model="mini", weights=None, layers="pool5", pooling="spatial", pool_size=(3, 3)),
        quick=False,
    ),
    Recipe(
        name="squeezenet-svm",
        title="SqueezeNet + SVM",
        kind="learned",
        about="The last convolution of a small network that learned on ImageNet, averaged in 3x3 fields.",
        citation=_IANDOLA,
        factory=_network_svm(model="squeezenet1_0", layers="fire9", pooling="spatial", pool_size=(3, 3)),
        pretrained="squeezenet1_0",
    ),
    Recipe(
        name="squeezenet-fire5-svm",
        title="SqueezeNet fire5 + SVM",
        kind="learned",
        about="The middle of the same network: what is learned half-way up.",
        citation=_IANDOLA,
        factory=_network_svm(model="squeezenet1_0", layers="fire5", pooling="spatial", pool_size=(3, 3)),
        pretrained="squeezenet1_0",
        quick=False,
    ),
    _alexnet("fc6", "post"),
    _alexnet("fc6", "pre"),
    _alexnet("fc7", "post"),
    _alexnet("fc7", "pre"),
    Recipe(
        name="vgg16-fc7-svm",
        title="VGG-16 fc7 + SVM",
        kind="learned",
        about="The second fully connected layer of sixteen layers with nothing but 3x3 filters.",
        citation=_SIMONYAN,
        factory=_network_svm(model="vgg16", layers="fc7"),
        pretrained="vgg16",
        quick=False,
    ),
    Recipe(
        name="googlenet-svm",
        title="GoogLeNet + SVM",
        kind="learned",
        about="The 1,024 averaged maps at the end of nine inception blocks.",
        citation=_SZEGEDY,
        factory=_network_svm(model="googlenet", layers="penultimate"),
        pretrained="googlenet",
        quick=False,
    ),
    *(
        Recipe(
            name=f"resnet{depth}-svm",
            title=f"ResNet-{depth} + SVM",
            kind="learned",
            about=f"The 2,048 averaged maps at the end of a residual network of {depth} layers.",
            citation=_HE,
            factory=_network_svm(model=f"resnet{depth}", layers="penultimate"),
            pretrained=f"resnet{depth}",
            quick=False,
        )
        for depth in (50, 152)
    ),
    Recipe(
        name="convnext-svm",
        title="ConvNeXt + SVM",
        kind="learned",
        about="The averaged maps of a convolutional network built as transformers are, trained on ImageNet-22k.",
        citation="Z. Liu et al. (2022), A ConvNet for the 2020s, CVPR, https://doi.org/10.48550/arXiv.2201.03545",
        factory=_network_svm(model="timm:convnext_tiny.fb_in22k", layers="penultimate"),
        pretrained="timm:convnext_tiny.fb_in22k",
        quick=False,
    ),
    Recipe(
        name="dinov2-svm",
        title="DINOv2 + SVM",
        kind="learned",
        about="The class token of a small transformer that learned from pictures without labels.",
        citation="M. Oquab et al. (2024), DINOv2: learning robust visual features without supervision, TMLR, "
        "https://doi.org/10.48550/arXiv.2304.07193",
        # it has no classes: its head passes the class token on as it is
        factory=_network_svm(model="timm:vit_small_patch14_dinov2.lvd142m", layers="head", image_size=224),
        pretrained="timm:vit_small_patch14_dinov2.lvd142m",
        quick=False,
    ),
    Recipe(
        name="hog+fc7",
        title="HOG and mini fc7 + SVM",
        kind="learned",
        about="Hand-crafted and learned side by side: HOG and the network in the box, each of unit length.",
        citation=_GEHLER,
        factory=_hog_and_fc7,
        small={"features__hog__hog__image_size": (24, 24), "features__hog__hog__pixels_per_cell": (4, 4)},
        pretrained="mini",
        quick=False,
    ),
    Recipe(
        name="phow+fc7",
        title="PHOW and mini fc7 + SVM",
        kind="learned",
        about="Hand-crafted and learned side by side: visual words and the network in the box, each of unit length.",
        citation=_GEHLER,
        factory=_phow_and("fc7", model="mini", layers="fc7"),
        small={f"features__phow__{key}": value for key, value in _phow().small.items()},
        pretrained="mini",
        quick=False,
        stored=False,
    ),
    Recipe(
        name="phow+squeezenet",
        title="PHOW and SqueezeNet + SVM",
        kind="learned",
        about="Visual words and the last convolution of a network that learned on ImageNet, each of unit length.",
        citation=_GEHLER,
        factory=_phow_and("fire9", model="squeezenet1_0", layers="fire9", pooling="spatial", pool_size=(3, 3)),
        small={f"features__phow__{key}": value for key, value in _phow().small.items()},
        pretrained="squeezenet1_0",
        quick=False,
        stored=False,
    ),
)
