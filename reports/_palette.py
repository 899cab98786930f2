"""Colours and marks of the two kinds of features: apart for colour-blind readers, and by shape as well as hue."""

from __future__ import annotations

COLOURS = {"hand-crafted": "#c2610f", "learned": "#1f74b8"}
"""Fill colours for figures on a white page, after Okabe and Ito's vermillion and blue."""

MARKERS = {"hand-crafted": "o", "learned": "D"}
"""matplotlib markers: a disc for hand-crafted, a diamond for learned."""

OTHER_COLOUR, OTHER_MARKER = "#6b7280", "s"

WRONG = (196, 70, 135)
"""Wrong answers in a painted confusion matrix; readable on white and on black."""

RIGHT = {"hand-crafted": (217, 119, 43), "learned": (45, 127, 201)}


def colour(kind: str) -> str:
    """Return the fill colour of a kind of features."""
    return COLOURS.get(kind, OTHER_COLOUR)


def marker(kind: str) -> str:
    """Return the matplotlib marker of a kind of features."""
    return MARKERS.get(kind, OTHER_MARKER)
