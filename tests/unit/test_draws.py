"""Root seeds pooled like seeds."""

import math

import pandas as pd
import pytest

from transient_ridge.analysis.variants.draws import draws_as_seeds


def runs(variant, *losses):
    """A run of M = 4 with two seeds that end at these ``losses``."""
    rows = [(variant, 4.0, seed, 10, loss) for seed, loss in enumerate(losses)]
    return pd.DataFrame(rows, columns=["variant", "task_diversity", "seed", "step", "loss"])


def ideal(variant, loss):
    rows = [
        (variant, M, "ridge", "root_task", token, loss + M if math.isfinite(M) else loss, 0.1)
        for M in (4.0, math.inf)
        for token in (math.nan, 1.0)
    ]
    columns = [
        "variant", "task_diversity", "predictor", "dataset", "token", "loss", "standard_error",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def test_every_draw_is_another_seed_in_every_table():
    losses = pd.concat([runs("base", 1.0, 2.0), runs("tasks-1", 3.0, 4.0)])
    critical = pd.concat([runs("tasks-1", 7.0), runs("base", 8.0)])  # in another order
    found = draws_as_seeds({"losses": losses, "critical_steps": critical})
    assert "variant" not in found["losses"]
    assert found["losses"].set_index("seed")["loss"].to_dict() == {0: 1.0, 1: 2.0, 2: 3.0, 3: 4.0}
    assert found["critical_steps"].set_index("seed")["loss"].to_dict() == {2: 7.0, 0: 8.0}


def test_predictors_are_averaged_over_draws_infinity_and_single_positions_too():
    tables = {"idealised_losses": pd.concat([ideal("base", 1.0), ideal("tasks-1", 2.0)])}
    found = draws_as_seeds(tables)["idealised_losses"]
    assert len(found) == 4
    means = found.groupby("task_diversity")["loss"].unique()
    assert means[4.0] == pytest.approx([5.5])
    assert means[math.inf] == pytest.approx([1.5])
    assert found["token"].isna().sum() == 2
    assert found["standard_error"].tolist() == pytest.approx([0.1] * 4)
