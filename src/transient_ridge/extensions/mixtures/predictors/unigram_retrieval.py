"""Unigram retrieval: the M training chains, weighted by how well their frequencies fit the states seen (2412.01003)."""

from torch import Tensor

from ..markov import probabilities
from . import unigram_inference
from .unigram_inference import by_frequency

LABEL = r"Uni-Ret$_M$"
MARKER = "p"
OF_TASK_SET = True
DIMENSION = 2
INPUTS = "markov"


def predict(x: Tensor, y: Tensor, tasks: Tensor | None, noise_variance: float) -> Tensor:
    """Mean over the stationary frequencies of ``tasks``; unigram inference for M = inf."""
    if tasks is None:
        return unigram_inference.predict(x, y, tasks, noise_variance)
    frequencies = stationary(tasks.double())
    return by_frequency(x, y, frequencies, frequencies.new_ones(len(tasks)), noise_variance)


def stationary(tasks: Tensor) -> Tensor:
    """How often each of the chains ``tasks`` (M, 2) is in state 1 in the long run."""
    from_zero, from_one = probabilities(tasks).clamp(1e-9, 1 - 1e-9).unbind(-1)
    return from_zero / (from_zero + 1 - from_one)
