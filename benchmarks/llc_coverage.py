"""Whether standard errors of LLCs are errors: how often their intervals cover, at the settings of the default.

    python -m benchmarks.llc_coverage estimates FOLDER RUN
    python -m benchmarks.llc_coverage chains FOLDER RESULTS ...
    python -m benchmarks.llc_coverage report FOLDER

`estimates` makes 60 independent estimates of the last checkpoint of RUN, the folder of a run that keeps its weights,
and resumes where an earlier call stopped. `chains` compares the chains of each estimate in RESULTS, folders of results
such as results/laptop/base. Both write to FOLDER, and `report` prints what they found.
"""

import math
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from transient_ridge.config import presets
from transient_ridge.config.runs import Run
from transient_ridge.config.settings import LlcSettings, TrainedBy
from transient_ridge.llc.chains import MOST, measure, sample
from transient_ridge.llc.error import Array
from transient_ridge.llc.estimate import estimate
from transient_ridge.llc.estimator import Estimator
from transient_ridge.llc.ladder import Apart
from transient_ridge.model.device import prepare
from transient_ridge.training.checkpoints import Checkpoints

ESTIMATES = 60
#: Columns kept of an estimate.
COLUMNS = ("llc", "standard_error", "slope", "heating", "r_hat", "ess")
#: Nominal coverage -> half-width of the interval, in standard errors.
INTERVALS = {0.68: 0.994, 0.95: 1.96}
#: What an estimate and its traces have in common.
KEY = ["task_diversity", "seed", "step", "component"]


def default() -> LlcSettings:
    """The settings of the default preset."""
    return LlcSettings.of(presets.load(presets.DEFAULT)["llc"])


def make_estimates(folder: Path, run: Path) -> None:
    """Write estimates.csv: estimates as the default makes them, with minibatches and noise of their own.

    They share the sequences, and what is measured at w*.
    """
    torch.set_num_threads(1)
    prepare(torch.device("cpu"), "float32", 1)
    kept = Checkpoints.of_run(run)
    made_by = TrainedBy.of(kept.settings)
    of = Estimator(Run.parse(run.name), made_by, default(), kept, torch.device("cpu"))
    posterior, ess = of.posterior(kept.steps[-1]), of.llc.limits.ess or 0.0
    measured, longest = measure(posterior, of.llc), of.llc.burn_in + MOST * of.llc.draws
    centre = of.centre(posterior, "all")
    path = folder / "estimates.csv"
    rows = pd.read_csv(path).to_dict("records") if path.exists() else []
    for number in range(len(rows), ESTIMATES):
        began = time.process_time()
        apart, noise = Apart(posterior, longest * number), posterior.noise(number)
        traces = sample(apart, of.llc, of.n_beta(), noise, measured=measured, ess=ess)
        found = estimate(traces, of.n_beta(), of.llc, centre)[0]
        seconds = time.process_time() - began
        rows.append({**{name: getattr(found, name) for name in COLUMNS}, "seconds": seconds})
        folder.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(rows).to_csv(path, index=False, float_format="%.6g")
        print(number, f"{found.llc:.2f} +- {found.standard_error:.2f}", flush=True)


def collect_chains(folder: Path, *results: Path) -> None:
    """Write chains.csv: the mean of each chain behind the estimates in ``results``, and their standard errors."""
    llc, frames = default(), []
    for of in results:
        whole = pd.read_parquet(of / "tables/llc.parquet")
        chains = pd.read_parquet(of / "tables/llc_traces.parquet").merge(whole, on=KEY)
        pairs = chains["losses"] - chains["centre_losses"]
        chains["mean"] = [llc.n_beta * float(each[llc.burn_in :].mean()) for each in pairs]
        chains.insert(0, "results", of.name)
        frames.append(chains[["results", *KEY, "chain", "mean", "standard_error"]])
    folder.mkdir(parents=True, exist_ok=True)
    table = pd.concat(frames).fillna({"task_diversity": math.inf})
    table.to_csv(folder / "chains.csv", index=False, float_format="%.6g")


def report(folder: Path) -> None:
    """Print what the tables in ``folder`` say."""
    if (folder / "estimates.csv").exists():
        _report_estimates(pd.read_csv(folder / "estimates.csv"))
    if (folder / "chains.csv").exists():
        _report_chains(pd.read_csv(folder / "chains.csv"))


def _report_estimates(found: pd.DataFrame) -> None:
    """How often the interval of one estimate covers the mean of the others."""
    spread, N = found["llc"].std(), len(found)
    print(f"{N} estimates: {found['llc'].mean():.2f}, spread {spread:.2f} {_chance(spread, N - 1)}")
    print(f"  stated error {_root_mean_square(found['standard_error']):.2f}")
    _report_cover(found["llc"].to_numpy()[None], found["standard_error"].to_numpy()[None])


def _report_chains(found: pd.DataFrame) -> None:
    """How often the interval of one chain covers the mean of the others of its estimate."""
    estimates = found.groupby(["results", *KEY])
    means = np.stack([np.asarray(of["mean"]) for _, of in estimates])
    # An estimate is the mean of its chains.
    errors = np.stack([of["standard_error"] * math.sqrt(len(of)) for _, of in estimates])
    N, C = means.shape
    ratio = _root_mean_square((means.std(axis=1, ddof=1) / errors[:, 0]).tolist())
    print(
        f"{N} estimates of {C} chains: spread over stated {ratio:.2f} {_chance(ratio, N * (C - 1))}"
    )
    _report_cover(means, errors)


def _report_cover(means: Array, errors: Array) -> None:
    """Coverage of each mean's interval, by the mean of the others in its row; both are (N, C)."""
    N, C = means.shape
    others = (means.sum(axis=1, keepdims=True) - means) / (C - 1)
    # The mean of the others has an error too.
    z = np.abs(means - others) / (errors * math.sqrt(C / (C - 1)))
    # The differences of a row have a sum of zero.
    independent = N * (C - 1) if N > 1 else C
    for share, width in INTERVALS.items():
        chance = math.sqrt(share * (1 - share) / independent)
        print(
            f"  intervals of {share:.0%} cover in {(z < width).mean():.0%}, binomial error {chance:.0%}"
        )


def _chance(spread: float, freedom: int) -> str:
    """The standard error of a ``spread`` that was found with so many degrees of ``freedom``."""
    return f"+- {spread / math.sqrt(2 * freedom):.2f}"


def _root_mean_square(values: Iterable[float]) -> float:
    return math.sqrt(np.mean(np.square(list(values))))


def main(what: str, folder: Path, *of: Path) -> None:
    """Run one of the three commands of this file's docstring."""
    match what, of:
        case "estimates", (run,):
            make_estimates(folder, run)
        case "chains", (_, *_):
            collect_chains(folder, *of)
        case "report", ():
            report(folder)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1], *map(Path, sys.argv[2:]))
