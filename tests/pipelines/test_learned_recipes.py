"""Recipes of frozen networks: the promised names, layers that exist, lengths as published, and one end to end."""

from importlib import import_module, util

import numpy as np
import pytest
import torch

from eyecraft.pipelines import build, default_recipes, recipes

ROWS = {recipe.name: recipe for recipe in recipes()}
PROMISED = {
    *("alexnet-fc6-svm", "alexnet-fc6-pre-svm", "alexnet-fc7-svm", "alexnet-fc7-pre-svm", "vgg16-fc7-svm"),
    *("googlenet-svm", "resnet50-svm", "resnet152-svm", "squeezenet-svm", "mini-fc6-svm", "mini-fc7-svm"),
    *(
        "convnext-svm",
        "dinov2-svm",
        "random-conv-svm",
        "hog+fc7",
        "phow+fc7",
        "squeezenet-fire5-svm",
        "phow+squeezenet",
    ),
}


def test_every_recipe_that_was_promised():
    """Names, kinds, and weights that `build` can look for."""
    assert set(ROWS) >= PROMISED
    assert {ROWS[name].kind for name in PROMISED} == {"learned"}
    assert [name for name in PROMISED if not ROWS[name].pretrained] == ["random-conv-svm"]


@pytest.mark.parametrize(
    ("name", "length"),
    [
        *(("alexnet-fc6-svm", 4096), ("alexnet-fc6-pre-svm", 4096), ("alexnet-fc7-svm", 4096)),
        *(("alexnet-fc7-pre-svm", 4096), ("vgg16-fc7-svm", 4096), ("googlenet-svm", 1024), ("resnet50-svm", 2048)),
        *(("resnet152-svm", 2048), ("squeezenet-svm", 9 * 512), ("mini-fc6-svm", 512), ("mini-fc7-svm", 512)),
        *(("random-conv-svm", 9 * 192), ("squeezenet-fire5-svm", 9 * 256)),
    ],
)
def test_layers_and_lengths(name, length):
    """The layer is there and gives as many numbers as it should; without weights, on tensors without numbers."""
    architectures = import_module("eyecraft.features.learned.architectures")
    layers = import_module("eyecraft.features.learned.layers")
    pooling = import_module("eyecraft.features.learned.pooling")
    features = build(name)["features"]
    network = architectures.construct(features.model, state={}).to("meta")
    side = 64 if features.model == "mini" else 224
    tapped = layers.TappedNetwork(network, [features.layers], features.activation)
    (value,) = tapped(torch.zeros(1, 3, side, side, device="meta"))
    assert pooling.pool(value, features.pooling, features.pool_size).shape == (1, length)
    assert (features.l2, features.resize) == (True, "warp")
    assert ROWS[name].pretrained == ("" if features.weights is None else features.model)


def test_before_and_behind_the_non_linearity():
    """The two variants differ in nothing else."""
    post, pre = (build(name)["features"].get_params() for name in ("alexnet-fc7-svm", "alexnet-fc7-pre-svm"))
    assert {key for key in post if post[key] != pre[key]} == {"activation"}


def test_mini_is_a_default_when_its_weights_are_in_the_box(monkeypatch, tmp_path):
    """Without the file it is left out, with it it is there; the control without training is never a default."""
    mini = import_module("eyecraft.features.learned.mini")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(mini, "MINI_FILE", tmp_path / "mini.safetensors")
    assert "mini-fc7-svm" not in default_recipes()
    (tmp_path / "mini.safetensors").touch()
    assert {"mini-fc6-svm", "mini-fc7-svm"} <= set(default_recipes())
    assert "random-conv-svm" not in default_recipes()


@pytest.mark.parametrize(
    ("name", "override"),
    [
        ("mini-fc6-svm", {"weights": None}),
        ("random-conv-svm", {}),
        ("hog+fc7", {"features__fc7__weights": None}),
    ],
)
def test_from_images_to_answers(name, override):
    """With random weights the pipeline still tells black pictures from white ones."""
    images = np.zeros((8, 40, 40, 3), dtype=np.uint8)
    images[4:, 10:30] = 255
    labels = ["dark"] * 4 + ["bar"] * 4
    pipeline = build(name, device="cpu", store=None, **override).fit(images, labels)
    assert pipeline.predict(images).tolist() == labels


@pytest.mark.parametrize("name", ["hog+fc7", "phow+fc7"])
def test_fusion_parts_weigh_the_same(name):
    """Each part of a fused row has unit length."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 48, 48, 3), dtype=np.uint8)
    union = build(name, small=True, device="cpu", store=None, features__fc7__weights=None)["features"]
    rows = union.fit_transform(images)
    lengths = np.linalg.norm(rows[:, :-512], axis=1), np.linalg.norm(rows[:, -512:], axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-5)


def test_fusion_with_squeezenet_is_that_with_mini():
    """But for the network."""
    parts = dict(build("phow+squeezenet")["features"].transformer_list)
    assert list(parts) == ["phow", "fire9"]
    assert list(parts["phow"].named_steps) == list(build("phow+fc7")["features"]["phow"].named_steps)


@pytest.mark.skipif(util.find_spec("timm") is None, reason="timm is not installed")
@pytest.mark.parametrize(("name", "length"), [("convnext-svm", 768), ("dinov2-svm", 384)])
def test_modern_ones_through_timm(name, length):
    """With random weights; timm is an extra."""
    images = np.zeros((2, 40, 40, 3), dtype=np.uint8)
    features = build(name, device="cpu", store=None, features__weights=None)["features"]
    assert features.fit_transform(images).shape == (2, length)
