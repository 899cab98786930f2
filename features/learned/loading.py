"""From the parameters of a `CNNFeatures` to its engine."""

import os
from typing import TYPE_CHECKING, Any

from eyecraft.features._checks import check_pair

from .engine import Engine
from .frozen import check_device, frozen_network
from .layers import TappedNetwork, default_layer

if TYPE_CHECKING:
    from .cnn_features import CNNFeatures


def load_engine(features: "CNNFeatures") -> Engine:
    """Load the network that *features* names and make it ready on its device."""
    size = None if features.image_size is None else check_pair("image_size", features.image_size, unit="pixels")
    network = frozen_network(
        features.model,
        features.weights,
        weights_dir=features.weights_dir,
        seed=features.random_state,
        image_size=size,
    )
    layers = default_layer(network.module) if features.layers is None else features.layers
    tap = TappedNetwork(network.module, [layers] if isinstance(layers, str) else layers, features.activation)
    device = check_device(features.device)
    tap.settled(device, features.precision)
    ready = network.preprocessing.scaled(features.mean, features.std).adapted(size, features.resize)
    pool_size = check_pair("pool_size", features.pool_size)
    return Engine(network, tap, ready, device, features.pooling, pool_size, bool(features.l2))


def parameters_that_count(features: "CNNFeatures") -> tuple[Any, ...]:
    """Return what an engine has to be loaded anew for; see `same_model` for the network itself."""
    layers = features.layers
    return (
        features.weights,
        features.weights_dir,
        os.environ.get("EYECRAFT_WEIGHTS"),
        features.random_state,
        features.image_size if features.image_size is None else check_pair("image_size", features.image_size),
        features.resize,
        repr((features.mean, features.std)),
        layers if layers is None or isinstance(layers, str) else tuple(layers),
        features.activation,
        features.device,
        features.precision,
        features.pooling,
        check_pair("pool_size", features.pool_size),
        features.l2,
    )


def same_model(one: Any, other: Any) -> bool:
    """Tell whether two values of `model` mean one network."""
    return one is other or (isinstance(one, str) and isinstance(other, str) and one == other)
