"""The counterpart of a variant: the same one with tasks that stay."""

from ...artefacts.layout import Layout
from ...config.configuration import pick, resolve
from ...config.grid import Config

#: The task family that has the same T_M as those that change it, and keeps it.
STAYS = "gaussian"
#: What the two share; one may train longer.
SHARED = ("seed", "data", "model", "training", "evaluation")
APART = ("data.tasks", "training.steps")


def counterpart(config: Config, variant: str) -> str | None:
    """The first variant that is ``variant`` with tasks that stay, perhaps with fewer updates; None if there is none."""
    wanted = pick(resolve(config, variant), SHARED, without=APART)
    for other in config["variants"]:
        resolved = resolve(config, other)
        same = pick(resolved, SHARED, without=APART) == wanted
        if resolved["data"]["tasks"] == STAYS and same:
            return str(other)
    return None


def of_counterpart(config: Config, layout: Layout, table: str, variant: str) -> str | list[str]:
    """The file, or files, of ``table`` of the counterpart of ``variant``; none if it has no counterpart."""
    other = counterpart(config, variant)
    return [] if other is None else layout.read(table, other)
