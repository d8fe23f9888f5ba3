"""Learning rates by part of the model: parameters that share a rate form a parameter group of the optimiser."""

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from ..config.settings import RateSettings
from ..errors import ConfigError


def part_of(name: str) -> str:
    """The part, a field of :class:`RateSettings`, that the parameter ``name`` belongs to."""
    if name.startswith("blocks."):
        # Parameters of a block begin with `attention` or `mlp`, its norms included.
        return "attention" if name.split(".")[2].startswith("attention") else "mlp"
    return (
        "embedding" if name.startswith(("token_embedding", "position_embedding")) else "unembedding"
    )


def groups(
    parameters: Mapping[str, Tensor], rate: float, multipliers: RateSettings
) -> list[dict[str, Any]]:
    """Parameter groups for an optimiser, one per rate: ``rate`` times the multiplier of the parameters' part."""
    found: dict[float, list[Tensor]] = {}
    for name, parameter in parameters.items():
        found.setdefault(getattr(multipliers, part_of(name)), []).append(parameter)
    return [{"params": each, "lr": rate * multiplier} for multiplier, each in found.items()]


def check(names: Iterable[str], multipliers: RateSettings) -> None:
    """Raise ConfigError if a multiplier other than 1 is set for a part without any of the parameters ``names``."""
    there = {part_of(name) for name in names}
    for part, multiplier in multipliers:
        if multiplier != 1 and part not in there:
            raise ConfigError(
                f"training.rate_multipliers.{part} = {multiplier}: this model has no such part, only "
                f"{', '.join(sorted(there))}; set it to 1"
            )
