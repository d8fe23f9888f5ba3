"""Trace a figure or table back to the settings of every artefact behind it, and report what has changed since.

Follows the records that are kept beside results (:mod:`transient_ridge.artefacts.provenance`).
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import TableError
from .provenance import beside, installed_packages, read_beside, sha256

Record = Mapping[str, Any]


def describe(artefact: Path) -> list[str]:
    """Lines that show the chain behind ``artefact``, every step with its settings.

    Inputs made by the same settings and code, such as one table of many runs, share a step, which is shown once.
    Raises TableError if ``artefact`` has no record.
    """
    if read_beside(artefact) is None:
        raise TableError(
            f"{beside(artefact)}: no provenance record, though every figure, table and manifest of this pipeline has "
            "one beside it"
        )
    return [*_steps([artefact], set(), 0), *_packages(artefact)]


def state_of_code(artefact: Path) -> str:
    """ "committed", "MODIFIED" if anything behind ``artefact`` was made by uncommitted code, else "unknown".

    It is unknown for a file without a record, and for one made outside a git checkout or where git refused.
    """
    states = {record.get("git", {}).get("dirty") for record in _ancestry(artefact)}
    if True in states:
        return "MODIFIED"
    return "unknown" if None in states else "committed"


def _packages(artefact: Path) -> list[str]:
    """Lines for packages whose versions differ among the files behind ``artefact``, or from this environment.

    An upgrade makes nothing stale, because most change no number and training takes days; it is only reported here.
    """
    used = [record.get("packages", {}) for record in _ancestry(artefact)]
    lines = []
    for name, installed in installed_packages().items():
        made = Counter(packages[name] for packages in used if name in packages)
        if set(made) - {installed}:
            by = ", ".join(f"{version} made {count}" for version, count in sorted(made.items()))
            lines.append(f"PACKAGES   {name}: {by} of these files; {installed} is installed now")
    return lines


def _ancestry(artefact: Path) -> list[Record]:
    """The records of ``artefact`` and of everything behind it; empty for a file without one."""
    found: dict[Path, Record] = {}
    pending = [artefact]
    while pending:
        path = pending.pop()
        if path not in found:
            found[path] = read_beside(path) or {}
            pending += [source for source, _ in _inputs(path)]
    return list(found.values())


def _inputs(artefact: Path) -> list[tuple[Path, str]]:
    """The inputs of ``artefact`` and their checksums at the time."""
    record = read_beside(artefact) or {}
    folder = artefact.parent.resolve()
    return [
        ((folder / item["path"]).resolve(), item["sha256"]) for item in record.get("inputs", [])
    ]


def _steps(artefacts: list[Path], shown: set[Path], depth: int) -> Iterator[str]:
    """The step that made ``artefacts``, and those behind it."""
    indent = "    " * depth
    first, *others = artefacts
    more = f" and {len(others)} more of {', '.join(path.parent.name for path in others)}"
    yield f"{indent}{_short(first)}{more if others else ''}"
    record = read_beside(first)
    if record is None:
        yield f"{indent}  no record"
        return
    if first in shown:
        yield f"{indent}  (above)"
        return
    shown.update(artefacts)
    yield f"{indent}  code       {_code(record)}"
    for name, value in record["settings"].items():
        yield f"{indent}  {name:10s} {json.dumps(value)}"
    yield f"{indent}  cost       {_cost([read_beside(path) or {} for path in artefacts])}"
    inputs = dict(each for artefact in artefacts for each in _inputs(artefact))
    for path, checksum in sorted(inputs.items()):
        if not path.exists() or sha256(path) != checksum:
            yield f"{indent}  CHANGED    {_short(path)} is not what it was when this was made"
    groups: defaultdict[tuple[Any, ...], list[Path]] = defaultdict(list)
    for path in inputs:
        source = read_beside(path) or {}
        groups[path.name, source.get("settings_hash"), _code(source)].append(path)
    for group in groups.values():
        yield from _steps(group, shown, depth + 1)


def _short(path: Path) -> str:
    """The last folders of ``path``, which name preset, variant and run."""
    parts = path.resolve().parts
    start = parts.index("results") if "results" in parts else -3
    return "/".join(parts[start:])


def _code(record: Record) -> str:
    git = record.get("git", {})
    if not git.get("commit"):
        return "outside a git checkout"
    return f"commit {git['commit'][:12]}" + (", MODIFIED since" if git["dirty"] else "")


def _cost(records: list[Record]) -> str:
    seconds = sum(record.get("wall_seconds", 0.0) for record in records)
    memory = max(record.get("peak_memory_mb", 0) for record in records)
    device = records[0].get("device") or records[0].get("processor")
    return f"{seconds:.0f} s, {memory} MB, {device}, {records[0].get('threads')} thread(s)"
