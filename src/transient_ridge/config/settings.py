"""Every configuration key: one frozen dataclass per section, its fields declaring what each key may be.

To add a key, add a field here and its value to ``config/config.yaml``, then run ``make config``.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from . import registries
from .keys import (
    ABOVE_ONE,
    AVERAGE,
    COUNT,
    DECAY,
    FALL,
    INNER_SHARE,
    NAME,
    NAME_PATTERN,
    NATURAL,
    NOT_NEGATIVE,
    POSITIVE,
    RISE,
    SHARE,
    STEPS,
    TASK_DIVERSITY,
    TEXT,
    UPDATES,
    YES_OR_NO,
    Kind,
    Settings,
    at_least,
    entry_of,
    key,
    list_of,
    one_of,
    optional,
    section,
)
from .runs import TaskDiversity, parse_task_diversity

FOR_SPEED = "paper: {}; here smaller, for speed"
UNKNOWN = "unknown in the paper"
CALIBRATED = "unknown in the paper; calibrated"
SET_BEFORE = "set before the laptop run was scored"
SET_BEFORE_GRID = "set before the laptop run was scored; its grid was then chosen so that M meet it"
SET_GRID = "set after the laptop grid was chosen"
SET_REVISED = "set with three laptop seeds known"
SET_BEFORE_DRAWS = "set on root seed 0 and on D = 4, before the scored draws; docs/thresholds.md"

SOME_RUNS = optional(
    list_of(TEXT, "a list of runs, such as [M16-seed0]", least=1),
    "least, middle and infinite M of the first seed",
    none="auto",
)


#: Folders of results/<preset>/ beside those of the variants: what is computed from all of them.
OF_ALL_VARIANTS = ("variants", "root-seeds")


@dataclass(frozen=True)
class ComputeSettings(Settings):
    """Where and how jobs compute. Makes nothing stale."""

    device: Literal["auto", "cpu", "cuda"] = key(
        one_of("auto", "cpu", "cuda"),
        "auto: CUDA where there is one. Results at float32 on the CPU are the reference.",
    )
    state_seconds: float = key(
        POSITIVE, "Time between two saves of a run's state: what a kill costs at most.", unit="s"
    )
    stack: int = key(
        COUNT,
        "Runs that one training job advances at once, for a GPU that one small model leaves idle; on a CPU 1 is "
        "faster. Agrees with training alone to float32 rounding.",
        unit="runs",
    )


@dataclass(frozen=True)
class GridSettings(Settings):
    """Which runs there are: every M from every seed."""

    task_diversities: tuple[TaskDiversity, ...] = key(
        list_of(TASK_DIVERSITY, "a list of integers >= 1, or inf", least=1, different=False),
        "M, the number of training tasks; inf draws a fresh task for every sequence.",
        origin="paper: 1 to 32768 and inf, exact grid unknown; here our choice",
    )
    seeds: tuple[int, ...] = key(
        list_of(NATURAL, "a list of different integers >= 0", least=1),
        "Seeds of the initial weights and batches.",
        origin=UNKNOWN,
    )

    @classmethod
    def of(cls, section: Any) -> "GridSettings":
        """As usual, with M = inf as the number."""
        diversities = sorted(parse_task_diversity(M) for M in section["task_diversities"])
        return cls(tuple(diversities), tuple(section.get("seeds", ())))


@dataclass(frozen=True)
class DataSettings(Settings):
    """Tasks, inputs and noise of the sequences."""

    dimension: int = key(COUNT, "D, the dimension of tasks and inputs.", origin=FOR_SPEED.format(8))
    context_length: int = key(
        COUNT, "K, the number of pairs (x, y) in a sequence.", origin=FOR_SPEED.format(16)
    )
    noise_variance: float = key(
        POSITIVE, "sigma^2, the variance of y given x and the task.", unit="y^2", origin="paper"
    )
    tasks: str = key(
        entry_of(registries.TASK_FAMILIES), "The distribution q_inf of tasks.", origin="paper"
    )
    inputs: str = key(
        entry_of(registries.INPUT_LAWS), "How x and y of a task are drawn.", origin="paper"
    )


@dataclass(frozen=True)
class ModelSettings(Settings):
    """Architecture of the transformer."""

    layers: int = key(COUNT, "Transformer blocks.", origin="paper")
    d_model: int = key(
        COUNT, "Width of the residual stream.", origin="paper: 512, inferred; here our choice"
    )
    d_mlp: int = key(
        NATURAL,
        "Hidden width of the MLPs, 0 for none; the lever for a visible transient ridge at small scale.",
        origin="paper: 512, inferred",
    )
    heads: int = key(COUNT, "Attention heads; must divide d_model.", origin="inferred")
    attention: str = key(
        entry_of(registries.ATTENTION), "The attention mechanism.", origin="predecessor's code"
    )
    attention_projection: bool = key(
        YES_OR_NO,
        "An output projection after attention.",
        origin="paper: none, inferred; here our choice",
    )
    residual: Literal["single", "doubled"] = key(
        one_of("single", "doubled"),
        "Residual stream: single, or doubled as in the predecessor's public code.",
    )
    norm: Literal["layer", "none"] = key(
        one_of("layer", "none"),
        "LayerNorm before attention, MLP and read-out, or none.",
        origin="predecessor's code",
    )
    tokens: Literal["alternating", "paired"] = key(
        one_of("alternating", "paired"),
        "x and y in turn; paired: the token of y has its x as well.",
        origin="predecessor's code",
    )
    positions: int = key(
        optional(NATURAL, "2K", none="auto"),
        "Learned token positions, at least 2K, or 0 for none.",
        unit="tokens",
    )

    def parameter_count(self, dimension: int) -> int:
        """Number of parameters for tasks in R^dimension."""
        d, projection = self.d_model, self.d_model if self.attention_projection else 0
        attention = d * (3 * d + projection)
        norm = 2 * d if self.norm == "layer" else 0
        mlp = 2 * d * self.d_mlp + self.d_mlp + d + norm if self.d_mlp else 0
        block = norm + attention + mlp
        embedding = d * (dimension + 1 + self.positions)
        return embedding + self.layers * block + norm + (d + 1) * (dimension + 1)

    def components(self) -> list[str]:
        """Named parts whose refined LLC can be estimated; layers and heads count from 0."""
        names = ["all", "embedding", "unembedding"]
        for layer in range(self.layers):
            names += [f"layer{layer}", f"layer{layer}.attention"]
            names += [f"layer{layer}.mlp"] if self.d_mlp else []
            names += [f"layer{layer}.head{head}" for head in range(self.heads)]
        return names


@dataclass(frozen=True)
class RateSettings(Settings):
    """Multiples of the learning rates by part of the model, each with the norms before it."""

    embedding: float = key(NOT_NEGATIVE, "Tokens and positions.")
    attention: float = key(NOT_NEGATIVE, "Attention of every layer.")
    mlp: float = key(NOT_NEGATIVE, "MLP of every layer.")
    unembedding: float = key(NOT_NEGATIVE, "Read-out.")


@dataclass(frozen=True)
class TrainingSettings(Settings):
    """Length, batches and optimiser of a run."""

    steps: int = key(COUNT, "Optimiser updates of a run.", origin="paper: 150000; here our choice")
    batch_size: int = key(
        COUNT, "Sequences per update, fresh at every step.", unit="sequences", origin=UNKNOWN
    )
    optimiser: str = key(
        entry_of(registries.OPTIMISERS),
        "adam; or muon: Muon for the blocks' hidden matrices, Adam for the rest, in a third of the steps.",
        origin=UNKNOWN,
    )
    learning_rate: float = key(POSITIVE, "Adam's learning rate.", origin=UNKNOWN)
    muon_learning_rate: float = key(POSITIVE, "Muon's learning rate, for optimiser: muon alone.")
    muon_split_qkv: bool = key(
        YES_OR_NO, "Muon takes Q, K and V for three matrices rather than for one."
    )
    betas: tuple[float, float] = key(
        Kind(
            {"type": "array", "minItems": 2, "maxItems": 2, "items": DECAY.whole()},
            "two numbers in [0, 1)",
        ),
        "Adam's decay rates of the two moments.",
        origin="predecessor's code",
    )
    schedule: str = key(
        entry_of(registries.SCHEDULES),
        "constant; warmup (linear rise, then constant); linear (rise, then linear fall to 0); wsd (rise, constant, "
        "linear fall to 0 at the end); one_cycle (triangle). A fall to 0 ends at a minimum, which an LLC is of.",
        origin=UNKNOWN,
    )
    warmup_steps: int = key(
        UPDATES, "Length of the rise, for warmup, linear and wsd.", unit="updates, or share"
    )
    decay_steps: int = key(UPDATES, "Length of the fall, for wsd.", unit="updates, or share")
    gradient_clip: float | None = key(
        optional(POSITIVE, "off"), "Largest joint gradient norm.", origin=UNKNOWN
    )
    precision: Literal["float32", "tf32", "bf16"] = key(
        one_of("float32", "tf32", "bf16"),
        "tf32 and bf16 multiply matrices in less precision where the device can; weights stay float32.",
    )
    average: Mapping[str, float] | None = key(
        optional(AVERAGE, "none"),
        "Exponential moving average of the weights, which checkpoints then hold. The decay of update t = 0, 1, ... "
        "is at most (1 + t) / (10 + t).",
    )
    keep_raw: bool = key(
        YES_OR_NO, "Checkpoints hold the raw weights besides their average, in twice the space."
    )
    rate_multipliers: RateSettings = key(section(RateSettings), "Rates by part of the model.")


@dataclass(frozen=True)
class CheckpointSettings(Settings):
    """The steps at which weights are kept: C_lin, C_log and single steps."""

    linear_every: int = key(
        COUNT,
        "C_lin: a checkpoint every so many steps.",
        origin="predecessor's code, paper scale: 100",
    )
    log_count: int = key(
        NATURAL,
        "C_log: so many checkpoints evenly spaced in log(step); 0 for none.",
        origin="predecessor's code, paper scale: 1000",
    )
    extra_steps: tuple[int, ...] = key(
        list_of(NATURAL, "a list of steps >= 0", different=False), "Single steps to keep besides."
    )


@dataclass(frozen=True)
class EvaluationSettings(Settings):
    """What every checkpoint is measured on and compared with."""

    sequences: int = key(
        at_least(2, " (a standard error needs two)"),
        "Sequences of the in- and of the out-of-distribution set.",
        origin=UNKNOWN,
    )
    root_task_sequences: int = key(
        at_least(2, " (a standard error needs two)"),
        "B, sequences of the root task on which functions are compared.",
        origin="paper",
    )
    predictors: tuple[str, ...] = key(
        list_of(entry_of(registries.PREDICTORS), "a list of different predictors", least=2),
        "Idealised predictors; the paper's two, ridge and dmmse, must be among them.",
        origin="paper",
    )
    weights: Literal["auto", "averaged", "raw"] = key(
        one_of("auto", "averaged", "raw"),
        "Which weights are measured; auto: the average where training keeps one, as the LLC does always.",
    )


@dataclass(frozen=True)
class CurveSettings(Settings):
    """Curves over training."""

    smoothing_width: float = key(
        POSITIVE, "Width of the Gaussian kernel that smooths curves.", unit="ln(step)"
    )


@dataclass(frozen=True)
class PcaSettings(Settings):
    """Joint trajectory PCA."""

    components: int = key(COUNT, "v, the number of components kept.", origin="paper: 2 and 4")
    sequences: int = key(
        COUNT, "B used by the PCA: the first so many root-task sequences.", origin="paper: 512"
    )


@dataclass(frozen=True)
class HealthSettings(Settings):
    """Limits of a healthy LLC estimate; null switches a check off."""

    mala_acceptance: float | None = key(
        optional(SHARE, "no check"),
        "Least mean Metropolis acceptance of the SGLD steps after the burn-in: below it eps is too large for the "
        "posterior.",
    )
    r_hat: float | None = key(
        optional(ABOVE_ONE, "no check"),
        "Largest split R-hat of the losses: above it the chains disagree, or drift.",
    )
    ess: float | None = key(optional(POSITIVE, "no check"), "Least effective sample size.")
    share_below: float | None = key(
        optional(SHARE, "no check"),
        "Largest share of draws whose loss is below that of w*: above it w* is not at a minimum.",
    )
    relaxations: float | None = key(
        optional(POSITIVE, "no check"),
        "Least length of the burn-in in relaxations of a flat direction, of 2 / (eps gamma G) steps each; with "
        "annealing, of its second half.",
    )
    distance_trend: float | None = key(
        optional(POSITIVE, "no check"),
        "Largest change of |w - w*|^2 during the draws, as a share of its mean: above it the chains have not arrived.",
    )
    heating: float | None = key(
        optional(POSITIVE, "no check"),
        "Largest share of the estimate that the noise of minibatches may have added, by an upper bound.",
    )
    locality: float | None = key(
        optional(POSITIVE, "no check"),
        "Largest mean |w - w*| / |w*|: above it the chains are somewhere else.",
    )
    slope_share: float | None = key(
        optional(POSITIVE, "no check"),
        "Largest share of the estimate that the slope of the loss at w* may have taken off, by an upper bound: above "
        "it w* is not at a minimum.",
    )


@dataclass(frozen=True)
class ChainSettings(Settings):
    """How long chains are."""

    chains: int = key(
        COUNT,
        "Chains per checkpoint.",
        origin="unknown in the paper; predecessor's code: 8 to 10",
    )
    burn_in: int = key(
        NATURAL,
        "SGLD steps before the first draw.",
        origin="predecessor's code: 500",
    )
    draws: int = key(
        at_least(8, " (SGLD steps after the burn-in)"),
        "SGLD steps that are kept, each a draw.",
        origin="predecessor's code: 500",
    )


@dataclass(frozen=True)
class SgldSettings(ChainSettings):
    """How the local posterior is sampled."""

    sampler: str = key(
        entry_of(registries.SAMPLERS),
        "sgld: plain Langevin steps; leimkuhler_matthews: with noise averaged over two steps each, exact for "
        "quadratics at every eps; underdamped: with velocities, in steps of length sqrt(eps); devinterp: sgld by its "
        "optimiser.",
    )
    epsilon: float = key(POSITIVE, "eps, the SGLD step size.", unit="weight^2", origin=CALIBRATED)
    gamma: float = key(POSITIVE, "gamma, the localisation.", unit="1/weight^2", origin=CALIBRATED)
    preconditioner: str = key(
        entry_of(registries.PRECONDITIONERS),
        "none; rmsprop: the root of each chain's mean squared gradient, as in devinterp; diagonal, kronecker: the "
        "posterior's variance by the curvature where the chains are, fixed before the first draw; eps counts in it.",
    )
    annealing: int = key(
        NATURAL,
        "Stages in which the first half of the burn-in lowers gamma to its value, by 4 each; 0 for none.",
    )

    def relaxation_steps(self) -> float | None:
        """Steps in which a flat direction forgets a factor e; None where only the chains can tell."""
        if registries.PRECONDITIONERS.constant(self.preconditioner, "NATURAL_STEP"):
            return 2 / self.epsilon
        if self.preconditioner != "none":
            return None
        return 2 / (self.epsilon * self.gamma) if self.gamma else math.inf

    def burn_in_for(self, relaxations: float) -> int:
        """Steps of a burn-in of so many relaxations, 0 where :meth:`relaxation_steps` is not known."""
        return math.ceil(relaxations * (self.relaxation_steps() or 0)) * (
            2 if self.annealing else 1
        )


@dataclass(frozen=True)
class LlcSettings(SgldSettings):
    """What one estimate depends on."""

    loss: Literal["mse", "nll"] = key(
        one_of("mse", "nll"),
        "The loss that n_beta multiplies: mse, or nll = MSE / (2 sigma^2).",
        origin="predecessor's code: mse",
    )
    n_beta: float = key(
        POSITIVE,
        "n beta, the inverse temperature times the number of data.",
        origin="unknown in the paper; predecessor's code: 60; calibrated",
    )
    minibatch: int = key(COUNT, "Sequences per SGLD step and chain.", unit="sequences")
    sequences: int = key(
        at_least(2, " (a standard error needs two)"),
        "n, the sequences whose mean loss is l_n, drawn once.",
        unit="sequences",
    )
    data: Literal["q_M", "q_1", "q_inf"] = key(
        one_of("q_M", "q_1", "q_inf"),
        "Which sequences: of the run's own tasks, of the root task, or of tasks from N(0, I).",
    )
    minibatches: Literal["fixed", "fresh"] = key(
        one_of("fixed", "fresh"),
        "fixed: drawn from these n, so that the loss of w* on each is known; or fresh ones at every step.",
    )
    control_variate: bool = key(
        YES_OR_NO,
        "Gradients grad l_B(w) - grad l_B(w*) + grad l_n(w*): less noise of minibatches for twice the time.",
    )
    components: tuple[str, ...] = key(
        list_of(
            TEXT, "a list of different components, such as [all, embedding, layer0.head1]", least=1
        ),
        "Parts of the model whose (refined) LLC is estimated: all, embedding, unembedding, layer0, "
        "layer0.attention, layer0.head0, layer0.mlp, ...",
    )
    per_token: bool = key(YES_OR_NO, "Also the LLC of the loss at each position of the context.")
    unhealthy: Literal["mark", "fail"] = key(
        one_of("mark", "fail"),
        "What an estimate outside the limits does: mark its row, or fail the job.",
    )
    limits: HealthSettings = key(section(HealthSettings), "Limits of a healthy estimate.")


@dataclass(frozen=True)
class LlcSection(LlcSettings):
    """The local learning coefficient: of which loss, data and component, and how it is estimated."""

    steps: tuple[int, ...] = key(
        STEPS,
        "Checkpoints whose LLC is estimated, for every run; shares snap to the schedule. [] leaves the LLC out.",
    )
    chunk: int = key(
        COUNT,
        "Consecutive checkpoints of the schedule that one job takes; one more step samples its chunk again.",
        unit="checkpoints",
    )


@dataclass(frozen=True)
class CalibrationSettings(ChainSettings):
    """The sweep over eps x n beta x gamma behind the values above: `snakemake --cores all llc_calibration_all`."""

    runs: tuple[str, ...] = key(SOME_RUNS, "A setting must be healthy for all of these runs.")
    steps: tuple[int, ...] = key(STEPS, "Checkpoints at which it must be healthy.")
    epsilons: tuple[float, ...] = key(
        list_of(POSITIVE, "a list of different numbers > 0", least=1), "eps of the sweep."
    )
    n_betas: tuple[float, ...] = key(
        list_of(POSITIVE, "a list of different numbers > 0", least=1), "n beta of the sweep."
    )
    gammas: tuple[float, ...] = key(
        list_of(POSITIVE, "a list of different numbers > 0", least=1), "gamma of the sweep."
    )


@dataclass(frozen=True)
class CrosscheckSettings(ChainSettings):
    """Our plain SGLD against devinterp's on the same checkpoints: `snakemake --cores all llc_crosscheck_all`."""

    steps: tuple[int, ...] = key(STEPS, "Checkpoints of every run that are compared.")
    epsilon: float = key(POSITIVE, "eps of plain SGLD.", unit="weight^2", origin=CALIBRATED)


@dataclass(frozen=True)
class SpectrumSettings(Settings):
    """Curvature of the loss (the Gauss-Newton matrix), and the LLC that it implies at every resolution."""

    steps: tuple[int, ...] = key(
        STEPS, "Checkpoints of every run whose curvature is measured. [] leaves it out."
    )
    resolutions: tuple[float, ...] = key(
        list_of(POSITIVE, "a list of different numbers > 0", least=1),
        "r = gamma / (n beta), on the mean squared error: the LLC counts directions of curvature above r.",
    )
    sequences: int = key(
        COUNT,
        "The first so many of llc.sequences that the curvature is of; too few lower it at small r.",
        unit="sequences",
    )
    probes: int = key(
        at_least(2, " (a standard error needs two)"), "Random vectors of the Lanczos quadrature."
    )
    lanczos_steps: int = key(COUNT, "Steps of Lanczos for each probe.")


@dataclass(frozen=True)
class LadderSettings(ChainSettings):
    """Sampled LLCs over n beta x r, each with half the step besides: `snakemake --cores all llc_ladder_all`."""

    runs: tuple[str, ...] = key(SOME_RUNS, "The runs whose last checkpoint is sampled.")
    n_betas: tuple[float, ...] = key(
        list_of(POSITIVE, "a list of different numbers > 0", least=1),
        "n beta of the ladder, on the mean squared error; 492 is n / log n of n = 4096.",
    )
    resolutions: tuple[float, ...] = key(
        list_of(POSITIVE, "a list of different numbers > 0", least=1), "r of the ladder."
    )


@dataclass(frozen=True)
class RobustnessSettings(Settings):
    """What the joint PCA depends on."""

    sequences: tuple[int, ...] = key(
        list_of(COUNT, "a list of different integers >= 1", least=1),
        "The joint PCA is fitted again with the first so many root-task sequences.",
        origin="paper: App. C examines B; the values are our choice",
    )


@dataclass(frozen=True)
class ClaimSettings(Settings):
    """Thresholds of the scorecard. The paper states findings in words and figures: unless marked 'paper', each is ours.

    The origin of each says when it was set.
    """

    confidence: float = key(
        INNER_SHARE,
        "A mean whose t interval over seeds (or root seeds) of this confidence holds its threshold decides nothing.",
        origin=SET_REVISED,
    )
    converged: float = key(
        SHARE,
        "'Fully trained': M = inf keeps at most this share of the OOD excess loss over ridge of the untrained model.",
        origin=SET_BEFORE,
    )
    dmmse_like: float = key(
        SHARE,
        "'Close to dMMSE', relative distance: three times nearer to dMMSE than to ridge.",
        origin=SET_BEFORE,
    )
    ridge_like: float = key(SHARE, "'Close to ridge', relative distance.", origin=SET_BEFORE)
    grows: float = key(
        RISE,
        "Rank correlation of what grows with M: one pair of neighbours in six may be exchanged (0.94).",
        origin=SET_BEFORE,
    )
    falls: float = key(FALL, "Rank correlation of what falls with M.", origin=SET_BEFORE)
    follows: float = key(
        RISE,
        "Rank correlation of what follows: it explains half of the variance of the ranks.",
        origin=SET_BEFORE,
    )
    follows_inversely: float = key(
        FALL, "Rank correlation of what follows inversely.", origin=SET_BEFORE
    )
    paper_threshold: float | None = key(
        optional(POSITIVE, "the paper states none for other D, K or sigma^2"),
        "The middle of the paper's threshold, between M = 128 and 362.",
        unit="M",
        origin="paper",
    )
    threshold_octaves: float = key(
        POSITIVE, "Half the width of the paper's threshold.", unit="octaves", origin=SET_BEFORE
    )
    transience: float = key(
        SHARE,
        "A transient ridge: OOD loss dips below the straight way to dMMSE_M and rises again, both by this share of the "
        "gap to ridge's.",
        origin=SET_BEFORE_GRID,
    )
    no_transience: float = key(
        SHARE,
        "No transient ridge: the wiggles of a smoothed curve with 1,024 sequences are up to 0.05.",
        origin=SET_BEFORE,
    )
    at_ridge: float = key(
        SHARE,
        "'Ends at ridge': what is left of the squared distance between the predictors.",
        origin=SET_GRID,
    )
    risen: float = key(
        POSITIVE,
        "'Rises to dMMSE's': the end of the OOD loss, 0 at ridge's and 1 at dMMSE's.",
        origin=SET_BEFORE,
    )
    explained: float = key(
        SHARE, "Share of the variance in two components.", origin="paper: 27.5 %"
    )
    straight: float = key(
        SHARE,
        "'Straight': share by which a path comes nearer to ridge, in squared distance, than the straight one does.",
        origin=SET_BEFORE_DRAWS,
    )
    deflected: float = key(SHARE, "'Deflected': the same share.", origin=SET_BEFORE)
    insensitive_from: int = key(COUNT, "B from which the PCA is insensitive.", origin="paper")
    trajectory_distance: float = key(
        SHARE,
        "Procrustes distance that is hardly seen: at 0.2 two sets of trajectories share 96 % of their variance.",
        origin=SET_BEFORE_DRAWS,
    )
    fitting_side: float = key(
        SHARE,
        "Excess loss over dMMSE_M of a model on dMMSE's side, as a share of ridge's.",
        origin=SET_BEFORE,
    )
    onset_octaves: float = key(
        POSITIVE,
        "'At the onset of transience': within a factor of two in M, the spacing of the paper's named values.",
        unit="octaves",
        origin=SET_BEFORE,
    )
    plateau_from: int = key(COUNT, "The M above which the LLC is level.", unit="M", origin="paper")
    llc_spread: float = key(
        POSITIVE,
        "What 'level' and 'equal' allow, relative: twice a usual standard error.",
        origin=SET_BEFORE,
    )
    never_ridge: float = key(
        POSITIVE,
        "n* up to which ridge is 'never' preferred: log n / n is greatest at e.",
        unit="pairs",
        origin=SET_BEFORE,
    )
    settled_octaves: float = key(
        POSITIVE,
        "'Settled': the threshold moved less than this while training doubled.",
        unit="octaves",
        origin=SET_BEFORE,
    )
    nearer_to_ridge: float = key(
        SHARE,
        "Relative distance at t_crit of a run that is nearer to ridge than to dMMSE.",
        origin=SET_REVISED,
    )
    axis_share: float = key(
        SHARE,
        "'The axis to ridge': share of the squared distance from dMMSE_M to ridge that lies along a component.",
        origin=SET_REVISED,
    )
    foretold: float = key(
        SHARE,
        "Share of the transient M that Eq. 8 must call 'ridge, then dMMSE': all.",
        origin=SET_REVISED,
    )
    tuned_on: tuple[int, ...] = key(
        list_of(NATURAL, "a list of different root seeds >= 0"),
        "Root seeds on which the regime was chosen: marked, and not scored.",
        origin=SET_BEFORE_DRAWS,
    )
    in_draws: float = key(
        INNER_SHARE,
        "'There are M that ...': the share of draws to be exceeded. Eight of eight can show a third, and no more.",
        origin=SET_BEFORE_DRAWS,
    )
    hook: float = key(
        SHARE,
        "The hook: out of distribution a run moves towards ridge and back, each by this share of the way between the "
        "predictors.",
        origin=SET_BEFORE_DRAWS,
    )
    stays: float = key(
        SHARE,
        "'Stays with ridge': the most that a run moves back towards dMMSE_M, as a share of the same way.",
        origin=SET_BEFORE_DRAWS,
    )
    aligned: float = key(
        RISE,
        "Cosine of two directions in the plane that point the same way: within 45 degrees.",
        origin=SET_BEFORE_DRAWS,
    )
    similar_loss: float = key(
        SHARE,
        "'A similar loss': difference from the predictor's, as a share of the gap to the other's.",
        origin=SET_BEFORE_DRAWS,
    )
    own: Any = key(
        Kind(
            {
                "type": "object",
                "additionalProperties": {"type": "number", "expects": "a number"},
            },
            "a name and a number for each statement of your own, or {}",
        ),
        "Thresholds of your own statements, by name (src/transient_ridge/scorecard/statements/own.py).",
    )


@dataclass(frozen=True)
class Configuration(Settings):
    """The whole configuration."""

    preset: str = key(NAME, "Name of the preset; results go to results/<preset>/.")
    seed: int = key(
        NATURAL,
        "Root seed: tasks, evaluation sets, initial weights and batches are drawn from named streams under it.",
    )
    variants: Any = key(
        Kind({}, "at least one named overlay, such as 'base: {}'"),
        "Overlays that are run side by side, each into results/<preset>/<variant>/: sections here replace those below, "
        "as in three-layers: {model: {layers: 3}}.",
    )
    keep_weights: bool = key(
        YES_OR_NO,
        "Keep all checkpoints. If false, a run's weights are deleted when every measurement of it is done.",
    )
    compute: ComputeSettings = key(section(ComputeSettings), "")
    grid: GridSettings = key(section(GridSettings), "")
    data: DataSettings = key(section(DataSettings), "")
    model: ModelSettings = key(section(ModelSettings), "")
    training: TrainingSettings = key(section(TrainingSettings), "")
    checkpoints: CheckpointSettings = key(section(CheckpointSettings), "")
    evaluation: EvaluationSettings = key(section(EvaluationSettings), "")
    curves: CurveSettings = key(section(CurveSettings), "")
    pca: PcaSettings = key(section(PcaSettings), "")
    pca_robustness: RobustnessSettings = key(section(RobustnessSettings), "")
    llc: LlcSection = key(section(LlcSection), "")
    spectrum: SpectrumSettings = key(section(SpectrumSettings), "")
    llc_ladder: LadderSettings = key(section(LadderSettings), "")
    llc_calibration: CalibrationSettings = key(section(CalibrationSettings), "")
    llc_crosscheck: CrosscheckSettings = key(section(CrosscheckSettings), "")
    claims: ClaimSettings = key(section(ClaimSettings), "")

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """The schema of a configuration file; a variant may overlay every key that can change a result."""
        whole = super().schema()
        own = ("preset", "variants", "keep_weights", "compute")
        whole["properties"]["variants"] = {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {
                "pattern": NAME_PATTERN,
                "not": {"enum": list(OF_ALL_VARIANTS)},
                "expects": f"{NAME.expects}, and none of {', '.join(OF_ALL_VARIANTS)}",
            },
            "additionalProperties": {
                "type": ["object", "null"],
                "additionalProperties": False,
                "properties": {name: {} for name in whole["properties"] if name not in own},
                "expects": "sections laid over the configuration (or nothing)",
            },
            "expects": cls.keys()["variants"].kind.expects,
        }
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Configuration of transient-ridge",
            **whole,
        }
