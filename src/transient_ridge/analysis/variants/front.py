"""How near the runs of each variant come to ridge, and how soon they reach dMMSE after that."""

from pathlib import Path
from typing import Any

import numpy as np

from ...artefacts.provenance import read_beside
from ...artefacts.tables import Frames, Rows
from ...config.runs import Run
from ...config.settings import DmmseLike
from ...stage import stage
from ..views import RUN_KEY


@stage("front", tables=("relative_distances", "critical_steps"), across=True)
def compute_front(frames: Frames, manifests: list[Path], dmmse_like: DmmseLike) -> Rows:
    """For every run with finite M: relative distance at t_crit, and CPU time until alpha reaches claims.dmmse_like.

    ``manifests`` are those of the runs' checkpoints, whose records hold the time of training.
    """
    seconds = {
        (path.absolute().parents[2].name, *Run.parse(path.parent.name)): seconds_per_update(path)
        for path in manifests
    }
    key = ["variant", *RUN_KEY]
    relative = frames["relative_distances"].dropna(subset="relative_distance")
    smoothed = frames["critical_steps"].query("curve == 'smoothed'")
    critical: dict[Any, int] = smoothed.set_index(key)["step"].to_dict()
    front = Rows("front")
    groups: Any = relative.groupby(key, sort=False)
    for run, rows in groups:
        variant, M, seed = run
        path = rows.sort_values("step")
        steps, distance = path["step"].to_numpy(), path["relative_distance"].to_numpy()
        late = (steps >= critical[run]) & (path["alpha"].to_numpy() >= dmmse_like)
        reached = int(steps[np.argmax(late)]) if late.any() else None
        each = seconds[run]
        front.add(
            variant=variant, task_diversity=M, seed=seed, critical_step=critical[run],
            relative_distance=distance[steps == critical[run]].item(), end=distance[-1], dmmse_step=reached,
            core_seconds=None if reached is None or each is None else reached * each,
            core_seconds_of_training=None if each is None else steps[-1] * each,
        )  # fmt: skip
    return front


def seconds_per_update(manifest: Path) -> float | None:
    """CPU seconds per update of the run with this ``manifest``, in its last attempt, including start-up.

    None if they were not recorded, or if other runs trained in the same stack.
    """
    record = read_beside(manifest) or {}
    if record.get("stacked", 1) > 1 or "cpu_seconds" not in record:
        return None
    updates = record["settings"]["training"]["steps"] - record["resumed_at_step"]
    return float(record["cpu_seconds"]) / updates if updates else None
