"""Our plain SGLD against devinterp's, for the same checkpoints and local posteriors."""

import math
import time
from pathlib import Path
from typing import Any

import torch

from ...artefacts.tables import Rows
from ...config.runs import Run
from ...config.settings import ChainSettings, CrosscheckSettings, LlcSettings, TrainedBy
from ...stage import stage
from ...training.checkpoints import Checkpoints
from ..estimator import Estimator


def plain_sgld(llc: LlcSettings, asked: CrosscheckSettings) -> LlcSettings:
    """The section ``llc`` with plain SGLD at the step and the lengths of ``llc_crosscheck``."""
    own = {**asked.part(ChainSettings), "epsilon": asked.epsilon, "annealing": 0}
    plain = {"sampler": "sgld", "preconditioner": "none", "control_variate": False}
    return llc.changed(**own, **plain, per_token=False)


@stage("llc_crosscheck")
def crosscheck_llc(
    manifest: Path,
    weights: Path,
    run: Run,
    trained_by: TrainedBy,
    llc: LlcSettings,
    llc_crosscheck: CrosscheckSettings,
    device: torch.device,
) -> Rows:
    """Estimate the LLC of ``run`` by both samplers, and compare.

    They draw minibatches and noise from separate streams; z is their difference in units of its standard error, about
    N(0, 1) if they sample the same posterior.
    """
    kept = Checkpoints(manifest, weights, trained_by)
    rows = Rows("llc_crosscheck")
    for step in llc_crosscheck.steps:
        found: dict[str, dict[str, Any]] = {}
        for sampler in ("sgld", "devinterp"):
            plain = plain_sgld(llc, llc_crosscheck).changed(sampler=sampler)
            estimator = Estimator(run, trained_by, plain, kept, device)
            posterior = estimator.posterior(step)
            began = time.perf_counter()
            (row,), _ = estimator.rows(posterior, step, "all")
            found[sampler] = {**row, "seconds": time.perf_counter() - began}
        ours, theirs = found.values()
        z = math.nan
        if None not in (ours["llc"], theirs["llc"]):
            error = math.hypot(ours["standard_error"], theirs["standard_error"])
            z = (ours["llc"] - theirs["llc"]) / error
        for sampler, row in found.items():
            rows.add(**{**row, "sampler": sampler, "z": z if sampler == "sgld" else -z})
    return rows
