"""Provenance records: the settings, code, packages, machine and seed that made an artefact, and its inputs.

A record stands beside every result as ``<name>.provenance.json``, with the result's SHA-256. The result's own metadata
repeat only what follows from the configuration, so that the same settings give the same bytes on any commit, machine or
day. :mod:`transient_ridge.artefacts.trace` follows the records from a figure to the settings.
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
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..config.runs import RUN_PATTERN, Run
from ..places import PACKAGE
from .files import complete_file

#: The packages whose versions can change a number.
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

#: The fields of a record that the artefact itself holds: those that follow from the configuration.
LASTING = ("settings", "settings_hash", "seeds", "run")


def canonical_json(value: object) -> str:
    """JSON with sorted keys and no spaces, so that equal settings give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def settings_hash(settings: object) -> str:
    """Hash of ``settings`` (a JSON value), 16 hexadecimal digits."""
    return hashlib.sha256(canonical_json(settings).encode()).hexdigest()[:16]


def collect(
    settings: Mapping[str, Any], *, inputs: Iterable[Path] = (), **extra: Any
) -> dict[str, Any]:
    """Provenance of an artefact made now from ``settings`` and the files ``inputs``.

    ``extra`` holds what only the stage knows, such as the run and the device.
    """
    import psutil  # noqa: PLC0415 - slow, and needed when a job ends

    run = extra.get("run")
    return {
        "settings": dict(settings),
        "settings_hash": settings_hash(settings),
        **_environment(),
        "threads": int(os.environ.get("OMP_NUM_THREADS", "0")) or os.cpu_count(),
        # Null where a stage draws no random numbers.
        "seeds": {"root": settings.get("seed"), "run": Run.parse(run).seed if run else None},
        "wall_seconds": round(time.time() - psutil.Process().create_time(), 2),
        "cpu_seconds": round(time.process_time(), 2),
        "peak_memory_mb": round(peak_memory_mb(resource.getrusage(resource.RUSAGE_SELF))),
        "inputs": [{"path": str(path), "sha256": sha256(path)} for path in inputs],
        **extra,
    }


def peak_memory_mb(usage: resource.struct_rusage) -> float:
    """The largest resident set in MB (2^20 bytes); Linux counts kilobytes, macOS bytes."""
    return usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def lasting(record: Mapping[str, Any]) -> dict[str, Any]:
    """The :data:`LASTING` fields of ``record``."""
    return {key: record[key] for key in LASTING if key in record}


def beside(artefact: Path) -> Path:
    """Path of the record of ``artefact``."""
    return artefact.with_name(f"{artefact.name}.provenance.json")


def unseal(artefact: Path) -> None:
    """Remove the record of ``artefact`` before replacing it, so that no record ever describes another file."""
    beside(artefact).unlink(missing_ok=True)


def seal(artefact: Path, record: Mapping[str, Any]) -> None:
    """Write the record of ``artefact`` beside it, with relative paths of inputs, so that results can be moved."""
    inputs = [
        {**item, "path": os.path.relpath(item["path"], artefact.parent)}
        for item in record.get("inputs", [])
    ]
    whole = {"artefact": artefact.name, "sha256": sha256(artefact), **record, "inputs": inputs}
    with complete_file(beside(artefact)) as partial:
        partial.write_text(json.dumps(whole, indent=1))


def read_beside(artefact: Path) -> dict[str, Any] | None:
    """The record beside ``artefact``, or None if there is no readable one."""
    try:
        record = json.loads(beside(artefact).read_text())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def altered(artefact: Path) -> str | None:
    """A message if the checksum of ``artefact`` differs from its record, else None."""
    sealed = read_beside(artefact)
    if sealed is None or sealed.get("sha256") == sha256(artefact):
        return None
    return "truncated or altered since it was written, or swapped with another file"


def misplaced(artefact: Path, record: Mapping[str, Any]) -> str | None:
    """A message if ``record`` names a run other than the folder of ``artefact``, else None."""
    folder, run = artefact.parent.name, record.get("run")
    if run is not None and re.fullmatch(RUN_PATTERN, folder) and run != folder:
        return f"was made by the run {run}, not {folder}"
    return None


def installed_packages() -> dict[str, str | None]:
    """The versions of :data:`PACKAGES` in this environment; None for one that is not installed."""
    from importlib import metadata  # noqa: PLC0415 - slow, and needed when a job ends

    found: dict[str, str | None] = dict.fromkeys(PACKAGES)
    for name in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


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
    """The CPU's model if Linux reports it, else the architecture."""
    try:
        cpus = Path("/proc/cpuinfo").read_text()
    except OSError:
        cpus = ""
    model = re.search(r"^model name\s*: (.*)$", cpus, re.MULTILINE)
    return model[1] if model else platform.processor() or platform.machine()


def git_state() -> dict[str, Any]:
    """The commit of the source tree, and whether the package differs from it.

    Both are None if unknown: outside a git checkout, in one that does not track the package, or where git refuses.
    """

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(PACKAGE), *arguments], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "--", str(PACKAGE))
        return {
            "commit": git("rev-parse", "HEAD"),
            "dirty": bool(git("status", "--porcelain", "--", str(PACKAGE))),
        }
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}
