"""Tables of extensions exist where the configuration offers what they measure, or a statement judges it."""

import pytest

from tests.unit.test_layout import ALL, FINITE, having

FEATURES = {"inputs": {"name": "features", "ratio": 0.5}}


@pytest.mark.parametrize(
    ("table", "changes", "runs"),
    [
        ("head_ablation", {}, []),
        ("head_ablation", {"claims": {"own": {"heads_in_later_layers": 2}}}, ALL),
        ("feature_losses", {}, []),
        ("feature_losses", {"data": FEATURES}, ALL),
        ("task_gates", {}, []),
        ("task_gates", {"data": {"tasks": "halving"}}, FINITE),
    ],
)
def test_what_the_configuration_offers_or_judges_is_measured(table, changes, runs):
    assert having(table, **changes) == runs
