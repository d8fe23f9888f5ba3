"""The schema of every Parquet table in one place, and the one way to write and read them.

``task_diversity`` is a nullable int64 whose null means infinity; in paths and configs it is ``inf``.
``token`` is k = 1..K; null means the average over all K positions. Losses are in units of y^2.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .errors import TableError
from .provenance import altered, lasting, misplaced, seal, unseal
from .runs import TaskDiversity
from .storage import complete_file

_RUN = {
    "task_diversity": (pa.int64(), "M, the number of training tasks; null = infinity"),
    "seed": (pa.int64(), "seed of the run (initial weights and batches)"),
    "step": (pa.int64(), "number of optimiser updates made"),
}
_SET = {
    "dataset": (
        pa.string(),
        "in_distribution (q_M), out_of_distribution (q_inf) or root_task (q_1)",
    ),
    "token": (pa.int64(), "position k = 1..K; null = mean over all positions"),
}
_PREDICTOR = {"predictor": (pa.string(), "ridge or dmmse (of this row's M)")}
_LOSS = {
    "loss": (pa.float64(), "mean squared error, in units of y^2"),
    "standard_error": (pa.float64(), "standard error of the mean over sequences"),
}
_DISTANCE = {
    "distance": (pa.float64(), "Delta: mean squared difference of predictions, in units of y^2"),
    "standard_error": (pa.float64(), "standard error of the mean over sequences"),
}

#: table -> column -> (type, meaning)
TABLES: dict[str, dict[str, tuple[pa.DataType, str]]] = {
    "training": {
        **_RUN,
        "loss": (pa.float64(), "mean training loss over the updates since the row before"),
        "gradient_norm": (pa.float64(), "joint norm of the last gradient, before clipping"),
        "rate_factor": (pa.float64(), "learning rate as a multiple of its base value"),
    },
    "losses": {**_RUN, **_SET, **_LOSS},
    "distances": {**_RUN, **_PREDICTOR, **_SET, **_DISTANCE},
    "outputs": {
        **_RUN,
        "outputs": (pa.list_(pa.float32()), "predictions on D(1), B*K values, sequence-major"),
    },
    "idealised_losses": {
        "task_diversity": _RUN["task_diversity"],
        **_PREDICTOR,
        **_SET,
        **_LOSS,
    },
    "idealised_distances": {
        "task_diversity": _RUN["task_diversity"],
        **_SET,
        **_DISTANCE,
    },
    "idealised_outputs": {
        "task_diversity": (pa.int64(), "M of dMMSE_M; null = infinity, which is ridge"),
        **_PREDICTOR,
        "outputs": (pa.list_(pa.float32()), "predictions on D(1), B*K values, sequence-major"),
    },
    "critical_steps": {
        "task_diversity": _RUN["task_diversity"],
        "seed": _RUN["seed"],
        "curve": (pa.string(), "raw or smoothed"),
        "step": (pa.int64(), "t_crit: the step of least OOD loss"),
        "loss": (pa.float64(), "OOD loss there"),
    },
    "smoothed_losses": {**_RUN, **_SET, "loss": (pa.float64(), "smoothed loss, in units of y^2")},
    "pca_trajectories": {
        **_RUN,
        "component": (pa.int64(), "principal component, from 1"),
        "coordinate": (pa.float64(), "gamma_M(t): projection on the component"),
    },
    "pca_idealised": {
        "task_diversity": (pa.int64(), "M of dMMSE_M; null = infinity, which is ridge"),
        **_PREDICTOR,
        "component": (pa.int64(), "principal component, from 1"),
        "coordinate": (pa.float64(), "projection on the component; not part of the fit"),
    },
    "pca_variance": {
        "component": (pa.int64(), "principal component, from 1"),
        "explained_variance": (pa.float64(), "variance along the component"),
        "explained_variance_ratio": (pa.float64(), "share of the total variance"),
    },
    "pca_loadings": {
        "component": (pa.int64(), "principal component, from 1"),
        "token": (pa.int64(), "position k = 1..K"),
        "loading": (pa.float64(), "share of the component's squared norm at this position"),
    },
}

#: Integer columns in which null has a meaning: infinity, and 'all positions'.
NULLABLE = ("task_diversity", "token")

Columns = Mapping[str, Sequence[Any]]


def schema(table: str) -> pa.Schema:
    """Arrow schema of ``table``, meanings attached to the columns."""
    return pa.schema(
        [
            pa.field(name, kind, metadata={"meaning": meaning})
            for name, (kind, meaning) in TABLES[table].items()
        ]
    )


def write(path: Path, table: str, columns: Columns, provenance: Mapping[str, Any]) -> None:
    """Write ``columns`` (name -> values, infinite task diversities allowed) as the Parquet file ``path``.

    The provenance goes into its metadata and, with its checksum, beside it.
    Raises TableError if the columns are not those that ``TABLES`` declares.
    """
    declared = schema(table)
    if set(columns) != set(declared.names):
        raise TableError(
            f"{path}: table '{table}' has columns {declared.names}, got {list(columns)}"
        )
    arrays = {
        name: _nullable(values) if name in NULLABLE else values for name, values in columns.items()
    }
    data = pa.table([arrays[name] for name in declared.names], schema=declared)
    data = data.replace_schema_metadata(
        {"table": table, "provenance": json.dumps(lasting(provenance), sort_keys=True)}
    )
    unseal(path)
    with complete_file(path) as partial:
        pq.write_table(data, partial, compression="zstd")
    seal(path, provenance)


def read(path: Path, table: str) -> pa.Table:
    """Read ``path``, which must be a ``table``.

    Raises TableError naming the file if it is missing, altered, of another run or holds other columns.
    """
    try:
        wrong = altered(path) or misplaced(path, provenance(path))
        if wrong:
            raise TableError(f"{path}: {wrong}; delete it and run snakemake again")
        data = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise TableError(
            f"{path}: cannot be read as a table ({error}); delete it and run snakemake again"
        ) from error
    if not data.schema.equals(schema(table), check_metadata=False):
        raise TableError(f"{path}: expected the columns of '{table}', found {data.schema.names}")
    return data


def read_runs(paths: Sequence[Path], table: str) -> pa.Table:
    """The ``table`` of several runs, one under the other.

    Raises TableError if one cannot be read, or if not all were made with the same settings.
    """
    parts = [read(path, table) for path in paths]
    hashes = [provenance(path).get("settings_hash") for path in paths]
    for path, found in zip(paths, hashes, strict=True):
        if found != hashes[0]:
            raise TableError(
                f"{path}: made with other settings ({found}) than {paths[0]} ({hashes[0]}); delete the one that "
                "does not belong here and run snakemake again"
            )
    return pa.concat_tables(parts)


def provenance(path: Path) -> dict[str, Any]:
    """Provenance record of a table; empty if it carries none."""
    metadata = pq.read_schema(path).metadata or {}
    result: dict[str, Any] = json.loads(metadata.get(b"provenance", b"{}"))
    return result


def _nullable(values: Sequence[TaskDiversity | None]) -> list[int | None]:
    """Integers; None, infinity and pandas' NaN become null."""
    return [int(value) if value is not None and math.isfinite(value) else None for value in values]
