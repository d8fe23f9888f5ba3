"""The steps at which a run's weights are kept."""

import math

from .settings import CheckpointSettings


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
