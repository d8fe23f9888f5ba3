"""The validated configuration, and the functions with which rules state what they read, write and depend on."""

import atexit
import functools
import gc
import importlib.util
import json
import math
import os
import sys
from pathlib import Path

# Planning makes many lasting objects; searching them for garbage again and again takes a sixth of its time.
gc.freeze()
gc.set_threshold(100_000)

# Jobs use the package beside the workflow, installed or not, under the Python that runs Snakemake. A workflow that
# Snakemake has fetched from elsewhere has no package beside it and uses the installed one.
HERE = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).resolve()
if "{" in str(HERE) or "}" in str(HERE):
    raise WorkflowError(
        f"{HERE}: braces in the path of the workflow, which Snakemake takes for wildcards; move it to a folder without"
    )
SOURCE = HERE.parents[1] / "src"
if SOURCE.is_dir():
    sys.path.insert(0, str(SOURCE))
    os.environ |= {
        "PYTHONPATH": os.pathsep.join(
            [str(SOURCE), *filter(None, [os.getenv("PYTHONPATH")])]
        )
    }
elif importlib.util.find_spec("transient_ridge") is None:
    raise WorkflowError(
        f"{HERE}: no package transient_ridge beside the workflow; clone the repository, or run `pip install .` in a clone "
        "of the same version"
    )
os.environ |= {
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.getenv("PATH", "")])
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
from transient_ridge.artefacts.catalogue import catalogue
from transient_ridge.artefacts.layout import Layout
from transient_ridge.artefacts.schemas import judged
from transient_ridge.config import (
    configuration,
    grid,
    presets,
    runs,
    sizing,
    validation,
)
from transient_ridge.config.asked import keys_of
from transient_ridge.config.registries import PREDICTORS
from transient_ridge.config.section import choices
from transient_ridge.config.settings import Configuration
from transient_ridge.errors import ConfigError, TransientRidgeError
from transient_ridge.places import in_extensions, module_name
from transient_ridge.report import status
from transient_ridge.stage import tables_read_by, written_by

if workflow.storage_settings.default_storage_provider is not None:
    raise WorkflowError(
        "--default-storage-provider: storage plugins are not supported, since jobs write records beside their outputs "
        "that Snakemake would not carry; keep results/ on a file system that all jobs see (a link will do)"
    )

try:
    environment.settle(os.environ)
    if (
        not workflow.modifier.skip_configfile
    ):  # a module receives its configuration from the workflow that uses it
        command_line = workflow.config_settings
        stated = presets.stated(command_line.configfiles, command_line.config)
        config.clear()
        config.update(stated)
    validation.validate(config)
    RESULTS = f"results/{config['preset']}"
    configuration.check_results_folder(config, Path(RESULTS))
    LAYOUT = Layout(config)
except ConfigError as error:
    raise WorkflowError(str(error)) from None

VARIANTS = LAYOUT.variants
COHORTS = {variant: grid.cohorts(resolved) for variant, resolved in VARIANTS.items()}
# Jobs receive these as resources, which, unlike params, make nothing stale.
DEVICE = config["compute"]["device"]
GPUS = int(DEVICE == "cuda")
STATE_SECONDS = str(config["compute"]["state_seconds"])
BESIDE_A_GPU = 5000  # MB of host memory for a process with a CUDA context; not measured

# One environment for all rules; used with `--software-deployment-method conda`.
ENVIRONMENT = workflow.source_path("../../environment.yml")


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
    """The command of a rule, with its output in the rule's log."""
    return f"{' '.join(words)} > {{log}} 2>&1"


def stage(about, also=()):
    """Params of the rule that runs the stage of the module `about`.

    They hold the files by their names in the rule, the keys of the configuration that the stage's signature asks for, and
    a fingerprint of the code behind it: of the module, of the registry entries that the keys choose, and of the modules
    in `also`.
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
    """The predictors that a variant's figures show; without a variant, those of all variants."""
    of = VARIANTS.values() if variant is None else [VARIANTS[variant]]
    chosen = {
        PREDICTORS.module(each)
        for resolved in of
        for each in resolved["evaluation"]["predictors"]
    }
    return tuple(sorted(chosen))


def scratch(wildcards):
    """Where a training run keeps its state: a folder that belongs to these settings and this code."""
    key = provenance.settings_hash(
        [
            settings_of(wildcards.variant, keys_of("training.train")),
            code_of("training.train", wildcards.variant, keys_of("training.train")),
        ]
    )
    return f"{RESULTS}/{wildcards.variant}/scratch/{wildcards.run}-{key}"


def cohort(wildcards):
    """Resource function: the runs that a training job may advance in one stack, including its own."""
    return " ".join(COHORTS[wildcards.variant][wildcards.run])


# -- what it asks of a machine ---------------------------------------------------------------

# Groups of jobs that a cluster runs in one submission; a profile sets how many (group-components). Each belongs to one
# run, so that it waits for no other run's training.
OF_RUN = "measurements_{variant}_{run}"
ON_TASKS = "on_tasks_{variant}_{run}"
# A profile that limits this resource within submissions makes their jobs run, and count, one after another.
IN_TURN = {"in_turn": 1}


def light(mb=1500, minutes=3):
    """Resources of a short job: memory and time that grow with the attempt."""
    return IN_TURN | {
        "mem_mb": lambda wildcards, attempt: mb * attempt,
        "runtime": lambda wildcards, attempt: minutes * attempt,
    }


def computing(need, minutes):
    """Resources of a job that computes on the device for `minutes`, with `need` MB of its memory."""
    return IN_TURN | {
        "mem_mb": memory(need),
        "device": DEVICE,
        "gpu": GPUS,
        "gpu_mem_mb": lambda wildcards: needed(need, wildcards.variant),
        "runtime": lambda wildcards, attempt: minutes * attempt,
    }


@functools.cache
def needed(need, variant):
    """MB of `need` for a variant, computed once, because grids have thousands of jobs."""
    return need(VARIANTS[variant])


def memory(need, gpus=GPUS):
    """Resource function: MB of `need`, more at every attempt; with a GPU, the host memory of its driver instead."""
    return lambda wildcards, attempt: attempt * (
        BESIDE_A_GPU if gpus else needed(need, wildcards.variant)
    )


def pca_minutes(fits):
    """Resource function: minutes for `fits` fits of a variant's joint PCA, on threads that are half busy."""
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


def of_infinity(file):
    """Input function: `file`, a path of a run, for the M = infinity run of the same seed."""
    return lambda wildcards: file.format(
        variant=wildcards.variant,
        run=runs.Run.parse(wildcards.run)._replace(task_diversity=math.inf).name,
    )


def parts(table):
    """Input function: every file of a table of runs or chunks."""
    return lambda wildcards: LAYOUT.files(table, wildcards.variant)


def tables(*names):
    """Input function: for each of these tables, what a stage reads."""
    return lambda wildcards: {
        name: LAYOUT.read(name, wildcards.get("variant")) for name in names
    }


def manifests(variants):
    """The manifests of the checkpoints of all runs in these variants."""
    return [
        rules.train.output.manifest.format(variant=variant, run=run.name)
        for variant in variants
        for run in grid.runs(VARIANTS[variant])
    ]


def of_variants(variants, *names):
    """Every file of the tables `names` in these variants."""
    return [
        path
        for variant in variants
        for name in names
        for path in LAYOUT.files(name, variant)
    ]


def figure_files(*figures):
    """The named figures; without names, all that have something to show, except those made only on request."""
    return [
        f"{folder}/figures/{name}.{format}"
        for name, entry in catalogue().items()
        if (name in figures if figures else not entry.on_request)
        for folder in LAYOUT.drawn_in(entry)
        for format in ("png", "svg")
    ]


def tables_of_figure(entry):
    """Input function: the files of a figure's tables, from every draw if the figure compares draws."""

    def of_draws(wildcards):
        return {name: of_variants(LAYOUT.root_seeds, name) for name in entry.tables}

    return of_draws if entry.over_draws else tables(*entry.tables)


def labels_of_figure(figure):
    """Labels function of the report: the figure's name, and whether the code behind it was committed."""

    def labels(wildcards):
        folder = LAYOUT.home(catalogue()[figure]).format(
            variant=wildcards.get("variant")
        )
        picture = Path(f"{folder}/figures/{figure}.png")
        return {
            "figure": figure,
            "code": trace.state_of_code(picture),
        }

    return labels
