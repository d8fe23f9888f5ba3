"""The validated configuration, and the functions that tell rules what they read and depend on."""

import functools
import json
import os
import sys
from pathlib import Path

# The package that stands beside this workflow is the one that runs, installed or not, and jobs run under the Python
# that runs Snakemake, whether or not its environment is activated.
SOURCE = str(Path(workflow.basedir) / "src")
sys.path.insert(0, SOURCE)
os.environ |= {
    "PYTHONPATH": os.pathsep.join([SOURCE, os.getenv("PYTHONPATH", "")]).rstrip(
        os.pathsep
    ),
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.getenv("PATH", "")]),
}

from transient_ridge.config import configuration as settings
from transient_ridge.config import runs, sizing as needs
from transient_ridge.artefacts import (
    files as storage,
    fingerprints as sources,
    provenance,
    trace as lineage,
)
from transient_ridge.report import status
from transient_ridge.errors import ConfigError, TransientRidgeError
from transient_ridge.figures.catalogue import CATALOGUE, ON_REQUEST, module_of

try:
    settings.validate(
        config, Path(workflow.basedir) / "workflow" / "schemas" / "config.schema.yaml"
    )
    RESULTS = f"results/{config['preset']}"
    settings.check_results_folder(config, Path(RESULTS))
except ConfigError as error:
    raise WorkflowError(str(error)) from None

VARIANTS = {
    variant: settings.resolve(config, variant) for variant in config["variants"]
}
COHORTS = {
    variant: settings.cohorts(resolved) for variant, resolved in VARIANTS.items()
}

# Given to jobs as resources, which unlike params make nothing stale.
DEVICE = config["compute"]["device"]
GPUS = int(DEVICE == "cuda")
STATE_SECONDS = str(config["compute"]["state_seconds"])
BESIDE_A_GPU = 5000  # MB of a process that holds a CUDA context; not measured

# One environment for all rules; used with `--software-deployment-method conda`.
ENVIRONMENT = "../../environment.yml"


wildcard_constraints:
    variant="|".join(VARIANTS),
    run=runs.RUN_PATTERN,
    chunk=r"\d+",


def stage_settings(stage):
    """Params function: the settings that jobs of `stage` depend on, as JSON."""
    return lambda wildcards: provenance.canonical_json(
        settings.stage_settings(VARIANTS[wildcards.variant], stage)
    )


def code_of(module):
    """Params value: changes when the code behind `module` does (see transient_ridge/sources.py)."""
    return sources.fingerprint(module)


def scratch(wildcards):
    """Where a training run keeps its state: a folder of its own for these settings and this code."""
    key = provenance.settings_hash(
        [stage_settings("train")(wildcards), code_of("training.train")]
    )
    return f"{RESULTS}/{wildcards.variant}/scratch/{wildcards.run}-{key}"


def cohort(wildcards):
    """Resource function: the runs that a training job may advance in one stack, its own among them."""
    return " ".join(COHORTS[wildcards.variant][wildcards.run])


@functools.cache
def needed(need, variant):
    """MB of `need` for a variant, worked out once: grids have thousands of jobs."""
    return need(VARIANTS[variant])


def memory(need, gpus=GPUS):
    """Resource function: MB of `need` on the CPU, more at every attempt; beside a GPU the host holds its driver."""
    return lambda wildcards, attempt: attempt * (
        BESIDE_A_GPU if gpus else needed(need, wildcards.variant)
    )


def gpu_memory(need):
    """Resource function: MB of the GPU's memory that a job takes, which the profile `gpu` shares out."""
    return lambda wildcards: needed(need, wildcards.variant)


def pca_minutes(fits):
    """Resource function: minutes for `fits` of a variant's joint PCA on threads that are half busy."""
    return lambda wildcards, attempt, threads: attempt * round(
        10
        + fits(VARIANTS[wildcards.variant])
        * needs.pca_cpu_seconds(VARIANTS[wildcards.variant])
        / 30
        / threads
    )


def of_all_runs(file):
    """Input function: `file` of every run of the variant's grid."""
    return lambda wildcards: expand(
        f"{RESULTS}/{wildcards.variant}/runs/{{run}}/{file}",
        run=[run.name for run in settings.runs(VARIANTS[wildcards.variant])],
    )


def of_all_variants(*files):
    """`file` of every run of every variant: what a collecting target asks for."""
    return [
        f"{RESULTS}/{variant}/runs/{run.name}/{file}"
        for variant, resolved in VARIANTS.items()
        for run in settings.runs(resolved)
        for file in files
    ]


# variant -> chunk -> steps whose LLC is estimated
CHUNKS = {
    variant: settings.llc_chunks(resolved) for variant, resolved in VARIANTS.items()
}


def chunk_files(variant, table):
    """`table` of every chunk of every run of the variant."""
    return expand(
        f"{RESULTS}/{variant}/runs/{{run}}/{table}/{{chunk}}.parquet",
        run=[run.name for run in settings.runs(VARIANTS[variant])],
        chunk=CHUNKS[variant],
    )


def of_all_chunks():
    """The LLC tables of every chunk of every run of every variant."""
    return [
        path
        for variant in VARIANTS
        for table in ("llc", "llc_traces")
        for path in chunk_files(variant, table)
    ]


def calibration_files(variant, table):
    """`table` of the runs of the variant that the sweep uses."""
    return [
        f"{RESULTS}/{variant}/runs/{run}/{table}.parquet"
        for run in VARIANTS[variant]["llc_calibration"]["runs"]
    ]


# Tables that exist once per run (beside the weights), and those that exist once per variant.
TABLES_OF_A_RUN = ["training", "losses", "distances", "outputs"]
TABLES_OF_A_VARIANT = [
    "idealised_losses",
    "idealised_distances",
    "idealised_outputs",
    "critical_steps",
    "smoothed_losses",
    "pca_trajectories",
    "pca_idealised",
    "pca_variance",
    "pca_loadings",
    "llc",
    "llc_traces",
    "pca_robustness",
    "relative_distances",
    "thresholds",
    "selection",
    "log_odds",
    "claims",
]


def table_files():
    """Every table of every variant. What others are joined from is asked for too: a job that is killed has deleted its
    outputs, and Snakemake does not miss an intermediate file while what was made of it before is there.
    """
    return (
        of_all_variants(*[f"{table}.parquet" for table in TABLES_OF_A_RUN])
        + of_all_chunks()
        + expand(
            f"{RESULTS}/{{variant}}/tables/{{table}}.parquet",
            variant=VARIANTS,
            table=TABLES_OF_A_VARIANT,
        )
    )


def page_files():
    """What is read rather than computed with: scorecard, explorer, tables of the report, the README of the tables."""
    return [f"{RESULTS}/README.md"] + expand(
        f"{RESULTS}/{{variant}}/{{page}}",
        variant=VARIANTS,
        page=["claims.md", "explorer.html", "tables.html"],
    )


def figure_files(*figures):
    """The named figures of every variant; without names, all but those made on request alone."""
    return expand(
        f"{RESULTS}/{{variant}}/figures/{{figure}}.{{format}}",
        variant=VARIANTS,
        figure=figures or [name for name in CATALOGUE if name not in ON_REQUEST],
        format=["png", "svg"],
    )


def files_of_table(table, variant):
    """The files that hold `table`."""
    if table in TABLES_OF_A_RUN:
        return expand(
            f"{RESULTS}/{variant}/runs/{{run}}/{table}.parquet",
            run=[run.name for run in settings.runs(VARIANTS[variant])],
        )
    if table == "llc_calibration_traces":
        return calibration_files(variant, table)
    return f"{RESULTS}/{variant}/tables/{table}.parquet"


def tables_of(*tables):
    """Input function: for each of `tables`, its files."""
    return lambda wildcards: {
        table: files_of_table(table, wildcards.variant) for table in tables
    }


def named_tables(wildcards, input):
    """Params function: every input table as TABLE=FILE, for the command line."""
    return [
        f"{table}={path}"
        for table, paths in input.items()
        for path in ([paths] if isinstance(paths, str) else paths)
    ]


def labels_of_figure(figure):
    """Labels function of the report: the figure's name, and whether its code was committed."""

    def labels(wildcards):
        picture = Path(f"{RESULTS}/{wildcards.variant}/figures/{figure}.png")
        return {
            "figure": figure,
            "code": "MODIFIED" if lineage.modified(picture) else "committed",
        }

    return labels
