"""The schema of every Parquet table in one place, and the one way to write and read them.

``task_diversity`` is a nullable int64 whose null means infinity; in paths and configs it is ``inf``.
``token`` is k = 1..K; null means the average over all K positions. Losses are in units of y^2.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..config.runs import TaskDiversity
from ..errors import TableError
from .files import complete_file
from .provenance import altered, lasting, misplaced, seal, sha256, unseal

if TYPE_CHECKING:  # not loaded here: training writes tables and needs no pandas
    import pandas as pd

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
    "relative_distances": {
        **_RUN,
        "ridge": (pa.float64(), "Delta(f, ridge) in distribution, smoothed, in units of y^2"),
        "dmmse": (pa.float64(), "Delta(f, dMMSE_M) in distribution, smoothed, in units of y^2"),
        "relative_distance": (
            pa.float64(),
            "ridge / (ridge + dmmse): 0 = ridge, 1 = dMMSE_M; null at M = infinity, where they are one",
        ),
    },
    "thresholds": {
        "seed": _RUN["seed"],
        "step": _RUN["step"],
        "threshold": (
            pa.float64(),
            "task diversity at which the relative distance is 1/2; null = not within the grid",
        ),
        "below": (pa.int64(), "greatest M of the grid on the side of dMMSE; null = none"),
        "above": (pa.int64(), "least finite M of the grid on the side of ridge; null = none"),
    },
    "selection": {
        "task_diversity": _RUN["task_diversity"],
        "seed": _RUN["seed"],
        "losses": (
            pa.string(),
            "idealised (of the predictors) or measured (of the trained models)",
        ),
        "loss_ridge": (pa.float64(), "l(u): loss on q_M of the ridge-like solution, units of y^2"),
        "loss_dmmse": (
            pa.float64(),
            "l(v_M): loss on q_M of the dMMSE-like solution, units of y^2",
        ),
        "loss_difference": (
            pa.float64(),
            "dl = (l(v_M) - l(u)) / (2 sigma^2), nats per pair (x, y)",
        ),
        "llc_ridge": (pa.float64(), "lambda(u); null = not measured"),
        "llc_dmmse": (pa.float64(), "lambda(v_M); null = not measured"),
        "llc_difference": (pa.float64(), "dlambda = lambda(v_M) - lambda(u); null = not measured"),
        "llc_difference_standard_error": (pa.float64(), "Monte Carlo standard error of dlambda"),
        "complexity": (
            pa.string(),
            "where lambda(v_M) is from: measured (this run), extrapolated (the dMMSE-like run of greatest M); "
            "null = not measured",
        ),
        "phase": (
            pa.string(),
            "never ridge, ridge then dMMSE, always ridge, or dMMSE then ridge, for growing n; null = unknown",
        ),
        "crossover": (
            pa.float64(),
            "n*, in pairs (x, y): ridge is preferred below; 0 = never, infinity = always; null = unknown",
        ),
        "crossover_low": (pa.float64(), "n* at dlambda less one standard error"),
        "crossover_high": (pa.float64(), "n* at dlambda plus one standard error"),
        "crossover_step": (pa.float64(), "the training step after which n* pairs were seen"),
        "critical_step": (pa.int64(), "t_crit on the smoothed OOD loss"),
        "switch_step": (
            pa.int64(),
            "first step from which on the run stays nearer to dMMSE_M than to ridge; null = none",
        ),
        "relative_distance": (pa.float64(), "at the end of training: 0 = ridge, 1 = dMMSE_M"),
    },
    "log_odds": {
        "task_diversity": _RUN["task_diversity"],
        "seed": _RUN["seed"],
        "losses": (
            pa.string(),
            "idealised (of the predictors) or measured (of the trained models)",
        ),
        "n": (pa.float64(), "number of pairs (x, y) seen"),
        "log_odds": (
            pa.float64(),
            "log of the posterior odds of ridge over dMMSE_M, nats; null = LLC not measured",
        ),
    },
    "pca_robustness": {
        "check": (
            pa.string(),
            "sequences (B), schedule (of checkpoints) or left_out (one run)",
        ),
        "setting": (pa.string(), "the B, the schedule, or the run that was left out"),
        "rows": (pa.int64(), "checkpoints of all runs in this fit"),
        "sequences": (pa.int64(), "B of this fit"),
        "components": (pa.int64(), "number of leading components that are compared"),
        "angle": (
            pa.float64(),
            "largest principal angle between this fit's components and the full fit's, in degrees",
        ),
        "trajectory_distance": (
            pa.float64(),
            "Procrustes distance of all trajectories from the full fit's: 0 = same shape, 1 = unrelated",
        ),
        "explained_variance_ratio": (pa.float64(), "share of the variance that this fit explains"),
        "reference": (
            pa.bool_(),
            "whether this is the full fit: greatest B, every checkpoint and run",
        ),
    },
    "claims": {
        "claim": (pa.int64(), "number of the paper's claim"),
        "part": (pa.string(), "letter of the statement within the claim"),
        "statement": (pa.string(), "the claim as something that can be measured"),
        "quantity": (pa.string(), "what is measured"),
        "value": (pa.float64(), "what was measured, mean over seeds; null = could not be measured"),
        "standard_error": (pa.float64(), "standard error of the mean over seeds; null = one seed"),
        "seeds": (pa.int64(), "number of values behind the mean; 0 = none"),
        "comparison": (pa.string(), "at least or at most"),
        "threshold": (pa.float64(), "what the value is compared with"),
        "verdict": (pa.string(), "holds, does not hold or not testable at this scale"),
        "reason": (pa.string(), "why, in words"),
    },
}

_ESTIMATE = {
    "llc": (pa.float64(), "lambda_hat, paired; null if a chain diverged"),
    "standard_error": (pa.float64(), "Monte Carlo standard error of llc"),
    "llc_unpaired": (pa.float64(), "lambda_hat against l(w*) of all n sequences"),
    "standard_error_unpaired": (pa.float64(), "Monte Carlo standard error of llc_unpaired"),
    "centre_loss": (pa.float64(), "l(w*) on the n sequences of q_M, in units of y^2"),
    "mean_loss": (pa.float64(), "mean loss of the draws, in units of y^2"),
    "r_hat": (pa.float64(), "split R-hat of the draws' paired losses; null for one chain"),
    "ess": (pa.float64(), "effective sample size of the draws' paired losses"),
    "share_below": (pa.float64(), "share of draws whose loss is below that of w*"),
    "mala_acceptance": (pa.float64(), "mean Metropolis acceptance of the SGLD steps"),
    "distance": (pa.float64(), "mean |w - w*|"),
    "gradient_norm": (pa.float64(), "mean length of the gradient's part of a step"),
    "noise_norm": (pa.float64(), "mean length of the noise's part of a step"),
    "healthy": (pa.bool_(), "whether every diagnostic is within the limits of the configuration"),
    "fault": (pa.string(), "what is wrong and what to change; null if healthy"),
}
_COMPONENT = {
    "component": (pa.string(), "the parameters that were sampled; all = the whole model"),
}
_POSITION = {"token": (pa.int64(), "position k = 1..K of the loss; null = all positions")}
_TRACES = {
    "chain": (pa.int64(), "chain, from 0"),
    "losses": (pa.list_(pa.float32()), "minibatch loss before each SGLD step, burn-in included"),
    "centre_losses": (pa.list_(pa.float32()), "loss of w* on the same minibatches"),
}
_SGLD = {
    "epsilon": (pa.float64(), "SGLD step size"),
    "n_beta": (pa.float64(), "n beta, as a factor of the loss that llc.loss names"),
    "gamma": (pa.float64(), "localisation"),
}
TABLES |= {
    "llc": {**_RUN, **_COMPONENT, **_POSITION, **_ESTIMATE},
    "llc_traces": {**_RUN, **_COMPONENT, **_TRACES},
    "llc_calibration": {
        **_RUN,
        **_SGLD,
        **_ESTIMATE,
        "recommended": (pa.bool_(), "the setting to use, by the rule of config/README.md"),
    },
    "llc_calibration_traces": {**_RUN, **_SGLD, **_TRACES},
    "llc_crosscheck": {
        **_RUN,
        "backend": (pa.string(), "stacked (ours) or devinterp"),
        **_ESTIMATE,
        "seconds": (pa.float64(), "wall time of the sampling"),
        "z": (pa.float64(), "difference from the other backend, in its standard errors"),
    },
}

#: Integer columns in which null has a meaning: infinity, 'all positions', and 'none'.
NULLABLE = ("task_diversity", "token", "below", "above", "switch_step")

Columns = Mapping[str, Sequence[Any]]

#: table -> its rows, null task diversities and tokens as NaN
Frames = Mapping[str, "pd.DataFrame"]


class Rows:
    """Columns of a tidy table, grown row by row."""

    def __init__(self, table: str) -> None:
        self.columns: dict[str, list[Any]] = {name: [] for name in TABLES[table]}

    def add(self, **row: Any) -> None:
        """Append one row."""
        for name, column in self.columns.items():
            column.append(row[name])


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


def write_frame(
    path: Path, table: str, frame: "pd.DataFrame", provenance: Mapping[str, Any]
) -> None:
    """Write the columns of ``frame`` that belong to ``table``; pandas' NaN and NA become null."""
    columns = {
        name: [None if missing else value for value, missing in zip(values, absent, strict=True)]
        for name, values, absent in (
            (name, frame[name].tolist(), frame[name].isna().tolist()) for name in TABLES[table]
        )
    }
    write(path, table, columns, provenance)


def join(paths: Sequence[Path], table: str, output: Path) -> None:
    """Put tables of one kind together, in the order given, into one file.

    Its provenance is what theirs agree on, and theirs by file.
    """
    data = read_runs(paths, table)
    records = [provenance(path) for path in paths]
    made = {k: v for k, v in records[0].items() if all(other.get(k) == v for other in records)}
    made["parts"] = {str(path): record for path, record in zip(paths, records, strict=True)}
    made["inputs"] = [{"path": str(path), "sha256": sha256(path)} for path in paths]
    data = data.replace_schema_metadata(
        {"table": table, "provenance": json.dumps(lasting(made), sort_keys=True)}
    )
    unseal(output)
    with complete_file(output) as partial:
        pq.write_table(data, partial, compression="zstd")
    seal(output, made)


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


def origins(path: Path) -> list[dict[str, Any]]:
    """Provenance records of the jobs that computed a table: one, or those of the parts it was joined from."""
    record = provenance(path)
    return list(record["parts"].values()) if "parts" in record else [record]


def read_all(sources: Mapping[str, Sequence[Path]]) -> "dict[str, pd.DataFrame]":
    """Every table of ``sources`` (name -> files, which are concatenated) as a data frame."""
    return {table: read_runs(paths, table).to_pandas() for table, paths in sources.items()}


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
