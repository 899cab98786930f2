"""Recipes of networks that train on your own images, from scratch or from weights; rows of the table in `recipes`.

None of them is quick: each trains for minutes on a GPU, or for hours without one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from sklearn.pipeline import Pipeline

from ._recipe import Recipe

_SIMONYAN = (
    "K. Simonyan and A. Zisserman (2015), Very deep convolutional networks for large-scale image recognition, ICLR, "
    "https://doi.org/10.48550/arXiv.1409.1556"
)
_KRIZHEVSKY = (
    "A. Krizhevsky, I. Sutskever and G. E. Hinton (2012), ImageNet classification with deep convolutional neural "
    "networks, NIPS, https://proceedings.neurips.cc/paper/2012/hash/c399862d3b9d6b76c8436e924a68c45b-Abstract.html"
)
_GIRSHICK = (
    "R. Girshick, J. Donahue, T. Darrell and J. Malik (2014), Rich feature hierarchies for accurate object detection "
    "and semantic segmentation, CVPR, https://doi.org/10.1109/CVPR.2014.81"
)
_HE = (
    "K. He, X. Zhang, S. Ren and J. Sun (2016), Deep residual learning for image recognition, CVPR, "
    "https://doi.org/10.1109/CVPR.2016.90"
)
_KORNBLITH = (
    "S. Kornblith, J. Shlens and Q. V. Le (2019), Do better ImageNet models transfer better?, CVPR, "
    "https://doi.org/10.1109/CVPR.2019.00277"
)
CONVNET_IMAGE_SIZE = 64  # pixels, unless told
CONVNET = "convnet"  # what a classifier with the network below is called, in the table and in its folder


@dataclass(frozen=True)
class ConvNetFor:
    """Makes the `ConvNet` of the recipe for images of one size; torch is loaded only then.

    Three blocks of two convolutions up to 32 pixels, four blocks above, all of them normalised.

    Parameters
    ----------
    image_size : int or (int, int)
        Side, or height and width, pixels.
    """

    image_size: int | tuple[int, int] = CONVNET_IMAGE_SIZE
    __name__ = CONVNET

    def __call__(self, in_channels: int, n_classes: int) -> Any:
        """Return the network with a random start."""
        shorter = self.image_size if isinstance(self.image_size, int) else min(self.image_size)
        return import_module("eyecraft.features.learned.convnet").ConvNet(
            in_channels,
            n_classes,
            image_size=self.image_size,
            n_blocks=3 if shorter <= 32 else 4,
            batch_norm=True,
            dropout=0.5,
        )


@dataclass(frozen=True)
class SmallResNet18:
    """Makes a ResNet-18 for images of 32 or 64 pixels, whose first layers leave them at full size.

    torchvision's divides height and width by four before the first block; as in He et al. 2016, section 4.2, a 3x3
    convolution takes the place of the 7x7 one with stride 2, and the pooling behind it goes.
    """

    __name__ = "resnet18-small"

    def __call__(self, in_channels: int, n_classes: int) -> Any:
        """Return the network with a random start."""
        nn = import_module("torch.nn")
        network = import_module("torchvision.models").resnet18(num_classes=n_classes)
        network.conv1 = nn.Conv2d(in_channels, 64, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(network.conv1.weight, mode="fan_out", nonlinearity="relu")
        network.maxpool = nn.Identity()
        return network


def _trained(**parameters: Any) -> Callable[[], Pipeline]:
    """Return the factory of a network that is its own feature extractor."""

    def factory() -> Pipeline:
        network = import_module("eyecraft.pipelines.cnn_classifier").CNNClassifier
        return Pipeline([("classifier", network(**parameters))])

    return factory


_NORMALISED = {"lr": 0.01, "backbone_factor": 0.1, "schedule": "cosine"}  # the new head ten times as fast as the rest
# without normalisation activations, and so gradients, are of any size: Adam's steps are not. Of several ways tried on
# an inner split of Caltech-101's training images this one did least harm to what the network knew
_UNNORMALISED = {
    "optimizer": "adamw",
    "lr": 3e-4,
    "backbone_factor": 0.1,
    "schedule": "cosine",
    "warmup_epochs": 0.5,
    "dropout": 0.0,
    "augment": "flip",
}
_RCNN = {"lr": 0.001, "backbone_factor": 1.0, "schedule": "step"}  # Girshick et al. 2014, section 2.3


def _fine_tuned(name: str, title: str, model: str, about: str, citation: str, **training: Any) -> Recipe:
    """Return the row of a network that goes on from its published weights."""
    settings = {"model": model, "weights": "DEFAULT", "trainable": "all", "augment": "crop-flip"} | training
    return Recipe(
        name=f"{name}-finetune",
        title=f"{title} fine-tuned",
        kind="learned",
        about=about,
        citation=citation,
        factory=_trained(**settings),
        pretrained=model,
        quick=False,
    )


NETWORK_RECIPES = (
    Recipe(
        name=CONVNET,
        title="ConvNet",
        kind="learned",
        about="Pairs of 3x3 convolutions with poolings between them, trained on your own images from scratch.",
        citation=_SIMONYAN,
        factory=_trained(
            model=ConvNetFor(64), image_size=64, augment="shift-flip", lr=0.05, weight_decay=5e-4, max_epochs=60
        ),
        # digits and letters must not be mirrored
        small={"classifier__model": ConvNetFor(32), "classifier__image_size": 32, "classifier__augment": "shift"},
        quick=False,
    ),
    _fine_tuned(
        "alexnet",
        "AlexNet",
        "alexnet",
        "All layers of AlexNet trained further on your own images.",
        _GIRSHICK,
        **_RCNN,
    ),
    _fine_tuned(
        "resnet18",
        "ResNet-18",
        "resnet18",
        "All layers of a residual network trained further on your own images, the new last one ten times as fast.",
        _KORNBLITH,
        **_NORMALISED,
    ),
    Recipe(
        name="resnet18-scratch",
        title="ResNet-18 from scratch",
        kind="learned",
        about="A residual network trained on nothing but your own images: what the weights of others are worth.",
        citation=_HE,
        # section 3.4; rates fall at half and three quarters of the epochs, as in section 4.2
        factory=_trained(
            model="resnet18", lr=0.1, batch_size=256, weight_decay=1e-4, schedule="step", augment="crop-flip"
        ),
        small={  # section 4.2: batches of 128 over 64,000 steps, which for CIFAR-10 are 164 epochs
            "classifier__model": SmallResNet18(),
            "classifier__image_size": 32,
            "classifier__batch_size": 128,
            "classifier__max_epochs": 164,
            "classifier__augment": "shift-flip",
        },
        quick=False,
    ),
    _fine_tuned(
        "squeezenet",
        "SqueezeNet",
        "squeezenet1_0",
        "All layers of a small network that learned on ImageNet, trained further on your own images.",
        _KORNBLITH,
        **_UNNORMALISED,
    ),
    _fine_tuned(
        "mini",
        "Mini",
        "mini",
        "The network in the box, a small AlexNet for 64x64 pixels, trained further on your own images.",
        _KORNBLITH,
        **_NORMALISED,
    ),
    Recipe(
        name="mini-scratch",
        title="Mini from scratch",
        kind="learned",
        about="The network in the box, trained on nothing but your own images.",
        citation=_KRIZHEVSKY,
        factory=_trained(
            model="mini", lr=0.05, batch_size=128, weight_decay=5e-4, schedule="cosine", augment="crop-flip"
        ),
        quick=False,
    ),
)
