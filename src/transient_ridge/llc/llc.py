r"""The local learning coefficient of checkpoints, its standard error, and whether to believe it.

    lambda_hat(w*) = n beta (E[l(w)] - l(w*)),

the expectation over the local posterior (arXiv 2501.17745, section 'LLC'), estimated from the draws after the
burn-in. *Paired*: each draw's minibatch loss minus that of w* on the same minibatch, so that the noise of
the minibatch cancels. *Unpaired*: l(w*) is the mean over all n sequences. Both have the same expectation.
Lambda has no unit; losses are mean squared errors in units of y^2, and n beta is converted to multiply them.
"""

import math
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..artefacts.schemas import TABLES
from ..artefacts.tables import Rows
from ..config.runs import Run
from ..config.settings import DataSettings, HealthSettings, LlcSettings, ModelSettings, SgldSettings
from ..errors import ChainDivergedError, UnhealthyChainError
from ..model.transformer import Transformer
from ..progress import Progress
from ..stage import stage
from ..training.checkpoints import Checkpoints
from . import sgld
from .components import mask
from .posterior import CheckpointPosterior

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import arviz

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ChainMean:
    """Mean of a quantity over all chains and draws, and how well the chains know it."""

    mean: float
    standard_error: (
        float  # Monte Carlo, from the differences between chains and the autocorrelation within
    )
    r_hat: float | None  # split R-hat; None for one chain
    ess: float  # effective number of independent draws

    @classmethod
    def of(cls, draws: Array) -> "ChainMean":
        """From ``draws`` (chains, draws)."""
        if np.ptp(draws) == 0:  # every draw is the same: there is nothing to be unsure of
            return cls(float(draws.flat[0]), 0.0, 1.0, float(draws.size))
        # Centred first: ArviZ estimates autocovariances of numbers whose spread may be 1e-4 of their size.
        centred = draws - draws.mean()
        return cls(
            float(draws.mean()),
            _arviz(arviz.mcse, centred, "mean"),
            _arviz(arviz.rhat, centred, "split") if len(draws) > 1 else None,
            _arviz(arviz.ess, centred, "mean"),
        )


def _arviz(statistic: Callable[..., Any], draws: Array, method: str) -> float:
    return float(statistic(draws, method=method))


@dataclass(frozen=True)
class Estimate:
    """The LLC of one component of one checkpoint on one position of the context (None: on all)."""

    token: int | None
    llc: float
    standard_error: float
    llc_unpaired: float
    standard_error_unpaired: float
    centre_loss: float
    mean_loss: float
    r_hat: float | None
    ess: float
    share_below: float
    mala_acceptance: float
    distance: float
    gradient_norm: float
    noise_norm: float


def estimate(
    traces: sgld.Traces,
    n_beta: float,
    burn_in: int,
    centre_errors: torch.Tensor,
    *,
    exact_centre: bool = True,
    per_token: bool = False,
) -> list[Estimate]:
    """The estimate on all positions, then, if asked, that on each.

    ``n_beta`` multiplies the traced loss. ``centre_errors`` (n, K) are the squared errors of w* on the sequences
    whose mean is l_n; ``exact_centre`` says that the chains' minibatches come from these very sequences, so
    that l_n(w*) is known without error.
    """
    losses = traces.losses[:, burn_in:].double().cpu().numpy()
    pairs = losses - traces.centre_losses[:, burn_in:].double().cpu().numpy()
    frozen = centre_errors.double().cpu().numpy()
    half = traces.distance.shape[1] // 2  # the later probes: the chains have left w* by then
    shared = {
        "mala_acceptance": float(traces.acceptance[:, half:].mean()),
        "distance": float(traces.distance[:, half:].mean()),
        "gradient_norm": float(traces.gradient_norm[:, half:].mean()),
        "noise_norm": float(traces.noise_norm[:, half:].mean()),
    }
    K = losses.shape[-1]
    whole: list[tuple[int | None, slice]] = [(None, slice(None))]
    parts = whole + [(k + 1, slice(k, k + 1)) for k in range(K) if per_token]
    estimates = []
    for token, columns in parts:
        paired = ChainMean.of(n_beta * pairs[..., columns].mean(axis=-1))
        loss = ChainMean.of(losses[..., columns].mean(axis=-1))
        of_centre = frozen[:, columns].mean(axis=-1)
        unsure = 0.0 if exact_centre else of_centre.std(ddof=1) / math.sqrt(len(of_centre))
        estimates.append(
            Estimate(
                token=token,
                llc=paired.mean,
                standard_error=paired.standard_error,
                llc_unpaired=n_beta * (loss.mean - of_centre.mean()),
                standard_error_unpaired=n_beta * math.hypot(loss.standard_error, unsure),
                centre_loss=float(of_centre.mean()),
                mean_loss=loss.mean,
                r_hat=paired.r_hat,
                ess=paired.ess,
                share_below=float((pairs[..., columns].mean(axis=-1) < 0).mean()),
                **shared,
            )
        )
    return estimates


def faults(of: Estimate, limits: HealthSettings) -> list[str]:
    """What is wrong with an estimate and what to do about it; empty if it is healthy."""
    found = []
    if limits.mala_acceptance is not None and of.mala_acceptance < limits.mala_acceptance:
        found.append(
            f"MALA acceptance {of.mala_acceptance:.2f} < {limits.mala_acceptance}: lower llc.epsilon"
        )
    if limits.r_hat is not None and of.r_hat is not None and of.r_hat > limits.r_hat:
        found.append(f"split R-hat {of.r_hat:.2f} > {limits.r_hat}: raise llc.burn_in or llc.draws")
    if limits.ess is not None and of.ess < limits.ess:
        found.append(f"ESS {of.ess:.0f} < {limits.ess}: raise llc.draws or llc.chains")
    if limits.share_below is not None and of.share_below > limits.share_below:
        found.append(
            f"{of.share_below:.0%} of the draws below l(w*) > {limits.share_below:.0%}: w* is not at a minimum "
            "of the loss; raise llc.gamma or read the estimate as a bound"
        )
    return found


class Estimator:
    """Estimates at one set of hyper-parameters for the checkpoints of one run."""

    def __init__(
        self, run: Run, settings: Mapping[str, Any], kept: Checkpoints, device: torch.device
    ) -> None:
        """``settings`` hold what the weights were trained with, and the section ``llc``."""
        self.run, self.kept, self.device = run, kept, device
        self.root_seed = settings["seed"]
        self.data = DataSettings.of(settings["data"])
        self.architecture = ModelSettings.of(settings["model"])
        self.model = Transformer(self.data.dimension, self.architecture).to(device)
        self.llc = LlcSettings.of(settings["llc"])
        self.sgld = SgldSettings.of(settings["llc"])
        self.limits = HealthSettings.of(settings["llc"]["limits"])

    def posterior(self, step: int) -> CheckpointPosterior:
        """The local posterior at ``step``; raises CheckpointError if no such checkpoint can be read."""
        return CheckpointPosterior(
            self.model,
            self.kept.load(step, self.device),
            self.run,
            step,
            root_seed=self.root_seed,
            data=self.data,
            settings=self.llc,
            chains=self.sgld.chains,
        )

    def n_beta(self) -> float:
        """n beta as a factor of the mean squared error: the NLL is MSE / (2 sigma^2)."""
        nll = self.llc.loss == "nll"
        return self.llc.n_beta / (2 * self.data.noise_variance) if nll else self.llc.n_beta

    def sample(self, posterior: CheckpointPosterior, component: str) -> sgld.Traces:
        """Run the chains with the backend that the settings name."""
        zeros_and_ones = mask(component, posterior.layout.shapes, self.architecture)
        restriction = (
            None if zeros_and_ones is None else torch.from_numpy(zeros_and_ones).to(self.device)
        )
        if self.llc.backend == "devinterp":
            # Imported here: it brings four seconds of packages that the other backend does without.
            from . import devinterp_backend  # noqa: PLC0415

            return devinterp_backend.sample(posterior, self.sgld, self.n_beta(), restriction)
        return sgld.sample(posterior, self.sgld, self.n_beta(), posterior.noise(), restriction)

    def rows(
        self, posterior: CheckpointPosterior, step: int, component: str
    ) -> tuple[list[dict[str, Any]], sgld.Traces | None]:
        """Rows of the table ``llc``, and the traces unless a chain diverged.

        An unhealthy estimate is marked, or raises UnhealthyChainError if ``llc.unhealthy`` is fail.
        """
        key = {**_key(self.run, step), "component": component}
        try:
            traces = self.sample(posterior, component)
        except ChainDivergedError as error:
            self._complain(step, component, [str(error)])
            nothing = dict.fromkeys(TABLES["llc"].columns)
            return [{**nothing, **key, "healthy": False, "fault": str(error)}], None
        estimates = estimate(
            traces,
            self.n_beta(),
            self.sgld.burn_in,
            posterior.centre_errors,
            exact_centre=self.llc.minibatches == "fixed",
            per_token=self.llc.per_token,
        )
        found = faults(estimates[0], self.limits)
        if found:
            self._complain(step, component, found)
        health = {"healthy": not found, "fault": "; ".join(found) or None}
        return [{**key, **asdict(each), **health} for each in estimates], traces

    def _complain(self, step: int, component: str, found: Sequence[str]) -> None:
        message = f"LLC of {component} of {self.run.name} at step {step}: {'; '.join(found)}"
        if self.llc.unhealthy == "fail":
            raise UnhealthyChainError(message)
        print(message, file=sys.stderr)


@stage("llc", "llc_traces")
def estimate_llc(
    manifest: Path,
    weights: Path,
    run: Run,
    steps: Sequence[int],
    settings: Mapping[str, Any],
    device: torch.device,
) -> tuple[Rows, Rows]:
    """Estimate the LLC of every component at ``steps`` of ``run``; with the chains' traces.

    Raises CheckpointError for a step without a readable checkpoint, ConfigError for a component that the model
    lacks, UnhealthyChainError as :meth:`Estimator.rows` says.
    """
    estimator = Estimator(run, settings, Checkpoints(manifest, weights, settings), device)
    rows, chains = Rows("llc"), Rows("llc_traces")
    progress = Progress(f"llc {run.name}", len(steps) * len(estimator.llc.components))
    done = 0
    for step in steps:
        posterior = estimator.posterior(step)
        for component in estimator.llc.components:
            found, traced = estimator.rows(posterior, step, component)
            for row in found:
                rows.add(**row)
            if traced is not None:
                for row in trace_rows(traced):
                    chains.add(**_key(run, step), component=component, **row)
            done += 1
            progress.update(done, {"llc": found[0]["llc"] or math.nan})
    progress.close()
    return rows, chains


def _key(run: Run, step: int) -> dict[str, Any]:
    return {"task_diversity": run.task_diversity, "seed": run.seed, "step": step}


def trace_rows(traces: sgld.Traces) -> Iterator[dict[str, Any]]:
    """One row of the table ``llc_traces`` per chain, without its key: losses averaged over the positions."""
    losses = traces.losses.mean(dim=-1).cpu().numpy()
    centre_losses = traces.centre_losses.mean(dim=-1).cpu().numpy()
    for chain, (loss, of_centre) in enumerate(zip(losses, centre_losses, strict=True)):
        yield {"chain": chain, "losses": loss, "centre_losses": of_centre}
