"""Every table: its columns, its scope, and which runs have it.

An extension declares its own tables in ``TABLES`` of its ``tables.py``.
"""

import importlib

from ..errors import ConfigError
from ..places import in_extensions, module_name
from .availability import finite_beside_infinity, measured, measured_last, named_in
from .columns import (
    DISTANCE,
    GATE,
    LOSS,
    PREDICTOR,
    RUN,
    SET,
    Columns,
    Table,
    flag,
    integer,
    number,
    numbers,
    text,
)

_ON_TASKS: Columns = {
    "task_diversity": integer("M of the data, q_M"),
    "seed": integer("seed of the M = infinity run, whose last checkpoint this is"),
    "step": RUN["step"],
}
_SOFTENED: Columns = {
    "task_diversity": RUN["task_diversity"],
    "inverse_temperature": number("u: 0 = the mean task, 1 = dMMSE_M"),
}
_CLAIM: Columns = {
    "claim": integer("number of the paper's claim"),
    "part": text("letter of the statement within the claim"),
}

_JUDGED: Columns = {
    **_CLAIM,
    "kind": text("paper: part of the claim; further: a question of ours; own: of a preset"),
    "statement": text("what is claimed, in measurable terms"),
    "about": text(
        "what it needs in order to hold: predictors (the idealised ones), memory (no run need have learnt ridge), "
        "training, or ridge phase"
    ),
    "quantity": text("what is measured"),
    "existence": flag(
        "whether it claims that there are M of some kind: judged by the proportion of draws"
    ),
    "value": number("the quantity, mean over draws; null = could not be measured"),
    "standard_error": number(
        "standard error of the mean over root seeds, or over the seeds of one, with the LLC's Monte Carlo error; "
        "null = one value"
    ),
    "margin": number(
        "half-width of the t interval of the mean, plus the uncertainty from the grid; null = neither is known"
    ),
    "nulls": text("worlds in which it is false (docs/thresholds.md)"),
    "null_outcome": text(
        "measured or contradicted there, in most draws; null = no null, or no value to compare with"
    ),
    "null_value": number(
        "the quantity in the null that comes closest to passing, mean over draws; null = contradicted there"
    ),
    "difference": number("value less null, mean over draws"),
    "difference_margin": number("half-width of its t interval; null = not known"),
    "share": number("share of draws in which it holds; null = judged by the mean"),
    "share_low": number("Clopper-Pearson interval of the share, lower end"),
    "share_high": number("Clopper-Pearson interval of the share, upper end"),
    "p_value": number("one-sided, before Holm's correction; null = one draw, or not scored"),
    "seeds": integer("number of values behind the mean; 0 = none"),
    "root_seeds": integer("number of root seeds, the draws"),
    "deviation_seeds": number(
        "standard deviation over seeds of weights and batches; null = one seed each"
    ),
    "deviation_root_seeds": number(
        "standard deviation over root seeds beyond what seeds explain; null = one root seed"
    ),
    "comparison": text("at least or at most"),
    "threshold": number("the number that the value is compared with"),
    "set_when": text("when the statement and its threshold were set"),
    "verdict": text(
        "holds, does not hold, undecided, not discriminating (its null passes too), not testable at this scale; with "
        "one draw, or draws that chose the regime, met or not met"
    ),
    "reason": text("the reason, in words"),
}
_RESOLUTION: Columns = {"resolution": number("r = gamma / (n beta), on the mean squared error")}

_SELECTION: Columns = {
    "task_diversity": RUN["task_diversity"],
    "seed": RUN["seed"],
    "losses": text("idealised (of the predictors) or measured (of the trained models)"),
    "loss_ridge": number("l(u): loss on q_M of the ridge-like solution, units of y^2"),
    "loss_dmmse": number("l(v_M): loss on q_M of the dMMSE-like solution, units of y^2"),
    "loss_difference": number("dl = (l(v_M) - l(u)) / (2 sigma^2), nats per pair (x, y)"),
    "llc_ridge": number("lambda(u); null = not measured"),
    "llc_dmmse": number("lambda(v_M); null = not measured"),
    "llc_difference": number("dlambda = lambda(v_M) - lambda(u); null = not measured"),
    "llc_difference_standard_error": number("Monte Carlo standard error of dlambda"),
    "complexity": text(
        "source of lambda(v_M): measured (this run), extrapolated (the dMMSE-like run of greatest M); null = not "
        "measured"
    ),
    "complexity_ridge": text(
        "the data of lambda(u), the same for all M: q_M, or q_inf and why; null = not measured"
    ),
    "phase": text(
        "never ridge, ridge then dMMSE, always ridge, or dMMSE then ridge, for growing n; null = unknown"
    ),
    "crossover": number(
        "n*, in pairs (x, y): ridge is preferred below; 0 = never, infinity = always; null = unknown"
    ),
    "crossover_low": number("n* at dlambda less one standard error"),
    "crossover_high": number("n* at dlambda plus one standard error"),
    "crossover_step": number(
        "training step at which n* pairs have been seen: t* if each counts as an observation of the posterior"
    ),
    "critical_step": integer("t_crit on the smoothed OOD loss"),
    "switch_step": integer(
        "first step from which on a run that was nearer to ridge at t_crit stays nearer to dMMSE_M; null: none"
    ),
    "relative_distance": number("at the end of training: 0 = ridge, 1 = dMMSE_M"),
}

_ACCOUNT: Columns = {
    "account": text(
        "its cost of dMMSE_M: LLC, compressed size, log M, saturating log M, or constant"
    ),
    "resolution": number("r of the LLC; null = none is used"),
    "split": text("what is held out: each M in turn, or the later part of training (forecast)"),
}

#: Every table, by name.
TABLES: dict[str, Table] = {
    "training": Table(
        "run",
        {
            **RUN,
            "loss": number("mean training loss over the updates since the previous row"),
            "gradient_norm": number("joint norm of the last gradient, before clipping"),
            "rate_factor": number("learning rate as a multiple of its base value"),
        },
    ),
    "losses": Table("run", {**RUN, **SET, **LOSS}),
    "distances": Table("run", {**RUN, **PREDICTOR, **SET, **DISTANCE}),
    "outputs": Table(
        "run", {**RUN, "outputs": numbers("predictions on D(1), B*K values, sequence-major")}
    ),
    "idealised_losses": Table(
        "variant",
        {"task_diversity": RUN["task_diversity"], **PREDICTOR, **SET, **LOSS},
        judged=True,
    ),
    "idealised_distances": Table(
        "variant",
        {
            "task_diversity": RUN["task_diversity"],
            **PREDICTOR,
            "other": text("the predictor to which the distance is measured"),
            **SET,
            **DISTANCE,
        },
        judged=True,
    ),
    "softened_dmmse": Table(
        "variant",
        {
            **_SOFTENED,
            "loss": number("mean squared error on q_M, in units of y^2"),
            "ridge": number("Delta(softened dMMSE_M, ridge) on q_M, in units of y^2"),
            "dmmse": number("Delta(softened dMMSE_M, dMMSE_M) on q_M"),
            "loss_out": number("mean squared error out of distribution"),
            "ridge_out": number("Delta(softened dMMSE_M, ridge) out of distribution"),
            "dmmse_out": number("Delta(softened dMMSE_M, dMMSE_M) out of distribution"),
        },
        judged=True,
    ),
    "softened_outputs": Table(
        "variant",
        {**_SOFTENED, "outputs": numbers("predictions on D(1), B*K values, sequence-major")},
    ),
    "idealised_outputs": Table(
        "variant",
        {
            "task_diversity": integer(
                "M of the predictor's task set; null = infinity, or no task set"
            ),
            **PREDICTOR,
            "outputs": numbers("predictions on D(1), B*K values, sequence-major"),
        },
    ),
    "critical_steps": Table(
        "variant",
        {
            "task_diversity": RUN["task_diversity"],
            "seed": RUN["seed"],
            "curve": text("raw or smoothed"),
            "step": integer("t_crit: the step of least OOD loss"),
            "loss": number("OOD loss there"),
        },
    ),
    "smoothed_losses": Table(
        "variant",
        {**RUN, **SET, "loss": number("smoothed loss, in units of y^2; as measured at both ends")},
        judged=True,
    ),
    "ridge_on_tasks": Table(
        "run", {**_ON_TASKS, "token": SET["token"], **LOSS}, runs=finite_beside_infinity
    ),
    "pca_trajectories": Table(
        "variant",
        {
            **RUN,
            "component": integer("principal component, from 1"),
            "coordinate": number("gamma_M(t): projection on the component"),
        },
        judged=True,
    ),
    "pca_idealised": Table(
        "variant",
        {
            "task_diversity": integer(
                "M of the predictor's task set; null = infinity, or no task set"
            ),
            **PREDICTOR,
            "component": integer("principal component, from 1"),
            "coordinate": number("projection on the component; not part of the fit"),
        },
        judged=True,
    ),
    "pca_softened": Table(
        "variant",
        {
            **_SOFTENED,
            "component": integer("principal component, from 1"),
            "coordinate": number("projection on the component; not part of the fit"),
        },
        judged=True,
    ),
    "pca_variance": Table(
        "variant",
        {
            "component": integer("principal component, from 1"),
            "explained_variance": number("variance along the component"),
            "explained_variance_ratio": number("share of the total variance"),
        },
        judged=True,
    ),
    "pca_loadings": Table(
        "variant",
        {
            "component": integer("principal component, from 1"),
            "token": integer("position k = 1..K"),
            "loading": number("share of the component's squared norm at this position"),
        },
        judged=True,
    ),
    "relative_distances": Table(
        "variant",
        {
            **RUN,
            "ridge": number("Delta(f, ridge) in distribution, smoothed, in units of y^2"),
            "dmmse": number("Delta(f, dMMSE_M) in distribution, smoothed, in units of y^2"),
            "ridge_out": number("Delta(f, ridge) out of distribution, smoothed"),
            "dmmse_out": number("Delta(f, dMMSE_M) out of distribution, smoothed"),
            "relative_distance": number(
                "ridge / (ridge + dmmse): 0 = ridge, 1 = dMMSE_M; null at M = infinity, where the two are one"
            ),
            "alpha": number(
                "position on the line from ridge (0) to dMMSE_M (1) in distribution: (ridge - dmmse + A) / 2A, with A "
                "= Delta(dMMSE_M, ridge); null at M = infinity"
            ),
            "residual": number(
                "distance from that line, sqrt(ridge - alpha^2 A), in units of y; null at M = infinity"
            ),
            "alpha_out": number("alpha out of distribution"),
            "residual_out": number("residual out of distribution, in units of y"),
        },
        judged=True,
    ),
    "gates": Table("variant", {**RUN, **SET, **GATE}, judged=True),
    "strategies": Table(
        "variant",
        {
            **RUN,
            "dataset": SET["dataset"],
            "predictor": text(
                "an idealised predictor, for the M of this row; a predictor that equals another has no row"
            ),
            "distance": number("Delta(f, predictor), in units of y^2"),
            "weight": number(
                "weight of this predictor in the nearest mixture of all: at least 0, in sum 1"
            ),
            "residual": number("Delta(f, that mixture), in units of y^2"),
        },
        judged=True,
    ),
    "thresholds": Table(
        "variant",
        {
            "seed": RUN["seed"],
            "step": RUN["step"],
            "threshold": number(
                "task diversity at which the relative distance is 1/2, between M whose predictors the M = infinity "
                "run can tell apart; null = not within them"
            ),
            "below": integer("greatest of these M nearer to dMMSE; null = none"),
            "above": integer("least of these M nearer to ridge; null = none"),
        },
        judged=True,
    ),
    "selection": Table("variant", _SELECTION, judged=True),
    "selection_by_resolution": Table("variant", {**_RESOLUTION, **_SELECTION}),
    "log_odds": Table(
        "variant",
        {
            "task_diversity": RUN["task_diversity"],
            "seed": RUN["seed"],
            "losses": text("idealised (of the predictors) or measured (of the trained models)"),
            "n": number("number of pairs (x, y) seen"),
            "log_odds": number(
                "log of the posterior odds of ridge over dMMSE_M, nats; null = LLC not measured"
            ),
        },
    ),
    "pca_robustness": Table(
        "variant",
        {
            "check": text("sequences (B), schedule (of checkpoints) or left_out (one run)"),
            "setting": text("the B, the schedule, or the run that was left out"),
            "rows": integer("checkpoints of all runs in this fit"),
            "sequences": integer("B of this fit"),
            "components": integer("number of leading components compared"),
            "angle": number(
                "largest principal angle between this fit's components and the full fit's, in degrees"
            ),
            "trajectory_distance": number(
                "Procrustes distance of all trajectories from the full fit's: 0 = same shape, 1 = unrelated"
            ),
            "explained_variance_ratio": number("share of the variance explained by this fit"),
            "reference": flag("whether this is the full fit: greatest B, every checkpoint and run"),
        },
        judged=True,
    ),
    "accounts": Table(
        "variant",
        {
            **_ACCOUNT,
            "loss_weight": number(
                "constant a, fitted to all points, or to the first tenth of training"
            ),
            "exponent": number("constant b, likewise"),
            "cost_weight": number("constant c, likewise"),
            "fitted": integer("number of points (M, t) in the fit of these constants"),
            "held_out": integer("points by which the account is judged"),
            "error_fitted": number(
                "root mean square error of the relative distance, fitted points"
            ),
            "error": number(
                "root mean square error of the relative distance, held-out points, mean over M"
            ),
            "difference": number("error less that of log M, mean over M; null = log M itself"),
            "difference_margin": number("half-width of its t interval over M; null = one M"),
            "verdict": text(
                "better or worse than log M if the interval excludes 0, else undecided; null = log M itself"
            ),
        },
    ),
    "account_points": Table(
        "variant",
        {
            **_ACCOUNT,
            "task_diversity": RUN["task_diversity"],
            "step": RUN["step"],
            "relative_distance": number("measured, from the mean distances over seeds"),
            "predicted": number("predicted by the account, which was not fitted to this point"),
        },
    ),
    "claim_values": Table(
        "variant",
        {
            "claim": _CLAIM["claim"],
            "part": _CLAIM["part"],
            "root_seed": integer("root seed of this variant: tasks and evaluation sets"),
            "seed": integer("seed of the runs; null = one value for all of them"),
            "value": number("the quantity; null = not measured"),
            "resolution": number("half-width of the uncertainty of the value from the grid"),
            "error": number("Monte Carlo standard error of the value, of the LLC"),
            "null": text(
                "the null that comes closest to passing; null = the statement has no null, or no value"
            ),
            "null_outcome": text("measured or contradicted there"),
            "null_value": number("the value there; null = contradicted"),
            "outcome": text("measured, contradicted or not testable"),
            "reason": text("reason for being contradicted or not testable, or a remark"),
        },
    ),
    "front": Table(
        "preset",
        {
            "variant": text("the variant of the preset"),
            "task_diversity": integer("M, the number of training tasks; finite"),
            "seed": RUN["seed"],
            "critical_step": integer("t_crit on the smoothed OOD loss"),
            "relative_distance": number("on q_M at t_crit: 0 = ridge, 1 = dMMSE_M"),
            "end": number("relative distance at the end of training"),
            "dmmse_step": integer(
                "first checkpoint from t_crit on whose alpha on q_M is claims.dmmse_like; null = none"
            ),
            "core_seconds": number(
                "CPU time of training up to dmmse_step; null = not reached, or not known"
            ),
            "core_seconds_of_training": number(
                "CPU time of all training; null = not known (trained in a stack, or not recorded)"
            ),
        },
    ),
    "averaging": Table(
        "preset",
        {
            "weights": text("averaged or raw"),
            **RUN,
            "out_of_distribution": number("OOD loss as measured, in units of y^2"),
            "in_distribution": number("loss on q_M as measured, in units of y^2"),
            "relative_distance": number(
                "on q_M as measured: 0 = ridge, 1 = dMMSE_M; null at M = infinity"
            ),
        },
    ),
    "claims": Table("variant", _JUDGED),
    "claims_by_resolution": Table("variant", {**_RESOLUTION, **_JUDGED}, judged=True),
}

_ESTIMATE: Columns = {
    **_RESOLUTION,
    "llc": number("lambda_hat, paired, corrected for heating and slope; null if a chain diverged"),
    "standard_error": number("Monte Carlo standard error of llc"),
    "llc_unpaired": number("lambda_hat against l(w*) of all n sequences"),
    "standard_error_unpaired": number("Monte Carlo standard error of llc_unpaired"),
    "slope": number(
        "the correction for the slope at w*, added to llc; null for single positions, which are not corrected"
    ),
    "heating": number(
        "the correction for minibatch noise, subtracted from llc; null for single positions"
    ),
    "centre_loss": number("l(w*) on the n sequences, in units of y^2"),
    "mean_loss": number("mean loss of the draws, in units of y^2"),
    "r_hat": number("split R-hat of the draws' paired losses; null for one chain"),
    "ess": number(
        "effective sample size of the draws' paired losses, including their minibatch noise"
    ),
    "share_below": number("share of draws whose loss is below that of w*"),
    "mala_acceptance": number("mean Metropolis acceptance of the SGLD steps"),
    "distance": number("mean |w - w*|"),
    "gradient_norm": number("mean length of the gradient part of a step"),
    "noise_norm": number("mean length of the noise part of a step"),
    "relaxations": number("length of the burn-in in relaxations of a flat direction"),
    "b_min": number(
        "least curvature, in the metric of the chains, that contributes to llc; null where w* has none"
    ),
    "b_max": number("largest curvature, likewise; eps b below 4 is stable"),
    "missing_at_start": number("share of llc that the chains lack at the first draw"),
    "missing": number("share of llc that the chains lack at the mean of the draws"),
    "step_share": number("share of llc added by the finite step"),
    "distance_trend": number(
        "change of |w - w*|^2 during the draws over its mean, less two standard errors"
    ),
    "radius_share": number(
        "mean |w - w*|^2 over P / gamma, its value if only the localisation acted"
    ),
    "heating_share": number("heating over llc"),
    "locality": number("mean |w - w*| over |w*|"),
    "centre_slope": number("|grad l_n(w*)|, 0 at a minimum, in units of y^2 / weight"),
    "slope_share": number("slope over llc"),
    "healthy": flag("whether every diagnostic is within the limits of the configuration"),
    "fault": text("the fault and what to change; null if healthy"),
}
_COMPONENT: Columns = {"component": text("the sampled parameters; all = the whole model")}
_QUADRATIC: Columns = {
    **_RESOLUTION,
    "llc": number(
        "1/2 sum h / (h + r), lambda_hat of a quadratic loss with these curvatures, in the limit of many sequences; "
        "null if they are too few for this r"
    ),
    "standard_error": number(
        "standard error of llc, from the draw of the sequences and the change from half of them to all"
    ),
    "llc_half": number("llc by half of the sequences, the mean of both halves"),
    "in_sample": number("1/2 sum h / (h + r) on these sequences, which is too low"),
    "trace": number("sum of all h, the same at every r"),
    "largest": number("the largest h, the same at every r"),
    "healthy": flag("whether the sequences suffice for this r"),
    "fault": text("the fault and what to change; null if healthy"),
}
_POSITION: Columns = {"token": integer("position k = 1..K of the loss; null = all positions")}
_TRACES: Columns = {
    "chain": integer("chain, from 0"),
    "losses": numbers("minibatch loss before each SGLD step, burn-in included"),
    "centre_losses": numbers("loss of w* on the same minibatches"),
}
_SGLD: Columns = {
    "epsilon": number("SGLD step size"),
    "n_beta": number("n beta, as a factor of the loss that llc.loss names"),
    "gamma": number("localisation"),
}
TABLES |= {
    "llc": Table("chunk", {**RUN, **_COMPONENT, **_POSITION, **_ESTIMATE}, judged=True),
    "llc_traces": Table("chunk", {**RUN, **_COMPONENT, **_TRACES}),
    "llc_on_tasks": Table(
        "run",
        {**_ON_TASKS, **_COMPONENT, **_POSITION, **_ESTIMATE},
        runs=measured_last("llc", finite_beside_infinity),
    ),
    "spectrum": Table(
        "run",
        {
            **RUN,
            "lower": number("least curvature of the bin, loss / weight^2"),
            "upper": number("greatest curvature of the bin"),
            "number": number(
                "number of eigenvalues in the bin, not counting zeros due to too few sequences"
            ),
        },
        runs=measured("spectrum"),
    ),
    "quadratic_llc": Table("run", {**RUN, **_QUADRATIC}, runs=measured("spectrum")),
    "quadratic_llc_on_tasks": Table(
        "run", {**_ON_TASKS, **_QUADRATIC}, runs=measured_last("spectrum", finite_beside_infinity)
    ),
    "llc_ladder": Table(
        "run",
        {
            **RUN,
            "n_beta": number("n beta, as a factor of the mean squared error"),
            **_ESTIMATE,
            "llc_halved": number("lambda_hat with half the step and twice the burn-in"),
            "standard_error_halved": number("Monte Carlo standard error of llc_halved"),
            "z": number("difference of the two, in its standard errors"),
            "equilibrated": flag(
                "whether the chains had forgotten w* and half the step gives the same"
            ),
        },
        on_request=True,
        runs=named_in("llc_ladder"),
    ),
    "llc_calibration": Table(
        "run", {**RUN, **_SGLD, **_ESTIMATE}, on_request=True, runs=named_in("llc_calibration")
    ),
    "llc_calibration_traces": Table(
        "run", {**RUN, **_SGLD, **_TRACES}, on_request=True, runs=named_in("llc_calibration")
    ),
    "llc_recommendation": Table(
        "variant",
        {
            **RUN,
            **_SGLD,
            **_ESTIMATE,
            "recommended": flag("whether this is the recommended setting (docs/llc.md)"),
        },
        on_request=True,
    ),
    "llc_crosscheck": Table(
        "run",
        {
            **RUN,
            "sampler": text("sgld (ours) or devinterp"),
            **_ESTIMATE,
            "seconds": number("wall time of the sampling"),
            "z": number("difference from the other sampler, in its standard errors"),
        },
        on_request=True,
        runs=measured("llc_crosscheck"),
    ),
}

for _path in in_extensions("tables.py"):
    _own = importlib.import_module(f"transient_ridge.{module_name(_path)}").TABLES
    if _twice := sorted(TABLES.keys() & _own):
        raise ConfigError(
            f"{_path}: {_twice[0]}: another table has this name; choose one of its own"
        )
    TABLES |= _own


def judged() -> tuple[str, ...]:
    """The tables that statements of the scorecard may read."""
    return tuple(name for name, table in TABLES.items() if table.judged)


#: Integer columns in which null has a meaning: infinity, 'all positions', and 'none'.
NULLABLE = ("task_diversity", "token", "below", "above", "switch_step", "dmmse_step")
