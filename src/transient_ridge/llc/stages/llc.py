"""The LLC of every component at checkpoints of a run, and the traces of the chains."""

import math
from collections.abc import Sequence
from pathlib import Path

import torch

from ...artefacts.tables import Rows
from ...config.runs import Run
from ...config.settings import LlcSettings, TrainedBy
from ...progress import Progress
from ...stage import stage
from ...training.checkpoints import Checkpoints
from ..estimator import Estimator, trace_rows


@stage("llc", "llc_traces")
def estimate_llc(
    manifest: Path,
    weights: Path,
    run: Run,
    steps: Sequence[int],
    trained_by: TrainedBy,
    llc: LlcSettings,
    device: torch.device,
) -> tuple[Rows, Rows]:
    """Estimate the LLC of every component at ``steps`` of ``run``; return it with the chains' traces.

    Raises CheckpointError for a step without a readable checkpoint, ConfigError for a component that the model lacks,
    and UnhealthyChainError as :meth:`Estimator.rows` does.
    """
    kept = Checkpoints(manifest, weights, trained_by)
    estimator = Estimator(run, trained_by, llc, kept, device)
    rows, chains = Rows("llc"), Rows("llc_traces")
    progress = Progress(f"llc {run.name}", len(steps) * len(estimator.llc.components))
    done = 0
    for step in steps:
        posterior = estimator.posterior(step)
        for component in estimator.llc.components:
            found, traced = estimator.rows(posterior, step, component)
            for row in found:
                rows.add(**row)
            if traced is not None:
                for row in trace_rows(traced):
                    chains.add(**run._asdict(), step=step, component=component, **row)
            done += 1
            progress.update(done, {"llc": found[0]["llc"] or math.nan})
    progress.close()
    return rows, chains
