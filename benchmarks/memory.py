"""The memory and CPU time that jobs take, beside what they request (src/transient_ridge/sizing.py).

`python -m benchmarks.memory` prints a line per piece of work, each done in a process of its own: training steps, a
forward pass over an evaluation chunk and SGLD steps at the sizes of a preset (of `paper` a quarter of the batch and
of the chains), and the joint PCA of 8 runs at B = 512, K = 16 with growing numbers of checkpoints, on made-up numbers.
"""

import os
import resource
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmarks import untrained
from transient_ridge.analysis.joint_pca import compute_joint_pca
from transient_ridge.artefacts.provenance import peak_memory_mb
from transient_ridge.artefacts.tables import Rows
from transient_ridge.config import configuration, grid, presets, sizing
from transient_ridge.config.limits import CHUNK
from transient_ridge.config.runs import Run
from transient_ridge.config.settings import PcaSettings, SgldSettings
from transient_ridge.llc.chains import sample
from transient_ridge.model.device import prepare
from transient_ridge.model.functional import predict
from transient_ridge.training.stack import Stack
from transient_ridge.training.step import take_step
from transient_ridge.training.trainer import Trainer

CPU = torch.device("cpu")
WORK = [
    *((kind, preset) for preset in ("laptop", "paper") for kind in ("train", "evaluate", "llc")),
    *(("pca", checkpoints) for checkpoints in ("25", "100", "200", "500")),
]


def sized(name: str) -> dict[str, Any]:
    """The preset, `paper` at a quarter of its batch and its chains, which fits a small machine."""
    config = presets.load(name)
    if name == "paper":
        config["training"]["batch_size"] //= 4
        config["llc"] |= {"chains": 2, "minibatch": 256, "sequences": 1024}
    return config


def of_checkpoints(number: int) -> dict[str, Any]:
    """Eight runs with this many checkpoints and 8,192 outputs each."""
    config = presets.load("laptop")
    config["grid"] = {"task_diversities": [4], "seeds": list(range(8))}
    config["data"]["context_length"] = 16
    config["training"]["steps"] = 100 * (number - 1)
    config["checkpoints"] = {"linear_every": 100, "log_count": 0, "extra_steps": []}
    return config


def train(config: grid.Config) -> float:
    alone = Stack([Trainer(Run(8, 0), configuration.trained_by(config), CPU)])
    for _ in range(3):
        take_step(alone)
    return sizing.train_mb(config)


def evaluate(config: grid.Config) -> float:
    trainer = Trainer(Run(8, 0), configuration.trained_by(config), CPU)
    predict(trainer.model, *trainer.batches.source.draw(CHUNK, "validation"))
    return sizing.evaluate_mb(config)


def llc(config: grid.Config) -> float:
    posterior = untrained.posterior(config, CPU, config["llc"]["chains"])
    steps = SgldSettings.of(config["llc"] | {"burn_in": 0, "draws": 8})
    sample(posterior, steps, posterior.settings.n_beta, posterior.noise())
    return sizing.llc_mb(config)


def pca(config: grid.Config) -> float:
    rng = np.random.default_rng(0)
    values = config["pca"]["sequences"] * config["data"]["context_length"]

    def made_up(table: str, keys: list[dict[str, Any]]) -> pd.DataFrame:
        rows = Rows(table)
        for key in keys:
            rows.add(**key, outputs=rng.standard_normal(values, dtype=np.float32))
        return rows.frame()

    keys = [
        {"task_diversity": run.task_diversity, "seed": run.seed, "step": step}
        for run in grid.runs(config)
        for step in configuration.checkpoint_schedule(config)
    ]
    predictors = [
        {"task_diversity": 4.0, "predictor": "dmmse"},
        {"task_diversity": np.inf, "predictor": "ridge"},
    ]
    compute_joint_pca(
        made_up("outputs", keys),
        made_up("idealised_outputs", predictors),
        made_up("softened_outputs", []),
        PcaSettings.of(config["pca"]),
        config["data"]["context_length"],
    )
    return sizing.pca_mb(config)


def measure(kind: str, size: str) -> None:
    """Do the work; print its peak MB, the MB requested, and its CPU seconds beside those allowed for a fit."""
    prepare(CPU, "float32", os.cpu_count() or 1)
    config = of_checkpoints(int(size)) if kind == "pca" else sized(size)
    began = time.process_time()
    asked = {"train": train, "evaluate": evaluate, "llc": llc, "pca": pca}[kind](config)
    seconds = time.process_time() - began
    peak = peak_memory_mb(resource.getrusage(resource.RUSAGE_SELF))
    allowed = f"{sizing.pca_cpu_seconds(config):.0f}" if kind == "pca" else ""
    print(f"{kind:>10} {size:>8} {peak:>9.0f} {asked:>9.0f} {seconds:>7.1f} {allowed:>9}")


def main() -> None:
    if len(sys.argv) == 3:
        measure(*sys.argv[1:])
        return
    print(
        f"{'work':>10} {'size':>8} {'peak, MB':>9} {'asks, MB':>9} {'CPU, s':>7} {'allows, s':>9}"
    )
    for kind, size in WORK:
        command = [sys.executable, "-m", "benchmarks.memory", kind, size]
        print(
            subprocess.run(command, capture_output=True, text=True, check=True).stdout,
            end="",
            flush=True,
        )


if __name__ == "__main__":
    main()
