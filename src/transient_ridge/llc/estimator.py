"""Estimates of the LLC at checkpoints of a run."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import torch

from ..artefacts.schemas import TABLES
from ..config.registries import name_of
from ..config.runs import Run
from ..config.settings import LlcSettings, TrainedBy
from ..errors import ChainDivergedError, UnhealthyChainError
from ..model.transformer import Transformer
from ..training.checkpoints import Checkpoints
from .chains import measure, sample
from .components import mask
from .diagnostics import Traces
from .estimate import Centre, estimate
from .health import faults
from .level import LevelPosterior
from .posterior import CheckpointPosterior


class Estimator:
    """Estimates at one set of hyper-parameters for the checkpoints of one run."""

    def __init__(
        self,
        run: Run,
        trained_by: TrainedBy,
        llc: LlcSettings,
        kept: Checkpoints,
        device: torch.device,
    ) -> None:
        self.run, self.kept, self.device = run, kept, device
        self.root_seed, self.data = trained_by.seed, trained_by.data
        self.architecture, self.llc = trained_by.model, llc
        self.model = Transformer(self.data.dimension, self.architecture).to(device)

    def posterior(self, step: int, data_of: Run | None = None) -> CheckpointPosterior:
        """The local posterior at ``step``, with data of the run ``data_of`` (by default, its own).

        The weights are no minimum of another run's loss, so its slope there is taken out. Raises CheckpointError if
        the checkpoint cannot be read.
        """
        own = data_of is None or data_of == self.run
        return (CheckpointPosterior if own else LevelPosterior)(
            self.model,
            self.kept.load(step, self.device),
            self.run,
            step,
            root_seed=self.root_seed,
            data=self.data,
            settings=self.llc,
            chains=self.llc.chains,
            data_of=data_of,
        )

    def n_beta(self) -> float:
        """n beta as a factor of the mean squared error, given that the NLL is MSE / (2 sigma^2)."""
        nll = self.llc.loss == "nll"
        return self.llc.n_beta / (2 * self.data.noise_variance) if nll else self.llc.n_beta

    def sample(self, posterior: CheckpointPosterior, component: str) -> Traces:
        """Run the chains. Each preconditioner measures once per posterior."""
        name = name_of(self.llc.preconditioner)
        if name not in posterior.measured:
            posterior.measured[name] = measure(posterior, self.llc)
        return sample(
            posterior,
            self.llc,
            self.n_beta(),
            posterior.noise(),
            mask=self.restriction(posterior, component),
            measured=posterior.measured[name],
            ess=self.llc.limits.ess or 0.0,
        )

    def restriction(self, posterior: CheckpointPosterior, component: str) -> torch.Tensor | None:
        """Ones (P,) at the parameters of ``component``; None for all of them."""
        found = mask(component, posterior.layout.shapes, self.architecture)
        return None if found is None else torch.from_numpy(found).to(self.device)

    def centre(self, posterior: CheckpointPosterior, component: str) -> Centre:
        """What is known about w* in the directions of ``component``."""
        exact = self.llc.minibatches == "fixed"
        return Centre.of(posterior, exact, self.restriction(posterior, component))

    def rows(
        self, posterior: CheckpointPosterior, step: int, component: str
    ) -> tuple[list[dict[str, Any]], Traces | None]:
        """Rows of the table `llc`, and the traces unless a chain diverged.

        An unhealthy estimate is marked or, if ``llc.unhealthy`` is fail, raises UnhealthyChainError.
        """
        key = {
            **self.run._asdict(),
            "step": step,
            "component": component,
            "resolution": self.llc.gamma / self.n_beta(),
        }
        try:
            traces = self.sample(posterior, component)
        except ChainDivergedError as error:
            self._complain(step, component, [str(error)])
            nothing = dict.fromkeys(TABLES["llc"].columns)
            return [{**nothing, **key, "healthy": False, "fault": str(error)}], None
        estimates = estimate(
            traces,
            self.n_beta(),
            self.llc,
            self.centre(posterior, component),
            per_token=self.llc.per_token,
        )
        found = faults(estimates[0], self.llc.limits)
        if found:
            self._complain(step, component, found)
        health = {"healthy": not found, "fault": "; ".join(found) or None}
        return [{**key, **asdict(each), **health} for each in estimates], traces

    def _complain(self, step: int, component: str, found: Sequence[str]) -> None:
        message = f"LLC of {component} of {self.run.name} at step {step}: {'; '.join(found)}"
        if self.llc.unhealthy == "fail":
            raise UnhealthyChainError(message)
        print(message, file=sys.stderr)


def trace_rows(traces: Traces) -> Iterator[dict[str, Any]]:
    """A row of the table `llc_traces` per chain, without its key: losses averaged over the positions."""
    losses = traces.losses.mean(dim=-1).cpu().numpy()
    centre_losses = traces.centre_losses.mean(dim=-1).cpu().numpy()
    for chain, (loss, of_centre) in enumerate(zip(losses, centre_losses, strict=True)):
        yield {"chain": chain, "losses": loss, "centre_losses": of_centre}
