"""One checkpoint's LLC: by Hamiltonian Monte Carlo, by cheaper samplers, and how often their intervals cover.

    python -m benchmarks.llc_truth hmc FOLDER RUN
    python -m benchmarks.llc_truth samplers FOLDER RUN
    python -m benchmarks.llc_truth report FOLDER

RUN is the folder of a run that keeps its weights, such as results/laptop/base/runs/M16-seed0. `hmc` and `samplers`
sample one posterior around its last checkpoint, on the same sequences, write their traces to FOLDER and resume where an
earlier call stopped. `report` reads the traces, prints the table of docs/llc.md and draws its figure.
"""

import sys
import time
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from benchmarks import hmc
from transient_ridge.config import presets
from transient_ridge.config.runs import Run
from transient_ridge.config.settings import LlcSettings, TrainedBy
from transient_ridge.figures.drawing.style import DOUBLE_COLUMN, styled
from transient_ridge.llc.estimate import ChainMean
from transient_ridge.llc.estimator import Estimator
from transient_ridge.model.device import prepare
from transient_ridge.training.checkpoints import Checkpoints

#: r = 3.3. Of 1,024 sequences, the whole loss is cheap enough for HMC, and at this n beta w* is near its minimum.
POSTERIOR = {"n_beta": 100, "gamma": 330, "sequences": 1024}
OURS = {"burn_in": 60, "draws": 120}
#: The steepest direction allows no longer steps, and a flat one relaxes in 100 of them.
DEVINTERP = {"sampler": "devinterp", "epsilon": 6e-5, "burn_in": 300, "draws": 200, "chains": 2}
SAMPLERS: dict[str, dict[str, Any]] = {
    "ours": OURS,
    "underdamped": {**OURS, "sampler": "underdamped", "epsilon": 0.09},
    "devinterp SGLD": {**DEVINTERP, "preconditioner": "none"},
    # Its steps are ten times as long where gradients are small.
    "devinterp RMSProp-SGLD": {
        **DEVINTERP,
        "preconditioner": "rmsprop",
        "epsilon": 6e-6,
        "burn_in": 360,
    },
}
#: What is kept of an estimate.
COLUMNS = (
    "llc",
    "standard_error",
    "slope",
    "heating",
    "step_share",
    "missing",
    "b_min",
    "b_max",
    "r_hat",
    "ess",
    "healthy",
    "fault",
)
CHAINS = 2
#: Trajectories of a chain of HMC that are not counted; in these the step is adapted.
BURN_IN = 8
#: Seconds of a core that HMC takes in all.
SECONDS = 4000.0


def estimator(folder: Path, **changes: Any) -> Estimator:
    """At the settings of the default preset but for the posterior and ``changes``."""
    torch.set_num_threads(1)
    prepare(torch.device("cpu"), "float32", 1)
    kept = Checkpoints.of_run(folder)
    llc = LlcSettings.of(presets.load(presets.DEFAULT)["llc"]).changed(**POSTERIOR, **changes)
    run, made_by = Run.parse(folder.name), TrainedBy.of(kept.settings)
    return Estimator(run, made_by, llc, kept, torch.device("cpu"))


def run_samplers(run: Path, folder: Path) -> None:
    """The tables samplers.csv and, of their draws, traces.csv."""
    estimates, traces = _known(folder / "samplers.csv"), _known(folder / "traces.csv")
    for name, changes in SAMPLERS.items():
        if name in {row["sampler"] for row in estimates}:
            continue
        of = estimator(run, **changes)
        step = of.kept.steps[-1]
        posterior = of.posterior(step)
        began = time.process_time()
        (row,), traced = of.rows(posterior, step, "all")
        seconds = time.process_time() - began
        told = {column: row[column] for column in COLUMNS}
        estimates.append({"sampler": name, "seconds": seconds, **told})
        if traced is not None:
            pairs = of.n_beta() * (traced.losses - traced.centre_losses).mean(dim=-1).numpy()
            traces += [
                {"sampler": name, "chain": c, "step": t, "gained": value}
                for (c, t), value in np.ndenumerate(pairs)
            ]
        _write(folder / "traces.csv", traces)
        _write(folder / "samplers.csv", estimates)
        print(estimates[-1], flush=True)


def _known(path: Path) -> list[dict[Any, Any]]:
    return pd.read_csv(path).to_dict("records") if path.exists() else []


def _write(path: Path, rows: list[dict[Any, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(path, index=False, float_format="%.5g")


def report(folder: Path) -> None:
    """Print the samplers beside HMC, and draw figure.png in ``folder``."""
    samplers = pd.read_csv(folder / "samplers.csv").set_index("sampler")
    known = pd.read_csv(folder / "hmc.csv")
    counted = known[known["trajectory"] >= BURN_IN]
    draws = counted.pivot(index="chain", columns="trajectory", values="gained").dropna(axis=1)
    truth = ChainMean.of(draws.to_numpy())
    print(f"HMC: {len(counted)} trajectories, acceptance {counted['acceptance'].mean():.2f}\n")
    print("| sampler | measured | without heating | error | off by | core s | health |")
    print("|---|---|---|---|---|---|---|")
    print(
        f"| HMC | {truth.mean:.1f} | {truth.mean:.1f} | {truth.standard_error:.1f} | | "
        f"{known['seconds'].max():.0f} | R-hat {truth.r_hat:.2f}, ESS {truth.ess:.0f} |"
    )
    for name, of in samplers.iterrows():
        unheated = of["llc"] - of["slope"]
        off = unheated / truth.mean - 1
        print(
            f"| {name} | {unheated + of['heating']:.1f} | {unheated:.1f} | "
            f"{of['standard_error']:.1f} | {off:+.1%} | {of['seconds']:.0f} | "
            f"{'healthy' if of['healthy'] else of['fault']} |"
        )
    traces = pd.read_csv(folder / "traces.csv")
    with styled():
        figure, axes = plt.subplots(figsize=(DOUBLE_COLUMN, 2.6), layout="constrained")
        low, high = truth.mean - truth.standard_error, truth.mean + truth.standard_error
        axes.axhspan(low, high, color="0.8", lw=0, label="HMC")
        for name, settings in SAMPLERS.items():
            if name not in samplers.index:
                continue
            whole, burn_in = samplers.loc[name], settings["burn_in"]
            by_step = traces[traces["sampler"] == name].groupby("step")["gained"].mean()
            seconds = whole["seconds"] * (by_step.index + 1) / len(by_step)
            running = by_step[burn_in:].expanding().mean() - whole["heating"]
            axes.plot(seconds[burn_in:], running, label=name)
        axes.set(xlabel="core seconds", ylabel=r"$n\beta\,(\mathrm{E}[l] - l(w^*))$")
        axes.legend()
        figure.savefig(folder / "figure.png", dpi=150)


def main(what: str, folder: Path, run: Path | None = None) -> None:
    """Do one of the four things in the docstring of this file."""
    match what, run:
        case "report", None:
            report(folder)
        case "hmc", Path():
            hmc.run(estimator(run), folder, CHAINS, BURN_IN, SECONDS)
        case "samplers", Path():
            run_samplers(run, folder)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1], *map(Path, sys.argv[2:]))
