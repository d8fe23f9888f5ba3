"""What config, code, packages, machine and seed made an artefact."""

import functools
import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

#: The packages whose version can change a number.
PACKAGES = (
    "torch",
    "numpy",
    "scikit-learn",
    "scipy",
    "pyarrow",
    "safetensors",
    "arviz",
    "devinterp",
    "snakemake",
)


def canonical_json(value: object) -> str:
    """One spelling for equal settings: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def settings_hash(settings: object) -> str:
    """Sixteen hexadecimal digits that name ``settings`` (a JSON value)."""
    return hashlib.sha256(canonical_json(settings).encode()).hexdigest()[:16]


def collect(settings: Mapping[str, Any], **extra: Any) -> dict[str, Any]:
    """Provenance of an artefact made now from ``settings``; ``extra`` adds what the stage knows (device)."""
    return {
        "settings": dict(settings),
        "settings_hash": settings_hash(settings),
        **_environment(),
        "threads": int(os.environ.get("OMP_NUM_THREADS", "0")) or os.cpu_count(),
        **extra,
    }


@functools.cache
def _environment() -> dict[str, Any]:
    return {
        "git": git_state(),
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "processor": platform.machine(),
        "packages": {name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def git_state() -> dict[str, Any]:
    """Commit of the source tree and whether it differs from it; nulls outside a git checkout."""
    here = Path(__file__).resolve().parent

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(here), *arguments], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return {
            "commit": git("rev-parse", "HEAD"),
            "dirty": bool(git("status", "--porcelain", "--untracked-files=no", "--", str(here))),
        }
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}
