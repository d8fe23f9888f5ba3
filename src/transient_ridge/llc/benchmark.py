"""Samplers on losses whose learning coefficient is known: what each finds, and how long it takes."""

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch

from ..config.settings import SgldSettings
from ..errors import ChainDivergedError
from .chains import sample
from .estimate import ChainMean
from .known import DeepLinear, LinearAttention, NormalCrossing

Known = NormalCrossing | DeepLinear | LinearAttention

N_BETA, GAMMA = 1000.0, 1.0

PROBLEMS: dict[str, Known] = {
    "normal crossing w^2 v^2": NormalCrossing(1, 1),
    "normal crossing w^2 v^4": NormalCrossing(1, 2),
    "reduced rank 4-3-2, rank 1": DeepLinear((4, 3, 2), 1),
    "reduced rank 5-4-5, rank 2": DeepLinear((5, 4, 5), 2),
    "deep linear 4-4-4-4, rank 1": DeepLinear((4, 4, 4, 4), 1),
    "linear attention, D = 4": LinearAttention(4),
}
_SHARED: dict[str, Any] = {
    "gamma": GAMMA,
    "chains": 16,
    "burn_in": 2000,
    "draws": 4000,
    "annealing": 0,
}
_DEVINTERP = {**_SHARED, "sampler": "devinterp"}
SAMPLERS = {
    "ours": SgldSettings(
        **_SHARED | {"annealing": 4},
        sampler="leimkuhler_matthews",
        preconditioner="kronecker",
        epsilon=0.02,
    ),
    "devinterp SGLD": SgldSettings(**_DEVINTERP, preconditioner="none", epsilon=5e-5),
    "devinterp RMSProp-SGLD": SgldSettings(**_DEVINTERP, preconditioner="rmsprop", epsilon=5e-6),
}


class Answer(NamedTuple):
    """What a sampler found for a problem; None if its chains diverged."""

    problem: str
    sampler: str
    found: ChainMean | None
    seconds: float  # CPU time


def answers(**changes: object) -> Iterator[Answer]:
    """Every sampler on every problem, with ``changes`` to its settings."""
    for problem, target in PROBLEMS.items():
        for sampler, settings in SAMPLERS.items():
            began = time.process_time()
            found = _answer(target, settings.model_copy(update=changes))
            yield Answer(problem, sampler, found, time.process_time() - began)


def _answer(target: Known, settings: SgldSettings) -> ChainMean | None:
    source = torch.Generator().manual_seed(0)
    shape = settings.chains, len(target.centre)
    try:
        traces = sample(
            target,
            settings,
            N_BETA,
            lambda: torch.randn(shape, generator=source, dtype=torch.float64),
        )
    except ChainDivergedError:
        return None
    return ChainMean.of(N_BETA * traces.losses[:, settings.burn_in :, 0].double().numpy())


def table(found: Iterator[Answer]) -> Iterator[str]:
    """Yield the lines of a Markdown table as they become known: a problem, its true value, and every sampler's."""
    yield f"| loss | lambda, m | at n beta = {N_BETA:g} | {' | '.join(SAMPLERS)} |"
    yield "|---" * (3 + len(SAMPLERS)) + "|"
    for problem, target in PROBLEMS.items():
        value, multiplicity = target.coefficient
        cells = [
            problem,
            f"{value:.4g}, {multiplicity}",
            f"{target.expectation(N_BETA, GAMMA):.3g}",
        ]
        for _, answer in zip(SAMPLERS, found, strict=False):
            mean = answer.found
            said = f"{mean.mean:.3g} +- {mean.standard_error:.2g}" if mean else "diverged"
            cells.append(f"{said}, {answer.seconds:.0f} s")
        yield f"| {' | '.join(cells)} |"
