"""Run the chains of a registered sampler, all those of a checkpoint at once."""

from typing import Any

from torch import Tensor

from ..config.registries import PRECONDITIONERS, SAMPLERS
from ..config.relaxation import at_rest
from ..config.settings import SgldSettings
from ..errors import ChainDivergedError
from .diagnostics import Record, Traces
from .dynamics import Dynamics, State
from .error import draws_for
from .quadratic import Measured, Prediction, Quadratic
from .response import response
from .target import Noise, Target

#: Chains that would fall short of the required ESS take more draws, at most MOST times ``draws``. They aim above it by
#: the factor MARGIN, because ArviZ's ESS scatters around the expected one.
MOST, MARGIN = 4, 1.5

#: Annealing lowers gamma by this factor from one stage of the burn-in to the next.
ANNEALING_FACTOR = 4.0


def measure(target: Target, settings: SgldSettings) -> Measured:
    """Measure at w* what the preconditioner of ``settings`` needs; it serves every n beta, gamma and step size.

    Raises ChainDivergedError if the curvature is not finite.
    """
    return Measured(_measured(target, settings, target.centre.repeat(settings.chains, 1), 0))


def sample(
    target: Target,
    settings: SgldSettings,
    n_beta: float,
    noise: Noise,
    mask: Tensor | None = None,
    measured: Measured | None = None,
    ess: float = 0.0,
) -> Traces:
    """Run the chains of ``settings.sampler`` from w* for burn-in + draws steps.

    They take more than ``draws`` if the curvature predicts an ESS below ``ess`` for those. ``n_beta`` multiplies the
    target's loss. ``mask`` (P,) of zeros and ones restricts the chains to some of the parameters. ``measured`` is the
    result of :func:`measure`, if several samplings share it.

    Raises ChainDivergedError if a loss or the curvature is not finite, or, before the first draw, if the step is too
    long for the steepest direction; ConfigError if the sampler does not support ``settings``.
    """
    init, move = (SAMPLERS.function(settings.sampler, part) for part in ("init", "step"))
    make = PRECONDITIONERS.function(settings.preconditioner, "make")
    record = Record(target, settings, n_beta)
    positions = target.centre.repeat(settings.chains, 1)
    stages = dict(burn_in_stages(settings))
    measured = measured or measure(target, settings)
    seen = measured.by_preconditioner
    state: State | None = None
    step = 0
    while step < record.steps:
        if step in stages:
            gamma = stages[step]
            if step:
                seen = _measured(target, settings, positions, step)
            if state is None or seen is not None:
                preconditioner = make(seen, n_beta, gamma)
        here = target.evaluate(positions, step)
        record.add(step, positions, here)
        metric = preconditioner.metric(here.gradient).masked(mask)
        dynamics = Dynamics(target.centre, settings, n_beta, gamma, metric)
        if state is None:
            state = init(positions, dynamics, noise)
        if step == settings.burn_in:
            quadratic = measured.quadratic(target, metric.of_one(), n_beta, gamma)
            prediction = predict(quadratic, settings, ess, record.noise())
            record.steps = settings.burn_in + len(prediction.autocovariance)
        eta = noise()
        if record.probes_at(step):
            record.probe(step, positions, here, eta, dynamics)
        state = move(state, here.gradient, eta, dynamics)
        positions = state.positions
        step += 1
    return record.traces(quadratic, prediction)


def predict(quadratic: Quadratic, settings: SgldSettings, ess: float, noise: float) -> Prediction:
    """Predict the chains by the quadratic, and how many draws they need.

    ``noise`` is the variance of n beta times the loss over minibatches. Raises ChainDivergedError if the step is too
    long to be stable.
    """
    felt, burn_in = quadratic.felt, at_rest(settings)
    draws, longest = settings.draws, settings.draws * (MOST if ess else 1)
    answers = response(settings, felt.b, burn_in + longest)
    if not bool(answers.stable().all()):
        steepest = float(felt.b.max())
        raise ChainDivergedError(
            f"llc.epsilon = {settings.epsilon:g}: too long a step for the steepest direction, whose curvature in the "
            f"metric is b = {steepest:.3g}: eps b = {settings.epsilon * steepest:.3g}, and Langevin steps are stable "
            f"below 4; set llc.epsilon below {4 / steepest:.2g}, or take another llc.preconditioner"
        )
    of_slope = response(settings, quadratic.slid.b, burn_in + longest).autocorrelation(longest)
    by_slope = quadratic.slid.autocovariance(of_slope)
    if ess:
        slow = felt.llc * felt.autocovariance(answers.autocorrelation(longest)) + by_slope
        draws = max(draws, draws_for(MARGIN * ess, noise, slow.numpy(), settings.chains))
    return Prediction.of(felt, answers, burn_in, draws, by_slope[:draws])


def _measured(target: Target, settings: SgldSettings, positions: Tensor, step: int) -> Any:
    try:
        return PRECONDITIONERS.function(settings.preconditioner, "measure")(target, positions)
    except FloatingPointError as error:
        raise ChainDivergedError(f"{error}, at step {step} of the chains") from error


def burn_in_stages(settings: SgldSettings) -> list[tuple[int, float]]:
    """First step and gamma of every stage; preconditioners measure the curvature at the start of each.

    Over the first half of the burn-in, ``annealing`` stages lower gamma to its value; the last stage runs from there to
    the last draw with a fixed G. Without annealing there is one stage.
    """
    stages, half = settings.annealing, settings.burn_in // 2
    lowering = [
        (half * i // stages, settings.gamma * ANNEALING_FACTOR ** (stages - i))
        for i in range(stages)
    ]
    return [*lowering, (half if stages else 0, settings.gamma)]
