"""How long a burn-in must be, in relaxations: the steps in which a flat direction decays by a factor e."""

import math

from .registries import PRECONDITIONERS
from .settings import SgldSettings


def relaxation_steps(sgld: SgldSettings) -> float | None:
    """Steps of one relaxation, infinite without localisation; None if only the chains can tell."""
    if PRECONDITIONERS.constant(sgld.preconditioner, "NATURAL_STEP"):
        return 2 / sgld.epsilon
    if sgld.preconditioner != "none":
        return None
    return 2 / (sgld.epsilon * sgld.gamma) if sgld.gamma else math.inf


def burn_in_for(sgld: SgldSettings, relaxations: float) -> float:
    """Steps of a burn-in of ``relaxations``, twice as many with annealing; 0 if :func:`relaxation_steps` is unknown."""
    needed = relaxations * (relaxation_steps(sgld) or 0)
    return needed if math.isinf(needed) else math.ceil(needed) * (2 if sgld.annealing else 1)


def at_rest(sgld: SgldSettings) -> int:
    """Steps of the burn-in at the final gamma: annealing takes the first half."""
    return sgld.burn_in - sgld.burn_in // 2 if sgld.annealing else sgld.burn_in
