"""Recipes of networks that train: promised names, the literature's schedule, networks that fit their images."""

import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest
import torch
from joblib import hash as digest

from eyecraft.pipelines import CNNClassifier, build
from eyecraft.pipelines._network_recipes import NETWORK_RECIPES, ConvNetFor, SmallResNet18

ROWS = {recipe.name: recipe for recipe in NETWORK_RECIPES}
PROMISED = {"convnet", "alexnet-finetune", "resnet18-finetune", "resnet18-scratch", "squeezenet-finetune"} | {
    "mini-finetune",
    "mini-scratch",
}


def test_names_kinds_and_nothing_quick() -> None:
    """Those of the promise; `eyecraft compare` runs none of them unasked."""
    assert set(ROWS) == PROMISED
    assert {(recipe.kind, recipe.quick) for recipe in NETWORK_RECIPES} == {("learned", False)}
    assert all("https://" in recipe.citation and recipe.about.endswith(".") for recipe in NETWORK_RECIPES)
    pretrained = {recipe.name: recipe.pretrained for recipe in NETWORK_RECIPES if recipe.pretrained}
    models = {"alexnet-finetune": "alexnet", "resnet18-finetune": "resnet18", "squeezenet-finetune": "squeezenet1_0"}
    assert pretrained == models | {"mini-finetune": "mini"}


@pytest.mark.parametrize("name", sorted(PROMISED))
@pytest.mark.parametrize("small", [False, True])
def test_parameters_are_known(name: str, small: bool) -> None:
    """Every row makes a classifier whose parameters pass its own checks; fine-tuning starts from weights."""
    classifier = build(ROWS[name], small=small, random_state=3)["classifier"]
    assert isinstance(classifier, CNNClassifier)
    import_module("eyecraft.pipelines._network_settings").check_parameters(classifier)
    assert classifier.random_state == 3
    assert classifier.weights == ("DEFAULT" if name.endswith("-finetune") else None)
    if name.endswith("-finetune"):
        expected = {"alexnet": (0.001, 1.0), "squeezenet1_0": (3e-4, 0.1)}  # not normalised
        assert classifier.trainable == "all"
        assert (classifier.lr, classifier.backbone_factor) == expected.get(classifier.model, (0.01, 0.1))


def test_schedule_of_residual_networks_on_small_images() -> None:
    """He 2016, section 4.2: rate 0.1 divided at half and three quarters, batches of 128, 164 epochs of CIFAR-10."""
    classifier = build(ROWS["resnet18-scratch"], small=True)["classifier"]
    assert (classifier.lr, classifier.batch_size, classifier.schedule) == (0.1, 128, "step")
    assert classifier.max_epochs * 50_000 / 128 == pytest.approx(64_000, rel=0.01)


@pytest.mark.parametrize("side", [32, 64])
def test_convnet_fits_its_images(side: int) -> None:
    """As many scores as classes; the last maps have 4x4 pixels at either size."""
    network = ConvNetFor(side)(1, 6).eval()
    assert network(torch.zeros(2, 1, side, side)).shape == (2, 6)
    length = (network.fc1.in_features, 128 * 4 * 4 if side == 32 else 256 * 4 * 4)
    assert length[0] == length[1]


def test_small_residual_network_keeps_the_pixels() -> None:
    """The first block sees all 32x32 of them; torchvision's would see 8x8."""
    network = SmallResNet18()(3, 10).eval()
    sizes = {}
    network.layer1.register_forward_hook(lambda *call: sizes.update(first=tuple(call[2].shape)))
    assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 10)
    assert sizes["first"] == (1, 64, 32, 32)


def test_convnet_recipe_from_images_to_answers() -> None:
    """Two epochs tell dark pictures from bright ones; what tells runs apart follows from the size alone."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 100, (24, 20, 20, 3), dtype=np.uint8)
    images[::2] += 120
    labels = ["bright", "dark"] * 12
    options = {"device": "cpu", "random_state": 0, "max_epochs": 2, "batch_size": 8, "lr": 0.01}
    pipeline = build(ROWS["convnet"], small=True, **options).fit(images, labels)
    assert pipeline.score(images, labels) >= 0.9
    assert digest(ConvNetFor(32)) == digest(ConvNetFor(32)) != digest(ConvNetFor(64))


def test_rows_load_no_torch() -> None:
    """The table is read by `eyecraft recipes`, which answers at once."""
    script = "import sys, eyecraft.pipelines._network_recipes; print({'torch', 'torchvision'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
