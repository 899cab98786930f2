"""Features that a network has learned: activations of any layer of a pretrained or a fitted network.

`CNNFeatures` is the extractor; `LeNet5` and `ConvNet` are networks to train (see `eyecraft.pipelines.CNNClassifier`).
All are imported only when they are first used, since torch takes seconds to load.
"""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from .cnn_features import CNNFeatures
    from .convnet import ConvNet
    from .networks import LeNet5

__all__ = ["CNNFeatures", "ConvNet", "LeNet5"]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={"cnn_features": ["CNNFeatures"], "convnet": ["ConvNet"], "networks": ["LeNet5"]},
)
