"""Textbook names of layers: ``conv5`` instead of ``features.10``, ``fc7`` instead of ``classifier.4``, ``stage3``.

A family is known by the modules it has, so a network that was changed a little (another classifier, another number of
classes) keeps its names.
"""

from torch import nn

_KNOWN: tuple[dict[str, str], ...] = (  # networks that are told by the names of their parts
    {"stem": "Conv2d_4a_3x3", "pool1": "maxpool1", "pool2": "maxpool2", "stage3": "Mixed_5d"}
    | {"stage4": "Mixed_6e", "stage5": "Mixed_7c", "pool5": "avgpool"},  # Inception v3
    {"conv1": "conv1", "pool1": "maxpool", "stage2": "stage2", "stage3": "stage3"}
    | {"stage4": "stage4", "conv5": "conv5"},  # ShuffleNet
)


def aliases(network: nn.Module) -> dict[str, str]:
    """Return the textbook names of a network's layers and the module each one means.

    ===========================  =======================================================================================
    AlexNet                      ``conv1..conv5, pool1, pool2, pool5, fc6, fc7, fc8``
    VGG                          the same, ``conv5`` being the last of block 5; ``conv1_1..conv5_3, pool1..pool5`` too
    SqueezeNet                   ``conv1, pool1, fire2..fire9, conv10``
    ResNet and its kind          ``conv1, pool1, conv2_x..conv5_x`` or ``stage1..stage4, pool5`` beside its own ``fc``
    GoogLeNet                    ``conv1..conv3, pool1..pool5``, ``stage3..stage5`` beside ``inception3a..inception5b``
    Inception v3                 ``stem, pool1, pool2, stage3..stage5, pool5`` beside its own ``Mixed_5b..Mixed_7c``
    MobileNet                    ``stem, block1, ..., head``; ``stage1..``, each the last block of a resolution
    EfficientNet                 ``stem, stage1..stage7, head``
    ConvNeXt, Swin               ``stem, stage1..stage4``
    RegNet, MaxViT               ``stem, stage1..stage4``
    DenseNet                     ``stem, pool1, stage1..stage4``
    MNASNet                      ``stem, stage1..stage6, head``
    ShuffleNet                   ``conv1, pool1, stage2..stage4, conv5``
    ViT                          ``stem, block1, ..., norm``
    timm's ConvNeXt, Swin,       ``stem, stage1..``; ViT ``stem, block1, ..., norm``
    RegNet, EfficientNet, ViT
    ===========================  =======================================================================================

    Other networks have none.
    """
    features, classifier = getattr(network, "features", None), getattr(network, "classifier", None)
    if isinstance(features, nn.Sequential):
        if any(type(part).__name__ == "Fire" for part in features) and isinstance(classifier, nn.Sequential):
            return _squeezenet_aliases(features, classifier)
        found = _sequence_of_blocks(features)
        return found or (_three_layer_aliases(features, classifier) if isinstance(classifier, nn.Sequential) else {})
    return _named_parts(network)


def _three_layer_aliases(features: nn.Sequential, classifier: nn.Sequential) -> dict[str, str]:
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
    last = next((name for name, part in classifier.named_children() if isinstance(part, nn.Conv2d)), None)
    return names if last is None else names | {f"conv{number + 1}": f"classifier.{last}"}


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


def _sequence_of_blocks(features: nn.Sequential) -> dict[str, str]:
    """Return names where *features* runs from a stem through blocks, or through stages of blocks, to a last layer."""
    parts = {f"features.{name}": part for name, part in features.named_children()}
    dense = [name for name, part in parts.items() if type(part).__name__.endswith("DenseBlock")]
    stages = dense or [name for name, part in parts.items() if _is_stage(part)]
    names = {f"stage{number}": name for number, name in enumerate(stages, start=1)}
    if not stages:
        blocks = [name for name, part in parts.items() if "Residual" in type(part).__name__]  # MobileNet's
        starts = [number for number, name in enumerate(blocks) if number and _halves(parts[name])]
        ends = [blocks[start - 1] for start in starts] + blocks[-1:]
        names = {f"block{number}": name for number, name in enumerate(blocks, start=1)}
        names |= {f"stage{number}": name for number, name in enumerate(ends, start=1)}
    if dense:
        before = {"stem": "features.conv0", "pool1": "features.pool0"}
        return {name: part for name, part in before.items() if part in parts} | names
    if not names:
        return names
    first, *_, last = parts
    return {"stem": first} | names | ({} if last in names.values() else {"head": last})


def _is_stage(part: nn.Module) -> bool:
    """Tell whether *part* is a plain sequence of blocks, each of them more than one of torch's layers."""
    return type(part) is nn.Sequential and all(not type(block).__module__.startswith("torch.nn") for block in part)


def _halves(block: nn.Module) -> bool:
    return any(isinstance(part, nn.Conv2d) and max(part.stride) > 1 for part in block.modules())


def _named_parts(network: nn.Module) -> dict[str, str]:
    """Return names of networks whose own modules are called after the stages."""
    parts = dict(network.named_children())
    if {"layer1", "layer2", "layer3", "layer4"} <= parts.keys():
        stages = [f"layer{number}" for number in range(1, 5)]
        names = {f"conv{number}_x": stage for number, stage in enumerate(stages, start=2)}
        names |= {f"stage{number}": stage for number, stage in enumerate(stages, start=1)}
        others = {"conv1": "conv1", "pool1": "maxpool", "pool5": "avgpool"}
        return names | {name: part for name, part in others.items() if part in parts}
    if {"inception3b", "inception4e", "inception5b"} <= parts.keys():
        names = {"stage3": "inception3b", "stage4": "inception4e", "stage5": "inception5b", "pool5": "avgpool"}
        names |= {f"conv{number}": f"conv{number}" for number in range(1, 4) if f"conv{number}" in parts}
        return names | {f"pool{number}": f"maxpool{number}" for number in range(1, 5) if f"maxpool{number}" in parts}
    if "trunk_output" in parts and "stem" in parts:
        blocks = enumerate(parts["trunk_output"].named_children(), start=1)
        return {"stem": "stem"} | {f"stage{number}": f"trunk_output.{name}" for number, (name, _) in blocks}
    for known in _KNOWN:
        if set(known.values()) <= parts.keys():
            return known
    layers = getattr(parts.get("encoder"), "layers", None)
    if "conv_proj" in parts and isinstance(layers, nn.Sequential):
        names = {"stem": "conv_proj", "norm": "encoder.ln"}
        return names | _numbered("block", "encoder.layers", layers)
    return _mnasnet_aliases(parts) or _timm_parts(parts)


def _mnasnet_aliases(parts: dict[str, nn.Module]) -> dict[str, str]:
    layers = parts.get("layers")
    if not isinstance(layers, nn.Sequential):
        return {}
    stages = [name for name, part in layers.named_children() if _is_stage(part)]
    convolutions = [name for name, part in layers.named_children() if isinstance(part, nn.Conv2d)]
    if not stages or not convolutions:
        return {}
    names = {f"stage{number}": f"layers.{name}" for number, name in enumerate(stages, start=1)}
    return {"stem": f"layers.{convolutions[0]}"} | names | {"head": f"layers.{convolutions[-1]}"}


def _timm_parts(parts: dict[str, nn.Module]) -> dict[str, str]:
    """Return names of timm's networks, told by the parts they are made of."""
    stem = next((name for name in ("stem", "patch_embed", "conv_stem") if name in parts), None)
    if stem is None:
        return {}
    names = {"stem": stem}
    if isinstance(parts.get("blocks"), nn.ModuleList) and stem == "stem":  # torchvision's MaxViT
        return names | _numbered("stage", "blocks", parts["blocks"])
    if {"s1", "s2", "s3", "s4"} <= parts.keys():  # RegNet
        return names | {f"stage{number}": f"s{number}" for number in range(1, 5)}
    held, what = {  # where the parts are held, and whether those are stages of blocks or blocks
        "stem": ("stages", "stage"),
        "patch_embed": ("blocks", "block") if "blocks" in parts else ("layers", "stage"),
        "conv_stem": ("blocks", "stage"),
    }[stem]
    inside = parts.get(held)
    if not isinstance(inside, (nn.Sequential, nn.ModuleList)):
        return {}
    return names | _numbered(what, held, inside) | ({"norm": "norm"} if "norm" in parts else {})


def _numbered(what: str, held: str, inside: nn.Module) -> dict[str, str]:
    return {f"{what}{number}": f"{held}.{name}" for number, (name, _) in enumerate(inside.named_children(), start=1)}
