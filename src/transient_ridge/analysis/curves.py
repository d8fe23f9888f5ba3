"""Curves over training: smoothing, and the critical step t_crit."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..artefacts import tables
from ..artefacts.provenance import collect
from ..config.settings import CurveSettings

Array = NDArray[np.float64]


def smooth(steps: Array, values: Array, width: float) -> Array:
    """Gaussian kernel average of ``values`` (S,) in ln(step + 1), so the window widens over training.

    ``width`` is the kernel's standard deviation in units of ln(step). Weights count each point by the
    interval it stands for: the average does not lean to where checkpoints are dense.
    """
    position = np.log1p(steps)
    spacing = np.gradient(position) if len(position) > 1 else np.ones(1)
    kernel = np.exp(-0.5 * ((position[:, None] - position[None, :]) / width) ** 2) * spacing
    result: Array = kernel @ values / kernel.sum(axis=1)
    return result


def critical_step(steps: Array, ood_loss: Array) -> tuple[int, float]:
    """t_crit, the step of least OOD loss, and the loss there; the first of equals."""
    least = int(np.argmin(ood_loss))
    return int(steps[least]), float(ood_loss[least])


def describe_curves(
    losses: Sequence[Path],
    settings: Mapping[str, Any],
    critical_steps: Path,
    smoothed_losses: Path,
) -> None:
    """Smooth every run's mean losses and find t_crit on the raw and on the smoothed OOD curve."""
    width = CurveSettings.of(settings).smoothing_width
    critical: dict[str, list[Any]] = {name: [] for name in tables.TABLES["critical_steps"]}
    smoothed = []
    for path in losses:
        frame = tables.read(path, "losses").to_pandas()
        frame = frame[frame["token"].isna()]
        for dataset, curve in frame.sort_values("step").groupby("dataset"):
            steps = curve["step"].to_numpy(dtype=np.float64)
            raw = curve["loss"].to_numpy(dtype=np.float64)
            even = smooth(steps, raw, width)
            smoothed.append(curve.assign(loss=even)[list(tables.TABLES["smoothed_losses"])])
            if dataset == "out_of_distribution":
                for name, values in (("raw", raw), ("smoothed", even)):
                    step, loss = critical_step(steps, values)
                    first = curve.iloc[0]
                    row = (first["task_diversity"], first["seed"], name, step, loss)
                    for column, value in zip(critical.values(), row, strict=True):
                        column.append(value)
    provenance = collect(settings, inputs=losses)
    tables.write(critical_steps, "critical_steps", critical, provenance)
    together = pd.concat(smoothed)
    tables.write(
        smoothed_losses,
        "smoothed_losses",
        {name: together[name].tolist() for name in together},
        provenance,
    )
