"""Settings that many tests share: a model and a run small enough for milliseconds."""

from pathlib import Path

import pytest
import torch

from transient_ridge.config import presets
from transient_ridge.config.configuration import trained_by
from transient_ridge.config.settings import DataSettings

ROOT = Path(__file__).resolve().parents[1]

#: D = 2, K = 3, sigma^2 = 1/8.
DATA = DataSettings(2, 3, 0.125, "gaussian", "gaussian")

torch.set_num_threads(1)


@pytest.fixture
def smoke() -> dict:
    """The smoke configuration, resolved."""
    return presets.load("smoke")


@pytest.fixture
def tiny(smoke: dict) -> dict:
    """What a run of a few steps is trained with; its checkpoints hold the raw weights."""
    smoke["training"] |= {"steps": 60, "decay_steps": 10, "average": None}
    smoke["checkpoints"] = {"linear_every": 20, "log_count": 4, "extra_steps": [7]}
    return trained_by(smoke)
