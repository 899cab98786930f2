"""Where a comparison ran: enough to tell two machines, or two installations, apart."""

import datetime as dt
import functools
import hashlib
import importlib.metadata
import os
import platform
import re
import sys
from pathlib import Path
from typing import Any

import psutil


def describe() -> dict[str, Any]:
    """Return the machine and the versions a result depends on.

    Returns
    -------
    dict
        ``date`` (ISO 8601, UTC), ``python``, ``os``, ``cpu``, ``cores`` (usable by this process), ``memory`` (bytes),
        ``gpu`` (None unless torch is loaded and sees one), ``versions`` (name -> version of every dependency),
        ``source`` (digest of eyecraft's own code, which tells two states of one version apart), and what a command was
        to be read with: ``directory`` (where it was given) and ``weights`` (the environment variable EYECRAFT_WEIGHTS).
    """
    return {
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "os": platform.platform(),
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory": psutil.virtual_memory().total,
        "gpu": _gpu(),
        "versions": _versions(),
        "source": _source(),
        "directory": str(Path.cwd()),
        "weights": os.environ.get("EYECRAFT_WEIGHTS"),
    }


@functools.lru_cache(1)
def _source() -> str:
    """Return a digest of all modules of eyecraft: 12 hexadecimal digits."""
    root, digest = Path(__file__).parent.parent, hashlib.blake2b(digest_size=6)
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _cpu() -> str:
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text("utf-8", "replace"))
    except OSError:
        found = None
    return found.group(1).strip() if found else platform.processor() or platform.machine()


def _gpu() -> str | None:
    torch = sys.modules.get("torch")  # never loaded for this alone: it takes seconds
    if torch is None or not torch.cuda.is_available():
        return None
    return str(torch.cuda.get_device_name())


def _versions() -> dict[str, str]:
    try:
        required = importlib.metadata.requires("eyecraft") or []
    except importlib.metadata.PackageNotFoundError:
        required = ["numpy", "scikit-learn", "opencv-python", "torch", "torchvision"]
    names = [re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in required if "extra ==" not in line]
    versions = {}
    for name in ["eyecraft", *sorted(names)]:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
