"""A convolutional network as a scikit-learn classifier: fine-tuned, or trained from scratch.

The engine of training is skorch, held inside; what is added here are image lists, string labels, a `random_state`,
layers that hold still, batches that fit into memory, and trainings that survive being killed.
"""

import os
from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal

from torch import nn

from ._network_classifier import NetworkClassifier
from ._network_files import load_classifier, save_classifier


class CNNClassifier(NetworkClassifier):
    """A convolutional network, from images to class probabilities.

    What is left at None is chosen in `fit`, by whether the network comes with weights and by the number of images;
    `settings_` tells what it was.

    Parameters
    ----------
    model : str, torch.nn.Module or callable, default="lenet5"
        ``"lenet5"`` (see `eyecraft.features.LeNet5` for where it differs from LeCun 1998), ``"convnet"`` (the textbook
        pattern, normalised: three blocks up to 32 pixels, four above), ``"mini"``, a torchvision classification model
        such as ``"resnet18"``, ``"timm:<name>"`` with the extra; a network, which is copied; or a function that returns
        one when called with ``(in_channels, n_classes)``. The network gives one score per class: the last layer of
        named ones, and of modules with another number of outputs, is replaced by a new one.
    weights : str, path, torchvision weights or None, default=None
        ``"DEFAULT"`` or another of torchvision's names, a ``.safetensors``, ``.pth`` or ``.pt`` file, or None to train
        from scratch. Of a module: None takes it as it is, ``"DEFAULT"`` says that its own weights are pretrained.
    trainable : "all", "head", "gradual", str or None, default=None
        What trains: everything; the new last layer; the last layer at first and one more part after the other, all of
        them from half of the epochs on; or, by a layer's name (``"conv5"``, ``"layer4"``), that layer and all behind
        it. Batch normalisation in what does not train keeps its statistics. None: with pretrained weights and fewer
        than 1000 images ``"gradual"``, else ``"all"``.
    dropout : float or None, default=None
        Share dropped by the network's dropout layers, or, where there are none, of the inputs of its last layer. None:
        as the network has it.
    image_size : int or (int, int), optional
        Height and width the images are warped to, pixels; default the model's own: 32 for LeNet-5, 64 for ``convnet``
        and ``mini``, 224 for most others. Must be given with networks of your own.
    color : {"auto", "gray", "rgb"}, default="auto"
        Channels the network sees. LeNet-5, ``convnet`` and networks made by a function are built for gray if every
        training image is gray; the others take what they are built for.
    weights_dir : path, optional
        Folder looked into before a download; default the environment variable ``EYECRAFT_WEIGHTS``.
    augment : str, callable or None, default="auto"
        Random changes to training images, never in prediction: ``"shift"`` (by up to 1/16 of the sides), ``"flip"``
        (left to right), ``"shift-flip"``, ``"crop-flip"`` (35 to 100 % of the area, enlarged), ``"color"`` (that and
        brightness, contrast, saturation, hue), ``"randaugment"`` (crop-flip and two operations of RandAugment), or a
        transform of ``torchvision.transforms.v2`` for uint8 images. ``"auto"``: ``"shift"`` for LeNet-5, ``convnet``
        and networks of your own without weights, else ``"crop-flip"``.
    mix : {"mixup", "cutmix", "both", None}, default=None
        Mix each image, and its label, with another of the batch.
    loss : {"cross_entropy", "hinge", "mse"} or callable, default="cross_entropy"
        ``"hinge"`` is the multi-class one of Weston and Watkins, the sum over the other classes of max(0, 1 + s_j -
        s_y); ``"mse"`` the mean squared distance of the scores to 1 for the class and 0 elsewhere. A callable takes
        scores (n, n_classes) and class numbers (n,) and returns one number per image, or their mean.
    label_smoothing : float, default=0.0
        Share of the target spread over all classes; for cross-entropy and mean squared error.
    class_weight : dict, "balanced" or None, default=None
        How much the images of each label count, scaled to a mean of 1 over the images.
    optimizer : {"sgd", "rmsprop", "adam", "adamw"}, default="sgd"
    lr : float, "find" or None, default=None
        Highest rate of learning, that of the last layer; with a `head_start` it may learn more slowly, see there.
        ``"find"`` looks for it first, see `search_rate`. None, of SGD: 0.05 from scratch, 0.01 with pretrained weights;
        of named networks that do not normalise their batches (AlexNet, VGG, SqueezeNet) a fifth and a tenth of that.
        Other optimisers have rates of their own.
    momentum : float, default=0.9
        Of ``"sgd"`` and ``"rmsprop"``.
    nesterov : bool, default=True
        Whether the momentum of ``"sgd"`` is Nesterov's.
    weight_decay : float, default=5e-4
        Strength of the l2 penalty.
    backbone_factor : float or None, default=None
        Rate of everything but the last layer, as a share of `lr`. None: 0.1 with pretrained weights, else 1.
    head_start : bool, default=True
        With pretrained weights and cross-entropy, let a new last layer begin as multinomial logistic regression on what
        enters it (one more pass over the images) instead of at random. Kumar et al. 2022. Its rate is then
        ``lr * settings_.head_factor``, whether `lr` was given or not: the larger those numbers, the farther a step
        throws it (SqueezeNet's are 20 on average: a 500th with ``"sgd"``, a 20th with the others). That of the rest
        stays ``lr * backbone_factor``. `partial_fit` begins at random.
    layer_decay : float, default=1.0
        Each part's rate is so many times that of the part behind it.
    schedule : {"cosine", "step", "one-cycle", None}, default="cosine"
        Let the rate fall to zero along half a cosine; divide it by ten at half and at three quarters of the epochs;
        rise from a 25th and fall to zero (momentum stays); or keep it.
    warmup_epochs : float or None, default=None
        Epochs, or a part of one, in which the rate rises. None: 30 % of the epochs of ``"one-cycle"``; 1 with
        pretrained weights and no batch normalisation; else 0.
    max_epochs : int or None, default=None
        Runs through the training images. None: 30 for LeNet-5, ``convnet`` and networks of your own; with pretrained
        weights about 1000 steps, 5 to 20 epochs; of other named networks from scratch about 20,000 steps, 30 to 90
        epochs.
    batch_size : int, default=64
        Images per step of the optimiser.
    accumulate : int, default=1
        Parts a batch is dealt out in, their gradients summed: less memory, the same step. Where memory runs out all the
        same, the number doubles by itself, and a warning says so. Only batch normalisation notices: it sees the parts.
    precision : {"float32", "bfloat16", "float16"}, default="float32"
        Of convolutions and matrix products; the weights stay float32. ``"float16"`` needs a GPU. CPUs with AMX train
        two to three times as fast with ``"bfloat16"``, CPUs without it more slowly.
    ema_decay : float or None, default=None
        Keep an exponential moving average of weights and batch statistics, such as 0.999, and answer with it.
    early_stopping : bool, default=False
        Hold out a part of the training images, stop when its loss has not improved for `patience` epochs, and keep the
        best weights.
    validation_fraction : float, default=0.1
        Share held out, class by class.
    patience : int, default=10
        Epochs without improvement before training stops.
    warm_start : bool, default=False
        Let `fit` go on with the network of the last `fit`, its classes being the same and its input what it was. Should
        that fail, the network stays as it was.
    checkpoint_dir : path, optional
        Folder the state of the training is written to after each epoch. The same call, after having been killed at any
        moment, goes on from there; on the CPU the result is the same to the last bit. One folder for one training: in a
        cross-validation the second fold finds the first one's state and says so.
    keep_filters : bool or collection of int, optional
        Epochs whose first-layer filters are kept in `filters_`; 0 is before training. True: 0, 1, 2, 4, 8, ... and the
        last.
    device : str, default="auto"
        ``"cpu"``, ``"cuda"``, ``"cuda:1"``; ``"auto"`` takes a free GPU if there is one. Trainings on the same GPU, of
        whatever process, wait for one another.
    random_state : int, RandomState or None, default=None
        Same number, same weights to the last bit on the same machine's CPU with the same number of threads. torch's
        global generator is left as it was.
    n_jobs : int, optional
        Threads that decode images.
    verbose : int, default=0
        1 prints a line per epoch: losses, accuracies, rate, seconds, and the time left.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels in sorted order.
    module_ : torch.nn.Module
        The network, for `eyecraft.features.CNNFeatures` to tap.
    settings_ : Settings
        What it was trained with, the choices made for None included: ``settings_.lr``, ``settings_.max_epochs``, ...
    preprocessing_ : Preprocessing
        Size, and mean and standard deviation of the pixels: those of the weights, or of the training images.
    history_ : DataFrame
        One row per epoch: ``epoch, train_loss, train_acc, lr`` (of the last layer, as the epoch begins), ``dur``
        (seconds), with early stopping ``valid_loss, valid_acc``. Of training images loss and accuracy are those met in
        training, augmented and dropped out.
    filters_ : dict of int to ndarray
        First-layer filters, (n_filters, channels, height, width), by epoch.
    rate_search_ : RateSearch or None
        The curve behind ``lr="find"``.

    Raises
    ------
    ValueError
        One class only; more labels than images; a class too small to hold images of it out; weights or a checkpoint of
        another architecture, or of other classes (with what differs); a layer that is not there; a GPU asked for and
        absent; a loss that runs away (says at which step, and suggests a rate); answers that are no numbers.
    ConnectionError
        Weights that had to be downloaded and could not be; says where to put the file.
    MemoryError
        Not even a single image fits.

    Notes
    -----
    1. Decoded images are kept in memory while they take no more than a quarter of what is free; more are decoded
       again for each batch, while the network works on the one before.
    2. LeNet-5 is trained on one CPU thread, being too small to gain from more; its weights then do not depend on the
       number of cores. A thousand gray images take it about 0.12 s per epoch.
    3. A last image left over joins the batch before it, since one alone cannot be normalised.
    4. A new head of SqueezeNet is not rectified: the ReLU behind it would silence half of the classes for ever.
    5. A pickle carries no optimiser: `partial_fit` after it starts with a new one.
    6. scikit-learn's callbacks (``set_callbacks``) are told of every epoch of `fit`, with a classifier that can predict
       already; one that returns True ends the training. `partial_fit` and a search for the rate tell them nothing.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition", Proceedings
    of the IEEE 86(11), 1998. doi:10.1109/5.726791

    A. Kumar, A. Raghunathan, R. Jones, T. Ma, P. Liang, "Fine-tuning can distort pretrained features and underperform
    out-of-distribution", ICLR 2022. arXiv:2202.10054

    J. Yosinski, J. Clune, Y. Bengio, H. Lipson, "How transferable are features in deep neural networks?", NIPS 2014.
    arXiv:1411.1792

    Examples
    --------
    >>> import numpy as np
    >>> from eyecraft.pipelines import CNNClassifier
    >>> images = np.zeros((40, 8, 8), dtype=np.uint8)
    >>> images[:20, :, 2:4] = 255  # a stroke upwards
    >>> images[20:, 5:7, :] = 255  # a stroke across
    >>> labels = ["up"] * 20 + ["across"] * 20
    >>> classifier = CNNClassifier(max_epochs=5, batch_size=8, random_state=0).fit(images, labels)
    >>> classifier.predict(images[[0, 39]])
    array(['up', 'across'], dtype='<U6')
    >>> classifier.settings_.lr
    0.05
    """

    def __init__(
        self,
        model: "str | nn.Module | Callable[[int, int], nn.Module]" = "lenet5",
        weights: Any = None,
        *,
        trainable: str | None = None,
        dropout: float | None = None,
        image_size: int | tuple[int, int] | None = None,
        color: Literal["auto", "gray", "rgb"] = "auto",
        weights_dir: str | os.PathLike[str] | None = None,
        augment: str | Callable[..., Any] | None = "auto",
        mix: Literal["mixup", "cutmix", "both"] | None = None,
        loss: str | Callable[..., Any] = "cross_entropy",
        label_smoothing: float = 0.0,
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
        optimizer: Literal["sgd", "rmsprop", "adam", "adamw"] = "sgd",
        lr: float | Literal["find"] | None = None,
        momentum: float = 0.9,
        nesterov: bool = True,
        weight_decay: float = 5e-4,
        backbone_factor: float | None = None,
        head_start: bool = True,
        layer_decay: float = 1.0,
        schedule: Literal["cosine", "step", "one-cycle"] | None = "cosine",
        warmup_epochs: float | None = None,
        max_epochs: int | None = None,
        batch_size: int = 64,
        accumulate: int = 1,
        precision: Literal["float32", "bfloat16", "float16"] = "float32",
        ema_decay: float | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        patience: int = 10,
        warm_start: bool = False,
        checkpoint_dir: str | os.PathLike[str] | None = None,
        keep_filters: bool | Collection[int] | None = None,
        device: str = "auto",
        random_state: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.model = model
        self.weights = weights
        self.trainable = trainable
        self.dropout = dropout
        self.image_size = image_size
        self.color = color
        self.weights_dir = weights_dir
        self.augment = augment
        self.mix = mix
        self.loss = loss
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight
        self.optimizer = optimizer
        self.lr = lr
        self.momentum = momentum
        self.nesterov = nesterov
        self.weight_decay = weight_decay
        self.backbone_factor = backbone_factor
        self.head_start = head_start
        self.layer_decay = layer_decay
        self.schedule = schedule
        self.warmup_epochs = warmup_epochs
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.accumulate = accumulate
        self.precision = precision
        self.ema_decay = ema_decay
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.warm_start = warm_start
        self.checkpoint_dir = checkpoint_dir
        self.keep_filters = keep_filters
        self.device = device
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the fitted classifier as ``classifier.json`` and ``network.safetensors``; nothing in them runs code.

        Networks, functions, losses and transforms of your own are not written: `load` is to be given the network again.
        """
        save_classifier(self, folder)

    @classmethod
    def load(
        cls,
        folder: str | os.PathLike[str],
        *,
        model: "nn.Module | Callable[[int, int], nn.Module] | None" = None,
        device: str = "auto",
    ) -> "CNNClassifier":
        """Return the classifier that `save` wrote.

        Parameters
        ----------
        folder : path
        model : torch.nn.Module or callable, optional
            The network of your own that it was trained with, or the function that makes it.
        device : str, default="auto"
            Where it is to work.

        Raises
        ------
        FileNotFoundError
            The folder holds no classifier.
        ValueError
            A damaged file, or one that was not written with the others; a network of your own that was not given;
            weights of another architecture (with what differs).

        Warns
        -----
        UserWarning
            For parameters that could not be written, such as a loss of your own: they are at their defaults.
        """
        return load_classifier(cls, folder, model=model, device=device)
