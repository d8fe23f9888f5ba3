"""What config, code, packages, machine and seed made an artefact, and from which other artefacts.

A record lies beside every result as ``<name>.provenance.json``, with the result's SHA-256, and in the metadata of
tables and figures, there without what changes from one time to the next: the same settings, code and packages give
the same files, byte for byte. :mod:`transient_ridge.lineage` follows the records from a figure back to the settings.
"""

import functools
import hashlib
import json
import os
import platform
import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from ..config.runs import RUN_PATTERN
from .files import complete_file

#: The packages whose version can change a number.
PACKAGES = (
    "torch",
    "numpy",
    "pandas",
    "scikit-learn",
    "scipy",
    "matplotlib",
    "pyarrow",
    "safetensors",
    "arviz",
    "devinterp",
    "snakemake",
)

#: What a record holds of the one time that a result was made, and of the place.
PASSING = ("wall_seconds", "peak_memory_mb", "resumed_at_step", "seconds_of_last_attempt", "inputs")


def canonical_json(value: object) -> str:
    """One spelling for equal settings: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def settings_hash(settings: object) -> str:
    """Sixteen hexadecimal digits that name ``settings`` (a JSON value)."""
    return hashlib.sha256(canonical_json(settings).encode()).hexdigest()[:16]


def collect(
    settings: Mapping[str, Any], *, inputs: Iterable[Path] = (), **extra: Any
) -> dict[str, Any]:
    """Provenance of an artefact made now from ``settings`` and the files ``inputs``.

    ``extra`` adds what the stage knows: the run, the device.
    """
    return {
        "settings": dict(settings),
        "settings_hash": settings_hash(settings),
        **_environment(),
        "threads": int(os.environ.get("OMP_NUM_THREADS", "0")) or os.cpu_count(),
        "seeds": _seeds(settings, extra.get("run")),
        "wall_seconds": round(time.time() - psutil.Process().create_time(), 2),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "inputs": [{"path": str(path), "sha256": sha256(path)} for path in inputs],
        **extra,
    }


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def lasting(record: Mapping[str, Any]) -> dict[str, Any]:
    """The part of ``record`` that is the same whenever and wherever the result is made."""
    return {key: value for key, value in record.items() if key not in PASSING}


def beside(artefact: Path) -> Path:
    """Where the record of ``artefact`` lies."""
    return artefact.with_name(f"{artefact.name}.provenance.json")


def unseal(artefact: Path) -> None:
    """Before ``artefact`` is replaced: at no moment does a checksum lie beside a file that it is not of."""
    beside(artefact).unlink(missing_ok=True)


def seal(artefact: Path, record: Mapping[str, Any]) -> None:
    """Write the record of the complete ``artefact`` beside it; inputs relative to it, so that results can be moved."""
    inputs = [
        {**item, "path": os.path.relpath(item["path"], artefact.parent)}
        for item in record.get("inputs", [])
    ]
    whole = {"artefact": artefact.name, "sha256": sha256(artefact), **record, "inputs": inputs}
    with complete_file(beside(artefact)) as partial:
        partial.write_text(json.dumps(whole, indent=1))


def read_beside(artefact: Path) -> dict[str, Any] | None:
    """The record beside ``artefact``, or None if there is none that can be read."""
    try:
        record = json.loads(beside(artefact).read_text())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def altered(artefact: Path) -> str | None:
    """What is wrong with the bytes of ``artefact``, if the checksum beside it says so."""
    sealed = read_beside(artefact)
    if sealed is None or sealed.get("sha256") == sha256(artefact):
        return None
    return "truncated or altered since it was written, or swapped with another file"


def misplaced(artefact: Path, record: Mapping[str, Any]) -> str | None:
    """What is wrong with the place of ``artefact``, if its ``record`` names another run than its folder."""
    folder, run = artefact.parent.name, record.get("run")
    if run is not None and re.fullmatch(RUN_PATTERN, folder) and run != folder:
        return f"was made by the run {run}, not {folder}"
    return None


def _seeds(settings: Mapping[str, Any], run: str | None) -> dict[str, int | None]:
    """The root seed of every random stream, and the run's own: null where a stage draws nothing."""
    root = settings.get("seed", settings.get("train", {}).get("seed"))
    return {"root": root, "run": int(run.rpartition("seed")[2]) if run else None}


def installed_packages() -> dict[str, str | None]:
    """The versions of :data:`PACKAGES` in this environment; None for one that is not there."""
    return {name: _version(name) for name in PACKAGES}


@functools.cache
def _environment() -> dict[str, Any]:
    return {
        "git": git_state(),
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "processor": _processor(),
        "packages": installed_packages(),
    }


def _processor() -> str:
    """The CPU's model, where Linux tells it."""
    try:
        cpus = Path("/proc/cpuinfo").read_text()
    except OSError:
        cpus = ""
    model = re.search(r"^model name\s*: (.*)$", cpus, re.MULTILINE)
    return model[1] if model else platform.processor() or platform.machine()


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
