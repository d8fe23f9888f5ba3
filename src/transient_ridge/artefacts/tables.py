"""Read and write tables: Parquet with the declared columns and a provenance record.

M = infinity is ``math.inf`` in memory and null on disk; only this module converts it.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import TableError
from .files import complete_file
from .provenance import altered, lasting, misplaced, seal, unseal
from .schemas import TABLES

if (
    TYPE_CHECKING
):  # not imported here: training collects rows and needs neither until it writes them
    import pandas as pd
    import pyarrow as pa

#: table -> its rows
Frames = Mapping[str, "pd.DataFrame"]


class Rows:
    """The rows of one table, added one by one."""

    def __init__(self, table: str) -> None:
        self.table = table
        self.columns: dict[str, list[Any]] = {name: [] for name in TABLES[table].columns}

    @classmethod
    def of(cls, table: str, frame: "pd.DataFrame") -> "Rows":
        """The columns of ``frame`` that belong to ``table``; NaN and NA of pandas become None."""
        rows = cls(table)
        values = frame.astype(object).where(frame.notna(), None)
        rows.columns = {name: values[name].tolist() for name in rows.columns}
        return rows

    def add(self, **row: Any) -> None:
        """Append one row, which must have every column of the table and may have others."""
        for name, column in self.columns.items():
            column.append(row[name])

    def records(self) -> list[Mapping[str, Any]]:
        """The rows, each by the names of its columns."""
        rows = zip(*self.columns.values(), strict=True)
        return [dict(zip(self.columns, row, strict=True)) for row in rows]

    def frame(self) -> "pd.DataFrame":
        """The rows as :func:`read` will return them."""
        return _frame(self.arrow())

    def arrow(self) -> "pa.Table":
        """The rows in the types of the table's columns."""
        import pyarrow as pa

        table = TABLES[self.table]
        values = [
            _nullable(column) if name in table.nullable else column
            for name, column in self.columns.items()
        ]
        return pa.table(values, schema=table.schema)

    def save(self, path: Path, record: Mapping[str, Any]) -> None:
        """Write the Parquet file ``path``; ``record`` goes into its metadata and, with its checksum, beside it."""
        import pyarrow.parquet as pq

        lasts = json.dumps(lasting(record), sort_keys=True)
        data = self.arrow().replace_schema_metadata({"table": self.table, "provenance": lasts})
        unseal(path)
        with complete_file(path) as partial:
            pq.write_table(data, partial, compression="zstd")
        seal(path, record)


def read(path: Path, table: str) -> "pd.DataFrame":
    """The rows of ``path``, which must be a ``table``; infinite task diversities as ``inf``.

    Raises TableError naming the file if it is missing or altered, belongs to another run or holds other columns.
    """
    return read_all([path], table)


def read_all(paths: Sequence[Path], table: str) -> "pd.DataFrame":
    """The rows of several files of one ``table``, one file after the other.

    Raises TableError if one cannot be read, or if their settings differ.
    """
    import pyarrow as pa

    parts = [_read(path, table) for path in paths]
    hashes = [provenance(path).get("settings_hash") for path in paths]
    for path, found in zip(paths, hashes, strict=True):
        if found != hashes[0]:
            raise TableError(
                f"{path}: made with other settings ({found}) than {paths[0]} ({hashes[0]}); delete the one that "
                "does not belong here and run snakemake again"
            )
    return _frame(pa.concat_tables(parts) if parts else TABLES[table].schema.empty_table())


def read_across(paths: Sequence[Path], table: str) -> "pd.DataFrame":
    """The rows of one ``table`` of several variants, one variant after the other, with a column ``variant``.

    Raises TableError as :func:`read_all` does, for each variant.
    """
    import pandas as pd

    of_variant: dict[str, list[Path]] = {}
    for path in paths:
        # A table is below `tables` or `runs` of its variant; that of a chunk is deeper than that of a run.
        below = next(each for each in path.absolute().parents if each.name in ("tables", "runs"))
        of_variant.setdefault(below.parent.name, []).append(path)
    frames = (read_all(files, table).assign(variant=name) for name, files in of_variant.items())
    return pd.concat(frames, ignore_index=True)


def provenance(path: Path) -> dict[str, Any]:
    """Provenance record of a table; empty if it carries none."""
    import pyarrow.parquet as pq

    metadata = pq.read_schema(path).metadata or {}
    result: dict[str, Any] = json.loads(metadata.get(b"provenance", b"{}"))
    return result


def _read(path: Path, table: str) -> "pa.Table":
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        wrong = altered(path) or misplaced(path, provenance(path))
        if wrong:
            raise TableError(f"{path}: {wrong}; delete it and run snakemake again")
        data = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise TableError(
            f"{path}: cannot be read as a table ({error}); delete it and run snakemake again"
        ) from error
    expected = TABLES[table].schema
    if not data.schema.equals(expected, check_metadata=False):
        raise TableError(f"{path}: expected the columns of '{table}', found {data.schema.names}")
    return data.replace_schema_metadata(None)


def _frame(data: "pa.Table") -> "pd.DataFrame":
    frame: pd.DataFrame = data.to_pandas()
    if "task_diversity" in frame:
        frame["task_diversity"] = frame["task_diversity"].astype(float).fillna(math.inf)
    return frame


def _nullable(values: Sequence[float | None]) -> list[int | None]:
    """Integers; None, infinity and NaN become null."""
    return [int(value) if value is not None and math.isfinite(value) else None for value in values]
