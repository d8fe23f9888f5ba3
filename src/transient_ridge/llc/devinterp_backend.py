"""The reference backend: the chains are moved by ``devinterp.optim.SGMCMC`` itself (2.0.1).

One module and one optimiser per chain, as devinterp runs them, but in step, each on minibatches of its own, and
with the burn-in kept apart: devinterp's own ``compute_llc`` averages over it.
"""

import copy
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..config.registries import PRECONDITIONERS
from ..config.sampling import unlike_devinterp
from ..config.settings import SgldSettings
from ..errors import ConfigError
from .posterior import CheckpointPosterior, evaluation
from .sgld import Record, Traces

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import devinterp.optim  # noqa: F401 - the entries of the registry import it again, silently


def sample(
    posterior: CheckpointPosterior,
    settings: SgldSettings,
    n_beta: float,
    mask: Tensor | None = None,
) -> Traces:
    """Traces of the chains of ``posterior``; the same meaning and errors as :func:`sgld.sample`.

    Raises ConfigError for what devinterp's optimiser has no counterpart of.
    """
    stated = {name: getattr(settings, name) for name in ("preconditioner", "noise", "annealing")}
    stated["control_variate"] = posterior.settings.control_variate
    for fault in unlike_devinterp(stated):
        raise ConfigError(fault)
    layout = posterior.layout
    weights = layout.views(posterior.centre)
    masks = None if mask is None else layout.views(mask)
    models = [_model(posterior, weights) for _ in range(posterior.chains)]
    optimisers = [_optimiser(model, posterior, settings, n_beta, masks) for model in models]
    generators = [posterior.noise_generator(chain) for chain in range(posterior.chains)]
    # Ours says what G was; that it is devinterp's, too, is tested.
    preconditioner = PRECONDITIONERS.load(settings.preconditioner).make(posterior, n_beta)
    preconditioner.refresh(posterior.centre[None], settings.gamma)
    record = Record(posterior, settings, n_beta)
    for step in range(settings.burn_in + settings.draws):
        (x, y), centre_errors = posterior.minibatch(step)
        before = _positions(models, posterior)
        losses, gradients = [], []
        for chain, (model, optimiser) in enumerate(zip(models, optimisers, strict=True)):
            errors = (model(x[chain], y[chain]) - y[chain]).square()
            optimiser.zero_grad()
            errors.mean().backward()
            losses.append(errors.detach())
            named = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
            gradients.append(layout.flatten(named))
            optimiser.step(noise_generator=generators[chain])
        here = evaluation(torch.stack(losses), torch.stack(gradients), centre_errors)
        record.add(step, before, here)
        metric = preconditioner.metric(here.gradient).masked(mask)
        if record.probes_at(step):
            moved = _positions(models, posterior)
            record.probe(step, (before, moved), here, metric, settings.gamma)
    return record.traces()


def _model(posterior: CheckpointPosterior, weights: Mapping[str, Tensor]) -> nn.Module:
    model = copy.deepcopy(posterior.model)
    model.load_state_dict(weights)
    return model


def _optimiser(
    model: nn.Module,
    posterior: CheckpointPosterior,
    settings: SgldSettings,
    n_beta: float,
    masks: Mapping[str, Tensor] | None,
) -> Any:
    groups = [
        {"params": [parameter], "mask": None if masks is None else masks[name]}
        for name, parameter in model.named_parameters()
    ]
    shared = {"lr": settings.epsilon, "nbeta": n_beta, "localization": settings.gamma}
    entry = PRECONDITIONERS.load(settings.preconditioner)
    return entry.devinterp(groups, shared, posterior, n_beta)


def _positions(models: list[nn.Module], posterior: CheckpointPosterior) -> Tensor:
    flat = [posterior.layout.flatten(dict(model.named_parameters())).detach() for model in models]
    return torch.stack(flat)
