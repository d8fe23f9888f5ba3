"""An LLC estimate against devinterp 2.0.1, on the same checkpoint at the same settings, paired in one run.

devinterp runs as its users run it: ``sample()`` with a loss function, traces after the burn-in, the loss of w* from
its own init_loss. Its model is ours, so what differs is how the chains are moved and what is subtracted.
"""

import copy
import math
import statistics
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import torch

from transient_ridge.config import presets
from transient_ridge.config.configuration import trained_by
from transient_ridge.config.runs import Run
from transient_ridge.llc import sgld
from transient_ridge.llc.estimate import ChainMean, estimate
from transient_ridge.llc.llc import Estimator
from transient_ridge.llc.posterior import CheckpointPosterior
from transient_ridge.model.device import prepare
from transient_ridge.training.checkpoints import Checkpoints
from transient_ridge.training.train import train

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from datasets import Dataset
    from devinterp.slt.sampling import sample

RUN = Run(12, 0)
LAPTOP = presets.FOLDER.parent / "results" / "laptop" / "base" / "runs" / RUN.name


def bench_llc(repeats: int = 3, draws: int | None = None) -> dict[str, float]:
    """Seconds, chain-steps per second and standard errors of both, and the ratios of the medians.

    ``time_to_error`` is how many times longer devinterp takes to the same standard error, which falls with the
    root of the number of draws.
    """
    torch.set_num_threads(1)
    prepare(torch.device("cpu"), "float32", 1)
    config = presets.load("laptop")
    if draws is not None:
        config["llc"] |= {"draws": draws, "burn_in": draws // 2}
    with tempfile.TemporaryDirectory() as folder:
        kept, settings = _checkpoint(config, Path(folder))
        stage = Estimator(RUN, settings, kept, torch.device("cpu"))
        posterior = stage.posterior(kept.steps[-1])
        steps = stage.sgld.chains * (stage.sgld.burn_in + stage.sgld.draws)
        times: dict[str, list[float]] = {"ours": [], "devinterp": []}
        for repeat in range(repeats):
            began = time.perf_counter()
            traces = sgld.sample(posterior, stage.sgld, stage.n_beta(), posterior.noise())
            centre = stage.centre(posterior, "all")
            ours = estimate(traces, stage.n_beta(), stage.sgld, centre)[0]
            times["ours"].append(time.perf_counter() - began)
            began = time.perf_counter()
            theirs, error = _devinterp(stage, posterior, Path(folder) / f"{repeat}.zarr")
            times["devinterp"].append(time.perf_counter() - began)
    seconds = {name: statistics.median(values) for name, values in times.items()}
    gain = (error / ours.standard_error) ** 2
    return {
        "llc": ours.llc,
        "llc_devinterp": theirs,
        "error": ours.standard_error,
        "error_unpaired": ours.standard_error_unpaired,
        "error_devinterp": error,
        "seconds": seconds["ours"],
        "seconds_devinterp": seconds["devinterp"],
        "chain_steps_per_s": steps / seconds["ours"],
        "devinterp_per_s": steps / seconds["devinterp"],
        "speedup_chain_steps": seconds["devinterp"] / seconds["ours"],
        "gain_of_pairing": gain,
        "time_to_error": gain * seconds["devinterp"] / seconds["ours"],
    }


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
