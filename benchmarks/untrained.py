"""What several benchmarks measure: presets, and the local posterior around untrained weights, which costs the same."""

from pathlib import Path
from typing import Any

import torch
import yaml

from transient_ridge.config import configuration
from transient_ridge.config.runs import Run
from transient_ridge.config.settings import LlcSettings
from transient_ridge.llc.posterior import CheckpointPosterior
from transient_ridge.training.trainer import Trainer

CONFIG = Path(__file__).resolve().parents[1] / "config"


def preset(name: str) -> dict[str, Any]:
    """The configuration `laptop`, or another preset laid over it."""
    laptop: dict[str, Any] = yaml.safe_load((CONFIG / "config.yaml").read_text())
    if name == "laptop":
        return laptop
    return configuration.overlay(laptop, yaml.safe_load((CONFIG / f"{name}.yaml").read_text()))


def posterior(
    config: configuration.Config, device: torch.device, chains: int
) -> CheckpointPosterior:
    """The target of so many chains that start at the initial weights of a run."""
    trainer = Trainer(Run(8, 0), configuration.stage_settings(config, "train"), device)
    weights = {name: parameter.detach() for name, parameter in trainer.parameters.items()}
    return CheckpointPosterior(
        trainer.model, weights, trainer.run, 0,
        root_seed=0, data=trainer.data, settings=LlcSettings.of(config["llc"]), chains=chains,
    )  # fmt: skip
