"""The local posterior around untrained weights, whose sampling costs as much as around trained ones."""

import torch

from transient_ridge.config import configuration, grid
from transient_ridge.config.runs import Run
from transient_ridge.config.settings import LlcSettings
from transient_ridge.llc.posterior import CheckpointPosterior
from transient_ridge.training.trainer import Trainer


def posterior(config: grid.Config, device: torch.device, chains: int) -> CheckpointPosterior:
    """The target of ``chains`` chains that start at the initial weights of a run."""
    trainer = Trainer(Run(8, 0), configuration.trained_by(config), device)
    weights = {name: parameter.detach() for name, parameter in trainer.parameters.items()}
    return CheckpointPosterior(
        trainer.model, weights, trainer.run, 0,
        root_seed=0, data=trainer.data, settings=LlcSettings.of(config["llc"]), chains=chains,
    )  # fmt: skip
