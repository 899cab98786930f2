"""Textbook names of layers: ``conv5`` instead of ``features.10``, ``fc7`` instead of ``classifier.4``."""

from torch import nn


def aliases(network: nn.Module) -> dict[str, str]:
    """Return the textbook names of a network's layers and the module each one means.

    AlexNet has ``conv1..conv5, pool1, pool2, pool5, fc6, fc7, fc8``; VGG ``conv1_1..conv5_3`` too, its ``conv5`` being
    the last convolution of block 5; SqueezeNet ``conv1, pool1, fire2..fire9, conv10``. Other networks have none.
    """
    features, classifier = getattr(network, "features", None), getattr(network, "classifier", None)
    if not isinstance(features, nn.Sequential) or not isinstance(classifier, nn.Sequential):
        return {}
    if any(type(part).__name__ == "Fire" for part in features):
        return _squeezenet_aliases(features, classifier)
    heads = [f"classifier.{name}" for name, part in classifier.named_children() if isinstance(part, nn.Linear)]
    if len(heads) != 3 or any(list(part.children()) for part in features):
        return {}
    return _plain_aliases(features) | dict(zip(("fc6", "fc7", "fc8"), heads, strict=True))


def _squeezenet_aliases(features: nn.Sequential, classifier: nn.Sequential) -> dict[str, str]:
    names, number = {}, 0
    for position, part in features.named_children():
        if isinstance(part, nn.MaxPool2d):
            names[f"pool{number}"] = f"features.{position}"
        elif isinstance(part, nn.Conv2d) or list(part.children()):
            number += 1
            names[f"{'conv' if isinstance(part, nn.Conv2d) else 'fire'}{number}"] = f"features.{position}"
    last = next(name for name, part in classifier.named_children() if isinstance(part, nn.Conv2d))
    return names | {f"conv{number + 1}": f"classifier.{last}"}


def _plain_aliases(features: nn.Sequential) -> dict[str, str]:
    """Return conv and pool names: AlexNet counts convolutions, VGG counts the blocks that poolings end."""
    by_layer = sum(isinstance(part, nn.Conv2d) for part in features) == 5
    names: dict[str, str] = {}
    number, inside = (0, 0) if by_layer else (1, 0)
    for position, part in features.named_children():
        if isinstance(part, nn.Conv2d):
            number, inside = (number + 1, 0) if by_layer else (number, inside + 1)
            names[f"conv{number}"] = f"features.{position}"
            if not by_layer:
                names[f"conv{number}_{inside}"] = f"features.{position}"
        elif isinstance(part, nn.MaxPool2d):
            names[f"pool{number}"] = f"features.{position}"
            number, inside = (number, 0) if by_layer else (number + 1, 0)
    return names
