"""Fixtures of the unit tests: the synthetic world, and one additional predictor."""

from collections.abc import Callable, Mapping

import pandas as pd
import pytest

from tests.unit import third, world_tables


@pytest.fixture(scope="session")
def frames() -> Mapping[str, pd.DataFrame]:
    """Every table of the synthetic world; do not change them."""
    return world_tables.tables()


#: What worlds with and without a third predictor share: just enough to show it.
SMALL = {"seeds": (0,), "components": 2}


@pytest.fixture(scope="session")
def small_frames() -> Mapping[str, pd.DataFrame]:
    """The tables of a world with one seed; do not change them."""
    return world_tables.tables(**SMALL)


@pytest.fixture
def with_third(monkeypatch, tmp_path) -> Callable[[bool], tuple[str, Mapping[str, pd.DataFrame]]]:
    """Register a third predictor for this test: its name, and ``small_frames`` with it in them.

    The argument says whether it depends on the task set.
    """

    def world(of_tasks: bool) -> tuple[str, Mapping[str, pd.DataFrame]]:
        name = third.register(monkeypatch, tmp_path / "registry", of_tasks)
        return name, world_tables.tables(predictors=(*world_tables.KNOWN, name), **SMALL)

    return world
