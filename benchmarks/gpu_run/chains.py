"""Chains that run on one machine and become estimates on another, which has ArviZ."""

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from transient_ridge.errors import ChainDivergedError
from transient_ridge.llc.diagnostics import Traces
from transient_ridge.llc.estimate import Centre
from transient_ridge.llc.estimator import Estimator
from transient_ridge.llc.posterior import CheckpointPosterior
from transient_ridge.llc.quadratic import Prediction, Quadratic

#: Fields of the traces that are small tensors.
TRACED = (
    "losses", "centre_losses", "noise", "distance", "acceptance", "gradient_norm", "noise_norm", "heat",
)  # fmt: skip
#: Those of the prediction.
AUTOCOVARIANCES = ("autocovariance", "by_slope")


def run_chains(
    estimator: Estimator, posterior: CheckpointPosterior, component: str
) -> dict[str, Tensor]:
    """Run the chains of ``component``: what an estimate is made of, all of it small.

    Raises ChainDivergedError as :meth:`Estimator.sample` does.
    """
    traces, centre = estimator.sample(posterior, component), estimator.centre(posterior, component)
    quadratic, noises = traces.quadratic, traces.gradient_noise
    steps = traces.losses.shape[1]
    said = {
        "taken": quadratic.taken,
        "relaxation": traces.relaxation,
        "norm": centre.norm,
        "gradient": float(centre.gradient.norm()),
        "free": float(centre.free),
        **{n: v for n, v in traces.prediction._asdict().items() if n not in AUTOCOVARIANCES},
    }
    found = {name: getattr(traces, name) for name in TRACED}
    found |= {name: torch.tensor(value, dtype=torch.float64) for name, value in said.items()}
    found["probed"] = torch.tensor(traces.probed)
    found |= {name: getattr(traces.prediction, name) for name in AUTOCOVARIANCES}
    found["errors"] = centre.errors
    found["added"] = quadratic.added_by(noises, estimator.llc, steps)
    found["power"] = quadratic.power(noises)
    return {name: tensor.cpu() for name, tensor in found.items()}


class _Said(NamedTuple):
    """What the quadratic around w* said of the slope there and of the noise of the minibatches."""

    taken: float
    added: Tensor
    noise_power: Tensor

    def added_by(self, *_: object) -> Tensor:
        return self.added

    def power(self, *_: object) -> Tensor:
        return self.noise_power


class Replayed(Estimator):
    """Estimates from chains that were run before: its ``posterior`` is what :func:`run_chains` found, or a fault."""

    def sample(self, posterior: Any, component: str) -> Traces:
        """The traces. Raises ChainDivergedError if they diverged there."""
        if isinstance(posterior, str):
            raise ChainDivergedError(posterior)
        found: Mapping[str, Tensor] = posterior
        told: dict[str, Any] = {
            name: found[name] if name in AUTOCOVARIANCES else float(found[name])
            for name in Prediction._fields
        }
        return Traces(
            **{name: found[name] for name in TRACED},
            probed=tuple(found["probed"].tolist()),
            relaxation=float(found["relaxation"]),
            gradient_noise=torch.zeros(1),
            quadratic=cast(Quadratic, _Said(float(found["taken"]), found["added"], found["power"])),
            prediction=Prediction(**told),
        )

    def centre(self, posterior: Any, component: str) -> Centre:
        """What is known of w*."""
        return Centre(
            errors=posterior["errors"],
            exact=self.llc.minibatches == "fixed",
            norm=float(posterior["norm"]),
            gradient=posterior["gradient"].reshape(1),
            free=int(posterior["free"]),
        )
