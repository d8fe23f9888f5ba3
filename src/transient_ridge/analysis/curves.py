"""Curves over training: smoothing, and the critical step t_crit."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..artefacts.tables import Rows
from ..config.settings import CurveSettings
from ..stage import stage
from .datasets import OUT_OF_DISTRIBUTION
from .views import RUN_KEY

Array = NDArray[np.float64]


def smooth(steps: Array, values: Array, width: float) -> Array:
    """Gaussian kernel average of ``values`` (S,) in ln(step + 1), so the window widens over training.

    ``width`` is the kernel's standard deviation in units of ln(step). Each point is weighted by the interval around it,
    so that dense checkpoints do not dominate the average. Beyond each end the curve is continued by its reflection
    through the end point, which keeps the slope there: the first and the last value stay as measured, and a positive
    curve stays positive.
    """
    pad = len(steps) - 1
    position = np.pad(np.log1p(steps), pad, "reflect", reflect_type="odd")
    continued = np.pad(values, pad, "reflect", reflect_type="odd")
    spacing = np.gradient(position) if pad else np.ones(1)
    offset = np.log1p(steps)[:, None] - position[None, :]
    kernel = np.exp(-0.5 * (offset / width) ** 2) * spacing
    result: Array = kernel @ continued / kernel.sum(axis=1)
    return result


def critical_step(steps: Array, ood_loss: Array) -> tuple[int, float]:
    """t_crit, the (first) step of least OOD loss, and the loss there."""
    least = int(np.argmin(ood_loss))
    return int(steps[least]), float(ood_loss[least])


@stage("critical_steps", "smoothed_losses")
def compute_curves(losses: pd.DataFrame, curves: CurveSettings) -> tuple[Rows, Rows]:
    """Smooth every run's mean losses, and find t_crit on the raw and on the smoothed OOD curve."""
    width = curves.smoothing_width
    critical, smoothed = Rows("critical_steps"), []
    means = losses[losses["token"].isna()].sort_values("step")
    for (M, seed, dataset), curve in means.groupby([*RUN_KEY, "dataset"]):
        steps = curve["step"].to_numpy(dtype=np.float64)
        raw = curve["loss"].to_numpy(dtype=np.float64)
        even = smooth(steps, raw, width)
        smoothed.append(curve.assign(loss=even))
        if dataset == OUT_OF_DISTRIBUTION:
            for name, values in (("raw", raw), ("smoothed", even)):
                step, loss = critical_step(steps, values)
                critical.add(task_diversity=M, seed=seed, curve=name, step=step, loss=loss)
    return critical, Rows.of("smoothed_losses", pd.concat(smoothed))
