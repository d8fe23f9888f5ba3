"""Chains of a registered sampler, all of one checkpoint at once."""

from torch import Tensor

from ..config.registries import PRECONDITIONERS, SAMPLERS
from ..config.settings import SgldSettings
from ..errors import ChainDivergedError
from .diagnostics import Record, Traces
from .dynamics import Dynamics, Sampler, State
from .target import Noise, Target

#: Annealing lowers gamma by this factor from one stage of the burn-in to the next.
ANNEALING_FACTOR = 4.0


def sample(
    target: Target,
    settings: SgldSettings,
    n_beta: float,
    noise: Noise,
    mask: Tensor | None = None,
) -> Traces:
    """Run the chains of ``settings.sampler`` from w* for burn-in + draws steps.

    ``n_beta`` multiplies the target's loss. ``mask`` (P,) of zeros and ones restricts the chains to a subset of
    the parameters. Raises ChainDivergedError if a loss is not finite, or the curvature of a preconditioner;
    ConfigError if the sampler cannot do what ``settings`` ask.
    """
    sampler: Sampler = SAMPLERS.load(settings.sampler)
    preconditioner = PRECONDITIONERS.load(settings.preconditioner).make(target, n_beta)
    record = Record(target, settings, n_beta)
    positions = target.centre.repeat(settings.chains, 1)
    stages = dict(burn_in_stages(settings))
    state: State | None = None
    for step in range(settings.burn_in + settings.draws):
        if step in stages:
            gamma = stages[step]
            try:
                preconditioner.refresh(positions, gamma)
            except FloatingPointError as error:
                raise ChainDivergedError(f"{error}, at step {step} of the chains") from error
        here = target.evaluate(positions, step)
        record.add(step, positions, here)
        metric = preconditioner.metric(here.gradient).masked(mask)
        dynamics = Dynamics(target, settings, n_beta, gamma, metric)
        if state is None:
            state = sampler.init(positions, dynamics, noise)
        eta = noise()
        if record.probes_at(step):
            record.probe(step, positions, here, eta, dynamics)
        state = sampler.step(state, here.gradient, eta, dynamics)
        positions = state.positions
    return record.traces()


def burn_in_stages(settings: SgldSettings) -> list[tuple[int, float]]:
    """First step and gamma of every stage; preconditioners look at the curvature at the start of each.

    The first half of the burn-in lowers gamma to its value in ``annealing`` stages, and the last stage, from there to
    the last draw, has a fixed G. Without annealing there is one stage.
    """
    stages, half = settings.annealing, settings.burn_in // 2
    lowering = [
        (half * i // stages, settings.gamma * ANNEALING_FACTOR ** (stages - i))
        for i in range(stages)
    ]
    return [*lowering, (half if stages else 0, settings.gamma)]
