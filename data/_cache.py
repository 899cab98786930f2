"""Where eyecraft keeps what can be computed again."""

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path | None:
    """Return the folder ``EYECRAFT_STORE`` names, else one in the user's cache; None if that says ``off``."""
    chosen = os.environ.get("EYECRAFT_STORE", "").strip()
    if chosen.lower() == "off":
        return None
    return Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("eyecraft") / "features"
