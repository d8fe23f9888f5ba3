"""What unit tests share: the synthetic world, and a predictor more than there are."""

from collections.abc import Callable, Mapping

import pandas as pd
import pytest

from tests.unit import third, world_tables


@pytest.fixture(scope="session")
def frames() -> Mapping[str, pd.DataFrame]:
    """Every table of the synthetic world, not to be changed."""
    return world_tables.tables()


@pytest.fixture
def third_predictor(monkeypatch, tmp_path) -> Callable[[bool], str]:
    """Register a third predictor for this test; told whether it depends on the task set, the name is returned."""
    return lambda of_tasks: third.register(monkeypatch, tmp_path / "registry", of_tasks)
