"""The error every unreadable image ends in."""


class ImageReadError(ValueError):
    """An image cannot be turned into pixels; the message names it, says what was found and what to do."""
