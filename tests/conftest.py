"""Settings that many tests share: a model and a run small enough to train in milliseconds."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from transient_ridge.config import presets
from transient_ridge.config.asked import keys_of, values
from transient_ridge.config.configuration import pick, trained_by
from transient_ridge.config.runs import Run
from transient_ridge.config.settings import DataSettings, ModelSettings
from transient_ridge.model.transformer import Transformer, initialise
from transient_ridge.regression.sequences import SequenceSource

ROOT = Path(__file__).resolve().parents[1]

#: D = 2, K = 3, sigma^2 = 1/8.
DATA = DataSettings(
    dimension=2, context_length=3, noise_variance=0.125, tasks="gaussian", inputs="gaussian"
)
#: A layer for DATA.
MODEL = ModelSettings(
    layers=1, d_model=16, d_mlp=32, heads=2, attention="softmax", attention_projection=True,
    residual="single", norm="layer", tokens="alternating", positions=6,
)  # fmt: skip

torch.set_num_threads(1)

# A user's profile would send the jobs of tests to a cluster.
os.environ.pop("SNAKEMAKE_PROFILE", None)


def configured(
    results: Path, runs: Iterable[str], variants: Mapping[str, Any] | None = None
) -> None:
    """Write the configuration of ``results``: the preset smoke with these variants, and these runs as its grid."""
    config = presets.read("smoke") | {"variants": variants or {"base": {}}}
    chosen = [Run.parse(run) for run in runs]
    config["grid"] = {
        "task_diversities": list(dict.fromkeys(run.task_diversity for run in chosen)),
        "seeds": list(dict.fromkeys(run.seed for run in chosen)),
    }
    results.mkdir(parents=True, exist_ok=True)
    (results / "config.yaml").write_text(yaml.safe_dump(config))


@pytest.fixture
def smoke() -> dict:
    """The smoke configuration, resolved."""
    return presets.load("smoke")


@pytest.fixture
def tiny(smoke: dict) -> dict:
    """Settings of a run of a few steps whose checkpoints hold the raw weights."""
    smoke["training"] |= {"steps": 60, "decay_steps": 10, "average": None}
    smoke["checkpoints"] = {"linear_every": 20, "log_count": 4, "extra_steps": [7]}
    return trained_by(smoke).stated()


def trained_model(steps: int, falling: int = 1) -> tuple[Transformer, SequenceSource]:
    """MODEL after ``steps`` of Adam on four tasks, and their source. The rate falls to 0 over the last ``falling``."""
    model, source = Transformer(DATA.dimension, MODEL), SequenceSource(0, DATA, 4)
    initialise(model, 0, 0)
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = 3e-3 * min(1, (steps - step) / falling)
        x, y = source.training_batch(0, step, 128)
        optimiser.zero_grad()
        (model(x, y) - y).square().mean().backward()
        optimiser.step()
    return model, source


def settings_for(stage: Callable[..., Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that ``stage`` asks for, out of those of a configuration."""
    keys = keys_of(stage.__module__.removeprefix("transient_ridge."))
    return values(stage.stage.settings, pick(settings, keys))


@pytest.fixture
def fuse(tmp_path: Path) -> Iterator[Path]:
    """A folder on a FUSE mount, which keeps a deleted file that is still open under another name."""
    if not (shutil.which("bindfs") and os.access("/dev/fuse", os.W_OK)):
        pytest.skip("needs bindfs and /dev/fuse")
    behind, mounted = tmp_path / "behind", tmp_path / "mounted"
    behind.mkdir()
    mounted.mkdir()
    done = subprocess.run(["bindfs", behind, mounted], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"needs the right to mount: {done.stderr.strip()}")
    yield mounted
    subprocess.run(["fusermount", "-u", "-z", mounted], check=True)
