"""The splitter of the papers: so many training images from each class, some of the rest to test on."""

import copy
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SHOWN = 5


class PerClassSplit:
    """Draw the same number of training images from every class, and test on at most so many of the others.

    A scikit-learn splitter: pass it as `cv=` to `compare`, `cross_validate` or `GridSearchCV`.

    Parameters
    ----------
    n_train : int, default=30
        Training images per class.
    n_test : int or None, default=50
        Test images per class, at most: a class that has fewer left gives those. None takes all that are left.
    n_splits : int, default=10
        How many times to draw.
    random_state : int, RandomState instance or None, default=0
        Seed. With a whole number every call gives the same splits, so that all pipelines see the same images.

    Notes
    -----
    1. The images of each class are shuffled by a generator of their own, seeded with *random_state*, the number of the
       split and the name of the class. Adding, dropping or reordering classes thus leaves the choice within the others
       as it is.
    2. Training sets for smaller *n_train* are subsets of those for larger ones, as learning curves want it.
    3. With groups, training images are drawn as without; images to test on that share a group with one of them are
       left out, so that a class may have fewer of them, or none.
    4. As classes differ in size, score with balanced accuracy (the mean over classes), as the papers do.

    References
    ----------
    L. Fei-Fei, R. Fergus and P. Perona (2004), Learning generative visual models from few training examples, CVPR
    Workshop, https://doi.org/10.1109/CVPR.2004.383. S. Lazebnik, C. Schmid and J. Ponce (2006), Beyond bags of
    features, CVPR, https://doi.org/10.1109/CVPR.2006.68 (30 to train on, at most 50 to test on, 10 draws).

    Examples
    --------
    >>> import numpy as np
    >>> from eyecraft.data import PerClassSplit
    >>> labels = np.repeat(["cat", "dog"], [10, 6])
    >>> for train, test in PerClassSplit(n_train=4, n_test=3, n_splits=2).split(labels, labels):
    ...     print(len(train), np.unique(labels[test], return_counts=True)[1])
    8 [3 2]
    8 [3 2]
    """

    def __init__(
        self,
        n_train: int = 30,
        n_test: int | None = 50,
        n_splits: int = 10,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.n_train = n_train
        self.n_test = n_test
        self.n_splits = n_splits
        self.random_state = random_state

    def __sklearn_clone__(self) -> "PerClassSplit":
        return copy.deepcopy(self)

    def __repr__(self) -> str:
        return (
            f"PerClassSplit(n_train={self.n_train!r}, n_test={self.n_test!r}, n_splits={self.n_splits!r}, "
            f"random_state={self.random_state!r})"
        )

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Yield the training and test indices of each split, in ascending order.

        Parameters
        ----------
        X : sequence of images
            Only its length is used.
        y : array-like, `(n_images,)`
            The label of each image.
        groups : array-like, `(n_images,)`, optional
            What must not lie on both sides of a split has the same value: `NearDuplicates.groups`, patients, series.

        Yields
        ------
        train, test : ndarray of int
            Positions in *X*.

        Raises
        ------
        ValueError
            When a parameter is out of range, *y* is missing or of another length than *X*, or a class has fewer than
            `n_train + 1` images; when groups leave nothing to test on.
        """
        self._check_parameters()
        labels = _check_labels(X, y)
        together = None if groups is None else _check_groups(groups, len(labels))
        members = {str(name): np.flatnonzero(labels == name) for name in np.unique(labels)}
        self._check_counts({name: len(indices) for name, indices in members.items()})
        seed = self._seed()
        for number in range(self.n_splits):
            shuffled = [_generator(seed, number, name).permutation(indices) for name, indices in members.items()]
            train = np.concatenate([one[: self.n_train] for one in shuffled])
            left = [one[self.n_train :] for one in shuffled]
            if together is not None:
                left = [one[~np.isin(together[one], together[train])] for one in left]
            test = np.concatenate([one[: self.n_test] for one in left])
            if not len(test):
                raise ValueError(
                    f"split {number} has no image to test on: each shares a group with one of the {len(train)} "
                    "training images. Take a smaller n_train, or fewer groups"
                )
            yield np.sort(train), np.sort(test)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return *n_splits*; the arguments are those scikit-learn passes."""
        return self.n_splits

    def _check_parameters(self) -> None:
        for name in ("n_train", "n_test", "n_splits"):
            value = getattr(self, name)
            if name == "n_test" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
                raise ValueError(f"{name} must be a whole number >= 1{' or None' * (name == 'n_test')}; got {value!r}")

    def _check_counts(self, counts: dict[str, int]) -> None:
        small = [(count, name) for name, count in counts.items() if count <= self.n_train]
        if small:
            shown = ", ".join(f"{name!r} has {count}" for count, name in sorted(small)[:_SHOWN])
            raise ValueError(
                f"each class needs at least {self.n_train + 1} images ({self.n_train} to train on, 1 to test on); "
                f"{shown}{f' and {len(small) - _SHOWN} more classes have too few' if len(small) > _SHOWN else ''}. "
                f"Take n_train={max(1, min(small)[0] - 1)} or less, add images, or leave these classes out"
            )

    def _seed(self) -> int:
        if self.random_state is None:
            return int(np.random.SeedSequence().generate_state(1)[0])
        if isinstance(self.random_state, int | np.integer):
            return int(self.random_state)
        if isinstance(self.random_state, np.random.RandomState):
            return int(self.random_state.randint(2**31))
        raise ValueError(f"random_state must be a whole number, a RandomState or None; got {self.random_state!r}")


def _check_labels(X: Any, y: Any) -> NDArray[Any]:
    if y is None:
        raise ValueError("PerClassSplit draws from each class and needs the labels: split(X, y)")
    labels = np.asarray(y)
    n_images = X.shape[0] if hasattr(X, "shape") else len(X)
    if labels.ndim != 1 or len(labels) != n_images:
        raise ValueError(f"y must hold one label for each of the {n_images} images; got shape {labels.shape}")
    return labels


def _check_groups(groups: Any, n_images: int) -> NDArray[Any]:
    given = np.asarray(groups)
    if given.shape != (n_images,):
        raise ValueError(f"groups must hold one value for each of the {n_images} images; got shape {given.shape}")
    return given


def _generator(seed: int, number: int, name: str) -> np.random.Generator:
    digest = blake2b(f"{seed}|{number}|{name}".encode("utf-8", "surrogateescape"), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "little"))
