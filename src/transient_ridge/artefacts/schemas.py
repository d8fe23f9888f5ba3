"""Every table: its columns, what there is one file for, and which runs have one. Extensions add theirs.

A table of an extension is declared in ``TABLES`` of its ``tables.py``.
"""

import importlib

from ..errors import ConfigError
from ..places import in_extensions, module_name
from .availability import finite_beside_infinity, measured, measured_last, named_in
from .columns import DISTANCE, GATE, LOSS, PREDICTOR, RUN, SET, Columns, Table

_ON_TASKS: Columns = {
    "task_diversity": ("int64", "M of the data, q_M"),
    "seed": ("int64", "seed of the M = infinity run whose last checkpoint this is"),
    "step": RUN["step"],
}
_CLAIM: Columns = {
    "claim": ("int64", "number of the paper's claim"),
    "part": ("string", "letter of the statement within the claim"),
}

_JUDGED: Columns = {
    **_CLAIM,
    "kind": ("string", "paper: decides the claim; further: a question of ours; own: of a preset"),
    "statement": ("string", "the claim as something that can be measured"),
    "about": (
        "string",
        "what must be there for it to hold: predictors (the idealised ones), memory (needs no run that has learnt "
        "ridge), training, or ridge phase",
    ),
    "quantity": ("string", "what is measured"),
    "existence": ("bool", "'there are M that ...': judged by the proportion of draws"),
    "value": ("float64", "what was measured, mean over draws; null = could not be measured"),
    "standard_error": (
        "float64",
        "standard error of the mean over root seeds, or over seeds of one, with the LLC's Monte Carlo error; null = "
        "one value",
    ),
    "margin": (
        "float64",
        "half-width of the t interval of the mean and what the grid leaves open; null = neither is known",
    ),
    "nulls": ("string", "worlds in which it is not so (docs/thresholds.md)"),
    "null_outcome": (
        "string",
        "measured or contradicted there, in most draws; null = no null, or no value to compare",
    ),
    "null_value": (
        "float64",
        "the same quantity in the null that comes closest to passing, mean over draws; null = contradicted there",
    ),
    "difference": ("float64", "value less null, mean over draws"),
    "difference_margin": ("float64", "half-width of its t interval; null = not known"),
    "share": ("float64", "share of draws in which it is so; null = judged by the mean"),
    "share_low": ("float64", "Clopper-Pearson interval of the share, lower end"),
    "share_high": ("float64", "Clopper-Pearson interval of the share, upper end"),
    "p_value": ("float64", "one-sided, before Holm's correction; null = one draw, or not scored"),
    "seeds": ("int64", "number of values behind the mean; 0 = none"),
    "root_seeds": ("int64", "number of root seeds, the draws"),
    "deviation_seeds": (
        "float64",
        "standard deviation over seeds of weights and batches; null = one each",
    ),
    "deviation_root_seeds": (
        "float64",
        "standard deviation over root seeds beyond that; null = one root seed",
    ),
    "comparison": ("string", "at least or at most"),
    "threshold": ("float64", "what the value is compared with"),
    "set_when": ("string", "when statement and threshold were set"),
    "verdict": (
        "string",
        "holds, does not hold, undecided, not discriminating (its null passes too), not testable at this scale; met or "
        "not met: of one draw, or of draws that chose the regime",
    ),
    "reason": ("string", "why, in words"),
}
_RESOLUTION: Columns = {
    "resolution": ("float64", "r = gamma / (n beta), on the mean squared error")
}

_SELECTION: Columns = {
    "task_diversity": RUN["task_diversity"],
    "seed": RUN["seed"],
    "losses": ("string", "idealised (of the predictors) or measured (of the trained models)"),
    "loss_ridge": ("float64", "l(u): loss on q_M of the ridge-like solution, units of y^2"),
    "loss_dmmse": ("float64", "l(v_M): loss on q_M of the dMMSE-like solution, units of y^2"),
    "loss_difference": ("float64", "dl = (l(v_M) - l(u)) / (2 sigma^2), nats per pair (x, y)"),
    "llc_ridge": ("float64", "lambda(u); null = not measured"),
    "llc_dmmse": ("float64", "lambda(v_M); null = not measured"),
    "llc_difference": ("float64", "dlambda = lambda(v_M) - lambda(u); null = not measured"),
    "llc_difference_standard_error": ("float64", "Monte Carlo standard error of dlambda"),
    "complexity": (
        "string",
        "where lambda(v_M) is from: measured (this run), extrapolated (the dMMSE-like run of greatest M); "
        "null = not measured",
    ),
    "complexity_ridge": (
        "string",
        "the data that lambda(u) is on, the same for all M: q_M, or q_inf and why; null = not measured",
    ),
    "phase": (
        "string",
        "never ridge, ridge then dMMSE, always ridge, or dMMSE then ridge, for growing n; null = unknown",
    ),
    "crossover": (
        "float64",
        "n*, in pairs (x, y): ridge is preferred below; 0 = never, infinity = always; null = unknown",
    ),
    "crossover_low": ("float64", "n* at dlambda less one standard error"),
    "crossover_high": ("float64", "n* at dlambda plus one standard error"),
    "crossover_step": (
        "float64",
        "training step after which n* pairs were seen: t* if each counts as an observation of the posterior",
    ),
    "critical_step": ("int64", "t_crit on the smoothed OOD loss"),
    "switch_step": (
        "int64",
        "first step from which on a run that was nearer to ridge at t_crit stays nearer to dMMSE_M; null: none",
    ),
    "relative_distance": ("float64", "at the end of training: 0 = ridge, 1 = dMMSE_M"),
}

_ACCOUNT: Columns = {
    "account": (
        "string",
        "what dMMSE_M costs by it: LLC, compressed size, log M, saturating log M, or constant",
    ),
    "resolution": ("float64", "r of the LLC; null = none is used"),
    "split": ("string", "what is held out: M left out, each in its turn, or forecast"),
}

#: Every table, by name.
TABLES: dict[str, Table] = {
    "training": Table(
        "run",
        {
            **RUN,
            "loss": ("float64", "mean training loss over the updates since the row before"),
            "gradient_norm": ("float64", "joint norm of the last gradient, before clipping"),
            "rate_factor": ("float64", "learning rate as a multiple of its base value"),
        },
    ),
    "losses": Table("run", {**RUN, **SET, **LOSS}),
    "distances": Table("run", {**RUN, **PREDICTOR, **SET, **DISTANCE}),
    "outputs": Table(
        "run",
        {**RUN, "outputs": ("list<float32>", "predictions on D(1), B*K values, sequence-major")},
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
            "other": ("string", "the predictor that it is compared with"),
            **SET,
            **DISTANCE,
        },
        judged=True,
    ),
    "softened_dmmse": Table(
        "variant",
        {
            "task_diversity": RUN["task_diversity"],
            "inverse_temperature": ("float64", "u: 0 = the mean task, 1 = dMMSE_M"),
            "loss": ("float64", "mean squared error on q_M, in units of y^2"),
            "ridge": ("float64", "Delta(softened dMMSE_M, ridge) on q_M, in units of y^2"),
            "dmmse": ("float64", "Delta(softened dMMSE_M, dMMSE_M) on q_M"),
            "loss_out": ("float64", "mean squared error out of distribution"),
            "ridge_out": ("float64", "Delta(softened dMMSE_M, ridge) out of distribution"),
            "dmmse_out": ("float64", "Delta(softened dMMSE_M, dMMSE_M) out of distribution"),
        },
        judged=True,
    ),
    "idealised_outputs": Table(
        "variant",
        {
            "task_diversity": (
                "int64",
                "M of the predictor's task set; null = infinity, or no task set",
            ),
            **PREDICTOR,
            "outputs": ("list<float32>", "predictions on D(1), B*K values, sequence-major"),
        },
    ),
    "critical_steps": Table(
        "variant",
        {
            "task_diversity": RUN["task_diversity"],
            "seed": RUN["seed"],
            "curve": ("string", "raw or smoothed"),
            "step": ("int64", "t_crit: the step of least OOD loss"),
            "loss": ("float64", "OOD loss there"),
        },
    ),
    "smoothed_losses": Table(
        "variant",
        {
            **RUN,
            **SET,
            "loss": ("float64", "smoothed loss, in units of y^2; as measured at both ends"),
        },
        judged=True,
    ),
    "ridge_on_tasks": Table(
        "run", {**_ON_TASKS, "token": SET["token"], **LOSS}, runs=finite_beside_infinity
    ),
    "pca_trajectories": Table(
        "variant",
        {
            **RUN,
            "component": ("int64", "principal component, from 1"),
            "coordinate": ("float64", "gamma_M(t): projection on the component"),
        },
        judged=True,
    ),
    "pca_idealised": Table(
        "variant",
        {
            "task_diversity": (
                "int64",
                "M of the predictor's task set; null = infinity, or no task set",
            ),
            **PREDICTOR,
            "component": ("int64", "principal component, from 1"),
            "coordinate": ("float64", "projection on the component; not part of the fit"),
        },
        judged=True,
    ),
    "pca_variance": Table(
        "variant",
        {
            "component": ("int64", "principal component, from 1"),
            "explained_variance": ("float64", "variance along the component"),
            "explained_variance_ratio": ("float64", "share of the total variance"),
        },
        judged=True,
    ),
    "pca_loadings": Table(
        "variant",
        {
            "component": ("int64", "principal component, from 1"),
            "token": ("int64", "position k = 1..K"),
            "loading": ("float64", "share of the component's squared norm at this position"),
        },
        judged=True,
    ),
    "relative_distances": Table(
        "variant",
        {
            **RUN,
            "ridge": ("float64", "Delta(f, ridge) in distribution, smoothed, in units of y^2"),
            "dmmse": ("float64", "Delta(f, dMMSE_M) in distribution, smoothed, in units of y^2"),
            "ridge_out": ("float64", "Delta(f, ridge) out of distribution, smoothed"),
            "dmmse_out": ("float64", "Delta(f, dMMSE_M) out of distribution, smoothed"),
            "relative_distance": (
                "float64",
                "ridge / (ridge + dmmse): 0 = ridge, 1 = dMMSE_M; null at M = infinity, where they are one",
            ),
            "alpha": (
                "float64",
                "place along the line from ridge (0) to dMMSE_M (1) in distribution: (ridge - dmmse + A) / 2A, with A "
                "= Delta(dMMSE_M, ridge); null at M = infinity",
            ),
            "residual": (
                "float64",
                "distance from that line, sqrt(ridge - alpha^2 A), in units of y; null at M = infinity",
            ),
            "alpha_out": ("float64", "alpha out of distribution"),
            "residual_out": ("float64", "residual out of distribution, in units of y"),
        },
        judged=True,
    ),
    "gates": Table("variant", {**RUN, **SET, **GATE}, judged=True),
    "strategies": Table(
        "variant",
        {
            **RUN,
            "dataset": SET["dataset"],
            "predictor": (
                "string",
                "an idealised predictor, for the M of this row; one that equals another there has no row",
            ),
            "distance": ("float64", "Delta(f, predictor), in units of y^2"),
            "weight": (
                "float64",
                "of this predictor in the nearest mixture of all: at least 0, in sum 1",
            ),
            "residual": ("float64", "Delta(f, that mixture), in units of y^2"),
        },
        judged=True,
    ),
    "thresholds": Table(
        "variant",
        {
            "seed": RUN["seed"],
            "step": RUN["step"],
            "threshold": (
                "float64",
                "task diversity at which the relative distance is 1/2, between M whose predictors the M = infinity "
                "run can tell apart; null = not within them",
            ),
            "below": ("int64", "greatest of these M on the side of dMMSE; null = none"),
            "above": ("int64", "least of these M on the side of ridge; null = none"),
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
            "losses": (
                "string",
                "idealised (of the predictors) or measured (of the trained models)",
            ),
            "n": ("float64", "number of pairs (x, y) seen"),
            "log_odds": (
                "float64",
                "log of the posterior odds of ridge over dMMSE_M, nats; null = LLC not measured",
            ),
        },
    ),
    "pca_robustness": Table(
        "variant",
        {
            "check": ("string", "sequences (B), schedule (of checkpoints) or left_out (one run)"),
            "setting": ("string", "the B, the schedule, or the run that was left out"),
            "rows": ("int64", "checkpoints of all runs in this fit"),
            "sequences": ("int64", "B of this fit"),
            "components": ("int64", "number of leading components that are compared"),
            "angle": (
                "float64",
                "largest principal angle between this fit's components and the full fit's, in degrees",
            ),
            "trajectory_distance": (
                "float64",
                "Procrustes distance of all trajectories from the full fit's: 0 = same shape, 1 = unrelated",
            ),
            "explained_variance_ratio": ("float64", "share of the variance that this fit explains"),
            "reference": (
                "bool",
                "whether this is the full fit: greatest B, every checkpoint and run",
            ),
        },
        judged=True,
    ),
    "accounts": Table(
        "variant",
        {
            **_ACCOUNT,
            "loss_weight": (
                "float64",
                "a, fitted to all points, or to the first tenth of training",
            ),
            "exponent": ("float64", "b, likewise"),
            "cost_weight": ("float64", "c, likewise"),
            "fitted": ("int64", "points (M, t) that these constants are fitted to"),
            "held_out": ("int64", "points that the account is judged by"),
            "error_fitted": (
                "float64",
                "root mean square error of the relative distance, fitted points",
            ),
            "error": (
                "float64",
                "root mean square error of the relative distance, held-out points, mean over M",
            ),
            "difference": ("float64", "error less that of log M, mean over M; null = log M itself"),
            "difference_margin": ("float64", "half-width of its t interval over M; null = one M"),
            "verdict": (
                "string",
                "better or worse than log M where the interval says so, else undecided; null = log M itself",
            ),
        },
    ),
    "account_points": Table(
        "variant",
        {
            **_ACCOUNT,
            "task_diversity": RUN["task_diversity"],
            "step": RUN["step"],
            "relative_distance": ("float64", "measured, of the mean distances over seeds"),
            "predicted": ("float64", "by the account, which was not fitted to this point"),
        },
    ),
    "claim_values": Table(
        "variant",
        {
            "claim": _CLAIM["claim"],
            "part": _CLAIM["part"],
            "root_seed": ("int64", "root seed of this variant: tasks and evaluation sets"),
            "seed": ("int64", "seed of the runs; null = one value for all of them"),
            "value": ("float64", "what was measured; null = nothing"),
            "resolution": ("float64", "what the grid leaves open of the value, half-width"),
            "error": ("float64", "Monte Carlo standard error of the value, of the LLC"),
            "null": (
                "string",
                "the null that comes closest to passing; null = the statement has none, or no value",
            ),
            "null_outcome": ("string", "measured or contradicted there"),
            "null_value": ("float64", "the value there; null = contradicted"),
            "outcome": ("string", "measured, contradicted or not testable"),
            "reason": ("string", "why it is contradicted or not testable, or a remark"),
        },
    ),
    "front": Table(
        "preset",
        {
            "variant": ("string", "which of the preset's"),
            "task_diversity": ("int64", "M, the number of training tasks; finite"),
            "seed": RUN["seed"],
            "critical_step": ("int64", "t_crit on the smoothed OOD loss"),
            "relative_distance": ("float64", "on q_M at t_crit: 0 = ridge, 1 = dMMSE_M"),
            "end": ("float64", "relative distance at the end of training"),
            "dmmse_step": (
                "int64",
                "first checkpoint from t_crit on whose alpha on q_M is claims.dmmse_like; null = none",
            ),
            "core_seconds": (
                "float64",
                "CPU time of training up to there; null = not reached, or not known",
            ),
            "core_seconds_of_training": (
                "float64",
                "CPU time of the whole training; null = not known (trained in a stack, or not recorded)",
            ),
        },
    ),
    "averaging": Table(
        "preset",
        {
            "weights": ("string", "averaged or raw"),
            **RUN,
            "out_of_distribution": ("float64", "OOD loss as measured, in units of y^2"),
            "in_distribution": ("float64", "loss on q_M as measured, in units of y^2"),
            "relative_distance": (
                "float64",
                "on q_M as measured: 0 = ridge, 1 = dMMSE_M; null at M = infinity",
            ),
        },
    ),
    "claims": Table("variant", _JUDGED),
    "claims_by_resolution": Table("variant", {**_RESOLUTION, **_JUDGED}, judged=True),
}

_ESTIMATE: Columns = {
    **_RESOLUTION,
    "llc": ("float64", "lambda_hat, paired, without heating and slope; null if a chain diverged"),
    "standard_error": ("float64", "Monte Carlo standard error of llc"),
    "llc_unpaired": ("float64", "lambda_hat against l(w*) of all n sequences"),
    "standard_error_unpaired": ("float64", "Monte Carlo standard error of llc_unpaired"),
    "slope": (
        "float64",
        "what the slope at w* took off, added to llc; null for single positions, which are as measured",
    ),
    "heating": ("float64", "what minibatch noise added, taken off llc; null for single positions"),
    "centre_loss": ("float64", "l(w*) on the n sequences, in units of y^2"),
    "mean_loss": ("float64", "mean loss of the draws, in units of y^2"),
    "r_hat": ("float64", "split R-hat of the draws' paired losses; null for one chain"),
    "ess": (
        "float64",
        "effective sample size of the draws' paired losses, their minibatch noise included",
    ),
    "share_below": ("float64", "share of draws whose loss is below that of w*"),
    "mala_acceptance": ("float64", "mean Metropolis acceptance of the SGLD steps"),
    "distance": ("float64", "mean |w - w*|"),
    "gradient_norm": ("float64", "mean length of the gradient's part of a step"),
    "noise_norm": ("float64", "mean length of the noise's part of a step"),
    "relaxations": ("float64", "length of the burn-in in relaxations of a flat direction"),
    "b_min": (
        "float64",
        "least curvature, in the metric of the chains, that carries llc; null where w* has none",
    ),
    "b_max": ("float64", "the largest; eps b below 4 is stable"),
    "missing_at_start": ("float64", "share of llc that the chains lack at the first draw"),
    "missing": ("float64", "share of llc that they lack at the mean of the draws"),
    "step_share": ("float64", "share of llc that the finite step adds"),
    "distance_trend": (
        "float64",
        "change of |w - w*|^2 during the draws over its mean, less two standard errors",
    ),
    "radius_share": ("float64", "mean |w - w*|^2 over P / gamma, the localisation's alone"),
    "heating_share": ("float64", "heating over llc"),
    "locality": ("float64", "mean |w - w*| over |w*|"),
    "centre_slope": ("float64", "|grad l_n(w*)|, 0 at a minimum, in units of y^2 / weight"),
    "slope_share": ("float64", "slope over llc"),
    "healthy": ("bool", "whether every diagnostic is within the limits of the configuration"),
    "fault": ("string", "what is wrong and what to change; null if healthy"),
}
_COMPONENT: Columns = {
    "component": ("string", "the parameters that were sampled; all = the whole model")
}
_QUADRATIC: Columns = {
    **_RESOLUTION,
    "llc": (
        "float64",
        "1/2 sum h / (h + r), lambda_hat of a quadratic loss of these curvatures, in the limit of many sequences; "
        "null if they are too few for this r",
    ),
    "standard_error": (
        "float64",
        "standard error of llc: the draw of the sequences, and the change from half of them to all",
    ),
    "llc_half": ("float64", "llc by half of the sequences, the mean of both halves"),
    "in_sample": ("float64", "1/2 sum h / (h + r) of the sequences as they are, which is too low"),
    "trace": ("float64", "sum of all h, the same at every r"),
    "largest": ("float64", "the largest h, the same at every r"),
    "healthy": ("bool", "whether the sequences suffice for this r"),
    "fault": ("string", "what is wrong and what to change; null if healthy"),
}
_POSITION: Columns = {"token": ("int64", "position k = 1..K of the loss; null = all positions")}
_TRACES: Columns = {
    "chain": ("int64", "chain, from 0"),
    "losses": ("list<float32>", "minibatch loss before each SGLD step, burn-in included"),
    "centre_losses": ("list<float32>", "loss of w* on the same minibatches"),
}
_SGLD: Columns = {
    "epsilon": ("float64", "SGLD step size"),
    "n_beta": ("float64", "n beta, as a factor of the loss that llc.loss names"),
    "gamma": ("float64", "localisation"),
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
            "lower": ("float64", "least curvature of the bin, loss / weight^2"),
            "upper": ("float64", "greatest curvature of the bin"),
            "number": (
                "float64",
                "eigenvalues in it, of those that are not 0 for want of sequences",
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
            "n_beta": ("float64", "n beta, as a factor of the mean squared error"),
            **_ESTIMATE,
            "llc_halved": ("float64", "lambda_hat with half the step and twice the burn-in"),
            "standard_error_halved": ("float64", "Monte Carlo standard error of llc_halved"),
            "z": ("float64", "difference of both, in its standard errors"),
            "equilibrated": (
                "bool",
                "whether the chains had forgotten w* and half the step agrees",
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
            "recommended": ("bool", "the setting to use, by the rule of config/README.md"),
        },
        on_request=True,
    ),
    "llc_crosscheck": Table(
        "run",
        {
            **RUN,
            "sampler": ("string", "sgld (ours) or devinterp"),
            **_ESTIMATE,
            "seconds": ("float64", "wall time of the sampling"),
            "z": ("float64", "difference from the other sampler, in its standard errors"),
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
