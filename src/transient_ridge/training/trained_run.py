"""A trained run as those see it that measure it: its checkpoints, one after the other, as one model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ..config.settings import DataSettings, EvaluationSettings, ModelSettings
from ..model.transformer import Transformer
from .checkpoints import Checkpoints


class TrainedRun:
    """Checkpoints of one run, and what they are measured on."""

    def __init__(
        self, manifest: Path, weights: Path, settings: Mapping[str, Any], device: torch.device
    ) -> None:
        """``settings`` hold what the weights were trained with and the section ``evaluation``.

        Raises CheckpointError if the checkpoints are missing or made with other settings.
        """
        self.data = DataSettings.of(settings["data"])
        self.sizes = EvaluationSettings.of(settings["evaluation"])
        self.root_seed: int = settings["seed"]
        self.shape = ModelSettings.of(settings["model"])
        self._kept = Checkpoints(manifest, weights, settings)
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
