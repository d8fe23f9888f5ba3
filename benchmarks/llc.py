"""The time to a good LLC: our sampler, an underdamped rival and devinterp 2.0.1, on the same checkpoints in one run.

All sample at the n beta and gamma of the default; plain SGLD has the step and the lengths of the stage
`llc_crosscheck`. Good means within 2 % of a long run with larger minibatches, bias and standard error together. The
burn-in is paid once; the standard error falls with the root of the number of draws; the bias stays, so a sampler whose
bias exceeds 2 % never gets there. devinterp runs as its users run it: plain and RMSProp-SGLD through ``sample()`` with
a loss function, traces after the burn-in, and the loss of w* from its own init_loss. Times are CPU times of this
process, which other processes disturb little.
"""

import contextlib
import copy
import io
import math
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from transient_ridge.config import presets
from transient_ridge.config.configuration import trained_by
from transient_ridge.config.runs import Run
from transient_ridge.config.settings import CrosscheckSettings, LlcSettings
from transient_ridge.errors import ChainDivergedError
from transient_ridge.figures.drawing.style import label
from transient_ridge.llc.chains import sample as sample_chains
from transient_ridge.llc.estimate import ChainMean, estimate
from transient_ridge.llc.estimator import Estimator
from transient_ridge.llc.posterior import CheckpointPosterior
from transient_ridge.llc.stages.crosscheck import plain_sgld
from transient_ridge.llc.target import Curvature, Evaluation
from transient_ridge.model.device import prepare
from transient_ridge.training.checkpoints import Checkpoints
from transient_ridge.training.train import train

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from datasets import Dataset
    from devinterp.slt.sampling import sample

#: Bias and standard error together, as a share of the LLC.
GOAL = 0.02
RUNS = (Run(16, 0), Run(math.inf, 0))
LAPTOP = presets.FOLDER.parent / "results" / "laptop" / "base" / "runs"

#: Longer, with half the step and with larger minibatches, which heat less.
REFERENCE = {"epsilon": 0.05, "burn_in": 150, "draws": 450, "chains": 4, "minibatch": 144}
#: The square of its step length, 0.3: a direction forgets a factor of e every 1 / 0.3 steps.
UNDERDAMPED = {"sampler": "underdamped", "epsilon": 0.09}
#: eps over that of plain SGLD: where gradients are small, RMSProp makes steps ten times as long.
RMSPROP_EPSILON = 0.1


class Measured(NamedTuple):
    """An estimate and its cost; NaN if the chains diverged.

    What minibatch noise adds is subtracted where we know it; what the slope takes off is not added, since devinterp
    does not.
    """

    llc: float = math.nan
    error: float = math.nan
    ess: float = math.nan
    fixed_s: float = math.nan  # the same for any number of draws
    draws_s: float = math.nan


def bench_llc(quick: bool = False) -> Iterator[tuple[str, dict[str, Measured]]]:
    """Each sampler's results for every run, the reference first; ``quick`` only tries that all runs."""
    torch.set_num_threads(1)
    prepare(torch.device("cpu"), "float32", 1)
    few = {"burn_in": 4, "draws": 8, "chains": 2, "minibatch": 8} if quick else {}
    for run in RUNS:
        with tempfile.TemporaryDirectory() as folder:
            kept, config = checkpoint(run, Path(folder))
            cell = Cell(run, kept, config, few, Path(folder) / "traces")
            yield cell.title, cell.measure()


class Cell:
    """One checkpoint."""

    def __init__(
        self,
        run: Run,
        kept: Checkpoints,
        config: Mapping[str, Any],
        few: Mapping[str, Any],
        folder: Path,
    ) -> None:
        self.run, self.kept, self.config, self.folder = run, kept, config, folder
        llc = LlcSettings.of(config["llc"])
        plain = plain_sgld(llc, CrosscheckSettings.of(config["llc_crosscheck"]))
        self.ours = self._estimator(llc.changed(**few))
        self.underdamped = self._estimator(llc.changed(**{**UNDERDAMPED, **few}))
        self.reference = self._estimator(llc.changed(**{**REFERENCE, **few}))
        self.plain = self._estimator(plain.changed(**few))

    @property
    def title(self) -> str:
        """The run and the posterior."""
        llc = self.ours.llc
        return (
            f"M = {label(self.run.task_diversity)}, n beta = {llc.n_beta:g}, gamma = {llc.gamma:g}"
        )

    def measure(self) -> dict[str, Measured]:
        """The results of each sampler, the reference first."""
        return {
            "reference": self._ours(self.reference),
            "ours": self._ours(self.ours),
            "underdamped": self._ours(self.underdamped),
            "devinterp SGLD": self._devinterp("sgmcmc_sgld", 1.0),
            "devinterp RMSProp": self._devinterp("rmsprop_sgld", RMSPROP_EPSILON),
        }

    def _estimator(self, llc: LlcSettings) -> Estimator:
        return Estimator(self.run, trained_by(self.config), llc, self.kept, torch.device("cpu"))

    def _ours(self, of: Estimator) -> Measured:
        began = time.process_time()
        posterior = of.posterior(self.kept.steps[-1])
        target = Timed(posterior, of.llc.burn_in)
        try:
            traces = sample_chains(target, of.llc, of.n_beta(), target.noise())
        except ChainDivergedError:
            return Measured()
        ended = time.process_time()
        found = estimate(traces, of.n_beta(), of.llc, of.centre(posterior, "all"))[0]
        corrected = time.process_time() - ended
        return Measured(
            found.llc - (found.slope or 0.0),
            found.standard_error,
            found.ess,
            target.arrived - began + corrected,
            ended - target.arrived,
        )

    def _devinterp(self, method: str, factor: float) -> Measured:
        of = self.plain
        posterior = of.posterior(self.kept.steps[-1])
        model = copy.deepcopy(posterior.model)
        model.load_state_dict(posterior.layout.views(posterior.centre))
        x, y = posterior.sequences
        # devinterp's data are tokens: here a sequence is its own number, K + 1 times.
        numbers = [[i] * (x.shape[1] + 1) for i in range(len(x))]
        data = Dataset.from_dict({"input_ids": numbers}).with_format("torch")

        def loss(model: torch.nn.Module, numbers: Tensor) -> Tensor:
            rows = numbers[:, 0]
            errors: Tensor = (model(x[rows], y[rows]) - y[rows]).square()
            return errors

        began = time.process_time()
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stderr(io.StringIO()),
        ):  # its progress bars
            warnings.simplefilter("ignore")
            tree = sample(
                model, data, {}, lr=factor * of.llc.epsilon, n_beta=of.n_beta(), loss_fn=loss,
                localization=of.llc.gamma, num_chains=of.llc.chains, num_draws=of.llc.draws,
                num_burnin_steps=of.llc.burn_in, batch_size=of.llc.minibatch,
                sampling_method=method, output_path=self.folder / method,
                match_sampling_input_ids_across_chains=False, device="cpu",
            )  # fmt: skip
        seconds = time.process_time() - began
        trace = tree.dataset.sampling_loss_micro.mean(dim=["batch_sampling", "token_pos"]).values
        of_draws = ChainMean.of(trace[:, of.llc.burn_in :].astype(float))
        centre = tree.dataset.init_loss.values.mean(axis=-1)
        error = math.hypot(of_draws.standard_error, centre.std(ddof=1) / math.sqrt(len(centre)))
        burn_in = of.llc.burn_in / (of.llc.burn_in + of.llc.draws)
        return Measured(
            of.n_beta() * float(of_draws.mean - centre.mean()),
            of.n_beta() * error,
            of_draws.ess,
            seconds * burn_in,
            seconds * (1 - burn_in),
        )


class Timed:
    """A posterior that notes when the chains have made their first draw.

    Before the second, they have measured the curvature, which costs the same for any number of draws.
    """

    def __init__(self, posterior: CheckpointPosterior, burn_in: int) -> None:
        self._posterior, self._burn_in = posterior, burn_in
        self.centre, self.layout, self.noise = posterior.centre, posterior.layout, posterior.noise
        self.curvature_samples = posterior.curvature_samples
        self.centre_gradient = posterior.centre_gradient
        self.arrived = math.nan

    @property
    def curvature(self) -> Curvature:
        """The posterior's."""
        return self._posterior.curvature

    def evaluate(self, positions: Tensor, step: int) -> Evaluation:
        """As the posterior."""
        if step == self._burn_in + 1:
            self.arrived = time.process_time()
        return self._posterior.evaluate(positions, step)


def time_to_goal(found: Measured, truth: Measured) -> float:
    """Seconds until bias and standard error together are :data:`GOAL` of the truth; infinite if the bias exceeds it."""
    goal = GOAL * truth.llc
    # Only what chance does not explain is bias.
    chance = 2 * math.hypot(found.error, truth.error)
    bias = max(abs(found.llc - truth.llc) - chance, 0.0)
    if not bias < goal:  # nor where the chains diverged
        return math.inf
    return found.fixed_s + found.draws_s * (found.error / (goal - bias)) ** 2


def checkpoint(run: Run, folder: Path) -> tuple[Checkpoints, dict[str, Any]]:
    """The laptop preset's checkpoint if its run has been trained, else one after 300 steps."""
    config = presets.load("laptop")
    manifest, weights = LAPTOP / run.name / "checkpoints.json", LAPTOP / run.name / "checkpoints"
    if not (manifest.exists() and weights.exists()):
        config["training"] |= {"steps": 300, "decay_steps": 100}
        manifest, weights = folder / "manifest.json", folder / "weights"
        outputs = {"weights": weights, "manifest": manifest, "training": folder / "curve.parquet"}
        train(
            run, trained_by(config), outputs, scratch=folder / "scratch",
            device=torch.device("cpu"), state_seconds=1e9,
        )  # fmt: skip
    return Checkpoints(manifest, weights, trained_by(config)), config


def main(quick: bool = False) -> None:
    """Print a table for every checkpoint."""
    for title, found in bench_llc(quick):
        print(f"\n{title}")
        print(f"  {'':20s} {'LLC':>8s} {'error':>7s} {'ESS/s':>7s} {'s':>7s} {'s to 2 %':>9s}")
        for name, each in found.items():
            seconds = each.fixed_s + each.draws_s
            to_goal = time_to_goal(each, found["reference"])
            print(
                f"  {name:20s} {each.llc:8.2f} {each.error:7.2f} {each.ess / each.draws_s:7.2f} "
                f"{seconds:7.1f} {to_goal:9.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main("--quick" in sys.argv)
