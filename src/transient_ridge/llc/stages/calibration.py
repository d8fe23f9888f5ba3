"""The sweep over eps, n beta and gamma from which one setting is chosen."""

import itertools
from pathlib import Path

import torch

from ...artefacts.tables import Rows
from ...config.runs import Run
from ...config.settings import CalibrationSettings, ChainSettings, LlcSettings, TrainedBy
from ...progress import Progress
from ...stage import stage
from ...training.checkpoints import Checkpoints
from ..estimator import Estimator, trace_rows

HYPER = ["n_beta", "gamma", "epsilon"]


@stage("llc_calibration", "llc_calibration_traces")
def calibrate_llc(
    manifest: Path,
    weights: Path,
    run: Run,
    trained_by: TrainedBy,
    llc: LlcSettings,
    llc_calibration: CalibrationSettings,
    device: torch.device,
) -> tuple[Rows, Rows]:
    """Estimate the LLC of ``run`` at the sweep's steps for every eps x n beta x gamma; return it with the traces.

    A setting at which a chain diverges gives a row without an estimate, even if ``llc.unhealthy`` is fail: a sweep is
    made to find such settings.
    """
    kept = Checkpoints(manifest, weights, trained_by)
    sweep = llc_calibration
    marked = llc.changed(**sweep.part(ChainSettings), unhealthy="mark", per_token=False)
    grid = list(itertools.product(sweep.n_betas, sweep.gammas, sweep.epsilons))
    rows, traces = Rows("llc_calibration"), Rows("llc_calibration_traces")
    progress = Progress(f"calibrate {run.name}", len(grid) * len(sweep.steps))
    done = 0
    for step in sweep.steps:
        posterior = Estimator(run, trained_by, marked, kept, device).posterior(step)
        for values in grid:
            hyper = dict(zip(HYPER, values, strict=True))
            estimator = Estimator(run, trained_by, marked.changed(**hyper), kept, device)
            (row,), traced = estimator.rows(posterior, step, "all")
            rows.add(**row, **hyper)
            for trace in trace_rows(traced) if traced is not None else ():
                traces.add(**{**row, **hyper, **trace})
            done += 1
            progress.update(done)
    progress.close()
    return rows, traces
