"""dMMSE_M at higher temperatures, from the mean task to dMMSE_M itself."""

import math

import numpy as np
import pytest

from tests.conftest import settings_for
from transient_ridge.analysis.softened import TEMPERATURES, soften
from transient_ridge.config import presets


def test_it_ends_at_dmmse_and_its_loss_on_q_m_falls_on_the_way():
    config = presets.load("smoke", grid={"task_diversities": [4, 16, math.inf]})
    found, outputs = (rows.frame() for rows in soften(**settings_for(soften, config)))
    assert set(found["task_diversity"]) == {4, 16}
    assert len(outputs) == len(found)
    for _, rows in found.groupby("task_diversity"):
        assert len(rows) == len(TEMPERATURES)
        assert rows["dmmse"].iloc[-1] == pytest.approx(0, abs=1e-9)
        assert rows["dmmse_out"].iloc[-1] == pytest.approx(0, abs=1e-9)
        assert rows["loss"].iloc[0] > rows["loss"].iloc[-1]
        assert (np.diff(rows["dmmse"]) < 1e-3).all()
        assert rows["ridge"].min() > 0.1 * rows["ridge"].iloc[-1]
