"""What the paper preset costs on this machine: measured step and checkpoint, multiplied out.

`python -m benchmarks.paper_cost` uses CUDA where there is one.
"""

import resource
import time
from pathlib import Path
from typing import Any

import torch
import yaml

from transient_ridge import config as configuration
from transient_ridge.compute import device_name, prepare, select_device
from transient_ridge.runs import Run
from transient_ridge.trainer import Trainer

CONFIG = Path(__file__).resolve().parents[1] / "config"


def flops_per_step(config: configuration.Config) -> float:
    """Floating-point operations of one update as the model computes it: three forward passes' worth."""
    data, model, batch = config["data"], config["model"], config["training"]["batch_size"]
    K, d, m = data["context_length"], model["d_model"], model["d_mlp"]
    T, projection = 2 * K - 1, d * d if model["attention_projection"] else 0
    layer = T * (3 * d * d + projection + 2 * d * m) + 2 * T * T * d
    last = T * 2 * d * d + K * (d * d + projection + 2 * d * m) + 2 * K * T * d
    return float(3 * 2 * batch * ((model["layers"] - 1) * layer + last))


def bench_paper_cost(repeats: int = 3) -> dict[str, Any]:
    """Seconds per step, and hours and gigabytes of the whole preset."""
    default, paper = (
        yaml.safe_load((CONFIG / f"{name}.yaml").read_text()) for name in ("config", "paper")
    )
    config = configuration.overlay(default, paper)
    device = select_device("auto")
    prepare(device, config["training"]["precision"], torch.get_num_threads())
    trainer = Trainer(Run(64, 0), configuration.stage_settings(config, "train"), device)
    trainer.update()
    _wait(device)
    began = time.perf_counter()
    for _ in range(repeats):
        trainer.update()
    _wait(device)
    seconds = (time.perf_counter() - began) / repeats
    runs = len(configuration.runs(config))
    hours = seconds * config["training"]["steps"] / 3600
    memory = (
        torch.cuda.max_memory_allocated()
        if device.type == "cuda"
        else 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    )
    return {
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "step_s": seconds,
        "gflop_per_step": flops_per_step(config) / 1e9,
        "tflop_per_s": flops_per_step(config) / seconds / 1e12,
        "hours_per_run": hours,
        "runs": runs,
        "hours_in_all": hours * runs,
        "memory_gb": memory / 1e9,
        "weights_gb_per_run": configuration.needed_bytes(config) / 1e9,
    }


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    for name, value in bench_paper_cost().items():
        print(f"{name:20s} {value if isinstance(value, str) else f'{value:.4g}'}")
