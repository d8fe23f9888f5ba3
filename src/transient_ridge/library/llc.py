"""The local learning coefficient of any module, with its standard error, its faults in words, and its spectrum."""

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
    """An LLC, and whether to believe it; ``print`` shows both."""

    llc: float  # paired, corrected for slope and minibatch noise
    standard_error: float  # Monte Carlo; it does not cover the choice of n_beta and gamma
    resolution: float  # r = gamma / n_beta: the LLC counts directions of curvature above it
    n_beta: float
    gamma: float
    faults: tuple[str, ...]  # what is wrong and how to mend it; empty if healthy
    details: Estimate  # every number behind it
    traces: Traces  # losses of the chains, step by step
    spectrum: tuple[Resolved, ...]  # LLCs by the curvature, one per requested resolution

    @property
    def healthy(self) -> bool:
        """Whether there are no faults."""
        return not self.faults

    def __str__(self) -> str:
        """The estimate and its faults."""
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
    r"""Estimate the LLC of ``module`` at its current weights w*,

        lambda_hat = n beta (E[l_n(w)] - l_n(w*)),    w ~ exp(-n beta l_n(w) - gamma/2 |w - w*|^2),

    with l_n the mean ``loss`` over ``data`` (arXiv 2501.17745, section 'LLC'; Lau et al. 2023). docs/llc.md explains
    how, and when to believe the estimate.

    Parameters
    ----------
    module, loss, data
        ``loss(outputs, targets)`` is the mean over the samples of a batch, and ``data`` is ``(inputs, targets)``, whose
        first axis counts the samples. With ``loss_of="module"`` the loss is ``loss(module, batch)``, which calls the
        module once, and ``data`` is any tuple or dict of tensors. Only parameters with ``requires_grad`` move; the
        module, on any device and in float32 or float64, is not changed.
    n_beta, gamma
        ``n_beta`` multiplies the loss, in units of 1 / loss; ``gamma`` is in units of 1 / weight^2.
    chains, burn_in, draws, epsilon, minibatch
        Each chain takes ``burn_in`` + ``draws`` steps of size ``epsilon`` on ``minibatch`` samples, and up to four
        times the draws if their predicted ESS is too small.
    sampler, preconditioner, annealing, limits
        As in the section ``llc`` of config/README.md, which also has the defaults of the limits. The default
        preconditioner makes the posterior's own variance the metric, in a Kronecker eigenbasis of every weight; axes
        longer than 2,048, such as a vocabulary, keep their own basis.
    curvature_samples
        Number of gradients for the metric and the spectrum.
    resolutions
        Also estimate the LLC by the curvature at each of these r, without chains.
    seed
        The same seed gives the same estimate.

    Raises
    ------
    InputError
        For an unsuitable module, loss, data or setting, before any work.
    ChainDivergedError
        If a chain does not stay finite.
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
    if minibatch < 2:
        raise InputError(f"minibatch = {minibatch}: must be at least 2")
    if curvature_samples < 4:
        raise InputError(f"curvature_samples = {curvature_samples}: must be at least 4")
    with differentiable():
        of_module = checked(module, loss, data, loss_of=loss_of, minibatch=minibatch)
        posterior = ModulePosterior(of_module, chains, minibatch, curvature_samples, seed)
        if not bool(posterior.curvature.draw.any()):
            raise InputError(
                "loss: has no curvature in the module's outputs, so the chains have no scale; return from the module "
                "what the loss is curved in, such as logits with cross_entropy"
            )
        try:
            traces = sample(posterior, settings, n_beta, posterior.noise(), ess=allowed.ess or 0.0)
        except ChainDivergedError as error:
            raise ChainDivergedError(_as_arguments(str(error))) from None
        spectrum = _spectrum(posterior, resolutions)
    found = estimate(traces, n_beta, settings, Centre.of(posterior, exact=True))[0]
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
    """LLCs by the quadratic around w*, from the Gram matrix of draws of the curvature."""
    if not resolutions:
        return ()
    draws = torch.cat(list(posterior.curvature_samples(posterior.centre[None], part=2)))
    gram = (draws @ draws.mT).double() / len(draws)
    curvature = Curvature.of(gram, 1, max(resolutions))
    found = [curvature.at(r) for r in resolutions]
    return tuple(each._replace(fault=each.fault and _as_arguments(each.fault)) for each in found)


def _as_arguments(message: str) -> str:
    """Rewrite a message about configuration keys for the arguments of the same names."""
    of_spectrum = re.sub(r"(\d+) sequences", r"\1 gradients", message)
    of_spectrum = of_spectrum.replace("spectrum.sequences", "curvature_samples")
    return re.sub(r"\bllc\.", "", of_spectrum)
