"""The sweep over eps x n beta x gamma: heat maps of the LLC with its health, and the traces behind them."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ...analysis.views import by_run
from ...artefacts.tables import Frames
from ...config.runs import Run
from ..drawing.picture import figure_of
from ..drawing.style import DOUBLE_COLUMN, label, new_figure
from .llc_traces import draw_chains


@figure_of("llc_recommendation", "llc_calibration_traces")
def draw(frames: Frames) -> Figure:
    """Heat maps, one per run and gamma, then the traces of the first run by eps and n beta."""
    sweep, traces = frames["llc_recommendation"], frames["llc_calibration_traces"]
    maps = [
        (run, step, gamma, part)
        for run, rows in by_run(sweep)
        for step, at in rows.groupby("step")
        for gamma, part in at.groupby("gamma")
    ]
    if not maps:
        return new_figure(DOUBLE_COLUMN, 1.0)
    epsilons, n_betas = sorted(sweep["epsilon"].unique()), sorted(sweep["n_beta"].unique())
    columns = min(2, len(maps))
    rows = -(-len(maps) // columns)
    height = 0.35 * len(n_betas) + 0.75
    figure = new_figure(DOUBLE_COLUMN, rows * height + 1.05 * len(n_betas) + 0.3)
    parts: Any = figure.subfigures(2, 1, height_ratios=[rows * height, 1.05 * len(n_betas) + 0.3])
    upper, lower = parts
    panels = upper.subplots(rows, columns, squeeze=False).flatten()
    for axes, (run, step, gamma, part) in zip(panels, maps, strict=False):
        _heat_map(axes, part, epsilons, n_betas)
        axes.set_title(f"{_name(run, step)}, $\\gamma$ = {gamma:g}")
    for axes in panels[len(maps) :]:
        axes.remove()
    run, step, gamma, _ = maps[0]
    grid = lower.subplots(len(n_betas), len(epsilons), sharex=True, squeeze=False)
    of_run = dict(by_run(traces)).get(run, traces.iloc[:0])
    of_run = of_run[(of_run["step"] == step) & (of_run["gamma"] == gamma)]
    for i, n_beta in enumerate(reversed(n_betas)):
        for j, epsilon in enumerate(epsilons):
            axes = grid[i, j]
            here = of_run[(of_run["n_beta"] == n_beta) & (of_run["epsilon"] == epsilon)]
            draw_chains(axes, here, "#4c6a92")
            if not len(here):
                axes.text(0.5, 0.5, "diverged", transform=axes.transAxes, ha="center", va="center")
            if i == len(n_betas) - 1:
                axes.set_xlabel("SGLD step")
            if i == 0:
                axes.set_title(rf"$\epsilon$ = {epsilon:g}", loc="center")
            if j == 0:
                axes.set_ylabel(rf"$n\beta$ = {n_beta:g}")
    lower.suptitle(
        f"traces of {_name(run, step)}, $\\gamma$ = {gamma:g}: loss minus that of $w^*$ (units of $y^2$)",
        fontsize=8, ha="left", x=0.02,
    )  # fmt: skip
    return figure


def _name(run: Run, step: object) -> str:
    return f"$M$ = {label(run.task_diversity)}, step {step}"


def _heat_map(axes: Axes, part: pd.DataFrame, epsilons: list[float], n_betas: list[float]) -> None:
    """LLC by colour and number, with the MALA acceptance if there is one; grey: unhealthy, framed: recommended."""
    wide = part.pivot(index="n_beta", columns="epsilon", values="llc").reindex(n_betas)[epsilons]
    healthy = part.pivot(index="n_beta", columns="epsilon", values="healthy").reindex(n_betas)
    shown = wide.where(healthy[epsilons].astype(bool))
    axes.set_facecolor("0.9")
    axes.imshow(shown.to_numpy(dtype=float), origin="lower", cmap="cividis", aspect="auto")
    middle = np.nanmean(shown.to_numpy(dtype=float)) if shown.notna().any(axis=None) else 0.0
    for row in part.to_dict("records"):
        x, y = epsilons.index(row["epsilon"]), n_betas.index(row["n_beta"])
        text = "diverged"
        if not pd.isna(row["llc"]):
            text = f"{row['llc']:.0f} ± {row['standard_error']:.0f}"
            if not pd.isna(row["mala_acceptance"]):  # averaged noise makes no proposals of MALA
                text += f"\nMALA {row['mala_acceptance']:.2f}"
        dark = row["healthy"] and row["llc"] < middle
        axes.text(x, y, text, ha="center", va="center", size=6, color="white" if dark else "black")
        if row["recommended"]:
            frame = Rectangle(
                (x - 0.48, y - 0.46), 0.96, 0.92, fill=False, edgecolor="#d1495b", lw=1.6
            )
            axes.add_patch(frame)
    axes.set_xticks(range(len(epsilons)), [f"{epsilon:g}" for epsilon in epsilons])
    axes.set_yticks(range(len(n_betas)), [f"{n_beta:g}" for n_beta in n_betas])
    axes.set_xlabel(r"$\epsilon$")
    axes.set_ylabel(r"$n\beta$")
