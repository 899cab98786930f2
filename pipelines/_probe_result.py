"""What tapping every layer gave: a comparison whose rows know their layer, pooling and classifier."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import pandas as pd

from ._files import write_json
from .comparison import Comparison

_FILE = "probe.json"


@dataclass(frozen=True)
class Tapped:
    """One curve's point: a layer, how it was pooled, and the classifier behind it."""

    layer: str
    pooling: str
    classifier: str

    @property
    def name(self) -> str:
        """What the comparison calls it."""
        return f"{self.layer}/{self.pooling}/{self.classifier}"


@dataclass(frozen=True, eq=False, repr=False)
class ProbeResult:
    """Scores of every layer, and of the pipelines beside them, over the same splits.

    Attributes
    ----------
    comparison : Comparison
        All that was measured; layers are called ``layer/pooling/classifier``.
    tapped : list of Tapped
        In the order of the layers.
    about : dict
        ``model, weights`` (where they are from), ``activation, pool_size, l2, image_size``.
    """

    comparison: Comparison
    tapped: Sequence[Tapped]
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def layers(self) -> list[str]:
        """Names of the layers, in order."""
        return list(dict.fromkeys(one.layer for one in self.tapped))

    @property
    def against(self) -> list[str]:
        """Names of the pipelines beside the layers."""
        own = {one.name for one in self.tapped}
        return [name for name in self.comparison.pipelines["name"] if name not in own]

    def frame(self) -> pd.DataFrame:
        """Return every score: ``layer, pooling, classifier, split, metric, value``."""
        known = pd.DataFrame([{**asdict(one), "pipeline": one.name} for one in self.tapped])
        scores = known.merge(self.comparison.scores, on="pipeline", how="inner", sort=False)
        return scores[["layer", "pooling", "classifier", "split", "metric", "value"]]

    def table(self) -> pd.DataFrame:
        """Return one row per layer, pooling and classifier, in the order of the layers.

        Returns
        -------
        table : DataFrame
            ``layer, pooling, classifier, n_features``, each metric with its standard deviation over splits
            (``accuracy, accuracy_sd``), ``n_splits``, ``error``.
        """
        known = pd.DataFrame([{**asdict(one), "pipeline": one.name} for one in self.tapped])
        measured = self.comparison.table().drop(columns=["kind", "seconds_per_image", "fit_seconds", "peak_memory"])
        table = known.merge(measured, on="pipeline", how="left", sort=False).drop(columns="pipeline")
        first = ["layer", "pooling", "classifier", "n_features"]
        return table[[*first, *(column for column in table if column not in first)]]

    def best(self, metric: str | None = None) -> pd.Series | None:
        """Return the row of `table` with the highest mean; None if nothing was measured."""
        table, metric = self.table(), metric or self.comparison.protocol["metrics"][0]
        known = table[table[metric].notna()]
        return None if known.empty else known.loc[known[metric].idxmax()]

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write the comparison and ``probe.json``, which says what its rows are and holds their scores."""
        path = self.comparison.save(folder)
        rows = self.table().astype(object).where(lambda cell: cell.notna(), None).to_dict("records")
        content = {"about": dict(self.about), "tapped": [asdict(one) for one in self.tapped], "table": rows}
        rest = {"against": self.against, "dataset": self.comparison.dataset, "protocol": self.comparison.protocol}
        write_json(path / _FILE, {**content, **rest})
        return path

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Read what `save`, or `LayerProbe.run` with ``out``, wrote.

        Raises
        ------
        FileNotFoundError
            The folder holds no probe.
        ValueError
            A file is damaged.
        """
        path = Path(folder) / _FILE
        if not path.is_file():
            raise FileNotFoundError(
                f"{str(folder)!r} holds no {_FILE}; give the folder that `eyecraft probe --out` or LayerProbe.run made"
            )
        try:
            content = json.loads(path.read_text("utf-8"))
            tapped = [Tapped(**one) for one in content["tapped"]]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is damaged ({error}); run the same probe again") from error
        return cls(Comparison.load(folder), tapped, content.get("about", {}))

    def __repr__(self) -> str:
        table = self.table().dropna(axis="columns", how="all")
        return f"{self.about.get('model', 'network')}: {len(self.layers)} layers\n{table.to_string(index=False)}"
