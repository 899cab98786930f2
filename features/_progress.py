"""The one progress display, which lives with the data."""

from eyecraft.data._progress import progress, say, wanted

__all__ = ["progress", "say", "wanted"]
