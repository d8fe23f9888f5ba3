"""The protocols of this room's registries. An entry is a module that implements one."""

from typing import Any, Protocol

from torch import Tensor

from .curvature.metric import Preconditioner
from .dynamics import Dynamics, State
from .target import Noise, Target


class Sampler(Protocol):
    """A sampler of the local posterior (:mod:`.samplers`).

    Its functions change no argument; only those of ``devinterp`` do, whose optimisers hold the weights.

    An entry may offer ``REQUIRES``, the values that keys of the section ``llc`` must have; ``PRECONDITIONER``, a
    function that the chosen preconditioner must offer; and, if it draws its own noise instead of using ``eta``,
    ``RESPONDS_AS``, the entry whose steps have the same law (:mod:`.response`).
    """

    #: Whether its step is MALA's proposal, so that MALA's acceptance probability judges it.
    MALA: bool

    def init(self, positions: Tensor, dynamics: Dynamics, noise: Noise) -> State:
        """Return the state before the first step from ``positions`` (C, P); it may draw from ``noise``."""
        ...

    def step(self, state: State, gradient: Tensor, eta: Tensor, dynamics: Dynamics) -> State:
        """Return the state after one step.

        ``gradient`` (C, P) is the gradient of the loss at ``state.positions`` on this step's minibatches. ``eta``
        (C, P) is standard normal noise in a buffer that the next step overwrites.
        """
        ...


class PreconditionerEntry(Protocol):
    """An entry of :mod:`.preconditioners`, which makes a :class:`~.curvature.metric.Preconditioner`.

    An entry may offer ``devinterp(groups, shared, metric)``, devinterp's optimiser of one chain with the same G; its
    parameter is the flat vector (P,). The sampler ``devinterp`` requires it.

    The curvature is measured before the first draw, because a G that followed the chains would change what they sample.
    """

    #: Whether G is scaled to the posterior's variance, which makes eps dimensionless: a relaxation then takes 2 / eps
    #: steps instead of 2 / (eps gamma G).
    NATURAL_STEP: bool

    def measure(self, target: Target, positions: Tensor) -> Any:
        """Measure the curvature of ``target`` around ``positions`` (C, P), in the form that ``make`` needs.

        The result must not depend on n beta or gamma. Return None if no curvature is needed; the chains then keep their
        preconditioner when gamma changes.
        """
        ...

    def make(self, measured: Any, n_beta: float, gamma: float) -> Preconditioner:
        """Return the preconditioner at one n beta and gamma."""
        ...
