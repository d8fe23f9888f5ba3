r"""The LLC as a function of resolution: one sampled estimate per n beta and r = gamma / (n beta).

Each cell is sampled twice, the second time with half the step and twice the burn-in; in equilibrium both agree. A cell
that has no time to equilibrate, diverges or disagrees with itself is marked with the reason, so that no average
includes it.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from torch import Tensor

from ..config.relaxation import burn_in_for
from ..config.settings import HealthSettings, SgldSettings
from ..errors import ChainDivergedError
from .chains import measure, sample
from .estimate import Centre, Estimate, estimate
from .health import faults, not_equilibrated
from .quadratic import Measured
from .target import Evaluation, Noise, Target

#: How many standard errors an estimate may differ from the one with half the step.
AGREEMENT = 2.0


@dataclass(frozen=True)
class Cell:
    """One n beta and r; the estimates are None if the chains were not run, or diverged."""

    n_beta: float
    resolution: float
    found: Estimate | None
    halved: Estimate | None  # at half the step
    z: float | None  # their difference, in its standard errors
    equilibrated: bool
    faults: tuple[str, ...]  # of any kind; empty if healthy


class NoisyTarget(Target, Protocol):
    """A target that also makes the chains' noise."""

    def noise(self, part: int = 0) -> Noise:
        """Return a source of fresh standard normal numbers (C, P); another ``part`` gives other noise."""
        ...


class Apart:
    """The same target on other minibatches, because estimates that shared them would agree too well."""

    def __init__(self, target: NoisyTarget, steps: int) -> None:
        """Use the minibatches of ``steps`` steps later."""
        self.target, self.steps = target, steps
        self.centre, self.layout = target.centre, target.layout
        self.centre_gradient, self.curvature = target.centre_gradient, target.curvature

    def evaluate(self, positions: Tensor, step: int) -> Evaluation:
        """Evaluate the target on the minibatches of a later step."""
        return self.target.evaluate(positions, step + self.steps)

    def curvature_samples(self, positions: Tensor, part: int) -> Iterator[Tensor]:
        """Return those of the target."""
        return self.target.curvature_samples(positions, part)


def ladder(
    target: NoisyTarget,
    centre: Centre,
    settings: SgldSettings,
    limits: HealthSettings,
    cells: Iterable[tuple[float, float]],
) -> Iterator[Cell]:
    """Sample the cells (n beta, r) in order, all with the same ``settings`` except for gamma."""
    measured = measure(target, settings)
    for n_beta, resolution in cells:
        at = settings.changed(gamma=n_beta * resolution)
        yield _cell(target, centre, at, limits, n_beta, measured)


def _cell(
    target: NoisyTarget,
    centre: Centre,
    settings: SgldSettings,
    limits: HealthSettings,
    n_beta: float,
    measured: Measured,
) -> Cell:
    resolution = settings.gamma / n_beta
    nothing = Cell(n_beta, resolution, None, None, None, False, ())
    needed = burn_in_for(settings, limits.relaxations or 0)
    if settings.burn_in < needed:
        fault = f"not equilibrated: {settings.burn_in} steps of burn-in, and it takes {needed}"
        return replace(nothing, faults=(fault,))
    finer = settings.changed(epsilon=settings.epsilon / 2, burn_in=2 * settings.burn_in)
    apart = Apart(target, 2 * (settings.burn_in + settings.draws))
    try:
        traces = sample(target, settings, n_beta, target.noise(), measured=measured)
        found = estimate(traces, n_beta, settings, centre)[0]
        traces = sample(apart, finer, n_beta, target.noise(1), measured=measured)
        halved = estimate(traces, n_beta, finer, centre)[0]
    except ChainDivergedError as error:
        return replace(nothing, faults=(str(error),))
    error_of_both = math.hypot(found.standard_error, halved.standard_error)
    z = (found.llc - halved.llc) / error_of_both if error_of_both else 0.0
    why, settled = faults(found, limits), not not_equilibrated(found, limits)
    if abs(z) > AGREEMENT:
        settled = False
        why.append(
            f"half the step gives {halved.llc:.4g} instead of {found.llc:.4g}, {abs(z):.1f} standard errors apart: "
            "lower llc.epsilon"
        )
    return Cell(n_beta, resolution, found, halved, z, settled, tuple(why))
