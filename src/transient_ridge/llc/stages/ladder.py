"""Sampled estimates over n beta and r at the last checkpoint of a run, for the figure of the ladder."""

import itertools
from dataclasses import asdict
from pathlib import Path

import torch

from ...artefacts.schemas import TABLES
from ...artefacts.tables import Rows
from ...config.runs import Run
from ...config.settings import ChainSettings, LadderSettings, LlcSettings, TrainedBy
from ...progress import Progress
from ...stage import stage
from ...training.checkpoints import Checkpoints
from ..estimator import Estimator
from ..ladder import ladder


@stage("llc_ladder")
def sample_ladder(
    manifest: Path,
    weights: Path,
    run: Run,
    trained_by: TrainedBy,
    llc: LlcSettings,
    llc_ladder: LadderSettings,
    device: torch.device,
) -> Rows:
    """Sample every cell of n beta x r with the sampler of ``llc`` and the chain lengths of ``llc_ladder``.

    A cell that cannot be equilibrated is a row with the reason. Raises CheckpointError if the last checkpoint cannot be
    read.
    """
    kept = Checkpoints(manifest, weights, trained_by)
    lengths = llc_ladder.part(ChainSettings)
    estimator = Estimator(run, trained_by, llc.changed(**lengths), kept, device)
    step = kept.steps[-1]
    posterior = estimator.posterior(step)
    cells = list(itertools.product(llc_ladder.n_betas, llc_ladder.resolutions))
    centre = estimator.centre(posterior, "all")
    rows = Rows("llc_ladder")
    progress = Progress(f"ladder {run.name}", len(cells))
    found = ladder(posterior, centre, estimator.llc, estimator.llc.limits, cells)
    for done, cell in enumerate(found, start=1):
        estimates = dict.fromkeys(TABLES["llc_ladder"].columns)
        if cell.found is not None:
            estimates |= {k: v for k, v in asdict(cell.found).items() if k != "token"}
        halved = cell.halved
        rows.add(
            **{
                **estimates,
                **run._asdict(),
                "step": step,
                "n_beta": cell.n_beta,
                "resolution": cell.resolution,
                "llc_halved": halved.llc if halved else None,
                "standard_error_halved": halved.standard_error if halved else None,
                "z": cell.z,
                "equilibrated": cell.equilibrated,
                "healthy": not cell.faults,
                "fault": "; ".join(cell.faults) or None,
            }
        )
        progress.update(done)
    progress.close()
    return rows
