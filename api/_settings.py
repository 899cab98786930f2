"""Options that many commands share, checked before any work."""

import os
from pathlib import Path
from typing import Any


def check_settings(
    *, device: str | None = None, weights_dir: Any = None, jobs: int | None = None, seed: int | None = None
) -> None:
    """Raise ``ValueError`` for an option that nothing could make right.

    Parameters
    ----------
    device : str, optional
        ``--device``.
    weights_dir : path, optional
        ``--weights-dir``; ``EYECRAFT_WEIGHTS`` is checked where it is not given.
    jobs : int, optional
        ``--jobs``.
    seed : int, optional
        ``--seed``.
    """
    if jobs == 0:
        raise ValueError("--jobs must be a number of workers, or -1 for all cores; got 0")
    if seed is not None and not 0 <= seed < 2**32:
        raise ValueError(f"--seed must be a whole number from 0 to {2**32 - 1}; got {seed}")
    if device is not None and device not in ("auto", "cpu") and not _is_cuda(device):
        raise ValueError(f"--device must be auto, cpu, cuda or cuda:NUMBER; got {device!r}")
    given = os.environ.get("EYECRAFT_WEIGHTS") if weights_dir is None else weights_dir
    if given and not Path(given).expanduser().is_dir():
        name = "--weights-dir" if weights_dir is not None else "EYECRAFT_WEIGHTS"
        raise ValueError(
            f"{name} must be a folder of weight files; there is no folder {os.fspath(given)!r}. "
            "Check the spelling, or leave it out to download weights when they are needed"
        )


def _is_cuda(device: str) -> bool:
    kind, colon, number = device.partition(":")
    return kind == "cuda" and (not colon or number.isdigit())
