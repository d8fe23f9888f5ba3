"""Which runs of a variant have a table; each table of runs names one of these functions.

A function :data:`Runs` takes a resolved configuration and returns names of runs.
"""

import math
from collections.abc import Callable

from ..config.grid import Config, runs
from ..config.registries import Registry

#: Resolved configuration -> names of the runs that have the table.
Runs = Callable[[Config], list[str]]


def every_run(config: Config) -> list[str]:
    """All runs of the grid."""
    return [run.name for run in runs(config)]


def finite(config: Config) -> list[str]:
    """The runs of finite M."""
    return [run.name for run in runs(config) if math.isfinite(run.task_diversity)]


def finite_beside_infinity(config: Config) -> list[str]:
    """The runs of finite M, if the grid has M = infinity, whose run of the same seed represents ridge; else none."""
    found = finite(config)
    return found if len(found) < len(runs(config)) else []


def measured(section: str, chosen: Runs = every_run) -> Runs:
    """The ``chosen`` runs if ``section`` names any checkpoint."""
    return lambda config: chosen(config) if config[section]["steps"] else []


def measured_last(section: str, chosen: Runs) -> Runs:
    """The ``chosen`` runs if ``section`` names the last checkpoint."""
    return lambda config: (
        chosen(config) if config["training"]["steps"] in config[section]["steps"] else []
    )


def claimed(*own: str, chosen: Runs = every_run) -> Runs:
    """The ``chosen`` runs if ``claims.own`` states one of the thresholds ``own``."""
    return lambda config: chosen(config) if set(own) & set(config["claims"]["own"]) else []


def switched_on(section: str, key: str, chosen: Runs) -> Runs:
    """The ``chosen`` runs if ``key`` of ``section`` is true."""
    return lambda config: chosen(config) if config[section][key] else []


def named_in(section: str) -> Runs:
    """The runs that ``section`` names."""
    return lambda config: list(config[section]["runs"])


def offered(registry: Registry, key: str, function: str, chosen: Runs = every_run) -> Runs:
    """The ``chosen`` runs if the entry of ``registry`` that ``data.<key>`` names has ``function``."""
    return lambda config: chosen(config) if registry.offers(config["data"][key], function) else []
