"""The training step of a single run or of a stack of runs."""

import torch

from ..errors import DivergenceError
from ..model.device import autocast
from . import averaging
from .optimisation import clip, gradient_norms, set_rates
from .stack import Stack
from .trainer import CURVE_EVERY, Trainer


def take_step(stack: Stack) -> list[tuple[Trainer, DivergenceError]]:
    """Update every run of ``stack`` once, on the batch of its step, and return the runs that diverged.

    Drop those, and continue with a stack of the others.
    """
    step, settings = stack.step, stack.settings
    x, y = stack.batch()
    set_rates(stack.optimisers, settings, step)
    with autocast(stack.device, settings.precision):
        errors = stack.squared_errors(x, y)
    losses = errors.flatten(stack.stack_dims).mean(dim=-1)
    # The sum of the runs' mean losses, because no run's loss depends on another's parameters.
    gradients = torch.autograd.grad(losses.sum(), list(stack.parameters.values()))
    last_of_row = (step + 1) % CURVE_EVERY == 0
    limit = settings.gradient_clip
    if last_of_row or limit is not None:
        norms = gradient_norms(gradients, stack.stack_dims)
    if limit is not None:
        clip(gradients, norms, limit)
    for parameter, gradient in zip(stack.parameters.values(), gradients, strict=True):
        # Some are returned transposed, and fused Adam reads memory in its own order.
        parameter.grad = gradient.contiguous()
    for optimiser in stack.optimisers:
        optimiser.step()
    if settings.average is not None:
        averaging.follow(
            stack.averages, stack.parameters, averaging.decay_at(settings.average, step)
        )
    if step == 0:
        stack.share_optimisers()
    of_row = norms.reshape(-1).tolist() if last_of_row else [None] * len(stack.trainers)
    diverged = []
    for trainer, loss, norm in zip(
        stack.trainers, losses.detach().reshape(-1), of_row, strict=True
    ):
        try:
            trainer.account(loss, norm)
        except DivergenceError as error:
            diverged.append((trainer, error))
    return diverged
