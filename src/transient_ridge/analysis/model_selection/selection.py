"""Internal model selection: ridge or dMMSE_M, by the trade-off of loss against complexity.

Two solutions u (ridge-like) and v_M (dMMSE-like) share the posterior over weights after n observations. Each has the
free energy n l + lambda log n to leading order, so the log of the posterior odds of u over v_M is
dl n + dlambda log n, with dl = l(v_M) - l(u) and dlambda = lambda(v_M) - lambda(u) (arXiv 2501.17745, Eq. 8).
Here n counts pairs (x, y) and l is the negative log likelihood of one, MSE / (2 sigma^2) up to a constant.

Both solutions are judged on the data of q_M: l(u) and lambda(u) are the loss and the LLC of the M = infinity run there.
Eq. 8 describes a posterior after n observations, which training does not sample: n* orders the M, and becomes a
training step only if every pair seen counts as an observation.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import lambertw

from ...artefacts.tables import Frames, Rows
from ...config.settings import BatchSize, ContextLength, DmmseLike, NoiseVariance
from ...stage import stage
from ..datasets import IN_DISTRIBUTION
from ..phases import switch_step
from ..views import averages, last_healthy_llc, last_step, of_run

Array = NDArray[np.float64]

NEVER, SWITCHES, ALWAYS = "never ridge", "ridge, then dMMSE", "always ridge"
BACKWARDS = "dMMSE, then ridge"

#: Points of n at which the log-odds are tabulated, evenly spaced in log n up to the end of training.
POINTS = 121


@dataclass(frozen=True)
class Tradeoff:
    """``loss`` dl in nats per pair, and ``complexity`` dlambda; both v_M minus u."""

    loss: float
    complexity: float

    def log_odds(self, n: Array) -> Array:
        """Log of the posterior odds of ridge over dMMSE_M after ``n`` pairs, in nats (Eq. 8)."""
        result: Array = self.loss * n + self.complexity * np.log(n)
        return result

    @property
    def phase(self) -> str:
        """Which solution is preferred as n grows from 1."""
        if self.loss < 0:
            return SWITCHES if self.crossover > 0 else NEVER
        return ALWAYS if self.complexity >= 0 else BACKWARDS

    @property
    def crossover(self) -> float:
        """n*, below which ridge is preferred: the larger root of log n / n = -dl / dlambda.

        0 if dMMSE_M is preferred at every n (log n / n never exceeds 1/e), infinity if ridge is. NaN if dMMSE_M has the
        larger loss and the smaller complexity: ridge then overtakes it, and nothing crosses over to dMMSE_M.
        """
        if self.loss >= 0:
            return math.inf if self.complexity >= 0 else math.nan
        if self.complexity <= 0 or -self.loss / self.complexity >= 1 / math.e:
            return 0.0
        # -W(-r)/r solves log n / n = r; the branch -1 gives the root beyond e.
        ratio = -self.loss / self.complexity
        return float(-lambertw(-ratio, -1).real / ratio)


@stage(
    "selection",
    "log_odds",
    tables=(
        "relative_distances",
        "critical_steps",
        "smoothed_losses",
        "idealised_losses",
        "llc",
        "ridge_on_tasks",
        "llc_on_tasks",
    ),
)
def compute_selection(
    frames: Frames,
    noise_variance: NoiseVariance,
    context_length: ContextLength,
    batch_size: BatchSize,
    dmmse_like: DmmseLike,
) -> tuple[Rows, Rows]:
    """The trade-off of loss against complexity of every run with finite M.

    If the table `llc` or `ridge_on_tasks` is empty, there is no complexity or no measured loss to compare.
    lambda(u) has one definition for all M of a seed: the LLC of the M = infinity run on q_M if `llc_on_tasks` has a
    healthy one for every M, else its LLC on its own data.
    """
    relative = frames["relative_distances"]
    finite = sorted(M for M in relative["task_diversity"].unique() if not math.isinf(M))
    last = int(relative["step"].max())
    pairs_per_step = batch_size * context_length
    rows, odds = Rows("selection"), Rows("log_odds")
    n = np.geomspace(1, max(last, 1) * pairs_per_step, POINTS)
    for seed in sorted(relative["seed"].unique()):
        complexities = _llc_at_the_end(frames["llc"], seed, last)
        of_ridge = _llc_of_ridge(complexities, frames["llc_on_tasks"], seed, last, finite)
        ends = last_step(relative[relative["seed"] == seed])
        alike = ends[ends["alpha"] >= dmmse_like]["task_diversity"].tolist()
        for M in finite:
            run = of_run(relative, M, seed)
            if run.empty:
                continue
            observed = _observed(frames["critical_steps"], run, M, seed)
            complexity = _complexity(complexities, of_ridge, M, alike)
            for kind, (ridge, dmmse) in _losses(frames, M, seed).items():
                difference = (dmmse - ridge) / (2 * noise_variance)
                key = {"task_diversity": M, "seed": seed, "losses": kind}
                rows.add(
                    **key,
                    loss_ridge=ridge,
                    loss_dmmse=dmmse,
                    loss_difference=difference,
                    **complexity,
                    **_crossover(difference, complexity, pairs_per_step),
                    **observed,
                )
                measured = complexity["llc_difference"]
                values = (
                    [None] * POINTS
                    if measured is None
                    else Tradeoff(difference, measured).log_odds(n).tolist()
                )
                for point, value in zip(n.tolist(), values, strict=True):
                    odds.add(**key, n=point, log_odds=value)
    return rows, odds


def _llc_at_the_end(llc: pd.DataFrame, seed: int, last: int) -> dict[float, tuple[float, float]]:
    """M -> (LLC of the whole model at the ``last`` step, standard error), where healthy."""
    end = last_healthy_llc(llc, seed).query("step == @last")
    return dict(zip(end.index, zip(end["llc"], end["standard_error"], strict=True), strict=True))


def _llc_of_ridge(
    llc: Mapping[float, tuple[float, float]],
    on_tasks: pd.DataFrame,
    seed: int,
    last: int,
    diversities: list[float],
) -> tuple[str, Mapping[float, tuple[float, float]]]:
    """The name of the definition of lambda(u) and, by that definition, M -> (lambda(u), standard error)."""
    found = _llc_at_the_end(on_tasks, seed, last)
    lacking = [M for M in diversities if M not in found]
    if not lacking:
        return "q_M", found
    own = {M: llc[math.inf] for M in diversities} if math.inf in llc else {}
    if not found:
        return "q_inf", own
    names = ", ".join(f"{M:g}" for M in lacking)
    return f"q_inf: not healthy, or not measured, on q_M for M = {names}", own


def _complexity(
    llc: Mapping[float, tuple[float, float]],
    of_ridge: tuple[str, Mapping[float, tuple[float, float]]],
    M: float,
    dmmse_like: list[float],
) -> dict[str, Any]:
    """lambda of both solutions; ``of_ridge`` is the result of :func:`_llc_of_ridge`.

    ``dmmse_like`` are the M whose runs end dMMSE-like. Above the threshold the LLC of the largest of these replaces
    lambda(v_M). The paper finds the LLC of dMMSE-like models level beyond M = 32, where only dl sets the phase.
    """
    candidates = [m for m in dmmse_like if m <= M and m in llc]
    definition, known_of_ridge = of_ridge
    ridge = known_of_ridge.get(M)
    dmmse = llc[max(candidates)] if candidates else None
    kind = "measured" if M in candidates else "extrapolated"
    both = ridge and dmmse
    return {
        "llc_ridge": ridge[0] if ridge else None,
        "llc_dmmse": dmmse[0] if dmmse else None,
        "llc_difference": dmmse[0] - ridge[0] if ridge and dmmse else None,
        "llc_difference_standard_error": math.hypot(ridge[1], dmmse[1])
        if ridge and dmmse
        else None,
        "complexity": kind if both else None,
        "complexity_ridge": definition if ridge else None,
    }


def _losses(frames: Frames, M: float, seed: int) -> dict[str, tuple[float, float]]:
    """Kind -> losses on q_M of (ridge-like, dMMSE-like) at the end of training.

    Only the idealised ones are known if the M = infinity run was not evaluated on q_M.
    """
    ideal = averages(frames["idealised_losses"], IN_DISTRIBUTION)
    ideal = ideal[ideal["task_diversity"] == M]
    loss = dict(zip(ideal["predictor"], ideal["loss"].astype(float), strict=True))
    kinds = {"idealised": (loss["ridge"], loss["dmmse"])}
    runs = averages(frames["smoothed_losses"], IN_DISTRIBUTION).sort_values("step")
    own = of_run(runs, M, seed)["loss"]
    whole = frames["ridge_on_tasks"]
    whole = whole[whole["token"].isna()]
    infinite = of_run(whole, M, seed)["loss"]
    if len(infinite) and len(own):
        kinds["measured"] = (float(infinite.iloc[-1]), float(own.iloc[-1]))
    return kinds


def _crossover(
    difference: float, complexity: Mapping[str, Any], pairs_per_step: int
) -> dict[str, Any]:
    """Phase, n*, n* at dlambda minus and plus one standard error, and its training step."""
    measured, error = complexity["llc_difference"], complexity["llc_difference_standard_error"]
    names = ("crossover", "crossover_low", "crossover_high")
    if measured is None:
        return dict.fromkeys(("phase", *names, "crossover_step"))
    shifts = (0.0, -error, error)
    found = [Tradeoff(difference, measured + shift).crossover for shift in shifts]
    known = [None if math.isnan(n) else n for n in found]
    step = None if known[0] is None else known[0] / pairs_per_step
    return {
        "phase": Tradeoff(difference, measured).phase,
        **dict(zip(names, known, strict=True)),
        "crossover_step": step,
    }


def _observed(critical: pd.DataFrame, run: pd.DataFrame, M: float, seed: int) -> dict[str, Any]:
    """The observed course: t_crit, the final switch to dMMSE_M, and the end."""
    at = of_run(critical[critical["curve"] == "smoothed"], M, seed)
    step = int(at["step"].iloc[0])
    run = run.sort_values("step")
    steps, ridge, dmmse = (
        run[name].to_numpy(dtype=np.float64) for name in ("step", "ridge", "dmmse")
    )
    return {
        "critical_step": step,
        "switch_step": switch_step(steps, ridge, dmmse, step),
        "relative_distance": float(run["relative_distance"].iloc[-1]),
    }
