"""How important is depth? The experiment that takes layers out of a network and trains what is left.

M. Zeiler and R. Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, section 5.1 and Table 3.
"""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from eyecraft.features._checks import check_whole
from eyecraft.features.learned.mini import MINI_IMAGE_SIZE

from ._ablated import REMOVABLE, AblatedMini, count_parameters, variant_name
from ._ablation_result import AblationResult, Variant
from ._material import gather
from .cnn_classifier import CNNClassifier
from .compare import compare

ZEILER_FERGUS = ((7,), (6, 7), (3, 4), (3, 4, 6, 7))


class DepthAblation:
    """AlexNet-shaped networks with layers taken out, trained alike on the same splits.

    Each is the network in the box (`mini`: five convolutions and three fully connected layers for 64x64 images) without
    some of its layers, from a random start, so that a CPU can do it.

    Parameters
    ----------
    removed : sequence of sequences of int, default=((7,), (6, 7), (3, 4), (3, 4, 6, 7))
        Layers to take out, one sequence for each variant; 2 to 5 are convolutions, 6 and 7 fully connected. The whole
        network is always trained beside them.
    max_epochs : int, default=30
        Runs through the training images, the same for all.
    augment : str, callable or None, default="crop-flip"
        Random changes to training images; see `CNNClassifier`.
    n_jobs : int, optional
        Threads that decode images.
    device : str, default="auto"
        Where the networks train.
    **training
        More parameters of `CNNClassifier`, the same for all: ``lr``, ``batch_size``, ``optimizer``, ...

    Notes
    -----
    In the final paper (Table 3; ImageNet, top-5 validation error) the error rose by 0.3 points without layer 7, by 4.3
    without 6 and 7, by 4.0 without 3 and 4, and by 32.0 without 3, 4, 6 and 7: depth counts for more than any one
    layer. Lecture slides give 1.1, 5.7, 3.0 and 33.5 for the same; these are from an early draft of the paper. On a few
    thousand images of one's own, neither need come out.

    Where we differ from the paper: the network is smaller and batch-normalised; the images are the user's; accuracy
    over several splits instead of the error on one validation set; the rate of learning is not chosen anew for each.

    References
    ----------
    M. Zeiler, R. Fergus, "Visualizing and understanding convolutional networks", ECCV 2014.
    doi:10.1007/978-3-319-10590-1_53

    Examples
    --------
    >>> import numpy as np
    >>> from eyecraft.pipelines.ablation import DepthAblation
    >>> images = np.zeros((8, 16, 16, 3), dtype=np.uint8)
    >>> images[4:, :8] = 255
    >>> ablation = DepthAblation([(3, 4, 6, 7)], max_epochs=1, device="cpu")
    >>> result = ablation.run(images, ["dark"] * 4 + ["light"] * 4, cv=2)
    >>> result.table()[["variant", "parameters", "dropped"]]
                  variant  parameters  dropped
    0          all layers     3501570        0
    1  without 3, 4, 6, 7      544258  2957312
    """

    def __init__(
        self,
        removed: Sequence[Sequence[int]] = ZEILER_FERGUS,
        *,
        max_epochs: int = 30,
        augment: Any = "crop-flip",
        n_jobs: int | None = None,
        device: str = "auto",
        **training: Any,
    ) -> None:
        self.removed = removed
        self.max_epochs = max_epochs
        self.augment = augment
        self.n_jobs = n_jobs
        self.device = device
        self.training = training

    def run(
        self,
        X: Any,
        y: Any = None,
        *,
        cv: Any = 5,
        out: str | os.PathLike[str] | None = None,
        overwrite: bool = False,
        random_state: int | None = 0,
        command: str | None = None,
    ) -> AblationResult:
        """Train every variant on every split.

        Parameters
        ----------
        X : Dataset or sequence of images
        y : array of shape (n_images,), optional
            Labels; a `Dataset` brings its own.
        cv : int, splitter, iterable of (train, test), or "official"
            As `eyecraft.pipelines.compare` takes it.
        out : path, optional
            Folder for the results; the same call goes on where it was stopped.
        overwrite : bool
            Begin the folder anew.
        random_state : int, optional
            Seeds the folds and the networks.
        command : str, optional
            The command line that asked for this, kept with the results.

        Returns
        -------
        AblationResult

        Raises
        ------
        ValueError
            Layers that cannot be taken out; parameters, data or splits that cannot be used.
        KeyboardInterrupt
            When interrupted; finished splits are in *out*.
        """
        variants = [(), *self._variants()]
        estimators = {variant_name(removed): self._classifier(removed, random_state) for removed in variants}
        n_classes = len(np.unique(gather(X, y, None).labels))
        comparison = compare(
            estimators, X, y, cv=cv, out=out, overwrite=overwrite, random_state=random_state, command=command
        )
        counted = [
            Variant(variant_name(removed), tuple(removed), count_parameters(removed, n_classes)) for removed in variants
        ]
        result = AblationResult(comparison, counted)
        if out is not None:
            result.save(out)
        return result

    def _classifier(self, removed: tuple[int, ...], random_state: int | None) -> CNNClassifier:
        given: dict[str, Any] = {
            "image_size": MINI_IMAGE_SIZE,
            "color": "rgb",
            "max_epochs": self.max_epochs,
            "augment": self.augment,
            "n_jobs": self.n_jobs,
            "device": self.device,
            "random_state": random_state,
        }
        fixed = {"model", "weights", "image_size", "color", "random_state"} & self.training.keys()
        if fixed:
            raise ValueError(f"{sorted(fixed)[0]!r} is the same in every ablation, or given to `run`; leave it out")
        known = CNNClassifier._get_param_names()
        unknown = [name for name in self.training if name not in known]
        if unknown:
            raise ValueError(f"CNNClassifier has no parameter {unknown[0]!r}; it has {', '.join(known)}")
        return CNNClassifier(AblatedMini(removed), **given, **self.training)

    def _variants(self) -> list[tuple[int, ...]]:
        """Return the layers to take out, each sequence sorted, all of them different."""
        if isinstance(self.removed, str) or not len(self.removed):
            raise ValueError(
                f"`removed` must be a list of lists of layers, such as [[7], [6, 7]]; got {self.removed!r}"
            )
        variants = []
        for layers in self.removed:
            if isinstance(layers, (str, int)) or not len(layers):
                raise ValueError(f"each entry of `removed` must be a list of layers, such as [6, 7]; got {layers!r}")
            for layer in layers:
                why = "The first layer sees the image, the eighth gives the classes."
                check_whole("removed", layer, at_least=REMOVABLE[0], at_most=REMOVABLE[-1], why=why)
            variants.append(tuple(sorted(set(layers))))
        return list(dict.fromkeys(variants))
