"""What a GPU makes of the pipeline, in one call: `make gpu-check`. Writes gpu-check.json and gpu-check.md.

Measures the device's own matrix products first, then training of the paper preset at each precision as a share of
them, stacked training of the laptop model, SGLD chains, evaluation, and whether less precision changes what is
learnt; and multiplies out what the paper preset costs. Without a GPU everything runs on the CPU (`--small` makes
that quick).
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks import untrained
from transient_ridge.config import configuration, grid, presets, sizing
from transient_ridge.config.runs import Run
from transient_ridge.config.settings import CrosscheckSettings, LlcSettings, TrainedBy
from transient_ridge.llc.chains import sample
from transient_ridge.llc.stages.crosscheck import plain_sgld
from transient_ridge.model.device import device_name, prepare, select_device
from transient_ridge.model.functional import predict
from transient_ridge.training.stack import Stack
from transient_ridge.training.step import take_step
from transient_ridge.training.trainer import Trainer

PRECISIONS = ("float32", "tf32", "bf16")


@dataclass(frozen=True)
class Sizes:
    """How much of everything is measured."""

    matrix: int = 8192
    paper_batch: int = 1024
    laptop_batch: int = 128
    steps: int = 50
    stacks: tuple[int, ...] = (1, 8, 32)
    trajectory: int = 500
    chain_steps: int = 50


SMALL = Sizes(
    256, paper_batch=4, laptop_batch=4, steps=2, stacks=(1, 2, 4), trajectory=50, chain_steps=3
)


def check(device: torch.device, sizes: Sizes) -> dict[str, Any]:
    """All measurements, as a JSON value."""
    laptop, paper = presets.load("laptop"), presets.load("paper")
    laptop["training"]["batch_size"] = sizes.laptop_batch
    whole_batch = paper["training"]["batch_size"]
    paper["training"]["batch_size"] = sizes.paper_batch
    training = {name: _training(paper, device, name, sizes) for name in PRECISIONS}
    stacks = {str(runs): _stacked(laptop, device, runs, sizes) for runs in sizes.stacks}
    return {
        "device": device_name(device),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "sizes": asdict(sizes),
        "paper_training": training,
        "laptop_stacks": stacks,
        "laptop_chains": _chains(laptop, device, sizes),
        "evaluation_sequences_per_s": _evaluation(paper, device, sizes),
        "precision_trajectories": _trajectories(laptop, device, sizes),
        "paper_cost": {name: _cost(paper, row, whole_batch) for name, row in training.items()},
    }


def flops_per_step(config: grid.Config) -> float:
    """Floating-point operations of one update as the model computes it: three forward passes' worth."""
    data, model, batch = config["data"], config["model"], config["training"]["batch_size"]
    K, d, m = data["context_length"], model["d_model"], model["d_mlp"]
    T, projection = 2 * K - 1, d * d if model["attention_projection"] else 0
    layer = T * (3 * d * d + projection + 2 * d * m) + 2 * T * T * d
    last = T * 2 * d * d + K * (d * d + projection + 2 * d * m) + 2 * K * T * d
    return float(3 * 2 * batch * ((model["layers"] - 1) * layer + last))


def ceiling(device: torch.device, precision: str, n: int) -> float:
    """TFLOP/s of the product of two n x n matrices."""
    _prepare(device, precision)
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    a, b = (torch.randn(n, n, device=device, dtype=kind) for _ in range(2))
    return 2 * n**3 / _seconds(device, lambda: a @ b, 10) / 1e12


def _training(
    config: grid.Config, device: torch.device, precision: str, sizes: Sizes
) -> dict[str, float]:
    of_matrices = ceiling(device, precision, sizes.matrix)
    settings = _at(precision, config)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    stack = Stack([Trainer(Run(64, 0), settings, device)])
    seconds = _seconds(device, lambda: take_step(stack), sizes.steps)
    reached = flops_per_step(config) / seconds / 1e12
    memory = torch.cuda.max_memory_allocated() / 1e9 if device.type == "cuda" else 0.0
    return {
        "step_ms": 1000 * seconds,
        "tflop_per_s": reached,
        "ceiling_tflop_per_s": of_matrices,
        "share_of_ceiling": reached / of_matrices,
        "memory_gb": memory,
    }


def _at(precision: str, config: grid.Config) -> TrainedBy:
    settings = configuration.trained_by(config)
    return settings.changed(training=settings.training.changed(precision=precision))


def _stacked(
    config: grid.Config, device: torch.device, runs: int, sizes: Sizes
) -> dict[str, float]:
    _prepare(device, "float32")
    settings = configuration.trained_by(config)
    stack = Stack([Trainer(Run(8, seed), settings, device) for seed in range(runs)])
    seconds = _seconds(device, lambda: take_step(stack), sizes.steps)
    return {"step_ms": 1000 * seconds, "run_steps_per_s": runs / seconds}


def _chains(config: grid.Config, device: torch.device, sizes: Sizes) -> dict[str, float]:
    """Chain-steps per second of 8 stacked chains, and of devinterp's optimisers, one per chain."""
    _prepare(device, "float32")
    asked = CrosscheckSettings.of(config["llc_crosscheck"])
    plain = plain_sgld(LlcSettings.of(config["llc"]), asked)
    llc = plain.changed(chains=8, burn_in=0, draws=sizes.chain_steps)
    posterior = untrained.posterior({**config, "llc": dict(llc)}, device, chains=8)
    samplers: dict[str, Callable[[], object]] = {
        name: partial(sample, posterior, llc.changed(sampler=name), llc.n_beta, posterior.noise())
        for name in ("sgld", "devinterp")
    }
    return {
        f"{name}_per_s": 8 * sizes.chain_steps / _seconds(device, work, 1)
        for name, work in samplers.items()
    }


def _evaluation(config: grid.Config, device: torch.device, sizes: Sizes) -> float:
    _prepare(device, "float32")
    trainer = Trainer(Run(64, 0), configuration.trained_by(config), device)
    source = trainer.batches.source
    sequences = source.draw(2 * sizes.paper_batch, "evaluation").to(device)
    with torch.no_grad():
        return len(sequences.x) / _seconds(device, lambda: predict(trainer.model, *sequences), 3)


def _trajectories(
    config: grid.Config, device: torch.device, sizes: Sizes
) -> dict[str, list[float]]:
    """Mean training loss of the last 50 steps of M = 8, two seeds: do they differ by more than precisions do?"""
    found: dict[str, list[float]] = {}
    for precision in PRECISIONS:
        _prepare(device, precision)
        settings = _at(precision, config)
        for seed in (0, 1):
            trainer = Trainer(Run(8, seed), settings, device)
            alone = Stack([trainer])
            for _ in range(sizes.trajectory):
                take_step(alone)
            found.setdefault(precision, []).append(trainer.curve.points[-1][1])
    return found


def _cost(config: grid.Config, measured: dict[str, float], batch: int) -> dict[str, float]:
    """The whole paper preset by a measured step; a smaller batch is scaled up by its operations."""
    runs = len(grid.runs(config))
    seconds = measured["step_ms"] / 1000 * batch / config["training"]["batch_size"]
    hours = seconds * config["training"]["steps"] * runs / 3600
    weights = sizing.weights_bytes(config) / 1e9
    return {
        "runs": runs,
        "device_hours": hours,
        "disk_gb_at_once": 2 * weights,
        "disk_gb_all_weights": runs * weights,
        "device_hours_of_ten_times_the_grid": 10 * hours,
    }


def _seconds(device: torch.device, work: Callable[[], object], repeats: int) -> float:
    """Median time of three rounds of ``repeats``, after one to warm up."""
    work()
    rounds = []
    for _ in range(3):
        _wait(device)
        began = time.perf_counter()
        for _ in range(repeats):
            work()
        _wait(device)
        rounds.append((time.perf_counter() - began) / repeats)
    return statistics.median(rounds)


def _prepare(device: torch.device, precision: str) -> None:
    prepare(device, precision, torch.get_num_threads())


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def markdown(found: dict[str, Any]) -> str:
    """The measurements as a page."""
    lines = [f"# {found['device']}, torch {found['torch']}, {found['threads']} threads", ""]
    if found["sizes"] != json.loads(json.dumps(asdict(Sizes()))):
        lines += ["**Small sizes: this shows that everything runs, not how fast.**", ""]
    one = found["laptop_stacks"]["1"]["run_steps_per_s"]
    lines += _table(
        "The paper preset's training step",
        ["precision", "ms", "TFLOP/s", "of matrix products", "share", "memory GB"],
        [[name, *row.values()] for name, row in found["paper_training"].items()],
    )
    lines += _table(
        "The laptop model, stacked",
        ["runs", "ms per step", "run-steps per s", "of one run's"],
        [
            [n, *row.values(), row["run_steps_per_s"] / one]
            for n, row in found["laptop_stacks"].items()
        ],
    )
    lines += _table(
        "SGLD chain-steps per second, 8 chains of the laptop model",
        list(found["laptop_chains"]),
        [list(found["laptop_chains"].values())],
    )
    lines += _table(
        "Training loss of M = 8 by precision, two seeds",
        ["precision", "seed 0", "seed 1"],
        [[name, *losses] for name, losses in found["precision_trajectories"].items()],
    )
    lines += _table(
        "The whole paper preset",
        ["precision", *next(iter(found["paper_cost"].values()))],
        [[name, *row.values()] for name, row in found["paper_cost"].items()],
    )
    lines += [f"Evaluation: {found['evaluation_sequences_per_s']:.4g} sequences per second."]
    return "\n".join(lines) + "\n"


def _table(title: str, head: list[str], rows: list[list[Any]]) -> list[str]:
    cells = [[each if isinstance(each, str) else f"{each:.4g}" for each in row] for row in rows]
    lines = [head, ["---"] * len(head), *cells]
    return [f"## {title}", "", *(f"| {' | '.join(line)} |" for line in lines), ""]


def main(arguments: list[str] | None = None) -> None:
    """Measure and write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--small", action="store_true", help="see whether it runs")
    asked = parser.parse_args(arguments)
    found = check(select_device(asked.device), SMALL if asked.small else Sizes())
    asked.folder.mkdir(parents=True, exist_ok=True)
    (asked.folder / "gpu-check.json").write_text(json.dumps(found, indent=1))
    (asked.folder / "gpu-check.md").write_text(markdown(found))
    print(markdown(found))


if __name__ == "__main__":
    main()
