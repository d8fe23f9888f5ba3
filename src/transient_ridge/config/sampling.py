"""Consequences of choices in the section ``llc``: the tasks behind ``data``, and settings that a sampler rules out."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from .registries import PRECONDITIONERS, SAMPLERS
from .runs import ROOT_TASK, Run, TaskDiversity


def sampler_contradictions(llc: Mapping[str, Any]) -> Iterator[str]:
    """Why the sampler of the section ``llc`` does not support the values of other keys, one message for each key.

    Raises ConfigError if there is no such preconditioner or sampler.
    """
    sampler, preconditioner = llc["sampler"], llc["preconditioner"]
    needed = SAMPLERS.constant(sampler, "PRECONDITIONER")
    if needed and not PRECONDITIONERS.offers(preconditioner, needed):
        able = [name for name in PRECONDITIONERS.names if PRECONDITIONERS.offers(name, needed)]
        yield (
            f"llc.preconditioner = {preconditioner}: llc.sampler = {sampler} has no counterpart; take another "
            f"sampler, or one of {', '.join(able)}"
        )
    for key, value in (SAMPLERS.constant(sampler, "REQUIRES") or {}).items():
        if llc[key] != value:
            yield (
                f"llc.{key} = {llc[key]}: llc.sampler = {sampler} has no counterpart; set it to {value}, or take "
                "another sampler"
            )


def data_diversity(data: str, run: Run) -> TaskDiversity:
    """The task diversity of the data whose loss is sampled; ``data`` is ``llc.data``."""
    of: dict[str, TaskDiversity] = {"q_M": run.task_diversity, "q_1": ROOT_TASK, "q_inf": math.inf}
    return of[data]
