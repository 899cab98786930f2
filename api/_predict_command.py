"""The command ``eyecraft predict``."""

import csv
import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

if TYPE_CHECKING:
    from eyecraft.pipelines import CNNClassifier


class Format(StrEnum):
    """How answers are printed."""

    table = "table"
    json = "json"
    csv = "csv"


def predict(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A network, as `eyecraft finetune --out` made it.")],
    images: Annotated[list[Path], typer.Argument(help="Image files, or folders of them.")],
    top: Annotated[int, typer.Option(min=1, help="How many classes of each image, the likeliest first.")] = 5,
    form: Annotated[Format, typer.Option("--format", help="table, json or csv.")] = Format.table,
    jobs: Annotated[int, typer.Option(help="Threads that decode images; -1 means all cores.")] = -1,
    device: Annotated[str, typer.Option(help="Where the network runs: auto, cpu or cuda.")] = "auto",
) -> None:
    """Ask a trained network what is on your images: the likeliest classes with their probabilities.

    Files that cannot be read are named behind the answers for the others, and the exit status is 1.
    """
    from eyecraft.pipelines import CNNClassifier

    files = _files(images)
    classifier = CNNClassifier.load(folder, device=device)
    classifier.n_jobs = jobs
    rows, broken = _asked(classifier, [str(file) for file in files])
    files = [file for file in files if str(file) in rows]
    answers = [_likeliest(rows[str(file)], classifier.classes_, top) for file in files]
    _print(files, answers, form)
    if broken:
        typer.echo(f"{len(broken)} of {len(files) + len(broken)} images could not be read:", err=True)
        for reason in broken:
            typer.echo(f"  {reason}", err=True)
        raise typer.Exit(1)


def _asked(classifier: "CNNClassifier", files: list[str]) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return the probabilities for each file that can be read, and what is wrong with the others."""
    from eyecraft.data import ImageReadError

    rows: dict[str, np.ndarray] = {}
    broken: list[str] = []
    portion = classifier.batch_size
    for first in range(0, len(files), portion):
        some = files[first : first + portion]
        try:
            rows |= zip(some, classifier.predict_proba(some), strict=True)
        except ImageReadError:
            for file in some:
                try:
                    rows[file] = classifier.predict_proba([file])[0]
                except ImageReadError as error:
                    reason = str(error).replace(f"image 0 ({file}) ({file!r})", repr(file))
                    broken.append(reason.partition("; load_folder")[0])
    return rows, broken


def _print(files: list[Path], answers: list[list[dict[str, Any]]], form: Format) -> None:
    if form is Format.json:
        rows = [{"image": str(file), "predictions": answer} for file, answer in zip(files, answers, strict=True)]
        typer.echo(json.dumps(rows, indent=1, ensure_ascii=False))
    elif form is Format.csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(["image", "rank", "label", "probability"])
        for file, answer in zip(files, answers, strict=True):
            writer.writerows([file, rank, *one.values()] for rank, one in enumerate(answer, start=1))
    else:
        _print_table(files, answers)


def _files(given: list[Path]) -> list[Path]:
    """Return the image files, those of folders in the order of their names."""
    from eyecraft.data.folder import IMAGE_SUFFIXES

    files: list[Path] = []
    for path in given:
        if not path.is_dir():
            files.append(path)
            continue
        found = sorted(file for file in path.rglob("*") if file.suffix.lower() in IMAGE_SUFFIXES and file.is_file())
        if not found:
            raise ValueError(f"IMAGES must be image files or folders of them; there are none in {str(path)!r}")
        files += found
    missing = [str(file) for file in files if not file.is_file()]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise FileNotFoundError(f"IMAGES must be image files or folders of them; there is no {missing[0]!r}{more}")
    return files


def _likeliest(row: np.ndarray, classes: np.ndarray, top: int) -> list[dict[str, Any]]:
    order = np.argsort(-row, kind="stable")[:top]
    names = classes.tolist()
    return [{"label": names[k], "probability": round(float(row[k]), 6)} for k in order]


def _print_table(files: list[Path], answers: list[list[dict[str, Any]]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("image", "class", box=None, header_style="bold")
    table.add_column("probability", justify="right")
    for file, answer in zip(files, answers, strict=True):
        for rank, one in enumerate(answer):
            style = "bold" if not rank else ""
            name = "" if rank else str(file)
            table.add_row(
                Text(name), Text(str(one["label"]), style=style), Text(f"{100 * one['probability']:.1f} %", style=style)
            )
    Console(highlight=False).print(table)
