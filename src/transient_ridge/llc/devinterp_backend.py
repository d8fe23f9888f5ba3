"""The reference backend: the chains are moved by ``devinterp.optim.SGMCMC`` itself (2.0.1).

One module and one optimiser per chain, as devinterp runs them, but in step, each on minibatches of its own, and
with the burn-in kept apart: devinterp's own ``compute_llc`` averages over it.
"""

import copy
import warnings
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..config.settings import SgldSettings
from .posterior import CheckpointPosterior
from .sgld import RMSPROP_DECAY, RMSPROP_FLOOR, Evaluation, Record, Traces

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from devinterp.optim import SGMCMC


def sample(
    posterior: CheckpointPosterior,
    settings: SgldSettings,
    n_beta: float,
    mask: Tensor | None = None,
) -> Traces:
    """Traces of the chains of ``posterior``; the same meaning and errors as :func:`sgld.sample`."""
    layout = posterior.layout
    weights = layout.views(posterior.centre)
    masks = None if mask is None else layout.views(mask)
    models = [_model(posterior, weights) for _ in range(posterior.chains)]
    optimisers = [_optimiser(model, settings, n_beta, masks) for model in models]
    generators = [posterior.noise_generator(chain) for chain in range(posterior.chains)]
    record = Record(posterior, settings, n_beta)
    for step in range(settings.burn_in + settings.draws):
        (x, y), centre_errors = posterior.minibatch(step)
        losses, gradients = [], []
        before = _positions(models, posterior) if record.probes_at(step) else None
        for chain, (model, optimiser) in enumerate(zip(models, optimisers, strict=True)):
            errors = (model(x[chain], y[chain]) - y[chain]).square()
            optimiser.zero_grad()
            errors.mean().backward()
            losses.append(errors.detach().mean(dim=0))
            if before is not None:
                named = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
                gradients.append(layout.flatten(named))
            optimiser.step(noise_generator=generators[chain])
        record.add(step, torch.stack(losses), centre_errors.mean(dim=1))
        if before is not None:
            here = Evaluation(torch.stack(losses), torch.stack(gradients), centre_errors)
            scale = _scale(models, optimisers, posterior, settings, mask)
            record.probe(step, before, _positions(models, posterior), here, scale)
    return record.traces()


def _model(posterior: CheckpointPosterior, weights: Mapping[str, Tensor]) -> nn.Module:
    model = copy.deepcopy(posterior.model)
    model.load_state_dict(weights)
    return model


def _optimiser(
    model: nn.Module, settings: SgldSettings, n_beta: float, masks: Mapping[str, Tensor] | None
) -> SGMCMC:
    groups = [
        {"params": [parameter], "mask": None if masks is None else masks[name]}
        for name, parameter in model.named_parameters()
    ]
    shared = {"lr": settings.epsilon, "nbeta": n_beta, "localization": settings.gamma}
    if settings.preconditioner == "none":
        return SGMCMC.sgld(groups, **shared)
    return SGMCMC.rmsprop_sgld(groups, alpha=RMSPROP_DECAY, eps=RMSPROP_FLOOR, **shared)


def _positions(models: list[nn.Module], posterior: CheckpointPosterior) -> Tensor:
    flat = [posterior.layout.flatten(dict(model.named_parameters())).detach() for model in models]
    return torch.stack(flat)


def _scale(
    models: list[nn.Module],
    optimisers: list[SGMCMC],
    posterior: CheckpointPosterior,
    settings: SgldSettings,
    mask: Tensor | None,
) -> Tensor:
    """G, as the optimisers used it in their last step."""
    scale = posterior.centre.new_ones(1, 1)
    if settings.preconditioner == "rmsprop":
        squares = [
            posterior.layout.flatten(
                {name: optimiser.state[p]["square_avg"] for name, p in model.named_parameters()}
            )
            for model, optimiser in zip(models, optimisers, strict=True)
        ]
        scale = 1 / (torch.stack(squares).sqrt() + RMSPROP_FLOOR)
    return scale if mask is None else scale * mask
