"""The LLC of the M = infinity run on the tasks of each M, where its weights are no minimum.

    python -m benchmarks.llc_slope RUN FILE M ...

RUN is the folder of an M = infinity run that keeps its weights; FILE is a CSV, to which an M that it lacks is added.
Each M is measured three times: on the loss as it is, without its slope at w*, as the stage `llc_on_tasks` does, and by
curvature.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from transient_ridge.config import presets
from transient_ridge.config.runs import Run
from transient_ridge.config.settings import LlcSettings, SpectrumSettings, TrainedBy
from transient_ridge.llc.curvature.at_checkpoint import CurvatureAt
from transient_ridge.llc.estimate import estimate
from transient_ridge.llc.estimator import Estimator
from transient_ridge.llc.health import faults
from transient_ridge.llc.posterior import CheckpointPosterior
from transient_ridge.model.device import prepare
from transient_ridge.model.transformer import Transformer
from transient_ridge.training.checkpoints import Checkpoints

#: The slope is measured again on 1 / FEWER of the sequences: were it mere noise, it would take FEWER times as much off.
FEWER = 4
COLUMNS = (
    "llc",
    "standard_error",
    "slope",
    "heating",
    "share_below",
    "missing",
    "relaxations",
    "distance_trend",
    "r_hat",
    "ess",
)


class OnTasks:
    """The last checkpoint of an M = infinity run, on the tasks of other runs, at the settings of the default."""

    def __init__(self, folder: Path) -> None:
        config, kept = presets.load(presets.DEFAULT), Checkpoints.of_run(folder)
        self.run, self.step = Run.parse(folder.name), kept.steps[-1]
        self.kept, self.made_by = kept, TrainedBy.of(kept.settings)
        self.llc = LlcSettings.of(config["llc"])
        self.spectrum = SpectrumSettings.of(config["spectrum"])

    def rows(self, tasks_of: Run) -> Iterator[dict[str, Any]]:
        """The LLC of the loss as it is, then as the stage measures it, then by curvature."""
        of = Estimator(self.run, self.made_by, self.llc, self.kept, torch.device("cpu"))
        of_fewer = self._posterior(self.llc.sequences // FEWER, tasks_of).centre_gradient
        targets = {
            "as it is": self._posterior(self.llc.sequences, tasks_of),
            "level": of.posterior(self.step, tasks_of),
        }
        for name, target in targets.items():
            traces = of.sample(target, "all")
            found = estimate(traces, of.n_beta(), self.llc, of.centre(target, "all"))[0]
            row = {column: getattr(found, column) for column in COLUMNS}
            if name == "as it is":
                row["slope_of_fewer"] = replace(traces.quadratic, slope=of_fewer).taken
            yield {"loss": name, **row, "fault": "; ".join(faults(found, self.llc.limits))}
        at = CurvatureAt(
            self.kept, tasks_of, self.made_by, self.llc.data, self.spectrum, torch.device("cpu")
        )
        resolved = at.step(self.step).at(self.llc.gamma / of.n_beta())
        yield {
            "loss": "curvature",
            "llc": resolved.llc,
            "standard_error": resolved.standard_error,
            "fault": resolved.fault,
        }

    def _posterior(self, sequences: int, tasks_of: Run) -> CheckpointPosterior:
        """With the slope, on so many sequences."""
        made_by, device = self.made_by, torch.device("cpu")
        return CheckpointPosterior(
            Transformer(made_by.data.dimension, made_by.model), self.kept.load(self.step, device), self.run, self.step,
            root_seed=made_by.seed, data=made_by.data, settings=self.llc.changed(sequences=sequences),
            chains=self.llc.chains, data_of=tasks_of,
        )  # fmt: skip


def main(folder: Path, file: Path, *task_diversities: str) -> None:
    """Add to FILE the M that it lacks."""
    torch.set_num_threads(1)
    prepare(torch.device("cpu"), "float32", 1)
    of, known = OnTasks(folder), pd.read_csv(file) if file.exists() else pd.DataFrame()
    for M in map(float, task_diversities):
        if len(known) and M in known["task_diversity"].to_numpy():
            continue
        rows = [{"task_diversity": M, **row} for row in of.rows(Run(M, of.run.seed))]
        known = pd.concat([known, pd.DataFrame(rows)], ignore_index=True)
        known.to_csv(file, index=False, float_format="%.5g")
        print(known.tail(len(rows)).to_string(), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
