"""The steps at which a run's weights are kept, and how other keys refer to them."""

import math
from collections.abc import Iterable, Mapping, Sequence

from .settings import CheckpointSettings

#: A step as a configuration states it: the step itself, a share of training, or ``last``.
Step = int | float | str


def checkpoint_steps(settings: CheckpointSettings, steps: int) -> list[int]:
    """Steps of ``C_lin | C_log``, the extra steps, 0 and the last, ascending.

    ``C_lin = {0, l, 2l, ..., T}`` with l = ``linear_every``; ``C_log = {floor(T^(j/(N-1))): j < N}`` with
    N = ``log_count`` (arXiv 2402.02364, which the paper follows).
    """
    kept = {0, steps, *range(0, steps + 1, settings.linear_every), *settings.extra_steps}
    count = settings.log_count
    # The small excess keeps floor() from falling one short where T^(j/(N-1)) is an integer.
    kept |= {math.floor(steps ** (j / (count - 1)) + 1e-9) for j in range(count) if count > 1}
    return sorted(kept)


def settle_steps(stated: Iterable[Step], schedule: Sequence[int]) -> list[int]:
    """The steps meant, ascending: ``last`` and shares are those of the ``schedule`` that are nearest."""
    last = schedule[-1]
    found = set()
    for step in stated:
        if step == "last":
            found.add(last)
        elif isinstance(step, float) and not step.is_integer():
            found.add(min(schedule, key=lambda kept: abs(kept - step * last)))
        else:
            found.add(int(step))
    return sorted(found)


def half_life_of(average: Mapping[str, float]) -> float:
    """Updates after which half of a moving average is new, from ``{decay: ...}`` or ``{half_life: ...}``."""
    if "half_life" in average:
        return average["half_life"]
    return math.log(0.5) / math.log(average["decay"]) if average["decay"] else 0.0


def settle_updates(stated: int | float, steps: int) -> int:
    """A number of updates, which may be stated as a share of ``steps``."""
    return round(stated * steps) if 0 < stated < 1 else int(stated)
