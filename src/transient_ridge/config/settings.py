"""One frozen dataclass per section of the configuration.

No field has a default: every value comes from a configuration file, where it is explained.
Nothing here imports torch, so that reading the workflow stays quick.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, Self


@dataclass(frozen=True)
class Settings:
    """A section of the configuration."""

    @classmethod
    def of(cls, section: Mapping[str, Any]) -> Self:
        """Build from a validated section of the configuration, lists becoming tuples."""
        values = {f.name: section[f.name] for f in fields(cls)}
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


@dataclass(frozen=True)
class DataSettings(Settings):
    """What a sequence is: D, K and sigma^2."""

    dimension: int
    context_length: int
    noise_variance: float


@dataclass(frozen=True)
class ModelSettings(Settings):
    """Architecture. ``positions`` is the number of learned token positions, at least 2K."""

    layers: int
    d_model: int
    d_mlp: int
    heads: int
    attention_projection: bool
    residual: Literal["single", "doubled"]
    positions: int

    def parameter_count(self, dimension: int) -> int:
        """Number of parameters for tasks in R^dimension."""
        d, projection = self.d_model, self.d_model if self.attention_projection else 0
        attention = d * (3 * d + projection)
        mlp = 2 * d * self.d_mlp + self.d_mlp + d
        block = attention + mlp + 4 * d
        embedding = d * (dimension + 1 + self.positions)
        return embedding + self.layers * block + 2 * d + (d + 1) * (dimension + 1)


@dataclass(frozen=True)
class TrainingSettings(Settings):
    """Length, batches and optimiser of a run. Rates are per step; steps count optimiser updates."""

    steps: int
    batch_size: int
    optimiser: Literal["adam", "muon"]
    learning_rate: float
    muon_learning_rate: float
    betas: tuple[float, float]
    schedule: Literal["constant", "warmup", "linear", "one_cycle", "wsd"]
    warmup_steps: int
    decay_steps: int
    gradient_clip: float | None
    precision: Literal["float32", "tf32", "bf16"]


@dataclass(frozen=True)
class CheckpointSettings(Settings):
    """The steps at which weights are kept: C_lin, C_log and single steps."""

    linear_every: int
    log_count: int
    extra_steps: tuple[int, ...]


@dataclass(frozen=True)
class EvaluationSettings(Settings):
    """Sizes of the evaluation sets, in sequences. ``root_task_sequences`` is B of the joint PCA."""

    sequences: int
    root_task_sequences: int


@dataclass(frozen=True)
class PcaSettings(Settings):
    """Joint trajectory PCA: number of components and the B it uses of the root-task sequences."""

    components: int
    sequences: int


@dataclass(frozen=True)
class CurveSettings(Settings):
    """Smoothing of curves over training: kernel width in units of ln(step)."""

    smoothing_width: float


@dataclass(frozen=True)
class SgldSettings(Settings):
    """How the local posterior is sampled: eps, gamma, and the chains' lengths in SGLD steps."""

    epsilon: float
    gamma: float
    chains: int
    burn_in: int
    draws: int
    preconditioner: str
    noise: Literal["independent", "averaged"]
    annealing: int


@dataclass(frozen=True)
class LlcSettings(Settings):
    """What the LLC is of (loss, data, component) and how the estimate is made.

    ``n_beta`` multiplies ``loss``: the mean squared error, or the negative log-likelihood MSE / (2 sigma^2).
    """

    backend: Literal["stacked", "devinterp"]
    loss: Literal["mse", "nll"]
    n_beta: float
    sequences: int
    minibatch: int
    minibatches: Literal["fixed", "fresh"]
    control_variate: bool
    data: Literal["q_M", "q_1", "q_inf"]
    components: tuple[str, ...]
    per_token: bool
    unhealthy: Literal["mark", "fail"]


@dataclass(frozen=True)
class HealthSettings(Settings):
    """Limits of a healthy estimate; None switches a check off."""

    r_hat: float | None
    ess: float | None
    mala_acceptance: float | None
    share_below: float | None
    relaxations: float | None
    distance_trend: float | None
    heating: float | None
    locality: float | None
    slope_share: float | None


@dataclass(frozen=True)
class RobustnessSettings(Settings):
    """The B that the joint PCA is fitted with again, to see what depends on it."""

    sequences: tuple[int, ...]


@dataclass(frozen=True)
class ClaimSettings(Settings):
    """What the scorecard compares with; each threshold is explained in config/config.yaml."""

    standard_errors: float
    converged: float
    dmmse_like: float
    ridge_like: float
    falls: float
    grows: float
    follows: float
    follows_inversely: float
    paper_threshold: float | None
    threshold_octaves: float
    transience: float
    risen: float
    no_transience: float
    at_ridge: float
    explained: float
    straight: float
    deflected: float
    insensitive_from: int
    trajectory_distance: float
    fitting_side: float
    onset_octaves: float
    plateau_from: int
    llc_spread: float
    never_ridge: float
    settled_octaves: float
