"""What a recipe is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sklearn.pipeline import Pipeline


@dataclass(frozen=True)
class Recipe:
    """A named pipeline.

    Parameters
    ----------
    name : str
        What `build` and the command line call it.
    title : str
        What tables and figures call it.
    kind : {"hand-crafted", "learned"}
        Whether a person or a training set made the features.
    about : str
        What it stands for, in a sentence or two.
    citation : str
        The work it follows.
    factory : callable
        Returns a new pipeline; loads what it needs only then.
    small : mapping
        Parameters that replace the factory's for images with a side shorter than 64 pixels.
    pretrained : str
        The torchvision model whose weights it needs; empty where it needs none.
    quick : bool
        Whether it belongs in a comparison for which nobody asked for it by name: about 10 ms per image, or less.
    stored : bool
        Whether its rows go into the default feature store. False where every training set has a codebook of its own
        and a row takes a megabyte: nobody would read them again. Those of a network beside it do.
    """

    name: str
    title: str
    kind: str
    about: str
    citation: str
    factory: Callable[[], Pipeline] = field(repr=False)
    small: Mapping[str, Any] = field(default_factory=dict)
    pretrained: str = ""
    quick: bool = True
    stored: bool = True
