"""Settings that many tests share: a model and a run small enough for milliseconds."""

import copy
from pathlib import Path

import pytest
import torch
import yaml

from transient_ridge.config import configuration

ROOT = Path(__file__).resolve().parents[1]
SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.yaml"

torch.set_num_threads(1)


def load(*presets: str) -> dict:
    """The default configuration with the named presets laid over it, as Snakemake does it."""
    merged = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    for preset in presets:
        overlay = yaml.safe_load((ROOT / "config" / f"{preset}.yaml").read_text())
        merged = configuration.overlay(merged, overlay)
    return merged


@pytest.fixture
def smoke() -> dict:
    """The smoke configuration."""
    return copy.deepcopy(load("smoke"))


@pytest.fixture
def tiny(smoke: dict) -> dict:
    """Settings of the stage `train` for a run of a few steps."""
    smoke["training"]["steps"] = 60
    smoke["checkpoints"] = {"linear_every": 20, "log_count": 4, "extra_steps": [7]}
    return configuration.stage_settings(smoke, "train")
