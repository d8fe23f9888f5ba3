"""An LLC estimate against devinterp 2.0.1, on the same checkpoint and local posterior, paired in one run.

devinterp runs as its users run it: plain SGLD through ``sample()`` with a loss function, traces after the burn-in, the
loss of w* from its own init_loss. Ours is the sampler of the preset; for chain-steps per second, plain SGLD too. Both
are judged by a long reference: larger minibatches with control variates and half the step.
"""

import copy
import math
import statistics
import tempfile
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from transient_ridge.config import presets
from transient_ridge.config.configuration import trained_by
from transient_ridge.config.runs import Run
from transient_ridge.llc import sgld
from transient_ridge.llc.estimate import ChainMean, Estimate, estimate
from transient_ridge.llc.llc import Estimator
from transient_ridge.llc.llc_crosscheck import plain_sgld
from transient_ridge.llc.posterior import CheckpointPosterior
from transient_ridge.model.device import prepare
from transient_ridge.training.checkpoints import Checkpoints
from transient_ridge.training.train import train

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from datasets import Dataset
    from devinterp.slt.sampling import sample

RUN = Run(12, 0)
#: Sequences per step against heating, control variates and half the step against what is left of it.
REFERENCE = {
    "epsilon": 0.05,
    "burn_in": 120,
    "draws": 200,
    "minibatch": 256,
    "control_variate": True,
}
LAPTOP = presets.FOLDER.parent / "results" / "laptop" / "base" / "runs" / RUN.name


#: What 'the same error' is: of the estimate, bias and standard error together.
GOAL = 0.02


def bench_llc(repeats: int = 3, changes: Mapping[str, Any] | None = None) -> dict[str, float]:
    """Estimates, errors, biases against the reference, chain-steps per second, and the time to :data:`GOAL` of both.

    The standard error falls with the root of the number of draws, the bias does not: whose bias is beyond the goal
    never gets there. ``changes`` are made to the section ``llc``.
    """
    torch.set_num_threads(1)
    prepare(torch.device("cpu"), "float32", 1)
    config = presets.load("laptop", llc=dict(changes or {}))
    with tempfile.TemporaryDirectory() as folder:
        kept, settings = _checkpoint(config, Path(folder))
        plain = _estimator(kept, settings, plain_sgld(settings))
        own = _estimator(kept, settings, settings["llc"])
        reference = _sampled(_estimator(kept, settings, settings["llc"] | REFERENCE), kept)[0]
        times: dict[str, list[float]] = {"ours": [], "plain": [], "devinterp": []}
        for repeat in range(repeats):
            ours, seconds = _sampled(own, kept)
            times["ours"].append(seconds)
            times["plain"].append(_sampled(plain, kept)[1])
            began = time.perf_counter()
            theirs, error = _devinterp(
                plain, plain.posterior(kept.steps[-1]), Path(folder) / f"{repeat}.zarr"
            )
            times["devinterp"].append(time.perf_counter() - began)
    seconds_of = {name: statistics.median(values) for name, values in times.items()}
    steps = plain.sgld.chains * (plain.sgld.burn_in + plain.sgld.draws)
    to_goal = {
        "ours": _time_to_goal(ours.llc, ours.standard_error, reference.llc, seconds_of["ours"]),
        "devinterp": _time_to_goal(theirs, error, reference.llc, seconds_of["devinterp"]),
    }
    return {
        "reference": reference.llc,
        "reference_error": reference.standard_error,
        "llc": ours.llc,
        "llc_devinterp": theirs,
        "error": ours.standard_error,
        "error_devinterp": error,
        "seconds": seconds_of["ours"],
        "seconds_devinterp": seconds_of["devinterp"],
        "ess_per_s": ours.ess / seconds_of["ours"],
        "plain_chain_steps_per_s": steps / seconds_of["plain"],
        "devinterp_per_s": steps / seconds_of["devinterp"],
        "speedup_chain_steps": seconds_of["devinterp"] / seconds_of["plain"],
        "to_2_percent_s": to_goal["ours"],
        "devinterp_to_2_percent_s": to_goal["devinterp"],
        "time_to_same_error": (error / ours.standard_error) ** 2
        * seconds_of["devinterp"]
        / seconds_of["ours"],
    }


def _time_to_goal(found: float, error: float, truth: float, seconds: float) -> float:
    """Seconds until bias and standard error together are :data:`GOAL` of ``truth``; infinite if the bias is larger."""
    goal = GOAL * truth
    # What of the difference may be chance is no bias.
    bias = max(0.0, abs(found - truth) - 2 * error)
    return seconds * (error / (goal - bias)) ** 2 if bias < goal else math.inf


def _estimator(kept: Checkpoints, settings: dict[str, Any], section: dict[str, Any]) -> Estimator:
    return Estimator(RUN, settings | {"llc": section}, kept, torch.device("cpu"))


def _sampled(of: Estimator, kept: Checkpoints) -> tuple[Estimate, float]:
    """The estimate at the last checkpoint, and the seconds that it took."""
    posterior = of.posterior(kept.steps[-1])
    began = time.perf_counter()
    traces = sgld.sample(posterior, of.sgld, of.n_beta(), posterior.noise())
    found = estimate(traces, of.n_beta(), of.sgld, of.centre(posterior, "all"))[0]
    return found, time.perf_counter() - began


def _checkpoint(config: dict[str, Any], folder: Path) -> tuple[Checkpoints, dict[str, Any]]:
    """The laptop preset's own checkpoint if it has been trained, else one of 300 steps."""
    manifest, weights = LAPTOP / "checkpoints.json", LAPTOP / "checkpoints"
    if not (manifest.exists() and weights.exists()):
        config["training"] |= {"steps": 300, "decay_steps": 100}
        manifest, weights = folder / "manifest.json", folder / "weights"
        outputs = {"weights": weights, "manifest": manifest, "training": folder / "curve.parquet"}
        train(
            RUN, trained_by(config), outputs, scratch=folder / "scratch",
            device=torch.device("cpu"), state_seconds=1e9,
        )  # fmt: skip
    return Checkpoints(manifest, weights, config), config


def _devinterp(stage: Estimator, posterior: CheckpointPosterior, path: Path) -> tuple[float, float]:
    """LLC and its standard error from devinterp's traces and its loss of w*."""
    model = copy.deepcopy(posterior.model)
    model.load_state_dict(posterior.layout.views(posterior.centre))
    x, y = posterior.sequences
    K = x.shape[1]
    # devinterp's data are tokens: here every sequence is K + 1 times its own number.
    numbers = [[i] * (K + 1) for i in range(len(x))]
    data = Dataset.from_dict({"input_ids": numbers}).with_format("torch")

    def loss(model: torch.nn.Module, numbers: torch.Tensor) -> torch.Tensor:
        rows = numbers[:, 0]
        errors: torch.Tensor = (model(x[rows], y[rows]) - y[rows]).square()
        return errors

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = sample(
            model, data, {}, lr=stage.sgld.epsilon, n_beta=stage.n_beta(), loss_fn=loss,
            localization=stage.sgld.gamma, num_chains=stage.sgld.chains, num_draws=stage.sgld.draws,
            num_burnin_steps=stage.sgld.burn_in, batch_size=stage.llc.minibatch, output_path=path,
            match_sampling_input_ids_across_chains=False, device="cpu",
        )  # fmt: skip
    trace = tree.dataset.sampling_loss_micro.mean(dim=["batch_sampling", "token_pos"]).values
    of_draws = ChainMean.of(trace[:, stage.sgld.burn_in :].astype(float))
    of_centre = tree.dataset.init_loss.values.mean(axis=-1)
    error = math.hypot(of_draws.standard_error, of_centre.std(ddof=1) / math.sqrt(len(of_centre)))
    return stage.n_beta() * float(of_draws.mean - of_centre.mean()), stage.n_beta() * error


if __name__ == "__main__":
    for name, value in bench_llc().items():
        print(f"{name:24s} {value:12.4g}")
