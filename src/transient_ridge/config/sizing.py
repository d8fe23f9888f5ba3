"""The memory, time and disk space that jobs need.

Constants bound from above what ``benchmarks/memory.py`` measures, since schedulers kill jobs that exceed their request.
Functions that end in ``_mb`` return MB.
"""

import shutil
from functools import partial
from pathlib import Path

from ..errors import ConfigError
from .architecture import parameter_count
from .configuration import checkpoint_schedule, resolve
from .grid import Config, runs
from .limits import CHUNK, GRADIENT_NUMBERS, PER_SEQUENCE_NUMBERS, PRODUCT_SEQUENCES
from .settings import ModelSettings

#: MB of Python, torch, ArviZ, tables and malloc's reserve: up to 970 measured, in LLC jobs of the laptop preset.
PROCESS = 1500


def weights_bytes(config: Config) -> int:
    """Disk space for the weights of one run, in bytes (float32)."""
    kept = 2 if config["training"]["keep_raw"] else 1
    return 4 * kept * _parameters(config) * len(checkpoint_schedule(config))


def train_mb(config: Config) -> int:
    """Memory of a training job: activations of a batch, weights, gradient and moments of every run in the stack."""
    each = 1.2 * _activations(config, config["training"]["batch_size"]) + 24 * _parameters(config)
    stack = min(int(config["compute"]["stack"]), len(runs(config)))
    return PROCESS + round(stack * each / 1e6)


def evaluate_mb(config: Config) -> int:
    """Memory of measuring all checkpoints of a run: one forward pass, and the outputs of all checkpoints."""
    outputs = 4 * _outputs(config, config["evaluation"]["root_task_sequences"])
    checkpoints = len(checkpoint_schedule(config))
    return PROCESS + round((_forward(config) + 3 * outputs * checkpoints) / 1e6)


def llc_mb(config: Config, section: str = "llc") -> int:
    """Memory of sampling all chains of ``section`` at once.

    Positions, gradients, noise, probes and minibatches; and 40 vectors of Lanczos with three copies, and the graph
    behind its products.
    """
    chains = int(config[section]["chains"])
    activations = _activations(config, chains * config["llc"]["minibatch"])
    steps = 14 * 4 * chains * _parameters(config) + activations
    curvature = 4 * 40 * 4 * _parameters(config) + 3 * _activations(config, PRODUCT_SEQUENCES)
    return PROCESS + round(max(steps + curvature, _forward(config)) / 1e6)


#: Memory of the ladder and of the calibration's sweep, which sample one cell after another.
ladder_mb = partial(llc_mb, section="llc_ladder")
calibration_mb = partial(llc_mb, section="llc_calibration")


def spectrum_mb(config: Config) -> int:
    """Memory of the curvature: gradients of some parameters, or the Gram matrix with its eigenvectors."""
    rows = _outputs(config, config["spectrum"]["sequences"])
    model = config["model"]
    largest = int(model["d_model"]) * max(3 * int(model["d_model"]), int(model["d_mlp"]))
    # Gradients that are held, and those of one chunk with the copies of the parameters that they belong to.
    gradients = 4 * (max(GRADIENT_NUMBERS, rows * largest) + 3 * PER_SEQUENCE_NUMBERS)
    return PROCESS + round((gradients + 6 * 8 * rows**2) / 1e6)


def pca_mb(config: Config) -> int:
    """Memory of the joint PCA: up to nine times its data in float64."""
    rows, columns = _pca_shape(config)
    return PROCESS + 9 * 8 * rows * columns // 10**6


def pca_cpu_seconds(config: Config) -> float:
    """CPU time of one fit of the joint PCA, on the slower of two machines, in seconds."""
    rows, columns = _pca_shape(config)
    n = min(rows, columns)
    return 1.3e-10 * rows * columns * n + 1e-9 * n**3


def robustness_fits(config: Config) -> int:
    """Number of fits for the robustness of the joint PCA: full, every B, three schedules, without each run."""
    return 1 + len(config["pca_robustness"]["sequences"]) + 3 + len(runs(config))


def check_disk(config: Config, results: Path, runs_at_once: int) -> None:
    """Raise ConfigError if the disk cannot hold the weights of the runs that are still to be trained."""
    needed = 0
    for variant in config["variants"]:
        resolved = resolve(config, variant)
        manifests = [
            results / variant / "runs" / run.name / "checkpoints.json" for run in runs(resolved)
        ]
        pending = sum(not manifest.exists() for manifest in manifests)
        if not config["keep_weights"]:
            pending = min(pending, runs_at_once + 1)
        needed += pending * weights_bytes(resolved)
    results.mkdir(parents=True, exist_ok=True)
    total, _, free = shutil.disk_usage(results)
    if total and needed > free:  # some mounts report a size of 0
        raise ConfigError(
            f"{results}: the weights need {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free; raise "
            "checkpoints.linear_every, lower checkpoints.log_count, set keep_weights: false, or free space"
        )


def _parameters(config: Config) -> int:
    return parameter_count(ModelSettings.of(config["model"]), config["data"]["dimension"])


def _activations(config: Config, sequences: int) -> int:
    """Bytes that a forward pass keeps for the backward pass."""
    model, tokens = ModelSettings.of(config["model"]), 2 * int(config["data"]["context_length"])
    return 4 * sequences * tokens * model.layers * (8 * model.d_model + 6 * model.d_mlp)


def _forward(config: Config) -> float:
    return _activations(config, CHUNK) / 3


def _outputs(config: Config, sequences: int) -> int:
    return int(sequences * config["data"]["context_length"])


def _pca_shape(config: Config) -> tuple[int, int]:
    """Checkpoints of all runs, and B*K."""
    rows = len(checkpoint_schedule(config)) * len(runs(config))
    return rows, _outputs(config, config["pca"]["sequences"])
