"""The error of the mean of correlated draws, compared with explicit sums."""

import numpy as np
import pytest

from transient_ridge.llc.error import dependence, draws_for, known_error

RHO = 0.9 ** np.arange(200)


def variance_of_the_mean(covariance, S):
    """The variance of the mean, from the covariance matrix of S draws of one chain."""
    lags = np.abs(np.subtract.outer(np.arange(S), np.arange(S)))
    return covariance[lags].sum() / S**2


@pytest.mark.parametrize("S", [1, 2, 7, 200])
def test_correlated_draws_are_worth_fewer(S):
    assert dependence(RHO)[S - 1] == pytest.approx(S * variance_of_the_mean(RHO, S))
    slow = 4.0 * RHO[:S]
    exact = (3.0 / S + variance_of_the_mean(slow, S)) / 5
    assert known_error(3.0, slow, chains=5) == pytest.approx(exact**0.5)


def test_pure_noise_averages_out():
    assert known_error(4.0, np.zeros(25), chains=4) == pytest.approx(0.2)
    assert known_error(0.0, np.zeros(25), chains=4) == 0


def test_draws_for_reaches_the_ess():
    noise, slow, chains = 1.0, 2.0 * RHO, 3
    found = draws_for(20, noise, slow, chains)

    def worth(S):
        return (noise + slow[0]) / known_error(noise, slow[:S], chains) ** 2

    assert worth(found - 1) < 20 <= worth(found)
    assert draws_for(1e6, noise, slow, chains) == 200
    assert draws_for(20, 0.0, np.zeros(8), chains) == 1
