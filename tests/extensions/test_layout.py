"""Tables of extensions are there where an entry of the configuration offers what they measure."""

import pytest

from tests.unit.test_layout import ALL, FINITE, having

FEATURES = {"inputs": {"name": "features", "ratio": 0.5}}


@pytest.mark.parametrize(
    ("table", "data", "runs"),
    [
        ("head_ablation", {}, ALL),
        ("feature_losses", {}, []),
        ("feature_losses", FEATURES, ALL),
        ("task_gates", {}, []),
        ("task_gates", {"tasks": "halving"}, FINITE),
    ],
)
def test_an_entry_that_offers_more_is_measured(table, data, runs):
    assert having(table, data=data) == runs
