"""Every configuration key: one frozen model per section, whose fields are its keys (see :mod:`.section`).

To add a key, add a field here and its value to ``config/config.yaml``, then run ``make config``. Nothing here computes:
this module is outside the fingerprints of the code, so that a new key makes nothing stale.
"""

from functools import partial
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from ..stage import Setting
from . import registries
from .registries import Choice
from .section import (
    AboveOne,
    Count,
    Decay,
    Diversity,
    EntryOf,
    Fall,
    HalfLife,
    InnerShare,
    Name,
    Natural,
    NotNegative,
    Number,
    Positive,
    Positives,
    Read,
    Rise,
    Section,
    Several,
    Share,
    Stated,
    Steps,
    Two,
    Updates,
    auto,
    key,
    says,
)

UNKNOWN = "unknown in the paper"
CALIBRATED = "unknown in the paper; calibrated"
SET_BEFORE = "set before the laptop run was scored"
SET_GRID = "set after the laptop grid was chosen"
SET_REVISED = "set with three laptop seeds known"
SET_BEFORE_DRAWS = "set on root seed 0 and on D = 4, before the scored draws; docs/thresholds.md"
_Runs = Annotated[tuple[str, ...], Several("a list of runs, such as [M16-seed0]")]
SomeRuns = Annotated[
    tuple[str, ...], Stated(auto("smallest, middle and largest M of the first seed") | _Runs)
]


class ComputeSettings(Section):
    """Where and how jobs compute. A change here makes nothing stale."""

    device: Literal["auto", "cpu", "cuda"]
    """auto: CUDA where there is one. Results at float32 on the CPU are the reference."""
    state_seconds: Positive = key(unit="s")
    """Time between two saves of a run's state: the most that a kill can cost."""
    stack: Count = key(unit="runs")
    """Runs that one training job advances at once, for a GPU that one small model leaves idle; on a CPU, 1 is faster.
    The results agree with those of separate training to float32 rounding."""


class GridSettings(Section):
    """Which runs there are: every M with every seed."""

    task_diversities: Annotated[
        tuple[Diversity, ...],
        AfterValidator(lambda values: tuple(sorted(values))),
        Several("a list of different integers >= 1, or inf"),
    ] = key(origin="paper: 1 to 32768 and inf, exact grid unknown; here our choice")
    """M, the number of training tasks; inf draws a fresh task for every sequence."""
    seeds: Annotated[tuple[Natural, ...], Several("a list of different integers >= 0")] = key(
        origin=UNKNOWN
    )
    """Seeds of the initial weights and batches."""


class DataSettings(Section):
    """Tasks, inputs and noise of the sequences."""

    dimension: Count = key(origin="paper")
    """D, the dimension of tasks and inputs."""
    context_length: Count = key(origin="paper")
    """K, the number of pairs (x, y) in a sequence."""
    noise_variance: Positive = key(unit="y^2", origin="paper")
    """sigma^2, the variance of y given x and the task."""
    tasks: Annotated[Choice, EntryOf(registries.TASK_FAMILIES)] = key(origin="paper")
    """The distribution q_inf of tasks."""
    inputs: Annotated[Choice, EntryOf(registries.INPUT_LAWS)] = key(origin="paper")
    """How x and y of a task are drawn."""


class ModelSettings(Section):
    """Architecture of the transformer."""

    layers: Count = key(origin="paper: 2; here our choice")
    """Transformer blocks; at width 64 the third brings M = inf closer to ridge."""
    d_model: Count = key(origin="paper: 512, inferred; here our choice")
    """Width of the residual stream."""
    d_mlp: Natural = key(origin="paper: 512, inferred; here our choice")
    """Hidden width of the MLPs, 0 for none."""
    heads: Count = key(origin="inferred")
    """Attention heads; must divide d_model."""
    attention: Annotated[Choice, EntryOf(registries.ATTENTION)] = key(origin="predecessor's code")
    """The attention mechanism."""
    attention_projection: bool = key(origin="paper: none, inferred; here our choice")
    """An output projection after attention."""
    residual: Literal["single", "doubled"]
    """Residual stream: single, or doubled as in the predecessor's public code."""
    norm: Literal["layer", "none"] = key(origin="predecessor's code")
    """LayerNorm before attention, MLP and read-out, or none."""
    tokens: Literal["alternating", "paired"] = key(origin="predecessor's code")
    """x and y in turn; paired: the token of y has its x as well."""
    positions: Annotated[int, Stated(auto("2K") | Natural)] = key(unit="tokens")
    """Learned token positions, at least 2K, or 0 for none."""


class RateSettings(Section):
    """Multiples of the learning rates by part of the model, each with the norms before it."""

    embedding: NotNegative
    """Tokens and positions."""
    attention: NotNegative
    """Attention of every layer."""
    mlp: NotNegative
    """MLP of every layer."""
    unembedding: NotNegative
    """Read-out."""


class DecayAverage(Section):
    """A moving average of the weights by its decay in one update."""

    decay: Decay


class HalfLifeAverage(Section):
    """A moving average of the weights by the updates in which it forgets half."""

    half_life: HalfLife


class TrainingSettings(Section):
    """Length, batches and optimiser of a run."""

    steps: Count = key(origin="paper: 150000; here our choice")
    """Optimiser updates of a run."""
    batch_size: Count = key(unit="sequences", origin=UNKNOWN)
    """Sequences per update, fresh at every step."""
    optimiser: Annotated[Choice, EntryOf(registries.OPTIMISERS)] = key(origin=UNKNOWN)
    """adam; muon: Muon for the blocks' hidden matrices and Adam for the rest, which needs a third of the steps; sgd:
    gradient descent."""
    learning_rate: Positive = key(origin=UNKNOWN)
    """Learning rate of adam and sgd."""
    betas: Annotated[tuple[Decay, Decay], says(expects="two numbers in [0, 1)")] = key(
        origin="predecessor's code"
    )
    """Adam's decay rates of the two moments."""
    schedule: Annotated[Choice, EntryOf(registries.SCHEDULES)] = key(origin=UNKNOWN)
    """constant; warmup (linear rise, then constant); linear (rise, then linear fall to 0); wsd (rise, constant, linear
    fall to 0 at the end); one_cycle (triangle). A fall to 0 ends near a minimum, where the LLC is defined."""
    warmup_steps: Updates = key(unit="updates, or share")
    """Length of the rise, for warmup, linear and wsd."""
    decay_steps: Updates = key(unit="updates, or share")
    """Length of the fall, for wsd."""
    gradient_clip: Positive | None = key(origin=UNKNOWN, null="off")
    """Largest joint gradient norm."""
    precision: Literal["float32", "tf32", "bf16"]
    """tf32 and bf16 multiply matrices at lower precision where the device can; weights stay float32."""
    average: DecayAverage | HalfLifeAverage | None = key(
        null="none",
        expects="{decay: number in [0, 1)} or {half_life: integer >= 1 or share of training between 0 and 1}",
    )
    """Exponential moving average of the weights, which checkpoints then hold. The decay of update t = 0, 1, ... is at
    most (1 + t) / (10 + t)."""
    keep_raw: bool
    """Checkpoints hold the raw weights besides their average, in twice the space."""
    rate_multipliers: RateSettings


class CheckpointSettings(Section):
    """The steps at which weights are kept: C_lin, C_log and further ones."""

    linear_every: Count = key(origin="predecessor's code, paper scale: 100")
    """C_lin: the number of steps from one checkpoint to the next."""
    log_count: Natural = key(origin="predecessor's code, paper scale: 1000")
    """C_log: the number of checkpoints evenly spaced in log(step); 0 for none."""
    extra_steps: Annotated[tuple[Natural, ...], says(expects="a list of steps >= 0")]
    """Further steps to keep."""


class EvaluationSettings(Section):
    """What every checkpoint is measured on and compared with."""

    sequences: Two = key(origin=UNKNOWN)
    """Sequences in the in-distribution set, and in the out-of-distribution set."""
    root_task_sequences: Two = key(origin="paper")
    """B, sequences of the root task on which functions are compared."""
    predictors: Annotated[
        tuple[Annotated[Choice, EntryOf(registries.PREDICTORS)], ...],
        Several("a list of different predictors", least=2),
    ] = key(origin="paper")
    """Idealised predictors; the paper's two, ridge and dmmse, must be among them."""
    weights: Literal["auto", "averaged", "raw"]
    """Which weights are measured; auto: the average where training keeps one. The LLC always takes it."""


class RunsSettings(Section):
    """Where the runs come from, if they were trained elsewhere."""

    adapter: Annotated[Choice, EntryOf(registries.ADAPTERS)]
    """Translates the names of their weights into ours: none, if they are the same; predecessor, the public code of
    arXiv 2402.02364."""


class RunsSection(RunsSettings):
    """Runs that were trained elsewhere and are measured here: docs/adopting.md."""

    folder: str | None = key(null="the runs are trained")
    """A folder of runs written by transient_ridge.export_run."""


class CurveSettings(Section):
    """Curves over training."""

    smoothing_width: Positive = key(unit="ln(step)")
    """Width of the Gaussian kernel that smooths curves."""


class PcaSettings(Section):
    """Joint trajectory PCA."""

    components: Count = key(origin="paper: 2 and 4")
    """v, the number of components kept."""
    sequences: Count = key(origin="paper: 512")
    """B of the PCA: it uses the first B root-task sequences."""


#: A key whose null switches a check off.
_limit = partial(key, null="no check")


class HealthSettings(Section):
    """Limits of a healthy LLC estimate; null switches a check off."""

    mala_acceptance: Share | None = _limit()
    """Least mean Metropolis acceptance of the SGLD steps after the burn-in: below it eps is too large for the
    posterior."""
    r_hat: AboveOne | None = _limit()
    """Largest split R-hat of the losses: above it the chains disagree, or drift."""
    ess: Positive | None = _limit()
    """Least effective sample size."""
    share_below: Share | None = _limit()
    """Largest share of draws whose loss is below that of w*: above it w* is not at a minimum."""
    relaxations: Positive | None = _limit()
    """Least length of the burn-in in relaxations of a flat direction, of 2 / (eps gamma G) steps each; with annealing,
    of its second half."""
    distance_trend: Positive | None = _limit()
    """Largest change of |w - w*|^2 during the draws, as a share of its mean: above it the chains have not arrived."""
    missing: Positive | None = _limit()
    """Largest share of the estimate that the chains may still lack at the mean of the draws, predicted from the
    curvature there: above it they have not arrived."""
    step_share: Positive | None = _limit()
    """Largest share of the estimate that the finite step may add."""
    heating: Positive | None = _limit()
    """Largest share of the estimate that minibatch noise may have added; it is subtracted, which leaves about the
    square of the share."""
    locality: Positive | None = _limit()
    """Largest mean |w - w*| / |w*|: above it the chains are somewhere else."""
    slope_share: Positive | None = _limit()
    """Largest share of the estimate that the slope of the loss at w* may have removed; it is added back, which leaves
    about the square of the share. Above it w* is not at a minimum."""


class ChainSettings(Section):
    """How long chains are."""

    chains: Count = key(origin="unknown in the paper; predecessor's code: 8 to 10")
    """Chains per checkpoint."""
    burn_in: Natural = key(origin="predecessor's code: 500")
    """SGLD steps before the first draw."""
    draws: Annotated[int, Field(ge=8), Read, says(why="SGLD steps after the burn-in")] = key(
        origin="predecessor's code: 500"
    )
    """SGLD steps that are kept, each a draw."""


class SgldSettings(ChainSettings):
    """How the local posterior is sampled."""

    sampler: Annotated[Choice, EntryOf(registries.SAMPLERS)]
    """sgld: plain Langevin steps; leimkuhler_matthews: with noise averaged over two steps each, exact for quadratics at
    every eps; underdamped: with velocities, in steps of length sqrt(eps); devinterp: sgld by its optimiser."""
    epsilon: Positive = key(unit="weight^2", origin=CALIBRATED)
    """eps, the SGLD step size."""
    gamma: Positive = key(unit="1/weight^2", origin=CALIBRATED)
    """gamma, the localisation."""
    preconditioner: Annotated[Choice, EntryOf(registries.PRECONDITIONERS)]
    """none; rmsprop: the root of each chain's mean squared gradient, as in devinterp; diagonal, kronecker: the
    posterior's variance, from the curvature where the chains are, fixed before the first draw; eps is measured in
    it."""
    annealing: Natural
    """Stages by which the first half of the burn-in lowers gamma to its value, a factor of 4 each; 0 for none."""


class LlcSettings(SgldSettings):
    """Everything that one estimate depends on."""

    loss: Literal["mse", "nll"] = key(origin="predecessor's code: mse")
    """The loss that n_beta multiplies: mse, or nll = MSE / (2 sigma^2)."""
    n_beta: Positive = key(origin="unknown in the paper; predecessor's code: 60; calibrated")
    """n beta, the inverse temperature times the number of data."""
    minibatch: Count = key(unit="sequences")
    """Sequences per SGLD step and chain."""
    sequences: Two = key(unit="sequences")
    """n, the sequences whose mean loss is l_n, drawn once."""
    data: Literal["q_M", "q_1", "q_inf"]
    """Tasks of the sequences: the run's own, the root task, or tasks from N(0, I)."""
    minibatches: Literal["fixed", "fresh"]
    """fixed: drawn from these n, so that the loss of w* on each is known; fresh: new ones at every step."""
    control_variate: bool
    """Use grad l_B(w) - grad l_B(w*) + grad l_n(w*) as the gradient: less minibatch noise, for twice the time."""
    components: Annotated[
        tuple[str, ...],
        Several("a list of different components, such as [all, embedding, layer0.head1]"),
    ]
    """Parts of the model whose (refined) LLC is estimated: all, embedding, unembedding, layer0, layer0.attention,
    layer0.head0, layer0.mlp, ..."""
    per_token: bool
    """Also the LLC of the loss at each position of the context."""
    unhealthy: Literal["mark", "fail"]
    """What to do with an estimate outside the limits: mark its row, or fail the job."""
    limits: HealthSettings


class LlcSection(LlcSettings):
    """The local learning coefficient: of which loss, data and component, and how it is estimated."""

    steps: Steps
    """Checkpoints whose LLC is estimated, for every run; shares snap to the schedule. [] leaves out the LLC."""
    chunk: Count = key(unit="checkpoints")
    """Consecutive checkpoints of the schedule in one job; adding a step samples only its chunk again."""
    on_tasks: bool
    """Also the LLC of the last M = infinity checkpoint on the tasks of every M, of the loss without its slope there,
    since the weights are no minimum of it."""


class CalibrationSettings(ChainSettings):
    """The sweep over eps x n beta x gamma of one run."""

    steps: Steps
    """Checkpoints at which it must be healthy."""
    epsilons: Positives
    """eps of the sweep."""
    n_betas: Positives
    """n beta of the sweep."""
    gammas: Positives
    """gamma of the sweep."""


class CalibrationSection(CalibrationSettings):
    """The sweep over eps x n beta x gamma behind the values above: `snakemake --cores all llc_calibration_all`."""

    runs: SomeRuns
    """A setting must be healthy for all of these runs."""


class CrosscheckSettings(ChainSettings):
    """Our plain SGLD against devinterp's on the same checkpoints: `snakemake --cores all llc_crosscheck_all`."""

    steps: Steps
    """Checkpoints of every run that are compared."""
    epsilon: Positive = key(unit="weight^2", origin=CALIBRATED)
    """eps of plain SGLD."""


class SpectrumSettings(Section):
    """Curvature of the loss (the Gauss-Newton matrix), and the LLC that it implies at every resolution."""

    steps: Steps
    """Checkpoints whose curvature is measured, for every run. [] leaves it out."""
    resolutions: Positives
    """r = gamma / (n beta), on the mean squared error: the LLC counts directions of curvature above r."""
    sequences: Annotated[int, Field(ge=4), Read, says(why="half of them are a check on all")] = key(
        unit="sequences"
    )
    """N: the curvature is measured on the first N of llc.sequences. A fine r needs many; the time grows as N^2 to
    N^3."""


class LadderSettings(ChainSettings):
    """LLCs sampled over n beta x r, of one run."""

    n_betas: Positives
    """n beta of the ladder, on the mean squared error; 492 is n / log n of n = 4096."""
    resolutions: Positives
    """r of the ladder."""


class LadderSection(LadderSettings):
    """Sampled LLCs over n beta x r, each also with half the step: `snakemake --cores all llc_ladder_all`."""

    runs: SomeRuns
    """The runs whose last checkpoint is sampled."""


class RobustnessSettings(Section):
    """What the joint PCA depends on."""

    sequences: Annotated[tuple[Count, ...], Several("a list of different integers >= 1")] = key(
        origin="paper: App. C examines B; the values are our choice"
    )
    """Other B: the joint PCA is fitted again with the first B root-task sequences."""


class ClaimSettings(Section):
    """Thresholds of the scorecard. The paper states findings in words and figures: unless marked 'paper', each is ours.

    The origin of each records when it was set.
    """

    confidence: InnerShare = key(origin=SET_REVISED)
    """Confidence level of every interval, and of Holm's correction over the paper's statements."""
    converged: Share = key(origin=SET_BEFORE)
    """'Fully trained': M = inf keeps at most this share of the untrained model's OOD excess loss over ridge."""
    dmmse_like: Share = key(origin=SET_BEFORE)
    """'As dMMSE_M': three quarters of the way from ridge (alpha)."""
    ridge_like: Share = key(origin=SET_BEFORE)
    """'As ridge': one quarter of the way (alpha)."""
    grows: Rise = key(origin=SET_BEFORE)
    """Rank correlation with M of what grows: of six M, one pair of neighbours may be out of order (0.94)."""
    falls: Fall = key(origin=SET_BEFORE)
    """Rank correlation with M of what falls."""
    follows: Rise = key(origin=SET_BEFORE)
    """Rank correlation of two things of which one follows the other: half of the variance of the ranks."""
    follows_inversely: Fall = key(origin=SET_BEFORE)
    """Rank correlation where one follows the other inversely."""
    paper_threshold: Positive | None = key(
        unit="M", origin="paper", null="the paper states none for other D, K or sigma^2"
    )
    """The middle of the paper's threshold, between M = 128 and 362."""
    threshold_octaves: Positive = key(unit="octaves", origin=SET_BEFORE)
    """Half the width of the paper's threshold."""
    transience: Share = key(origin=SET_BEFORE_DRAWS)
    """A transient ridge: the OOD loss dips below every path to dMMSE_M that avoids ridge, and rises again, both by this
    share of the gap to ridge's: twice the wiggles of a smoothed curve."""
    no_transience: Share = key(origin=SET_BEFORE_DRAWS)
    """No transient ridge: at most the wiggles of a smoothed curve with 1,024 sequences."""
    at_ridge: Share = key(origin=SET_GRID)
    """'Ends at ridge': share of the squared distance between the predictors that may be left."""
    risen: Positive = key(origin=SET_BEFORE)
    """'Rises to dMMSE's': the OOD loss at the end, 0 at ridge's and 1 at dMMSE's."""
    explained: Share = key(origin="paper: 27.5 %")
    """Share of the variance in two components."""
    straight: Share = key(origin=SET_BEFORE_DRAWS)
    """'Straight': how much nearer to ridge a path comes than the straight one, as a share of the squared distance in
    the subspace of the joint PCA."""
    deflected: Share = key(origin=SET_BEFORE)
    """'Deflected': the same share."""
    insensitive_from: Count = key(origin="paper")
    """B from which the PCA is insensitive."""
    trajectory_distance: Share = key(origin=SET_BEFORE_DRAWS)
    """Procrustes distance that the eye hardly sees: at 0.2 two sets of trajectories share 96 % of their variance."""
    onset_octaves: Positive = key(unit="octaves", origin=SET_BEFORE)
    """'At the onset of transience': within a factor of two in M, the spacing of the paper's named values."""
    plateau_from: Count = key(unit="M", origin="paper")
    """The M from which on the LLC is level."""
    llc_spread: Positive = key(origin=SET_BEFORE)
    """Relative difference that 'level' and 'equal' allow: twice a usual standard error."""
    settled_octaves: Positive = key(unit="octaves", origin=SET_BEFORE)
    """'Settled': the threshold moved by less than this while training doubled."""
    nearer_to_ridge: Share = key(origin=SET_REVISED)
    """'Nearer to ridge than to dMMSE': alpha at t_crit."""
    axis_share: Share = key(origin=SET_REVISED)
    """'The axis to ridge': share of the squared distance from dMMSE_M to ridge that lies along a component."""
    foretold: Share = key(origin=SET_REVISED)
    """Share of the transient M that Eq. 8 must call 'ridge, then dMMSE': all."""
    tuned_on: Annotated[
        tuple[Natural, ...], Several("a list of different root seeds >= 0", least=0)
    ] = key(origin=SET_BEFORE_DRAWS)
    """Root seeds on which the regime was chosen: marked, and not scored."""
    in_draws: InnerShare = key(origin=SET_BEFORE_DRAWS)
    """'There are M that ...': the share of draws to exceed. Eight of eight draws can show a third, but not a half."""
    hook: Share = key(origin=SET_BEFORE_DRAWS)
    """The hook: out of distribution a run moves towards ridge and back, each by this share of the way between the
    predictors."""
    crossover_decades: Positive = key(unit="powers of ten", origin=SET_BEFORE_DRAWS)
    """n* 'is' the step of the switch: the two differ by less than this."""
    stays: Share = key(origin=SET_BEFORE_DRAWS)
    """'Stays with ridge': the most that a run may move back towards dMMSE_M, as a share of the same way."""
    aligned: Rise = key(origin=SET_BEFORE_DRAWS)
    """Cosine of two directions in the plane that agree: within 45 degrees."""
    similar_loss: Share = key(origin=SET_BEFORE_DRAWS)
    """'A similar loss': difference from the predictor's loss, as a share of the gap to the other predictor's."""
    own: Annotated[
        dict[str, Number], says(expects="a name and a number for each statement of your own, or {}")
    ]
    """Thresholds of your own statements, by name (src/transient_ridge/scorecard/statements/own.py)."""


#: Every stage that draws random numbers is given it.
Seed = Annotated[
    Natural,
    Field(
        description="Root seed: tasks, evaluation sets, initial weights and batches come from streams seeded by it and "
        "their names."
    ),
]


def _variant(name: Any) -> str:
    if isinstance(name, bool):
        raise ValueError("must be put in quotes: YAML reads no, off, yes and on as truth values")
    return str(name)


#: Variant -> what is laid over the configuration.
Variants = Annotated[
    dict[Annotated[Name, BeforeValidator(_variant)], dict[str, Any]],
    Field(min_length=1),
    says(expects="at least one named overlay, such as 'base: {}'"),
]


class TrainedBy(Section):
    """What the weights of a run depend on."""

    seed: Seed
    data: DataSettings
    model: ModelSettings
    training: TrainingSettings
    checkpoints: CheckpointSettings


class Configuration(Section):
    """The whole configuration."""

    preset: Name
    """Name of the preset; results go to results/<preset>/."""
    seed: Seed
    variants: Variants
    """Overlays that run side by side, each into results/<preset>/<variant>/: keys here replace those below, as in
    three-layers: {model: {layers: 3}}."""
    keep_weights: bool
    """Keep all checkpoints. If false, a run's weights are deleted once it has been measured."""
    compute: ComputeSettings
    grid: GridSettings
    data: DataSettings
    model: ModelSettings
    training: TrainingSettings
    checkpoints: CheckpointSettings
    runs: RunsSection
    evaluation: EvaluationSettings
    curves: CurveSettings
    pca: PcaSettings
    pca_robustness: RobustnessSettings
    llc: LlcSection
    spectrum: SpectrumSettings
    llc_ladder: LadderSection
    llc_calibration: CalibrationSection
    llc_crosscheck: CrosscheckSettings
    claims: ClaimSettings


# Single keys that stages ask for.
RootSeed = Annotated[int, Setting("seed")]
PresetName = Annotated[str, Setting("preset")]
NoiseVariance = Annotated[float, Setting("data.noise_variance")]
ContextLength = Annotated[int, Setting("data.context_length")]
BatchSize = Annotated[int, Setting("training.batch_size")]
DmmseLike = Annotated[float, Setting("claims.dmmse_like")]
LlcTasks = Annotated[str, Setting("llc.data")]
