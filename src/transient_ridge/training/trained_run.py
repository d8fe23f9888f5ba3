"""A trained run, for measurements: one model that takes the weights of each checkpoint in turn."""

from pathlib import Path

import torch

from ..config.settings import EvaluationSettings, TrainedBy
from ..model.transformer import Transformer
from .checkpoints import Checkpoints


class TrainedRun:
    """Checkpoints of one run, and the settings of their measurement."""

    def __init__(
        self,
        manifest: Path,
        weights: Path,
        trained_by: TrainedBy,
        evaluation: EvaluationSettings,
        device: torch.device,
    ) -> None:
        """Raises CheckpointError if the checkpoints are missing or made with other settings."""
        self.data, self.shape = trained_by.data, trained_by.model
        self.sizes, self.root_seed = evaluation, trained_by.seed
        self._kept = Checkpoints(manifest, weights, trained_by)
        self._model = Transformer(self.data.dimension, self.shape).to(device).eval()
        self._device = device

    @property
    def steps(self) -> list[int]:
        """The steps of its checkpoints, ascending."""
        return self._kept.steps

    def at(self, step: int) -> Transformer:
        """The model with the weights of ``step``, until the next call. Raises CheckpointError if they are damaged."""
        self._model.load_state_dict(self._kept.load(step, self._device, self.sizes.weights))
        return self._model
