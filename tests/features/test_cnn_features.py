"""Activations as features: the right numbers, whatever the batch, from a network that never changes."""

import pickle
import urllib.error
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
import torchvision
from PIL import Image
from safetensors.torch import save_file
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline
from torch import nn

from eyecraft.features.learned import CNNFeatures
from eyecraft.features.learned.engine import Engine
from eyecraft.features.learned.frozen import check_device
from eyecraft.features.learned.layers import TappedNetwork
from eyecraft.features.learned.preprocessing import GRAY, Preprocessing, _on_device
from eyecraft.features.learned.weights import build

SQUEEZENET = torchvision.models.SqueezeNet1_0_Weights.IMAGENET1K_V1


@pytest.fixture
def images(rng: np.random.Generator) -> list[np.ndarray]:
    """Return seven noise images of different sizes."""
    return [rng.integers(0, 256, (50 + 3 * i, 70 - i, 3), dtype=np.uint8) for i in range(7)]


def small(**parameters: Any) -> CNNFeatures:
    """Return features of a random SqueezeNet on small input."""
    return CNNFeatures("squeezenet1_1", **{"weights": None, "image_size": 64, "device": "cpu", **parameters})


def random_state_dict(seed: int) -> dict[str, torch.Tensor]:
    """Return the weights that `small` has with this seed."""
    return build("squeezenet1_1", None, weights_dir=None, seed=seed)[0].state_dict()


class Normalised(nn.Module):
    """A network with batch normalisation and dropout, which both behave differently in training."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3)
        self.norm = nn.BatchNorm2d(5)
        self.relu = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(5, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return two logits per image."""
        return self.head(self.drop(self.relu(self.norm(self.conv(images)))).mean((2, 3)))


def test_squeezenet_names_what_is_on_known_photographs(real_weights: Path) -> None:
    """A cat, an espresso, a missile: weights, preprocessing and layers all have to be right for that."""
    pictures = [skimage.data.chelsea(), skimage.data.coffee(), skimage.data.rocket()]
    logits = CNNFeatures(layers="conv10", weights_dir=real_weights, device="cpu").fit_transform(pictures)
    names = SQUEEZENET.value.meta["categories"]
    top5 = [{names[i] for i in np.argsort(-row)[:5]} for row in logits]
    assert top5[0] & {"Egyptian cat", "tabby", "tiger cat"}
    assert "espresso" in top5[1]
    assert "missile" in top5[2]


def test_row_does_not_depend_on_the_batch(images: list[np.ndarray]) -> None:
    """Alone, in threes, all together, in another order."""
    alone = np.concatenate([small(layers="fire9").fit_transform([image]) for image in images])
    scale = np.abs(alone).max()
    for batch_size in (3, 32):
        together = small(layers="fire9", batch_size=batch_size, n_jobs=2).fit_transform(images[::-1])[::-1]
        np.testing.assert_allclose(together, alone, atol=1e-4 * scale, rtol=0)


def test_users_network_in_training_mode_is_frozen_and_left_alone(images: list[np.ndarray]) -> None:
    """Batch statistics neither move nor matter; the user's own module stays in training mode."""
    torch.manual_seed(0)
    network = Normalised().train()
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    features = CNNFeatures(network, layers="conv", image_size=32, device="cpu")
    rows = features.fit(images).transform(images)
    np.testing.assert_allclose(features.transform(images[2:3]), rows[2:3], atol=1e-5)
    assert network.training
    assert network.relu.inplace
    assert all(torch.equal(tensor, before[key]) for key, tensor in network.state_dict().items())
    with torch.no_grad():
        network.conv.weight.zero_()
    np.testing.assert_array_equal(features.transform(images), rows)  # a copy was taken at fit
    assert not np.allclose(features.fit_transform(images), rows)  # and is taken again


def test_preprocessing_is_that_of_the_weights(rng: np.random.Generator) -> None:
    """Within a gray level of torchvision's own transform of a PIL image."""
    image = np.asarray(Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)).resize((300, 200)))
    expected = SQUEEZENET.value.transforms()(Image.fromarray(image))
    ours = Preprocessing.of_weights(SQUEEZENET)
    actual = ours.normalise(ours.prepare(image.copy())[None])[0]
    assert (actual - expected).abs().max() <= 1.01 / 255 / min(ours.std)


def test_mean_and_scale_stay_on_the_device() -> None:
    """Made once, not copied for each batch; training may compute with them too."""
    first, second = (_on_device((0.5,), (0.25,), torch.device("cpu")) for _ in range(2))
    assert first[0] is second[0]
    with torch.inference_mode():
        assert not _on_device((0.4,), (0.25,), torch.device("cpu"))[0].is_inference()


def test_ways_of_resizing() -> None:
    """Warp shows the whole image, the crop its centre; the share cut off stays the same at other sizes."""
    image = np.zeros((100, 200, 3), np.uint8)
    image[:, :40] = 255  # a stripe at the left, outside the central square
    own = Preprocessing()
    crop, warp = own.adapted((112, 112), "crop"), own.adapted((112, 112), "warp")
    assert crop.resize_size == 128
    assert warp.resize_size is None
    assert crop.prepare(image).float().mean() == 0
    assert 40 < warp.prepare(image).float().mean() < 60
    assert own.adapted((64, 96), "crop").prepare(image).shape == (3, 64, 96)
    assert own.adapted(None, None) == own


def test_several_layers_stand_side_by_side(images: list[np.ndarray]) -> None:
    """In the order given, each as it would be alone, under their names."""
    features = small(layers=["fire9", "fire2"]).fit(images)
    rows = features.transform(images)
    alone = [small(layers=layer).fit_transform(images) for layer in ("fire9", "fire2")]
    np.testing.assert_allclose(rows, np.hstack(alone), atol=1e-5)
    assert features.layers_ == ["fire9", "fire2"]
    names = features.get_feature_names_out()
    assert (names[0], names[-1]) == ("fire9_map000", "fire2_map127")


@pytest.mark.parametrize(
    ("parameters", "length", "last"),
    [
        ({"pooling": "avg"}, 512, "fire9_map511"),
        ({"pooling": "max"}, 512, "fire9_map511"),
        ({"pooling": "spatial", "pool_size": (2, 1)}, 1024, "fire9_map511_r1_c0"),
        ({"pooling": "flatten"}, 4608, "fire9_map511_r2_c2"),
        ({"pooling": "flatten", "layers": "conv10"}, 9000, "conv10_map999_r2_c2"),
    ],
)
def test_pooling(parameters: dict[str, Any], length: int, last: str, images: list[np.ndarray]) -> None:
    """Length and names for each way of pooling."""
    features = small(**parameters).set_output(transform="pandas").fit(images[:2])
    frame = features.transform(images[:2])
    assert frame.shape == (2, length)
    assert features.n_features_out_ == length
    assert frame.columns[-1] == last
    assert (frame.dtypes == np.float32).all()


def test_l2_gives_each_layer_unit_length(images: list[np.ndarray]) -> None:
    """So that a layer of large numbers does not drown the others."""
    rows = small(layers=["fire2", "fire9"], l2=True).fit_transform(images)
    np.testing.assert_allclose(np.linalg.norm(rows[:, :128], axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(rows[:, 128:], axis=1), 1, atol=1e-5)


def test_before_and_after_the_non_linearity(images: list[np.ndarray]) -> None:
    """What comes after is what came before, rectified."""
    parameters: dict[str, Any] = {"weights": None, "image_size": 64, "layers": ["fc6", "fc7"], "device": "cpu"}
    before = CNNFeatures("alexnet", activation="pre", **parameters).fit_transform(images[:2])
    after = CNNFeatures("alexnet", **parameters).fit_transform(images[:2])
    assert (before[:, :4096] < 0).any()
    np.testing.assert_allclose(after, np.maximum(before, 0), atol=1e-5)


def test_bfloat16_is_close_to_float32(images: list[np.ndarray]) -> None:
    """Cosine of at least 0.999 between the rows of a random network."""
    full, half = (small(precision=precision, l2=True).fit_transform(images) for precision in ("float32", "bfloat16"))
    assert half.dtype == np.float32
    assert ((full * half).sum(axis=1) > 0.999).all()


def test_bfloat16_leaves_the_first_convolution_in_float32() -> None:
    """It takes float32 images; what cannot be told apart from a first convolution follows the precision."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3))
    tapped = TappedNetwork(network, ["2"]).settled("cpu", "bfloat16")
    assert tapped.input_dtype == torch.float32
    kinds = {name: values.dtype for name, values in tapped._run.named_parameters() if name.endswith("weight")}
    assert sorted(map(str, kinds.values())) == ["torch.bfloat16", "torch.float32"]
    assert tapped(torch.rand(1, 3, 9, 9))[0].dtype == torch.bfloat16
    assert {values.dtype for values in network.parameters()} == {torch.float32}  # the caller's is left alone
    flat = TappedNetwork(nn.Sequential(nn.Flatten(), nn.Linear(12, 2)), ["1"]).settled("cpu", "bfloat16")
    assert flat.input_dtype == torch.bfloat16


def test_bfloat16_rows_of_trained_squeezenet_are_within_a_ten_thousandth(real_weights: Path) -> None:
    """Cosine of at least 0.9999 with the float32 rows, on photographs."""
    photographs = [skimage.data.chelsea(), skimage.data.coffee(), skimage.data.astronaut()]
    full, half = (
        CNNFeatures(
            "squeezenet1_0",
            layers="fire9",
            pooling="spatial",
            l2=True,
            resize="warp",
            precision=precision,
            device="cpu",
            weights_dir=real_weights,
        ).fit_transform(photographs)
        for precision in ("float32", "bfloat16")
    )
    assert ((full * half).sum(axis=1) >= 0.9999).all()


def test_pickle_carries_no_network_and_gives_the_same_rows(images: list[np.ndarray]) -> None:
    """Weights are loaded again where the pickle is opened."""
    features = small().fit(images)
    written = pickle.dumps(features)
    assert len(written) < 2000
    np.testing.assert_array_equal(pickle.loads(written).transform(images), features.transform(images))


class Fitted:
    """Stands for a fitted `CNNClassifier`: a network, and what it does to images first."""

    def __init__(self) -> None:
        self.module_ = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(4 * 36, 2))
        self.preprocessing_ = Preprocessing((8, 8), None, (0.5,), (0.25,))

    def fit(self, X: Any, y: Any) -> "Fitted":
        """Do nothing."""
        return self


class FittedLater(Fitted):
    """The same, keeping its network as ``network_``."""

    def __init__(self) -> None:
        super().__init__()
        self.network_ = self.__dict__.pop("module_")


def test_taps_a_classifier_that_keeps_its_network_as_network(images: list[np.ndarray]) -> None:
    """Either attribute does."""
    fitted = FittedLater()
    assert CNNFeatures(fitted, layers="0", device="cpu").fit_transform(images).shape == (7, 4)


@pytest.mark.parametrize("wrap", [False, True])
def test_taps_a_fitted_classifier(wrap: bool, images: list[np.ndarray]) -> None:
    """Its own gray channel, size and standardisation; clones keep it fitted."""
    fitted = Fitted()
    features = CNNFeatures(FrozenEstimator(fitted) if wrap else fitted, layers="0", pooling="flatten", device="cpu")
    rows = clone(features).set_output(transform="default").fit_transform(images)
    gray = features.fit(images)._read(images[0], 0)
    assert gray.shape == (8, 8)
    pixels = (torch.from_numpy(gray).float() / 255 - 0.5) / 0.25
    expected = fitted.module_[:2](pixels[None, None]).flatten()
    np.testing.assert_allclose(rows[0], expected.detach(), atol=1e-5)


def test_clones_keep_their_settings_and_share_the_network() -> None:
    """clone() neither copies a network nor forgets set_output."""
    network = Normalised()
    features = CNNFeatures(network, layers=["conv"], l2=True).set_output(transform="pandas")
    twin = clone(features)
    assert twin.model is network
    assert twin.get_params(deep=False) == features.get_params(deep=False)
    assert twin._sklearn_output_config == {"transform": "pandas"}


def test_changed_parameter_loads_anew(images: list[np.ndarray]) -> None:
    """set_params after fit is not answered by the old network."""
    features = small(layers="fire2").fit(images)
    features.set_params(random_state=5).fit(images)
    np.testing.assert_array_equal(
        features.transform(images), small(layers="fire2", random_state=5).fit_transform(images)
    )


def test_store_key_follows_the_numbers_only(tmp_path: Path) -> None:
    """Same weights from another file: same key. Other weights, layer or size: another key."""
    for seed in (0, 1):
        save_file(random_state_dict(seed), tmp_path / f"{seed}.safetensors")
    save_file(random_state_dict(0), tmp_path / "copy.safetensors")
    key = small(weights=tmp_path / "0.safetensors").store_key()
    assert small(weights=tmp_path / "copy.safetensors", batch_size=1, n_jobs=2).store_key() == key
    assert small(random_state=0).store_key() == key
    assert small(pool_size=(2, 2)).store_key() == key  # without effect on averages over the whole map
    others = [
        small(weights=tmp_path / "1.safetensors"),
        small(layers="fire2"),
        small(image_size=72),
        small(resize="warp"),
        small(activation="post", l2=True),
    ]
    assert len({key, *(other.store_key() for other in others)}) == 6


def test_file_written_anew_is_read_anew(tmp_path: Path) -> None:
    """A notebook that overwrites best.pth gets the new weights."""
    path = tmp_path / "best.safetensors"
    digests = []
    for seed in (0, 1):
        save_file(random_state_dict(seed), path)
        digests.append(small(weights=str(path))._engine().network.digest)
    assert digests[0] != digests[1]


def test_file_in_the_weights_folder_written_anew_is_read_anew(tmp_path: Path) -> None:
    """Found by name there, it counts as one that is named."""
    digests = []
    for seed in (0, 1):
        save_file(random_state_dict(seed), tmp_path / "squeezenet1_1-mine.safetensors")
        digests.append(small(weights="DEFAULT", weights_dir=tmp_path)._engine().network.digest)
    assert digests[0] != digests[1]


def test_gray_network_sees_gray_images(images: list[np.ndarray]) -> None:
    """By its first convolution; mean and std can be given, one for all channels or one each."""
    network = nn.Sequential(nn.Conv2d(1, 2, 1, bias=False))
    nn.init.ones_(network[0].weight)
    parameters: dict[str, Any] = {"layers": "0", "image_size": 8, "resize": "warp", "device": "cpu"}
    features = CNNFeatures(network, **parameters)
    pixels = features.fit(images)._read(images[0], 0)
    assert pixels.shape == (8, 8)
    np.testing.assert_allclose(features.transform(images[:1])[0], (pixels.mean() / 255 - 0.449) / 0.226, atol=1e-4)
    other = CNNFeatures(network, mean=0.5, std=[0.25], **parameters)
    np.testing.assert_allclose(other.fit_transform(images[:1])[0], (pixels.mean() / 255 - 0.5) / 0.25, atol=1e-4)
    assert other.store_key() != features.store_key()
    assert small(mean=0.5)._engine().preprocessing.mean == (0.5, 0.5, 0.5)
    assert small(mean=(0.5,))._engine().preprocessing == replace(GRAY, mean=(0.5,), input_size=(64, 64), resize_size=73)


@pytest.mark.parametrize(
    "scale", [{"mean": (0.5, 0.5)}, {"std": 0}, {"mean": (0.5,), "std": (1, 1, 1)}, {"mean": np.nan}]
)
def test_numbers_of_no_image(scale: dict[str, Any], images: list[np.ndarray]) -> None:
    """Two channels, no width, unequal counts, no number."""
    with pytest.raises(ValueError, match="`mean` and `std` must each be one number or one for every channel"):
        small(**scale).fit(images)


class OptimizedModule(nn.Module):
    """Stands for what torch.compile makes of a network, which takes seconds to import."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._orig_mod = network


def test_wrapped_networks_are_taken_out(images: list[np.ndarray]) -> None:
    """Of DataParallel and torch.compile; a TorchScript program has no layers to tap."""
    network = nn.Sequential(nn.Conv2d(3, 2, 3))
    parameters: dict[str, Any] = {"layers": "0", "image_size": 8, "device": "cpu"}
    rows = CNNFeatures(network, **parameters).fit_transform(images)
    for wrapped in (nn.DataParallel(network), OptimizedModule(network)):
        np.testing.assert_array_equal(CNNFeatures(wrapped, **parameters).fit_transform(images), rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.jit.script(network)
    with pytest.raises(ValueError, match="`model` is a TorchScript program, whose layers cannot be tapped"):
        CNNFeatures(program, **parameters).fit(images)


def test_cross_validation_extracts_each_image_once(
    images: list[np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the store, folds cost nothing more."""
    seen = []
    original = Engine.rows
    monkeypatch.setattr(Engine, "rows", lambda self, pixels: seen.append(len(pixels)) or original(self, pixels))
    pipeline = make_pipeline(small(layers="fire2", store=tmp_path), LogisticRegression())
    result = cross_validate(pipeline, images, list("abababa"), cv=3, error_score="raise")
    assert len(result["test_score"]) == 3
    assert sum(seen) == len(images)


def test_gpu_asked_for_and_absent(monkeypatch: pytest.MonkeyPatch, images: list[np.ndarray]) -> None:
    """Says how many there are and what else to use."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert check_device("auto") == "cpu"
    with pytest.raises(ValueError, match=r"`device` is 'cuda', but torch .* sees 0 CUDA devices.*device='auto'"):
        small(device="cuda").fit(images)
    with pytest.raises(ValueError, match=r"`device` must be 'auto', 'cpu', 'cuda'.*got 'gpu'"):
        small(device="gpu").fit(images)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"layers": "fire99"}, "no layer called 'fire99'.*did you mean 'fire9'"),
        ({"layers": ["fire2", "fire2"]}, r"`layers` must name each layer once; got \['fire2', 'fire2'\]"),
        ({"layers": 6}, r"`layers` must be the name of a layer or a list of names; got 6"),
        ({"layers": []}, r"`layers` must be the name of a layer or a list of names; got \[\]"),
        ({"activation": "after"}, "`activation` must be one of 'post', 'pre'; got 'after'"),
        ({"pooling": "mean"}, "`pooling` must be one of 'flatten', 'avg', 'max', 'spatial'; got 'mean'"),
        ({"resize": "squash"}, "`resize` must be one of None, 'crop', 'warp', 'native'; got 'squash'"),
        ({"batch_size": 0}, "`batch_size` must be 'auto' or a whole number of images >= 1; got 0"),
        ({"batch_size": "large"}, "`batch_size` must be 'auto' or a whole number of images >= 1; got 'large'"),
        ({"n_workers": -1}, "`n_workers` must be a whole number of threads >= 0; got -1"),
        ({"resize": "native"}, "resize='native' keeps the images' own sizes: leave out image_size=64"),
        ({"precision": "float16"}, "precision.*'float16' needs a GPU"),
        ({"pool_size": 0}, "`pool_size` must be a whole number or a pair"),
        ({"image_size": 8}, "squeezenet1_1 cannot take images of 8 x 8 pixels with 3 channels"),
        ({"model": "squeezenet"}, "no classification model called 'squeezenet'; did you mean 'squeezenet1_"),
        (
            {"model": 3},
            "`model` must be 'mini', the name of a torchvision model, .* a torch.nn.Module or a fitted CNNC",
        ),
        ({"model": LogisticRegression()}, "`model` is a LogisticRegression without a network: fit it"),
        ({"model": nn.Flatten(), "weights": "IMAGENET1K_V1"}, "`weights` must be a file .* or left as it is"),
        ({"model": nn.Flatten(), "weights": "DEFAULT"}, "no linear or convolutional layer"),
    ],
)
def test_wrong_parameters(parameters: dict[str, Any], message: str, images: list[np.ndarray]) -> None:
    """Each says what it should be and what came."""
    with pytest.raises(ValueError, match=message):
        small().set_params(**parameters).fit(images)


def test_no_network_and_no_file(monkeypatch: pytest.MonkeyPatch, images: list[np.ndarray], tmp_path: Path) -> None:
    """The estimator passes the way on and names the network in the box; nothing is swapped silently."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise urllib.error.URLError("unreachable")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)
    with pytest.raises(
        ConnectionError, match=r"squeezenet1_0-b66bff10.pth could not be fetched.*unreachable.*model='mini'"
    ):
        CNNFeatures(weights_dir=tmp_path, device="cpu").fit(images)


def test_own_module_takes_weights_from_a_file(images: list[np.ndarray], tmp_path: Path) -> None:
    """And refuses those of another."""
    torch.manual_seed(0)
    path = tmp_path / "mine.pth"
    trained = Normalised()
    torch.save(trained.state_dict(), path)
    parameters: dict[str, Any] = {"layers": "conv", "image_size": 16, "device": "cpu"}
    rows = CNNFeatures(Normalised(), weights=path, **parameters).fit_transform(images)
    np.testing.assert_array_equal(rows, CNNFeatures(trained, **parameters).fit_transform(images))
    with pytest.raises(ValueError, match=r"not for Sequential: .* are not known to Sequential"):
        CNNFeatures(nn.Sequential(nn.Conv2d(3, 2, 3)), weights=path, **parameters).fit(images)
