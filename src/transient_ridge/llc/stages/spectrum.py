"""Curvature at checkpoints of a run, and the LLC that it implies at every resolution r = gamma / (n beta).

To second order lambda_hat = 1/2 sum_i h_i / (h_i + r) over the eigenvalues h_i of the Gauss-Newton matrix at w*
(:mod:`..curvature.spectrum`): no chains and no step size, just one number for each r.
"""

from pathlib import Path

import torch

from ...artefacts.tables import Rows
from ...config.runs import Run
from ...config.settings import LlcTasks, SpectrumSettings, TrainedBy
from ...progress import Progress
from ...stage import stage
from ...training.checkpoints import Checkpoints
from ..curvature.at_checkpoint import CurvatureAt


@stage("spectrum", "quadratic_llc")
def measure_spectrum(
    manifest: Path,
    weights: Path,
    run: Run,
    trained_by: TrainedBy,
    tasks: LlcTasks,
    spectrum: SpectrumSettings,
    device: torch.device,
) -> tuple[Rows, Rows]:
    """Measure the binned eigenvalues, and the quadratic LLC by r, at ``spectrum.steps`` of ``run``.

    Raises CheckpointError for a step without a readable checkpoint, FloatingPointError if the curvature is not finite,
    ResolutionError if ``spectrum.sequences`` are too few for every resolution.
    """
    kept = Checkpoints(manifest, weights, trained_by)
    at = CurvatureAt(kept, run, trained_by, tasks, spectrum, device)
    bins, llcs = Rows("spectrum"), Rows("quadratic_llc")
    progress = Progress(f"spectrum {run.name}", len(at.asked.steps))
    for done, step in enumerate(at.asked.steps, start=1):
        key = {**run._asdict(), "step": step}
        found = at.step(step)
        for each in found.whole.bins():
            bins.add(**key, **each._asdict())
        for row in at.rows(found):
            llcs.add(**key, **row)
        progress.update(done)
    progress.close()
    return bins, llcs
