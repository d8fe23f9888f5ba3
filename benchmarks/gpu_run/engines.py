"""Three ways to take a training step: kernel by kernel, recorded as a CUDA graph, and compiled and then recorded.

A graph repeats the same kernels on the same tensors, so whatever depends on the step lies in tensors: the batch, the
rate and the decay of the average. The optimisers move the weights at their base rate; since their moves are
proportional to it, the weights then go back part of the way. That is :func:`take_step` up to float32 rounding of the
weights.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from transient_ridge.errors import DivergenceError
from transient_ridge.model.device import autocast
from transient_ridge.model.functional import squared_errors
from transient_ridge.training.averaging import decay_at
from transient_ridge.training.optimisation import clip, gradient_norms, rate_factor
from transient_ridge.training.stack import Stack
from transient_ridge.training.step import take_step
from transient_ridge.training.trainer import CURVE_EVERY, Trainer

#: Updates before a step is recorded: they make the optimisers' state and the libraries' work space.
WARM_UP = 3

#: What a step returns: the runs that diverged, if any.
Step = Callable[[], list[tuple[Trainer, DivergenceError]]]


def engine(name: str, stack: Stack) -> Step:
    """The engine ``name`` of :data:`ENGINES` for ``stack``, which is at step 0."""
    return ENGINES[name](stack)


class Recorded:
    """A step whose kernels are recorded once; on the CPU the same kernels, called one by one."""

    def __init__(self, stack: Stack, *, compiled: bool = False) -> None:
        self.stack = stack
        data, settings = stack.trainers[0].data, stack.settings
        shape = (len(stack.trainers), settings.batch_size, data.context_length)

        def on_device(*size: int) -> Tensor:
            return torch.zeros(size, device=stack.device)

        self._x, self._y = on_device(*shape, data.dimension), on_device(*shape)
        self._rate, self._follow = on_device(), on_device()
        self._losses = self._norms = on_device(shape[0])
        self._errors = torch.compile(squared_errors) if compiled else squared_errors
        self._run: Callable[[], None] | None = None
        if stack.device.type == "cuda":
            for group in (g for o in stack.optimisers for g in o.param_groups):
                group["capturable"] = True

    def __call__(self) -> list[tuple[Trainer, DivergenceError]]:
        """One update of every run; the runs that diverged, if any."""
        stack, step = self.stack, self.stack.step
        if step < WARM_UP:
            return take_step(stack)
        if self._run is None:
            self._run = self._record()
        for into, drawn in zip((self._x, self._y), stack.batch(), strict=True):
            into.copy_(drawn)
        self._rate.fill_(rate_factor(stack.settings, step))
        if stack.settings.average is not None:
            self._follow.fill_(1 - decay_at(stack.settings.average, step))
        self._run()
        last_of_row = (step + 1) % CURVE_EVERY == 0
        norms = self._norms.tolist() if last_of_row else [None] * len(stack.trainers)
        diverged = []
        for trainer, loss, norm in zip(stack.trainers, self._losses, norms, strict=True):
            try:
                trainer.account(loss, norm)
            except DivergenceError as error:
                diverged.append((trainer, error))
        return diverged

    def _record(self) -> Callable[[], None]:
        for group in (g for o in self.stack.optimisers for g in o.param_groups):
            group["lr"] = group["base_lr"]
        if self.stack.device.type != "cuda":
            return self._update
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            self._gradients()  # compiles, and chooses kernels
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            self._update()
        return graph.replay

    def _gradients(self) -> tuple[Tensor, ...]:
        """Gradients of all parameters on the batch that lies ready; enters the losses."""
        stack = self.stack
        with autocast(stack.device, stack.settings.precision):
            errors = self._errors(stack.trainers[0].model, stack.parameters, self._x, self._y)
        losses = errors.flatten(1).mean(dim=-1)
        self._losses = losses.detach()
        return torch.autograd.grad(losses.sum(), list(stack.parameters.values()))

    def _update(self) -> None:
        stack, parameters = self.stack, self.stack.parameters
        gradients = self._gradients()
        self._norms = gradient_norms(gradients, 1)
        if stack.settings.gradient_clip is not None:
            clip(gradients, self._norms, stack.settings.gradient_clip)
        for parameter, gradient in zip(parameters.values(), gradients, strict=True):
            parameter.grad = gradient.contiguous()
        with torch.no_grad():
            before = [parameter.clone() for parameter in parameters.values()]
            for optimiser in stack.optimisers:
                optimiser.step()
            for parameter, was in zip(parameters.values(), before, strict=True):
                parameter.copy_(was.lerp(parameter, self._rate))
            for name, average in stack.averages.items():
                average.lerp_(parameters[name], self._follow)


def _eager(stack: Stack) -> Step:
    return lambda: take_step(stack)


def _compiled(stack: Stack) -> Step:
    return Recorded(stack, compiled=True)


#: The simplest first: those after it must learn the same.
ENGINES: dict[str, Callable[[Stack], Step]] = {
    "eager": _eager,
    "graph": Recorded,
    "compiled": _compiled,
}
