"""Every table: its columns, its scope, and which runs have it.

An extension declares its own tables in its ``tables.py``.
"""

import importlib

from ..places import in_extensions, module_name
from .availability import finite_beside_infinity, measured, measured_last, named_in, switched_on
from .columns import (
    TABLES,
    Dataset,
    Distance,
    Diversity,
    Gate,
    Loss,
    Predictor,
    Run,
    Seed,
    Set,
    Step,
    Token,
    table,
)

__all__ = ["TABLES", "judged"]


class _OnTasks(Run):
    task_diversity: int | None
    """M of the data, q_M"""
    seed: int
    """seed of the M = infinity run, whose last checkpoint this is"""


class _Softened(Diversity):
    inverse_temperature: float
    """u: 0 = the mean task, 1 = dMMSE_M"""


class _Claim:
    claim: int
    """number of the paper's claim"""
    part: str
    """letter of the statement within the claim"""


class _Resolution:
    resolution: float
    """r = gamma / (n beta), on the mean squared error"""


class _Account:
    account: str
    """its cost of dMMSE_M: LLC, compressed size, log M, saturating log M, or constant"""
    resolution: float
    """r of the LLC; null = none is used"""
    split: str
    """what is held out: each M in turn, or the later part of training (forecast)"""


class _Other:
    other: str
    """the predictor to which the distance is measured"""


class _Outputs:
    outputs: list[float]
    """predictions on D(1), B*K values, sequence-major"""


class _TaskSet:
    task_diversity: int | None
    """M of the predictor's task set; null = infinity, or no task set"""


class _Principal:
    component: int
    """principal component, from 1"""


class _Projection(_Principal):
    coordinate: float
    """projection on the component; not part of the fit"""


class _Variant:
    variant: str
    """the variant of the preset"""
    task_diversity: int | None
    """M, the number of training tasks; finite"""


class _Weights:
    weights: str
    """averaged or raw"""


class _Rung:
    n_beta: float
    """n beta, as a factor of the mean squared error"""


class _Sampler:
    sampler: str
    """sgld (ours) or devinterp"""


@table("run")
class Training(Run):
    """Training loss over a run."""

    loss: float
    """mean training loss over the updates since the previous row"""
    gradient_norm: float
    """joint norm of the last gradient, before clipping"""
    rate_factor: float
    """learning rate as a multiple of its base value"""


@table("run")
class Losses(Run, Set, Loss):
    """Losses of every checkpoint on the evaluation sets."""


@table("run")
class Distances(Run, Predictor, Set, Distance):
    """Distances of every checkpoint from the idealised predictors."""


@table("run")
class Outputs(Run, _Outputs):
    """What every checkpoint predicts for the root task."""


@table("variant", judged=True)
class IdealisedLosses(Diversity, Predictor, Set, Loss):
    """Losses of the idealised predictors."""


@table("variant", judged=True)
class IdealisedDistances(Diversity, Predictor, _Other, Set, Distance):
    """Distances between the idealised predictors."""


@table("variant", judged=True)
class SoftenedDmmse(_Softened):
    """dMMSE_M at higher temperatures: its losses and distances."""

    loss: float
    """mean squared error on q_M, in units of y^2"""
    ridge: float
    """Delta(softened dMMSE_M, ridge) on q_M, in units of y^2"""
    dmmse: float
    """Delta(softened dMMSE_M, dMMSE_M) on q_M"""
    loss_out: float
    """mean squared error out of distribution"""
    ridge_out: float
    """Delta(softened dMMSE_M, ridge) out of distribution"""
    dmmse_out: float
    """Delta(softened dMMSE_M, dMMSE_M) out of distribution"""


@table("variant")
class SoftenedOutputs(_Softened, _Outputs):
    """What softened dMMSE_M predicts for the root task."""


@table("variant")
class IdealisedOutputs(_TaskSet, Predictor, _Outputs):
    """What the idealised predictors predict for the root task."""


@table("variant")
class CriticalSteps(Diversity, Seed):
    """The step of least OOD loss of every run."""

    curve: str
    """raw or smoothed"""
    step: int
    """t_crit: the step of least OOD loss"""
    loss: float
    """OOD loss there"""


@table("variant", judged=True)
class SmoothedLosses(Run, Set):
    """Losses smoothed over training."""

    loss: float
    """smoothed loss, in units of y^2; as measured at both ends"""


@table("run", runs=finite_beside_infinity)
class RidgeOnTasks(_OnTasks, Token, Loss):
    """Losses of the M = infinity run on the tasks of the others."""


@table("variant", judged=True)
class PcaTrajectories(Run, _Principal):
    """Every checkpoint in the joint PCA."""

    coordinate: float
    """gamma_M(t): projection on the component"""


@table("variant", judged=True)
class PcaIdealised(_TaskSet, Predictor, _Projection):
    """The idealised predictors in the joint PCA."""


@table("variant", judged=True)
class PcaSoftened(_Softened, _Projection):
    """Softened dMMSE_M in the joint PCA."""


@table("variant", judged=True)
class PcaVariance(_Principal):
    """Variance that the joint PCA explains."""

    explained_variance: float
    """variance along the component"""
    explained_variance_ratio: float
    """share of the total variance"""


@table("variant", judged=True)
class PcaLoadings(_Principal):
    """Weight of every position in the joint PCA."""

    token: int | None
    """position k = 1..K"""
    loading: float
    """share of the component's squared norm at this position"""


@table("variant", judged=True)
class RelativeDistances(Run):
    """Where every checkpoint is between the two predictors."""

    ridge: float
    """Delta(f, ridge) in distribution, smoothed, in units of y^2"""
    dmmse: float
    """Delta(f, dMMSE_M) in distribution, smoothed, in units of y^2"""
    ridge_out: float
    """Delta(f, ridge) out of distribution, smoothed"""
    dmmse_out: float
    """Delta(f, dMMSE_M) out of distribution, smoothed"""
    relative_distance: float
    """ridge / (ridge + dmmse): 0 = ridge, 1 = dMMSE_M; null at M = infinity, where the two are one"""
    alpha: float
    """position on the line from ridge (0) to dMMSE_M (1) in distribution: (ridge - dmmse + A) / 2A, with A =
    Delta(dMMSE_M, ridge); null at M = infinity"""
    residual: float
    """distance from that line, sqrt(ridge - alpha^2 A), in units of y; null at M = infinity"""
    alpha_out: float
    """alpha out of distribution"""
    residual_out: float
    """residual out of distribution, in units of y"""


@table("variant", judged=True)
class Gates(Run, Set, Gate):
    """The nearest mixture of the two predictors, at every position."""


@table("variant", judged=True)
class Strategies(Run, Dataset):
    """The nearest mixture of all predictors."""

    predictor: str
    """an idealised predictor, for the M of this row; a predictor that equals another has no row"""
    distance: float
    """Delta(f, predictor), in units of y^2"""
    weight: float
    """weight of this predictor in the nearest mixture of all: at least 0, in sum 1"""
    residual: float
    """Delta(f, that mixture), in units of y^2"""


@table("variant", judged=True)
class Thresholds(Seed, Step):
    """The task diversity that separates dMMSE_M from ridge, at every step."""

    threshold: float
    """task diversity at which the relative distance is 1/2, between M whose predictors the M = infinity run can tell
    apart; null = not within them"""
    below: int | None
    """greatest of these M nearer to dMMSE; null = none"""
    above: int | None
    """least of these M nearer to ridge; null = none"""


@table("variant", judged=True)
class Selection(Diversity, Seed):
    """The trade-off of loss against complexity for every run (Eq. 8)."""

    losses: str
    """idealised (of the predictors) or measured (of the trained models)"""
    loss_ridge: float
    """l(u): loss on q_M of the ridge-like solution, units of y^2"""
    loss_dmmse: float
    """l(v_M): loss on q_M of the dMMSE-like solution, units of y^2"""
    loss_difference: float
    """dl = (l(v_M) - l(u)) / (2 sigma^2), nats per pair (x, y)"""
    llc_ridge: float
    """lambda(u); null = not measured"""
    llc_dmmse: float
    """lambda(v_M); null = not measured"""
    llc_difference: float
    """dlambda = lambda(v_M) - lambda(u); null = not measured"""
    llc_difference_standard_error: float
    """Monte Carlo standard error of dlambda"""
    complexity: str
    """source of lambda(v_M): measured (this run), extrapolated (the dMMSE-like run of greatest M); null = not
    measured"""
    complexity_ridge: str
    """the data of lambda(u), the same for all M: q_M, or q_inf and why; null = not measured"""
    phase: str
    """never ridge, ridge then dMMSE, always ridge, or dMMSE then ridge, for growing n; null = unknown"""
    crossover: float
    """n*, in pairs (x, y): ridge is preferred below; 0 = never, infinity = always; null = unknown"""
    crossover_low: float
    """n* at dlambda less one standard error"""
    crossover_high: float
    """n* at dlambda plus one standard error"""
    crossover_step: float
    """training step at which n* pairs have been seen: t* if each counts as an observation of the posterior"""
    critical_step: int
    """t_crit on the smoothed OOD loss"""
    switch_step: int | None
    """first step from which on a run that was nearer to ridge at t_crit stays nearer to dMMSE_M; null: none"""
    relative_distance: float
    """at the end of training: 0 = ridge, 1 = dMMSE_M"""


@table("variant")
class SelectionByResolution(_Resolution, Selection):
    """The same trade-off by the quadratic LLC at every resolution."""


@table("variant")
class LogOdds(Diversity, Seed):
    """Posterior odds of ridge over dMMSE_M for growing n."""

    losses: str
    """idealised (of the predictors) or measured (of the trained models)"""
    n: float
    """number of pairs (x, y) seen"""
    log_odds: float
    """log of the posterior odds of ridge over dMMSE_M, nats; null = LLC not measured"""


@table("variant", judged=True)
class PcaRobustness:
    """The joint PCA fitted again with other choices."""

    check: str
    """sequences (B), schedule (of checkpoints) or left_out (one run)"""
    setting: str
    """the B, the schedule, or the run that was left out"""
    rows: int
    """checkpoints of all runs in this fit"""
    sequences: int
    """B of this fit"""
    components: int
    """number of leading components compared"""
    angle: float
    """largest principal angle between this fit's components and the full fit's, in degrees"""
    trajectory_distance: float
    """Procrustes distance of all trajectories from the full fit's: 0 = same shape, 1 = unrelated"""
    explained_variance_ratio: float
    """share of the variance explained by this fit"""
    reference: bool
    """whether this is the full fit: greatest B, every checkpoint and run"""


@table("variant")
class Accounts(_Account):
    """How well each account of the cost of dMMSE_M predicts when runs turn."""

    loss_weight: float
    """constant a, fitted to all points, or to the first tenth of training"""
    exponent: float
    """constant b, likewise"""
    cost_weight: float
    """constant c, likewise"""
    fitted: int
    """number of points (M, t) in the fit of these constants"""
    held_out: int
    """points by which the account is judged"""
    error_fitted: float
    """root mean square error of the relative distance, fitted points"""
    error: float
    """root mean square error of the relative distance, held-out points, mean over M"""
    difference: float
    """error less that of log M, mean over M; null = log M itself"""
    difference_margin: float
    """half-width of its t interval over M; null = one M"""
    verdict: str
    """better or worse than log M if the interval excludes 0, else undecided; null = log M itself"""


@table("variant")
class AccountPoints(_Account, Diversity, Step):
    """The predictions of the accounts, point by point."""

    relative_distance: float
    """measured, from the mean distances over seeds"""
    predicted: float
    """predicted by the account, which was not fitted to this point"""


@table("variant")
class ClaimValues(_Claim):
    """What each statement of a claim measured, seed by seed."""

    root_seed: int
    """root seed of this variant: tasks and evaluation sets"""
    seed: int
    """seed of the runs; null = one value for all of them"""
    value: float
    """the quantity; null = not measured"""
    resolution: float
    """half-width of the uncertainty of the value from the grid"""
    error: float
    """Monte Carlo standard error of the value, of the LLC"""
    null: str
    """the null that comes closest to passing; null = the statement has no null, or no value"""
    null_outcome: str
    """measured or contradicted there"""
    null_value: float
    """the value there; null = contradicted"""
    outcome: str
    """measured, contradicted or not testable"""
    reason: str
    """reason for being contradicted or not testable, or a remark"""


@table("preset")
class Front(_Variant, Seed):
    """How near runs of every variant come to ridge, and the cost of training them."""

    critical_step: int
    """t_crit on the smoothed OOD loss"""
    relative_distance: float
    """on q_M at t_crit: 0 = ridge, 1 = dMMSE_M"""
    end: float
    """relative distance at the end of training"""
    dmmse_step: int | None
    """first checkpoint from t_crit on whose alpha on q_M is claims.dmmse_like; null = none"""
    core_seconds: float
    """CPU time of training up to dmmse_step; null = not reached, or not known"""
    core_seconds_of_training: float
    """CPU time of all training; null = not known (trained in a stack, or not recorded)"""


@table("preset")
class Averaging(_Weights, Run):
    """The same training measured by averaged and by raw weights."""

    out_of_distribution: float
    """OOD loss as measured, in units of y^2"""
    in_distribution: float
    """loss on q_M as measured, in units of y^2"""
    relative_distance: float
    """on q_M as measured: 0 = ridge, 1 = dMMSE_M; null at M = infinity"""


@table("variant")
class Claims(_Claim):
    """The scorecard: the verdict on each statement."""

    kind: str
    """paper: part of the claim; further: a question of ours; own: of a preset"""
    statement: str
    """what is claimed, in measurable terms"""
    about: str
    """what it needs in order to hold: predictors (the idealised ones), memory (no run need have learnt ridge),
    training, or ridge phase"""
    quantity: str
    """what is measured"""
    existence: bool
    """whether it claims that there are M of some kind: judged by the proportion of draws"""
    value: float
    """the quantity, mean over draws; null = could not be measured"""
    standard_error: float
    """standard error of the mean over root seeds, or over the seeds of one, with the LLC's Monte Carlo error; null =
    one value"""
    margin: float
    """half-width of the t interval of the mean, plus the uncertainty from the grid; null = neither is known"""
    nulls: str
    """worlds in which it is false (docs/thresholds.md)"""
    null_outcome: str
    """measured or contradicted there, in most draws; null = no null, or no value to compare with"""
    null_value: float
    """the quantity in the null that comes closest to passing, mean over draws; null = contradicted there"""
    difference: float
    """value less null, mean over draws"""
    difference_margin: float
    """half-width of its t interval; null = not known"""
    share: float
    """share of draws in which it holds; null = judged by the mean"""
    share_low: float
    """Clopper-Pearson interval of the share, lower end"""
    share_high: float
    """Clopper-Pearson interval of the share, upper end"""
    p_value: float
    """one-sided, before Holm's correction; null = one draw, or not scored"""
    seeds: int
    """number of values behind the mean; 0 = none"""
    root_seeds: int
    """number of root seeds, the draws"""
    deviation_seeds: float
    """standard deviation over seeds of weights and batches; null = one seed each"""
    deviation_root_seeds: float
    """standard deviation over root seeds beyond what seeds explain; null = one root seed"""
    comparison: str
    """at least or at most"""
    threshold: float
    """the number that the value is compared with"""
    set_when: str
    """when the statement and its threshold were set"""
    verdict: str
    """holds, does not hold, undecided, not discriminating (its null passes too), not testable at this scale; with one
    draw, or draws that chose the regime, met or not met"""
    reason: str
    """the reason, in words"""


@table("variant", judged=True)
class ClaimsByResolution(_Resolution, Claims):
    """The statements about the LLC, judged at every resolution."""


class _Estimate(_Resolution):
    llc: float
    """lambda_hat, paired, corrected for heating and slope; null if a chain diverged"""
    standard_error: float
    """Monte Carlo standard error of llc"""
    llc_unpaired: float
    """lambda_hat against l(w*) of all n sequences"""
    standard_error_unpaired: float
    """Monte Carlo standard error of llc_unpaired"""
    slope: float
    """the correction for the slope at w*, added to llc; null for single positions, which are not corrected"""
    heating: float
    """the correction for minibatch noise, subtracted from llc; null for single positions"""
    centre_loss: float
    """l(w*) on the n sequences, in units of y^2"""
    mean_loss: float
    """mean loss of the draws, in units of y^2"""
    r_hat: float
    """split R-hat of the draws' paired losses; null for one chain"""
    ess: float
    """effective sample size of the draws' paired losses, including their minibatch noise"""
    share_below: float
    """share of draws whose loss is below that of w*"""
    mala_acceptance: float
    """mean Metropolis acceptance of the SGLD steps"""
    distance: float
    """mean |w - w*|"""
    gradient_norm: float
    """mean length of the gradient part of a step"""
    noise_norm: float
    """mean length of the noise part of a step"""
    relaxations: float
    """length of the burn-in in relaxations of a flat direction"""
    b_min: float
    """least curvature, in the metric of the chains, that contributes to llc; null where w* has none"""
    b_max: float
    """largest curvature, likewise; eps b below 4 is stable"""
    missing_at_start: float
    """share of llc that the chains lack at the first draw"""
    missing: float
    """share of llc that the chains lack at the mean of the draws"""
    step_share: float
    """share of llc added by the finite step"""
    distance_trend: float
    """change of |w - w*|^2 during the draws over its mean, less two standard errors"""
    radius_share: float
    """mean |w - w*|^2 over P / gamma, its value if only the localisation acted"""
    heating_share: float
    """heating over llc"""
    locality: float
    """mean |w - w*| over |w*|"""
    centre_slope: float
    """|grad l_n(w*)|, 0 at a minimum, in units of y^2 / weight"""
    slope_share: float
    """slope over llc"""
    healthy: bool
    """whether every diagnostic is within the limits of the configuration"""
    fault: str
    """the fault and what to change; null if healthy"""


class _Component:
    component: str
    """the sampled parameters; all = the whole model"""


class _Quadratic(_Resolution):
    llc: float
    """1/2 sum h / (h + r), lambda_hat of a quadratic loss with these curvatures, in the limit of many sequences; null
    if they are too few for this r"""
    standard_error: float
    """standard error of llc, from the draw of the sequences and the change from half of them to all"""
    llc_half: float
    """llc by half of the sequences, the mean of both halves"""
    in_sample: float
    """1/2 sum h / (h + r) on these sequences, which is too low"""
    trace: float
    """sum of all h, the same at every r"""
    largest: float
    """the largest h, the same at every r"""
    healthy: bool
    """whether the sequences suffice for this r"""
    fault: str
    """the fault and what to change; null if healthy"""


class _Position:
    token: int | None
    """position k = 1..K of the loss; null = all positions"""


class _Traces:
    chain: int
    """chain, from 0"""
    losses: list[float]
    """minibatch loss before each SGLD step, burn-in included"""
    centre_losses: list[float]
    """loss of w* on the same minibatches"""


class _Sgld:
    epsilon: float
    """SGLD step size"""
    n_beta: float
    """n beta, as a factor of the loss that llc.loss names"""
    gamma: float
    """localisation"""


@table("chunk", judged=True)
class Llc(Run, _Component, _Position, _Estimate):
    """Sampled LLCs with their diagnostics."""


@table("chunk")
class LlcTraces(Run, _Component, _Traces):
    """Losses along the chains behind the sampled LLCs."""


@table("run", runs=switched_on("llc", "on_tasks", measured_last("llc", finite_beside_infinity)))
class LlcOnTasks(_OnTasks, _Component, _Position, _Estimate):
    """LLCs of the M = infinity run, sampled with data of the others."""


@table("run", runs=measured("spectrum"))
class Spectrum(Run):
    """Histogram of the curvature."""

    lower: float
    """least curvature of the bin, loss / weight^2"""
    upper: float
    """greatest curvature of the bin"""
    number: float
    """number of eigenvalues in the bin, not counting zeros due to too few sequences"""


@table("run", runs=measured("spectrum"))
class QuadraticLlc(Run, _Quadratic):
    """The LLC that the curvature implies at every resolution."""


@table("run", runs=measured_last("spectrum", finite_beside_infinity))
class QuadraticLlcOnTasks(_OnTasks, _Quadratic):
    """The same for the M = infinity run with data of the others."""


@table("run", on_request=True, runs=named_in("llc_ladder"))
class LlcLadder(Run, _Rung, _Estimate):
    """LLCs sampled over n beta and resolution."""

    llc_halved: float
    """lambda_hat with half the step and twice the burn-in"""
    standard_error_halved: float
    """Monte Carlo standard error of llc_halved"""
    z: float
    """difference of the two, in its standard errors"""
    equilibrated: bool
    """whether the chains had forgotten w* and half the step gives the same"""


@table("run", on_request=True, runs=named_in("llc_calibration"))
class LlcCalibration(Run, _Sgld, _Estimate):
    """LLCs sampled over eps, n beta and gamma."""


@table("run", on_request=True, runs=named_in("llc_calibration"))
class LlcCalibrationTraces(Run, _Sgld, _Traces):
    """Losses along the chains of the sweep."""


@table("variant", on_request=True)
class LlcRecommendation(Run, _Sgld, _Estimate):
    """The sweeps of all runs, and the setting to use."""

    recommended: bool
    """whether this is the recommended setting (docs/llc.md)"""


@table("run", on_request=True, runs=measured("llc_crosscheck"))
class LlcCrosscheck(Run, _Sampler, _Estimate):
    """Plain SGLD by our sampler and by devinterp."""

    seconds: float
    """wall time of the sampling"""
    z: float
    """difference from the other sampler, in its standard errors"""


for _path in in_extensions("tables.py"):
    importlib.import_module(f"transient_ridge.{module_name(_path)}")


def judged() -> tuple[str, ...]:
    """The tables that statements of the scorecard may read."""
    return tuple(name for name, table in TABLES.items() if table.judged)
