"""dMMSE_M at higher temperatures: the path of a model that never learns ridge.

The weight of task m is proportional to exp(-(u / 2 sigma^2) sum (y - t_m.x)^2), with u from 0, the mean task, to 1,
dMMSE_M itself.
"""

from typing import Annotated

import numpy as np

from ..artefacts.tables import Rows
from ..config.registries import name_of
from ..config.runs import TaskDiversity
from ..config.settings import DataSettings, EvaluationSettings, RootSeed
from ..stage import Setting, stage
from .datasets import IN_DISTRIBUTION, OUT_OF_DISTRIBUTION, ROOT
from .evaluation_sets import evaluation_sets, idealised_predictions

#: Inverse temperatures u; the first is practically 0, the mean task.
TEMPERATURES = (1e-9, *np.geomspace(1e-3, 1, 19).tolist())


@stage("softened_dmmse", "softened_outputs")
def soften(
    seed: RootSeed,
    data: DataSettings,
    evaluation: EvaluationSettings,
    task_diversities: Annotated[tuple[TaskDiversity, ...], Setting("grid.task_diversities")],
) -> tuple[Rows, Rows]:
    """Losses, squared distances to ridge and dMMSE_M, and outputs on D(1) of every softened dMMSE_M.

    Losses and distances are in and out of distribution. Both tables are empty unless ridge and dMMSE_M are predictors.
    """
    rows, outputs = Rows("softened_dmmse"), Rows("softened_outputs")
    both = tuple(each for each in evaluation.predictors if name_of(each) in ("ridge", "dmmse"))
    softened = tuple(each for each in both if name_of(each) == "dmmse")
    if len(both) < 2:
        return rows, outputs
    for M in task_diversities:
        if np.isinf(M):
            continue
        sets = evaluation_sets(seed, data, evaluation, M)
        ideal = {
            name: idealised_predictions(seed, data, both, M, sets[name])
            for name in (IN_DISTRIBUTION, OUT_OF_DISTRIBUTION)
        }
        for u in TEMPERATURES:
            warmer = data.model_copy(update={"noise_variance": data.noise_variance / u})
            key = {"task_diversity": M, "inverse_temperature": u}
            row: dict[str, float] = {}
            for name, suffix in ((IN_DISTRIBUTION, ""), (OUT_OF_DISTRIBUTION, "_out")):
                soft = idealised_predictions(seed, warmer, softened, M, sets[name])["dmmse"]
                row["loss" + suffix] = (soft - sets[name].y).square().mean().item()
                for predictor in ("ridge", "dmmse"):
                    away = (soft - ideal[name][predictor]).square().mean().item()
                    row[predictor + suffix] = away
            rows.add(**key, **row)
            on_root = idealised_predictions(seed, warmer, softened, M, sets[ROOT])["dmmse"]
            outputs.add(**key, outputs=on_root.flatten().numpy())
    return rows, outputs
