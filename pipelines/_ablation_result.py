"""What taking layers out gave: a comparison whose rows know which layers are gone, and how many weights with them."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import pandas as pd

from eyecraft.features._checks import check_choice

from ._files import write_json
from .comparison import Comparison

_FILE = "ablation.json"


@dataclass(frozen=True)
class Variant:
    """A network without some of its layers; the first one has them all."""

    name: str
    removed: tuple[int, ...]
    parameters: int


@dataclass(frozen=True, eq=False, repr=False)
class AblationResult:
    """Scores and sizes of a network with and without some of its layers, over the same splits.

    Attributes
    ----------
    comparison : Comparison
        All that was measured; variants are called ``all layers``, ``without 7``, ...
    variants : list of Variant
        The whole network, then the others in the order they were asked for.
    """

    comparison: Comparison
    variants: Sequence[Variant]

    def table(self, metric: str | None = None) -> pd.DataFrame:
        """Return one row per variant, the whole network first.

        Parameters
        ----------
        metric : str, optional
            The first one measured unless told.

        Returns
        -------
        table : DataFrame
            ``variant``; ``parameters``; ``dropped`` (weights that went with the layers; below zero where the layer
            behind them grew by more) and ``dropped_share`` of the whole network's; ``score`` and ``score_sd`` (mean and
            standard deviation over splits); ``lost`` and ``lost_sd``, the whole network's score less this one's on the
            same split; ``fit_seconds`` (mean); ``n_splits``; ``error``.
        """
        metrics = list(self.comparison.protocol["metrics"])
        metric = metrics[0] if metric is None else metric
        check_choice("metric", metric, metrics)
        found = self.comparison.scores
        found = found[found["metric"] == metric]
        scores = {name: rows.set_index("split")["value"] for name, rows in found.groupby("pipeline")}
        measured = self.comparison.table().set_index("pipeline")
        none, whole = pd.Series(dtype=float), self.variants[0]
        rows = []
        for variant in self.variants:
            own = scores.get(variant.name, none)
            lost = (scores.get(whole.name, none) - own).dropna()
            dropped = whole.parameters - variant.parameters
            rows.append(
                {
                    "variant": variant.name,
                    "parameters": variant.parameters,
                    "dropped": dropped,
                    "dropped_share": dropped / whole.parameters,
                    "score": own.mean(),
                    "score_sd": own.std(ddof=1),
                    "lost": lost.mean(),
                    "lost_sd": lost.std(ddof=1),
                    "fit_seconds": measured.loc[variant.name, "fit_seconds"],
                    "n_splits": len(own),
                    "error": measured.loc[variant.name, "error"],
                }
            )
        return pd.DataFrame(rows)

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write the comparison and ``ablation.json``, which says what its rows are and holds the table."""
        path = self.comparison.save(folder)
        rows = self.table().astype(object).where(lambda cell: cell.notna(), None).to_dict("records")
        write_json(path / _FILE, {"variants": [asdict(one) for one in self.variants], "table": rows})
        return path

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Read what `save`, or `DepthAblation.run` with ``out``, wrote.

        Raises
        ------
        FileNotFoundError
            The folder holds no ablation.
        ValueError
            A file is damaged.
        """
        path = Path(folder) / _FILE
        if not path.is_file():
            raise FileNotFoundError(
                f"{str(folder)!r} holds no {_FILE}; give the folder that `eyecraft ablate --out` or DepthAblation.run "
                "made"
            )
        try:
            content = json.loads(path.read_text("utf-8"))
            variants = [Variant(one["name"], tuple(one["removed"]), one["parameters"]) for one in content["variants"]]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is damaged ({error}); run the same ablation again") from error
        return cls(Comparison.load(folder), variants)

    def __repr__(self) -> str:
        table = self.table().dropna(axis="columns", how="all")
        return f"How important is depth? {len(self.variants)} networks\n{table.to_string(index=False)}"
