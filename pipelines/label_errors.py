"""Which labels are probably wrong: images whose out-of-fold scores speak for another class (confident learning)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from .comparison import Comparison

_SHOWN = 5


@dataclass(frozen=True, eq=False, repr=False)
class LabelErrors:
    """Images whose label is probably wrong. Made by `label_errors`.

    Attributes
    ----------
    data : DataFrame
        As `frame` gives it.
    joint : DataFrame
        The confident joint: how many images labelled as the row are confidently of the class of the column.
    thresholds : Series
        By class, the score from which an image counts as confidently of it; missing for classes without an image.
    n_judged, n_images : int
        Images that have scores, and all.
    """

    data: pd.DataFrame
    joint: pd.DataFrame
    thresholds: pd.Series
    n_judged: int
    n_images: int

    def frame(self) -> pd.DataFrame:
        """Return the suspects, worst first.

        Returns
        -------
        frame : DataFrame
            ``index`` (position of the image), ``label, suggested, label_score, suggested_score`` and ``margin``
            (the former minus the latter: the more negative, the surer the error).
        """
        return self.data.copy()

    def estimated_share(self) -> float:
        """Return the estimated share of wrong labels, from the joint scaled to the number of images of each label.

        Images that the models get confidently wrong count as wrong labels too: with weak models it is far too high.
        """
        counts = self.joint.to_numpy(float)
        totals = counts.sum(axis=1, keepdims=True)
        rates = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
        weights = self.joint.attrs["n_labelled"] / max(self.n_judged, 1)
        return float(np.sum(weights * (rates.sum(axis=1) - np.diag(rates))))

    def __repr__(self) -> str:
        share = f"about {100 * self.estimated_share():.1f} % of the labels are estimated to be wrong"
        judged = "" if self.n_judged == self.n_images else f" ({self.n_images - self.n_judged:,} images have no scores)"
        text = f"LabelErrors: {len(self.data):,} suspects among {self.n_judged:,} images{judged}; {share}"
        return text if self.data.empty else f"{text}\n{self.data.head(_SHOWN).to_string(index=False)}"


def label_errors(
    source: Any,
    scores: Any = None,
    *,
    class_names: Sequence[Any] | None = None,
    pipelines: Iterable[str] | None = None,
) -> LabelErrors:
    """Rank the images whose label is probably wrong.

    Parameters
    ----------
    source : Comparison or array-like of shape (n_images,)
        A comparison, whose pipelines then vote: the score of a class is the share of the answers for an image, over
        pipelines and splits, that name it. Or the labels, with *scores*.
    scores : array-like of shape (n_images, n_classes) or, for two classes, (n_images,), optional
        Out-of-fold probabilities or decision scores: from models that were not trained on the image, such as
        ``cross_val_predict(pipeline, X, y, method="decision_function")``. Rows of NaN are images without scores.
    class_names : sequence, optional
        The class of each column; by default the labels that occur, sorted, as scikit-learn orders them.
    pipelines : list of str, optional
        Which pipelines of a comparison vote; all that made predictions unless told.

    Returns
    -------
    LabelErrors

    Raises
    ------
    ValueError
        Scores do not fit the labels, or a comparison holds no predictions.

    Notes
    -----
    1. An image is confidently of class j if its score for j is at least the mean score for j of the images labelled j
       (Northcutt et al. 2021, Eq. 2); of several such classes the one with the highest score counts. It is a suspect if
       that class is not its label and scores higher than its label.
    2. Decision scores, whose rows do not sum to 1, are first made into probabilities: softmax of the scores times the
       one factor under which the labels are likeliest (temperature scaling, Guo et al. 2017).
    3. Suspects are ranked by the margin: score of the label minus score of the suggested class.
    4. Votes of few pipelines and splits are coarse: many suspects then share a rank. Probabilities rank finer.
    5. What every pipeline finds hard looks like a wrong label: look at the images before you change any.

    References
    ----------
    C. Northcutt, L. Jiang and I. Chuang (2021), Confident Learning: Estimating Uncertainty in Dataset Labels, Journal
    of Artificial Intelligence Research 70, https://doi.org/10.1613/jair.1.12125. C. Guo, G. Pleiss, Y. Sun and
    K. Weinberger (2017), On Calibration of Modern Neural Networks, ICML, https://arxiv.org/abs/1706.04599.

    Examples
    --------
    >>> from eyecraft.pipelines.label_errors import label_errors
    >>> labels = ["cat", "cat", "cat", "dog", "dog", "dog"]
    >>> cat = [0.9, 0.8, 0.1, 0.2, 0.1, 0.1]
    >>> found = label_errors(labels, [[p, 1 - p] for p in cat])
    >>> found.frame()[["index", "label", "suggested"]].to_numpy().tolist()
    [[2, 'cat', 'dog']]
    """
    if isinstance(source, Comparison) or hasattr(source, "predictions"):
        if scores is not None:
            raise ValueError("`scores` go with labels; a comparison has its own predictions. Give one or the other")
        labels, table, names = _votes(source, pipelines)
    else:
        if pipelines is not None:
            raise ValueError("`pipelines` chooses among those of a comparison; labels were given")
        labels, table, names = _checked(source, scores, class_names)
    judged = np.flatnonzero(np.isfinite(table).all(axis=1) & (labels >= 0))
    if len(judged) == 0:
        raise ValueError("`scores` must be finite for at least one image; every row holds NaN or infinity")
    table[judged] = _as_probabilities(table[judged], labels[judged])
    return _confident(labels, table, names, judged)


def _confident(
    labels: NDArray[np.intp], table: NDArray[np.float64], names: list[str], judged: NDArray[np.intp]
) -> LabelErrors:
    """Learn the thresholds, count the confident joint and rank the suspects."""
    given, scores = labels[judged], table[judged]
    counts = np.bincount(given, minlength=len(names))
    own = scores[np.arange(len(judged)), given]
    sums = np.bincount(given, weights=own, minlength=len(names))
    thresholds = np.divide(sums, counts, out=np.full(len(names), np.nan), where=counts > 0)
    # rounding of the mean must not put an image below the threshold that it made by itself
    confident = scores >= np.where(counts > 0, thresholds - 1e-12, np.inf)
    likely = np.argmax(np.where(confident, scores, -np.inf), axis=1)
    any_class = confident.any(axis=1)
    joint = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(joint, (given[any_class], likely[any_class]), 1)
    suggested_score = scores[np.arange(len(judged)), likely]
    suspects = np.flatnonzero(any_class & (likely != given) & (suggested_score > own))
    named = np.array(names, dtype=object)
    data = pd.DataFrame(
        {
            "index": judged[suspects],
            "label": named[given[suspects]],
            "suggested": named[likely[suspects]],
            "label_score": own[suspects],
            "suggested_score": suggested_score[suspects],
            "margin": own[suspects] - suggested_score[suspects],
        }
    ).sort_values("margin", kind="stable", ignore_index=True)
    square = pd.DataFrame(joint, index=pd.Index(names, name="label"), columns=pd.Index(names, name="likely"))
    square.attrs["n_labelled"] = counts
    return LabelErrors(data, square, pd.Series(thresholds, index=names), len(judged), len(labels))


def _as_probabilities(scores: NDArray[np.float64], labels: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return rows that sum to 1, from decision scores; probabilities as they are."""
    if scores.min() >= 0 and np.allclose(scores.sum(axis=1), 1, atol=1e-3):
        return scores
    scores = scores / max(float(scores.std()), 1e-12)
    rows = np.arange(len(scores))

    def surprise(log_factor: float) -> float:
        return -float(log_softmax(scores * np.exp(log_factor), axis=1)[rows, labels].mean())

    best = minimize_scalar(surprise, bounds=(-5.0, 5.0), method="bounded")
    return np.exp(log_softmax(scores * np.exp(best.x), axis=1))


def _checked(
    labels: Any, scores: Any, class_names: Sequence[Any] | None
) -> tuple[NDArray[np.intp], NDArray[np.float64], list[str]]:
    """Return labels as codes, scores as a table and the names of its columns."""
    if scores is None:
        raise ValueError("`scores` must hold out-of-fold probabilities or decision scores; got None")
    given = np.asarray(labels)
    table = np.array(scores, dtype=np.float64)
    if given.ndim != 1 or len(given) == 0:
        raise ValueError(f"labels must have shape (n_images,), with at least one image; got shape {given.shape}")
    classes = np.unique(given).tolist() if class_names is None else list(class_names)
    if table.ndim == 1 and len(classes) == 2:
        table = np.stack([-table, table], axis=1)  # decision_function of two classes speaks for the second
    if table.shape != (len(given), len(classes)):
        raise ValueError(
            f"`scores` must have one row per image and one column per class, {(len(given), len(classes))}; got shape "
            f"{table.shape}. If classes are missing from the labels, name the columns with `class_names`"
        )
    names = [str(name) for name in classes]
    codes = {name: code for code, name in enumerate(names)}
    unknown = sorted({str(label) for label in given.tolist()} - set(codes))
    if unknown:
        raise ValueError(f"labels must be among `class_names`; found also {unknown[:_SHOWN]}")
    return np.array([codes[str(label)] for label in given.tolist()], dtype=np.intp), table, names


def _votes(comparison: Any, pipelines: Iterable[str] | None) -> tuple[NDArray[np.intp], NDArray[np.float64], list[str]]:
    """Return labels as codes (-1 where never tested), shares of the votes and the names of the classes."""
    found = comparison.predictions
    known = list(dict.fromkeys(found["pipeline"]))
    chosen = known if pipelines is None else list(pipelines)
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise ValueError(
            f"`pipelines` must be among those that made predictions ({', '.join(known) or 'none did'}); "
            f"got {', '.join(map(repr, unknown))}"
        )
    found = found[found["pipeline"].isin(chosen)]
    if found.empty:
        raise ValueError("the comparison holds no predictions: every pipeline failed. See its `errors`")
    names = [str(name) for name in comparison.dataset["class_names"]]
    names += sorted(set(found["predicted"]) - set(names))
    codes = {name: code for code, name in enumerate(names)}
    n_images = max(int(comparison.dataset["n_images"]), int(found["index"].max()) + 1)
    table = np.zeros((n_images, len(names)))
    index = found["index"].to_numpy()
    np.add.at(table, (index, found["predicted"].map(codes).to_numpy()), 1.0)
    totals = table.sum(axis=1, keepdims=True)
    table = np.divide(table, totals, out=np.full_like(table, np.nan), where=totals > 0)
    labels = np.full(n_images, -1, dtype=np.intp)
    labels[index] = found["label"].map(codes).to_numpy()
    return labels, table, names
