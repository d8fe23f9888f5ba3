"""The part of a preset's results that is small enough to keep in the repository.

It holds the tables, figures and scorecard of the variant `base`, and everything that compares variants, each with its
record. The files of a table of runs become one, where :func:`transient_ridge.artefacts.contents.read_variant`
finds it.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import TableError
from .contents import Contents
from .files import files_below
from .layout import OF_ALL_VARIANTS
from .provenance import beside, read_beside, sha256
from .schemas import TABLES
from .tables import Rows, read_all

#: Tables of whole outputs or traces, far larger than all others together.
LEFT_OUT = ("outputs", "softened_outputs", "llc_traces", "llc_calibration_traces")
#: The folder of the joined tables, among those of runs.
JOINED = "joined"


def publish(results: Path, kept: Path) -> int:
    """Replace the folder ``kept`` by the part of ``results`` to keep; return its size in bytes.

    Leaves out leftovers of another configuration. Raises TableError, before replacing anything, if there is no
    configuration or scorecard, or if the table of a run cannot be read.
    """
    contents, base = Contents(results), results / "base"

    def belonging(folder: Path, pattern: str) -> list[Path]:
        paths = sorted(folder.glob(pattern))
        return [path for path in paths if contents.holds(path.relative_to(results))]

    if not (base / "claims.md").exists():
        raise TableError(f"{base}: no claims.md; run `make reproduce` first")
    joined = {
        name: join(name, paths)
        for name, table in TABLES.items()
        if table.scope == "run"
        and name not in LEFT_OUT
        and (paths := belonging(base, table.pattern(name)))
    }
    shutil.rmtree(kept, ignore_errors=True)
    for name in ("base", *OF_ALL_VARIANTS):
        source, target = results / name, kept / ("" if name == "base" else name)
        for pattern in ("tables/*.parquet", "figures/*.png", "claims.md"):
            for path in belonging(source, pattern):
                if path.stem not in LEFT_OUT:
                    _copy(path, target / path.relative_to(source))
    _copy(results / "config.yaml", kept / "config.yaml")
    for name, (rows, record) in joined.items():
        rows.save(kept / "runs" / JOINED / f"{name}.parquet", record)
    return sum(path.stat().st_size for path in files_below(kept))


def join(name: str, paths: Sequence[Path]) -> tuple[Rows, dict[str, Any]]:
    """The table ``name`` of several runs as one, with the fields that all their records share.

    Its code is that of the first run whose code was modified, or else of the first run.
    Raises TableError if one cannot be read, or if they were made with different settings.
    """
    rows = Rows.of(name, read_all(paths, name))
    records = [read_beside(path) or {} for path in paths]
    inputs = [{"path": str(path), "sha256": sha256(path)} for path in paths]
    states = [each["git"] for each in records if "git" in each]
    code = next((git for git in states if git["dirty"]), states[0] if states else None)
    shared = {
        key: value
        for key, value in records[0].items()
        if key not in ("artefact", "sha256") and all(each.get(key) == value for each in records)
    }
    return rows, {**shared, "git": code, "inputs": inputs}


def _copy(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    for each in (path, beside(path)):
        if each.exists():
            shutil.copy2(each, target.with_name(each.name))
