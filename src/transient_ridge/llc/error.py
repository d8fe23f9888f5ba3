"""The standard error of a mean over chains, given the autocorrelation of their draws."""

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def dependence(autocorrelation: Array) -> Array:
    """How many draws of a chain of 1, 2, ..., S draws are worth one independent draw: (S,), 1 if all are independent.

    ``autocorrelation`` (S,) covers lags 0 to S - 1.
    """
    S = np.arange(1, len(autocorrelation) + 1)
    later = np.concatenate(([0.0], autocorrelation[1:]))
    # 1 + 2 sum_{t < S} (1 - t / S) rho_t
    found: Array = 1 + 2 * (later.cumsum() - (later * (S - 1)).cumsum() / S)
    return found


def known_error(noise: float, autocovariance: Array, chains: int) -> float:
    """Standard error of the mean of ``chains`` times S draws.

    A draw varies by independent ``noise`` and by a part with the ``autocovariance`` (S,) within its chain; chains are
    independent.
    """
    S, variance = len(autocovariance), float(autocovariance[0])
    if variance == 0:
        return math.sqrt(noise / (chains * S))
    slow = variance * float(dependence(autocovariance / variance)[-1])
    return math.sqrt((noise + slow) / (chains * S))


def draws_for(ess: float, noise: float, autocovariance: Array, chains: int) -> int:
    """How many draws per chain make the mean worth ``ess`` independent draws; at most len(autocovariance).

    ``noise`` and ``autocovariance`` are those of :func:`known_error`.
    """
    S, variance = np.arange(1, len(autocovariance) + 1), float(autocovariance[0])
    if noise + variance == 0:
        return 1
    slow = variance * dependence(autocovariance / variance) if variance else 0.0
    worth = chains * S * (noise + variance) / (noise + slow)
    (enough,) = np.nonzero(worth >= ess)
    return int(S[enough[0]] if len(enough) else S[-1])
