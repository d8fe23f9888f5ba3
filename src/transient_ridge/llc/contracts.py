"""The protocols of this room's registries. An entry is a module that implements one."""

from typing import Any, Protocol

from torch import Tensor

from .curvature.metric import Preconditioner
from .dynamics import Dynamics, State
from .target import Noise, Target


class Sampler(Protocol):
    """A sampler of the local posterior (:mod:`.samplers`). Its functions are pure: they change no argument.

    An entry may offer ``REQUIRES``, the values that keys of the section ``llc`` must have; ``PRECONDITIONER``, a
    function that the chosen preconditioner must offer; and, if it draws its own noise instead of using ``eta``,
    ``RESPONDS_AS``, the entry whose steps have the same law (:mod:`.response`).
    """

    #: Whether its step is MALA's proposal, so that the acceptance of such proposals judges it.
    MALA: bool

    def init(self, positions: Tensor, dynamics: Dynamics, noise: Noise) -> State:
        """Return the state before the first step from ``positions`` (C, P); it may draw from ``noise``."""
        ...

    def step(self, state: State, gradient: Tensor, eta: Tensor, dynamics: Dynamics) -> State:
        """Return the state after one step.

        ``gradient`` (C, P) is that of the loss at ``state.positions`` on this step's minibatches, and ``eta`` (C, P)
        standard normal noise in a buffer that the next step fills anew.
        """
        ...


class PreconditionerEntry(Protocol):
    """An entry of :mod:`.preconditioners`, which makes a :class:`~.curvature.metric.Preconditioner`.

    An entry may offer ``devinterp(groups, shared, metric)``, devinterp's optimiser of one chain with the same G; its
    parameter is the flat vector (P,). The sampler ``devinterp`` requires it.

    The curvature is measured before the first draw, because a G that followed the chains would change what they sample.
    """

    #: Whether G is scaled to the posterior's variance, so that eps counts in it: a relaxation takes 2 / eps steps
    #: instead of 2 / (eps gamma G).
    NATURAL_STEP: bool

    def measure(self, target: Target, positions: Tensor) -> Any:
        """Measure the curvature of ``target`` around ``positions`` (C, P), as ``make`` needs it.

        The result must not depend on n beta and gamma. None if it needs no curvature; the chains then keep their
        preconditioner when gamma changes.
        """
        ...

    def make(self, measured: Any, n_beta: float, gamma: float) -> Preconditioner:
        """Return the preconditioner at one n beta and gamma."""
        ...
