"""The validated configuration, and the functions with which a rule says what it reads, writes and depends on."""

import atexit
import functools
import json
import os
import sys
from pathlib import Path

# The package beside this file is the one that runs, installed or not, under the Python that runs Snakemake; also where
# another workflow uses this one as a module from a folder of its own.
HERE = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).resolve()
SOURCE = str(HERE.parents[1] / "src")
sys.path.insert(0, SOURCE)
os.environ |= {
    "PYTHONPATH": os.pathsep.join([SOURCE, os.getenv("PYTHONPATH", "")]).rstrip(
        os.pathsep
    ),
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.getenv("PATH", "")]),
}

from transient_ridge import environment
from transient_ridge.artefacts import (
    contents,
    files,
    fingerprints,
    locks,
    provenance,
    trace,
)
from transient_ridge.artefacts.schemas import TABLES
from transient_ridge.config import configuration, presets, runs, sizing, validation
from transient_ridge.config.asked import keys_of
from transient_ridge.config.registries import INPUT_LAWS, PREDICTORS, TASK_FAMILIES
from transient_ridge.config.section import choices
from transient_ridge.config.settings import Configuration
from transient_ridge.errors import ConfigError, TransientRidgeError
from transient_ridge.figures.catalogue import catalogue
from transient_ridge.places import in_extensions, module_name
from transient_ridge.report import status
from transient_ridge.stage import tables_of

if workflow.storage_settings.default_storage_provider is not None:
    raise WorkflowError(
        "--default-storage-provider: storage plugins are not supported, since jobs write records beside their outputs "
        "that Snakemake would not carry; keep results/ on a file system that all jobs see (a link will do)"
    )

try:
    environment.settle(os.environ)
    if not workflow.modifier.skip_configfile:  # else a module is given its configuration
        command_line = workflow.config_settings
        stated = presets.stated(command_line.configfiles, command_line.config)
        config.clear()
        config.update(stated)
    validation.validate(config)
    RESULTS = f"results/{config['preset']}"
    configuration.check_results_folder(config, Path(RESULTS))
except ConfigError as error:
    raise WorkflowError(str(error)) from None

VARIANTS = {
    variant: configuration.resolve(config, variant) for variant in config["variants"]
}
RUNS = {
    variant: [run.name for run in configuration.runs(resolved)]
    for variant, resolved in VARIANTS.items()
}
COHORTS = {
    variant: configuration.cohorts(resolved) for variant, resolved in VARIANTS.items()
}
# Judged together, if there are any.
ROOT_SEEDS = configuration.root_seed_variants(config)
# table that compares variants -> the variants it is made of
COMPARED = configuration.comparisons(config)
# variant -> chunk -> steps whose LLC is estimated
CHUNKS = {
    variant: configuration.llc_chunks(resolved)
    for variant, resolved in VARIANTS.items()
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


# -- what a job runs -------------------------------------------------------------------------

STAGE = (
    "python -m transient_ridge {params.stage} --inputs {params.inputs} --outputs {params.outputs} "
    "--settings {params.settings:q}"
)
ON_DEVICE = f"{STAGE} --run {{wildcards.run}} --device {{resources.device}} --threads {{threads}}"


def job(*words):
    """The command of a rule, with what it prints in the rule's log."""
    return f"{' '.join(words)} > {{log}} 2>&1"


def stage(about, also=()):
    """Params of the rule that runs the stage of the module `about`.

    They are its files by the names that the rule gives them; the keys of the configuration that its signature asks for;
    and a fingerprint of the code behind it. That covers the module, the registry entries that the keys choose, and what
    is named in `also`.
    """
    keys = keys_of(about)
    return {
        "stage": about,
        "inputs": lambda wildcards, input: named(input),
        "outputs": lambda wildcards, output: named(output),
        "settings": lambda wildcards: settings_of(wildcards.get("variant"), keys),
        "code": lambda wildcards: code_of(about, wildcards.get("variant"), keys, also),
    }


def named(files):
    """NAME=FILE for every file of a rule's inputs or outputs; NAME= for a name without files."""
    return [
        f"{name}={path}"
        for name, paths in files.items()
        for path in ([paths] if isinstance(paths, str) else paths or [""])
    ]


@functools.cache
def settings_of(variant, keys):
    """The part of a variant's configuration under `keys`, as JSON; without a variant, of the whole configuration."""
    stated = config if variant is None else VARIANTS[variant]
    return provenance.canonical_json(configuration.pick(stated, keys))


@functools.cache
def code_of(about, variant, keys, also=()):
    """A fingerprint of the code behind a stage (see transient_ridge/artefacts/fingerprints.py)."""
    chosen = []
    if variant is not None:
        given = configuration.pick(VARIANTS[variant], keys)
        chosen = [
            registry.module(choice)
            for _, registry, choice in choices(given, Configuration)
        ]
    return fingerprints.fingerprint(
        about, *sorted({*chosen, *also}), shown=shown_entries(variant)
    )


@functools.cache
def shown_entries(variant):
    """The predictors that a variant's figures show; without a variant, those of all."""
    of = VARIANTS.values() if variant is None else [VARIANTS[variant]]
    chosen = {
        PREDICTORS.module(each)
        for resolved in of
        for each in resolved["evaluation"]["predictors"]
    }
    return tuple(sorted(chosen))


def scratch(wildcards):
    """Where a training run keeps its state: a folder of its own for these settings and this code."""
    key = provenance.settings_hash(
        [
            settings_of(wildcards.variant, keys_of("training.train")),
            code_of("training.train", wildcards.variant, keys_of("training.train")),
        ]
    )
    return f"{RESULTS}/{wildcards.variant}/scratch/{wildcards.run}-{key}"


def cohort(wildcards):
    """Resource function: the runs that a training job may advance in one stack, its own among them."""
    return " ".join(COHORTS[wildcards.variant][wildcards.run])


# -- what it asks of a machine ---------------------------------------------------------------

# Jobs that a cluster runs in one submission, where a profile says how many (group-components). Groups are of one run, so
# that none waits for another run's training.
OF_RUN = "measurements_{variant}_{run}"
ON_TASKS = "on_tasks_{variant}_{run}"
# A profile that limits this resource within submissions has their jobs run, and counted, one after another.
IN_TURN = {"in_turn": 1}


def light(mb=1500, minutes=3):
    """Resources of a short job: memory and time that grow with the attempt."""
    return IN_TURN | {
        "mem_mb": lambda wildcards, attempt: mb * attempt,
        "runtime": lambda wildcards, attempt: minutes * attempt,
    }


def computing(need, minutes):
    """Resources of a job that computes on the device with `need` MB of it, for so many minutes."""
    return IN_TURN | {
        "mem_mb": memory(need),
        "device": DEVICE,
        "gpu": GPUS,
        "gpu_mem_mb": lambda wildcards: needed(need, wildcards.variant),
        "runtime": lambda wildcards, attempt: minutes * attempt,
    }


@functools.cache
def needed(need, variant):
    """MB of `need` for a variant, worked out once: grids have thousands of jobs."""
    return need(VARIANTS[variant])


def memory(need, gpus=GPUS):
    """Resource function: MB of `need` on the CPU, more at every attempt; beside a GPU the host holds its driver."""
    return lambda wildcards, attempt: attempt * (
        BESIDE_A_GPU if gpus else needed(need, wildcards.variant)
    )


def pca_minutes(fits):
    """Resource function: minutes for `fits` of a variant's joint PCA on threads that are half busy."""
    return lambda wildcards, attempt, threads: attempt * round(
        10
        + fits(VARIANTS[wildcards.variant])
        * sizing.pca_cpu_seconds(VARIANTS[wildcards.variant])
        / 30
        / threads
    )


# -- where files are -------------------------------------------------------------------------


def log_of(name):
    """The log of a job of one variant."""
    return f"{RESULTS}/{{variant}}/logs/{name}.log"


def benchmark_of(name):
    """The benchmark file of a job of one variant."""
    return f"{RESULTS}/{{variant}}/benchmarks/{name}.tsv"


def table(name, scope=None):
    """The path of a table, with wildcards; `scope` where a table of chunks is meant joined."""
    return {
        "run": f"{RESULTS}/{{variant}}/runs/{{run}}/{name}.parquet",
        "chunk": f"{RESULTS}/{{variant}}/runs/{{run}}/{name}/{{chunk}}.parquet",
        "variant": f"{RESULTS}/{{variant}}/tables/{name}.parquet",
        "preset": f"{RESULTS}/variants/tables/{name}.parquet",
    }[scope or TABLES[name].scope]


# What is measured on other tasks is compared with what this section measures at the last checkpoint.
LIKE = {"llc_on_tasks": "llc", "quadratic_llc_on_tasks": "spectrum"}


def finite(variant):
    """The runs of finite M."""
    return [run for run in RUNS[variant] if not run.startswith("Minf-")]


# Table of runs -> key of the section `data`, the registry of its entries, the function that the entry must offer for
# there to be a table, and the runs that then have one.
OFFERED = {
    "feature_losses": ("inputs", INPUT_LAWS, "feature", RUNS.get),
    "task_gates": ("tasks", TASK_FAMILIES, "members", finite),
}


def parts_of(name, variant):
    """The files of a table of runs or chunks, of those runs that have one."""
    chosen = RUNS[variant]
    if name.endswith("_on_tasks"):
        chosen = finite_beside_infinity(variant)
        if name in LIKE and not ends_with(variant, LIKE[name]):
            chosen = []
    if name in OFFERED:
        key, registry, function, having = OFFERED[name]
        offers = registry.offers(VARIANTS[variant]["data"][key], function)
        chosen = having(variant) if offers else []
    if name in ("spectrum", "quadratic_llc") and not VARIANTS[variant]["spectrum"]["steps"]:
        chosen = []
    for section in configuration.WITH_RUNS:
        if name.startswith(section):
            chosen = VARIANTS[variant][section]["runs"]
    return expand(table(name), variant=variant, run=chosen, chunk=CHUNKS[variant])


def finite_beside_infinity(variant):
    """The runs of finite M, if there is one of M = infinity that stands for ridge."""
    chosen = finite(variant)
    return chosen if len(chosen) < len(RUNS[variant]) else []


def ends_with(variant, section):
    """Whether the steps of `section` hold the last checkpoint."""
    resolved = VARIANTS[variant]
    return resolved["training"]["steps"] in resolved[section]["steps"]


def of_infinity(file):
    """Input function: `file`, a path of a run, for the M = infinity run of the same seed."""
    return lambda wildcards: file.format(
        variant=wildcards.variant, run=f"Minf-seed{wildcards.run.rpartition('seed')[2]}"
    )


def parts(name):
    """Input function: the files of a table of runs or chunks."""
    return lambda wildcards: parts_of(name, wildcards.variant)


def tables(*names):
    """Input function: for each of these tables, its files; those of chunks joined."""

    def files(wildcards):
        return {
            name: (
                parts_of(name, wildcards.variant)
                if TABLES[name].scope == "run"
                else one_file(name).format(variant=wildcards.get("variant"))
            )
            for name in names
        }

    return files


def one_file(name):
    """The path of a table that is one file, with wildcards; of chunks as it is joined."""
    return table(name, "variant" if TABLES[name].scope == "chunk" else None)


def of_variants(variants, *names):
    """Every file of these tables of some variants."""
    return [
        path
        for variant in variants
        for name in names
        for path in (
            expand(table(name), variant=variant)
            if TABLES[name].scope == "variant"
            else parts_of(name, variant)
        )
    ]


def of_all_variants(*names):
    """Every file of these tables: what a collecting target asks for."""
    return of_variants(VARIANTS, *names)


def table_files():
    """Every table that is not made on request alone; those that compare variants where there is something to compare.

    Chunks are asked for along with what is joined from them: a job that is killed has deleted its outputs, and
    Snakemake does not miss an intermediate file while what was made of it before is there.
    """
    wanted = [
        name
        for name in TABLES
        if not TABLES[name].on_request and TABLES[name].scope != "preset"
    ]
    chunked = [name for name in wanted if TABLES[name].scope == "chunk"]
    joined = [
        path
        for name in chunked
        for path in expand(table(name, "variant"), variant=VARIANTS)
    ]
    return of_all_variants(*wanted) + joined + [table(name) for name in COMPARED]


def page_files():
    """What is read rather than computed with: scorecard, explorer, tables of the report, the README of the tables."""
    pooled = [f"{RESULTS}/root-seeds/claims.md"] if ROOT_SEEDS else []
    return [f"{RESULTS}/README.md", *pooled] + expand(
        f"{RESULTS}/{{variant}}/{{page}}",
        variant=VARIANTS,
        page=["claims.md", "explorer.html", "tables.html"],
    )


def figure_files(*figures):
    """The named figures; without names, all but those made on request alone."""
    return [
        f"{path}.{format}"
        for name, entry in catalogue().items()
        if name in figures or not (figures or entry.on_request) and is_drawn(entry)
        for path in expand(f"{home(entry)}/figures/{name}", variant=VARIANTS)
        for format in ("png", "svg")
    ]


def home(entry):
    """The folder that a figure of the catalogue is in, with wildcards."""
    return f"{RESULTS}/variants" if entry.of_preset else f"{RESULTS}/{{variant}}"


def is_drawn(entry):
    """Whether there is what a figure of the catalogue is about: variants to compare, for one that does."""
    return not entry.of_preset or set(entry.tables) <= set(COMPARED)


def labels_of_figure(figure):
    """Labels function of the report: the figure's name, and whether the code behind it was committed."""

    def labels(wildcards):
        folder = home(catalogue()[figure]).format(variant=wildcards.get("variant"))
        picture = Path(f"{folder}/figures/{figure}.png")
        return {
            "figure": figure,
            "code": trace.state_of_code(picture),
        }

    return labels
