"""The local learning coefficient of any module, with its standard error, its health in words and its spectrum."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from pydantic import ValidationError
from torch import nn

from ..config.faults import faults as setting_faults
from ..config.presets import DEFAULT, load
from ..config.section import Section
from ..config.settings import HealthSettings, SgldSettings
from ..errors import ChainDivergedError, InputError
from ..llc.chains import sample
from ..llc.curvature.spectrum import Curvature, Resolved
from ..llc.diagnostics import Traces
from ..llc.estimate import Centre, Estimate, estimate
from ..llc.health import faults
from .module_loss import Loss, LossOf, differentiable
from .posterior import ModulePosterior
from .requirements import checked

Settings = TypeVar("Settings", bound=Section)


@dataclass(frozen=True)
class LlcEstimate:
    """An LLC, and whether to believe it. ``print`` says both in a sentence."""

    llc: float  # paired, with what slope and minibatch noise did put right
    standard_error: float  # Monte Carlo; it covers no choice of n_beta and gamma
    resolution: float  # r = gamma / n_beta: the LLC counts directions of curvature above it
    n_beta: float
    gamma: float
    faults: tuple[str, ...]  # what is wrong and what to change; empty if healthy
    details: Estimate  # every number behind it
    traces: Traces  # losses of the chains, step by step
    spectrum: tuple[Resolved, ...]  # LLCs by the curvature, one for each resolution asked for

    @property
    def healthy(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.faults

    def __str__(self) -> str:
        """The estimate, and what is wrong with it."""
        found = (
            f"LLC {self.llc:.4g} +- {self.standard_error:.2g} at r = {self.resolution:.3g} "
            f"(n beta = {self.n_beta:g}, gamma = {self.gamma:g})"
        )
        wrong = "".join(f"\n  - {fault}" for fault in self.faults)
        return f"{found}: do not believe it{wrong}" if wrong else f"{found}: healthy"


def estimate_llc(
    module: nn.Module,
    loss: Loss,
    data: Any,
    *,
    n_beta: float,
    gamma: float,
    loss_of: LossOf = "outputs",
    minibatch: int = 64,
    curvature_samples: int = 512,
    chains: int = 4,
    burn_in: int = 80,
    draws: int = 120,
    epsilon: float = 0.1,
    sampler: str = "leimkuhler_matthews",
    preconditioner: str = "kronecker",
    annealing: int = 0,
    limits: Mapping[str, float | None] | None = None,
    resolutions: Sequence[float] = (),
    seed: int = 0,
) -> LlcEstimate:
    r"""Estimate the LLC of ``module`` at its present weights w*,

        lambda_hat = n beta (E[l_n(w)] - l_n(w*)),    w ~ exp(-n beta l_n(w) - gamma/2 |w - w*|^2),

    with l_n the mean ``loss`` over ``data`` (arXiv 2501.17745, section 'LLC'; Lau et al. 2023). docs/llc.md says how,
    and when to believe it.

    ``loss(outputs, targets)`` is the mean over the samples of a batch, and ``data`` are ``(inputs, targets)``, whose
    first axis counts the samples. With ``loss_of="module"`` it is ``loss(module, batch)``, which calls the module once,
    and ``data`` is any tuple or dict of tensors. Only parameters with ``requires_grad`` move; the module is left as it
    is, on its device, float32 or float64.

    ``n_beta`` multiplies the loss, in units of 1 / loss; ``gamma`` is in units of 1 / weight^2. ``chains`` chains take
    ``burn_in`` + ``draws`` steps of size ``epsilon``, each on ``minibatch`` samples; up to four times the draws where
    fewer promise too small an ESS. The metric of the default
    ``preconditioner`` is the posterior's own variance, in a Kronecker eigenbasis of every weight; axes longer than
    2,048 keep their own, as a vocabulary does. ``sampler``, ``preconditioner``, ``annealing`` and ``limits`` are those
    of the section ``llc`` in config/README.md, and limits that are left out are as there. ``resolutions`` asks besides
    for the LLC by the curvature at each of these r, without chains. ``curvature_samples`` gradients are behind metric
    and spectrum. The same ``seed`` gives the same estimate.

    Raises InputError for a module, loss, data or setting that it cannot take, before any work; ChainDivergedError if a
    chain does not stay finite.
    """
    settings = _valid(
        SgldSettings,
        chains=chains,
        burn_in=burn_in,
        draws=draws,
        sampler=sampler,
        epsilon=epsilon,
        gamma=gamma,
        preconditioner=preconditioner,
        annealing=annealing,
    )
    allowed = _valid(HealthSettings, **load(DEFAULT)["llc"]["limits"] | dict(limits or {}))
    if not 0 < n_beta < math.inf:
        raise InputError(f"n_beta = {n_beta}: must be a number > 0")
    for name, count, least in (
        ("minibatch", minibatch, 2),
        ("curvature_samples", curvature_samples, 4),
    ):
        if count < least:
            raise InputError(f"{name} = {count}: must be at least {least}")
    with differentiable():
        of_module = checked(module, loss, data, loss_of=loss_of, minibatch=minibatch)
        posterior = ModulePosterior(
            of_module,
            chains=chains,
            minibatch=minibatch,
            curvature_samples=curvature_samples,
            seed=seed,
        )
        if not bool(posterior.curvature.draw.any()):
            raise InputError(
                "loss: has no curvature in the module's outputs, which gives the chains no scale; return from the "
                "module what the loss is curved in, such as logits with cross_entropy"
            )
        try:
            traces = sample(posterior, settings, n_beta, posterior.noise(), ess=allowed.ess or 0.0)
        except ChainDivergedError as error:
            raise ChainDivergedError(_as_arguments(str(error))) from None
        spectrum = _spectrum(posterior, resolutions)
    centre = Centre(
        errors=posterior.centre_errors,
        exact=True,
        norm=float(posterior.centre.norm()),
        gradient=posterior.centre_gradient,
        free=posterior.layout.size,
    )
    found = estimate(traces, n_beta, settings, centre)[0]
    return LlcEstimate(
        llc=found.llc,
        standard_error=found.standard_error,
        resolution=gamma / n_beta,
        n_beta=n_beta,
        gamma=gamma,
        faults=tuple(map(_as_arguments, faults(found, allowed))),
        details=found,
        traces=traces,
        spectrum=spectrum,
    )


def _valid(section: type[Settings], **stated: Any) -> Settings:
    try:
        return section.model_validate(stated)
    except ValidationError as error:
        raise InputError("; ".join(setting_faults(error, stated, section))) from None


def _spectrum(posterior: ModulePosterior, resolutions: Sequence[float]) -> tuple[Resolved, ...]:
    """LLCs of the quadratic around w*, by the Gram matrix of draws of the curvature."""
    if not resolutions:
        return ()
    draws = torch.cat(list(posterior.curvature_samples(posterior.centre[None], part=2)))
    gram = (draws @ draws.mT).double() / len(draws)
    curvature = Curvature.of(gram, 1, max(resolutions))
    found = [curvature.at(r) for r in resolutions]
    return tuple(each._replace(fault=each.fault and _as_arguments(each.fault)) for each in found)


def _as_arguments(message: str) -> str:
    """A message about keys of the configuration, about arguments of the same names."""
    of_spectrum = re.sub(r"(\d+) sequences", r"\1 gradients", message)
    of_spectrum = of_spectrum.replace("spectrum.sequences", "curvature_samples")
    return re.sub(r"\bllc\.", "", of_spectrum)
