"""What choices in the section ``llc`` imply: the tasks behind ``data``, and what ``backend: devinterp`` rules out."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from .registries import PRECONDITIONERS
from .runs import ROOT_TASK, Run, TaskDiversity

#: Key of ``llc`` -> the one value with which devinterp can sample.
PLAIN = {"noise": "independent", "annealing": 0, "control_variate": False}


def unlike_devinterp(llc: Mapping[str, Any]) -> Iterator[str]:
    """Why the section ``llc`` cannot be sampled by ``backend: devinterp``, a message for each key.

    Raises ConfigError if there is no such preconditioner.
    """
    if not PRECONDITIONERS.offers(llc["preconditioner"], "devinterp"):
        able = [name for name in PRECONDITIONERS.names if PRECONDITIONERS.offers(name, "devinterp")]
        yield (
            f"llc.preconditioner = {llc['preconditioner']}: llc.backend = devinterp has no counterpart; take the "
            f"backend stacked, or one of {', '.join(able)}"
        )
    for key, value in PLAIN.items():
        if llc[key] != value:
            yield (
                f"llc.{key} = {llc[key]}: llc.backend = devinterp has no counterpart; set it to {value}, or take the "
                "backend stacked"
            )


def data_diversity(data: str, run: Run) -> TaskDiversity:
    """The task diversity of the data whose loss is sampled; ``data`` is ``llc.data``."""
    of: dict[str, TaskDiversity] = {"q_M": run.task_diversity, "q_1": ROOT_TASK, "q_inf": math.inf}
    return of[data]
