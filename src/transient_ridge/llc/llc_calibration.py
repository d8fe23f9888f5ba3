"""Choosing eps, n beta and gamma by a sweep, and checking the sampler against devinterp."""

import itertools
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from ..artefacts import tables
from ..artefacts.provenance import collect
from ..artefacts.tables import Rows
from ..config.runs import Run
from ..model.device import device_name
from ..progress import Progress
from ..training.checkpoints import Checkpoints
from .llc import LlcStage, trace_rows

HYPER = ["n_beta", "gamma", "epsilon"]


def calibrate(
    run: Run,
    settings: Mapping[str, Any],
    manifest: Path,
    weights: Path,
    *,
    estimates: Path,
    traces: Path,
    device: torch.device,
) -> None:
    """Estimate the LLC of ``run`` at the sweep's steps for every eps x n beta x gamma.

    ``settings`` are those of the stage llc with a section ``sweep``. A setting at which a chain diverges is a
    row of the table without an estimate: that is what a sweep is for, whatever ``llc.unhealthy`` says.
    """
    kept = Checkpoints(manifest, weights, settings["train"])
    sweep = settings["sweep"]
    lengths = {name: sweep[name] for name in ("chains", "burn_in", "draws")}
    grid = list(itertools.product(sweep["n_betas"], sweep["gammas"], sweep["epsilons"]))
    rows, traced_rows = Rows("llc_calibration"), Rows("llc_calibration_traces")
    progress = Progress(f"calibrate {run.name}", len(grid) * len(sweep["steps"]))
    for done, (step, values) in enumerate(itertools.product(sweep["steps"], grid), start=1):
        hyper = dict(zip(HYPER, values, strict=True))
        section = {**settings["llc"], **lengths, **hyper, "unhealthy": "mark", "per_token": False}
        stage = LlcStage(run, {**settings, "llc": section}, kept, device)
        (row,), traced = stage.rows(stage.posterior(step), step, "all")
        rows.add(**row, **hyper, recommended=None)
        for trace in trace_rows(traced) if traced is not None else ():
            traced_rows.add(**{**row, **hyper, **trace})
        progress.update(done)
    progress.close()
    provenance = collect(settings, inputs=[manifest], run=run.name, device=device_name(device))
    tables.write(estimates, "llc_calibration", rows.columns, provenance)
    tables.write(traces, "llc_calibration_traces", traced_rows.columns, provenance)


def recommend(sweep: pd.DataFrame) -> tuple[float, float, float] | None:
    """The (n beta, gamma, eps) to use for all runs, or None if no setting is healthy for every run and step.

    Of the settings that are healthy everywhere, the one whose largest relative standard error over the runs and
    steps is least: one set must serve all M, else their LLCs cannot be compared.
    """
    worst: dict[tuple[float, float, float], float] = {}
    for n_beta, gamma, epsilon in sweep[HYPER].drop_duplicates().itertuples(index=False, name=None):
        of_all = sweep[HYPER] == (n_beta, gamma, epsilon)
        rows = sweep[of_all.all(axis=1)]
        if rows["healthy"].all():
            relative = rows["standard_error"] / rows["llc"].abs()
            worst[n_beta, gamma, epsilon] = float(relative.max())
    return min(worst, key=lambda values: worst[values]) if worst else None


def collect_calibration(sweeps: Sequence[Path], output: Path) -> None:
    """Put the sweeps of single runs together and mark the recommended setting in each."""
    frame = tables.read_runs(sweeps, "llc_calibration").to_pandas()
    choice = recommend(frame)
    frame["recommended"] = [
        tuple(values) == choice for values in frame[HYPER].itertuples(index=False)
    ]
    text = "no setting is healthy for all runs: widen the sweep"
    if choice is not None:
        text = "recommended: " + ", ".join(
            f"{k} = {v:g}" for k, v in zip(HYPER, choice, strict=True)
        )
    print(text)
    settings = tables.provenance(sweeps[0])["settings"]
    tables.write_frame(output, "llc_calibration", frame, collect(settings, inputs=sweeps))


def crosscheck(
    run: Run,
    settings: Mapping[str, Any],
    manifest: Path,
    weights: Path,
    *,
    comparison: Path,
    device: torch.device,
) -> None:
    """Estimate the LLC of ``run`` with both backends at the same settings and write how far they are apart.

    The backends draw minibatches and noise from streams of their own; z is their difference in units of its
    standard error, about N(0, 1) if they sample the same posterior.
    """
    kept = Checkpoints(manifest, weights, settings["train"])
    rows = Rows("llc_crosscheck")
    for step in settings["steps"]:
        found: dict[str, dict[str, Any]] = {}
        for backend in ("stacked", "devinterp"):
            section = {**settings["llc"], "backend": backend, "per_token": False}
            stage = LlcStage(run, {**settings, "llc": section}, kept, device)
            posterior = stage.posterior(step)
            began = time.perf_counter()
            (row,), _ = stage.rows(posterior, step, "all")
            found[backend] = {**row, "seconds": time.perf_counter() - began}
        ours, theirs = found.values()
        z = math.nan
        if ours["llc"] is not None and theirs["llc"] is not None:
            error = math.hypot(ours["standard_error"], theirs["standard_error"])
            z = (ours["llc"] - theirs["llc"]) / error
        for backend, row in found.items():
            rows.add(**{**row, "backend": backend, "z": z if backend == "stacked" else -z})
    tables.write(
        comparison,
        "llc_crosscheck",
        rows.columns,
        collect(settings, inputs=[manifest], run=run.name, device=device_name(device)),
    )
