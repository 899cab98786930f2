"""The command ``eyecraft layers``."""

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from eyecraft.features.learned.card import ArchitectureCard, LayerCard

_NO_EDGE = 400  # columns, more than any table has


def layers(
    model: Annotated[str, typer.Argument(help="A torchvision model, lenet5, convnet, mini or timm:NAME.")],
    image_size: Annotated[
        str | None, typer.Option(metavar="PIXELS", help="Side, or HEIGHTxWIDTH; the network's own if not given.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Show normalisations, non-linearities and the like as well.")
    ] = False,
) -> None:
    """Show what every layer of a network gives, costs and sees.

    Output size (channels, rows, columns), parameters, multiply-adds, receptive field and stride in pixels of the image.
    The names are those that `--layers` of `eyecraft probe` and `CNNFeatures` take. No weights are needed.
    """
    from rich.console import Console

    card = _card(model, None if image_size is None else _size(image_size))
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:  # a file or a pipe has no edge
        console.width = _NO_EDGE
    table = layer_table(card, every=every)
    if console.measure(table, options=console.options.update(max_width=_NO_EDGE)).maximum > console.width:
        table = layer_table(card, every=every, short=True)
    console.print(table)
    for line in notes(card, every=every):
        console.print(line, style="dim", soft_wrap=True)


def _card(model: str, size: tuple[int, int] | None) -> "ArchitectureCard":
    """Describe a network; ``convnet`` is made for the image's size, and ten classes."""
    from eyecraft.features.learned.card import describe
    from eyecraft.pipelines._network_recipes import CONVNET, CONVNET_IMAGE_SIZE, ConvNetFor

    if model != CONVNET:
        return describe(model, size)
    size = size or (CONVNET_IMAGE_SIZE, CONVNET_IMAGE_SIZE)
    return replace(describe(ConvNetFor(size)(3, 10), size), name=CONVNET)


def layer_table(card: "ArchitectureCard", *, every: bool = False, short: bool = False) -> Any:
    """Return the terminal's table of a card.

    Parameters
    ----------
    card : ArchitectureCard
    every : bool
        With the rows that leave the shape as it is.
    short : bool
        For a narrow terminal: one name per layer, the textbook's if it has one, and rounded numbers.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    height, width = card.image_size
    number = _rounded if short else _whole
    table: Any = Table(
        title=Text(f"{card.name}, image {card.channels} x {height} x {width}"),
        box=box.SIMPLE_HEAD,
        title_justify="left",
        show_footer=True,
        padding=(0, 0) if short else (0, 1),
    )
    table.add_column("layer", footer="total", no_wrap=not short, overflow="fold")
    table.add_column("what", overflow="fold")
    table.add_column("output", justify="right", no_wrap=True)
    table.add_column("params" if short else "parameters", number(card.parameters), justify="right", no_wrap=True)
    table.add_column(
        "mult-adds" if short else "multiply-adds", number(card.multiply_adds), justify="right", no_wrap=True
    )
    table.add_column("sees", justify="right", no_wrap=True)
    table.add_column("stride", justify="right", no_wrap=True)
    for layer in card:
        if every or not layer.shapes_nothing:
            alias = Text(layer.alias, style="bold")
            name = Text(layer.name or "(itself)")
            both = name.append("  ").append_text(alias) if layer.alias not in ("", layer.name) else name
            table.add_row(
                alias if short and layer.alias else both,
                Text(layer.kind + ("" if layer.fits else " *")),
                ("x" if short else " x ").join(map(str, layer.output)),
                number(layer.parameters) if layer.parameters else "",
                number(layer.multiply_adds) if layer.multiply_adds else "",
                "all" if short and layer.whole_image else _seen(layer),
                _square(layer.stride),
            )
    return table


def notes(card: "ArchitectureCard", *, every: bool = False) -> list[str]:
    """Return what is to be said below the table."""
    lines = []
    hidden = [] if every else [layer for layer in card if layer.shapes_nothing]
    if hidden:
        count = sum(layer.parameters for layer in hidden)
        lines.append(f"not shown: {len(hidden)} layers that keep the shape ({count:,} parameters); --all shows them")
    if not all(layer.fits for layer in card):
        lines.append("* the stride does not fit: rows and columns at the end of its input are reached by no window:")
        left = ((layer.name or layer.kind, *layer.left_out) for layer in card if not layer.fits)
        lines += [f"  {name}: {rows} of rows, {columns} of columns" for name, rows, columns in left]
    lines += [f"only in training: {name}, {count:,} parameters" for name, count in card.unused.items()]
    return lines


def _seen(layer: "LayerCard") -> str:
    return "whole image" if layer.whole_image else _square(layer.receptive_field) or "–"


def _whole(number: int) -> str:
    return f"{number:,}"


def _rounded(number: int) -> str:
    """Return a number with three digits and a letter: ``37.8 M``."""
    for letter, unit in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= unit:
            return f"{number / unit:.3g} {letter}" if number < 999.5 * unit else f"{number / unit:.0f} {letter}"
    return str(number)


def _square(pair: tuple[int, int] | None) -> str:
    if pair is None:
        return ""
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]} x {pair[1]}"


def _size(text: str) -> tuple[int, int]:
    """Return the height and width that ``64`` or ``48x64`` means."""
    parts = text.lower().split("x")
    if not 1 <= len(parts) <= 2 or not all(part.strip().isdecimal() for part in parts):
        raise ValueError(f"--image-size must be a number of pixels, or HEIGHTxWIDTH such as 48x64; got {text!r}")
    return int(parts[0]), int(parts[-1])
