"""Variants are compared where they differ in something that can be compared."""

import pytest

from tests.workflow.conftest import Project, checkout

pytestmark = pytest.mark.workflow

COMPARING = {"front", "averaging", "figure:front", "figure:averaging", "figure:draws"}


@pytest.fixture
def fresh(tmp_path) -> Project:
    """A checkout where nothing has run."""
    return checkout(tmp_path / "fresh")


@pytest.mark.parametrize(
    ("variants", "expected"),
    [
        ({"base": {}, "tasks-1": {"seed": 1}}, {"figure:draws"}),
        ({"base": {}, "wide": {"model": {"d_mlp": 64}}}, {"front", "figure:front"}),
        ({"base": {}, "raw": {"training": {"average": None}}}, COMPARING - {"figure:draws"}),
    ],
)
def test_comparisons_are_planned_where_variants_differ(fresh, variants, expected):
    fresh.configure(fresh.config | {"variants": variants})
    assert fresh.stale() & COMPARING == expected
