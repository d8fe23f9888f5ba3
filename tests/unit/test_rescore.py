"""Published tables scored by today's statements."""

import pandas as pd
import pytest

from tests.conftest import ROOT
from transient_ridge.errors import ConfigError
from transient_ridge.scorecard.rescore import rescore, then_and_now
from transient_ridge.scorecard.statement import FURTHER, OWN
from transient_ridge.scorecard.statements import STATEMENTS


def test_published_tables_are_scored_again():
    page = rescore([ROOT / "results/published/laptop"])
    for title in ("## laptop", "### Then and now", "### Every M", "### When do runs turn?"):
        assert page.count(title) == 1
    scorecard = page[: page.index("### Then and now")]
    for each in STATEMENTS:
        if each.claim != OWN and not each.only_if:
            mark = " E" if each.exists else ""
            assert scorecard.count(f"\n| {each.name}{mark} |") == 1
    assert FURTHER in page
    assert "not scored" in page


def of(part, **columns):
    row = {
        "claim": 2,
        "part": part,
        "statement": f"text of {part}",
        "quantity": "q",
        "verdict": "holds",
        "value": 0.5,
    }
    return row | {"margin": None} | columns


def test_published_statements_stand_beside_their_present_names():
    now = pd.DataFrame(
        [
            of("b", kind="paper", null_value=0.1, reason="a hook", verdict="met"),
            of(
                "d",
                kind="paper",
                null_value=None,
                reason="one draw",
                verdict="not met",
                quantity="share",
            ),
        ]
    )
    renamed = then_and_now(pd.DataFrame([of("b"), of("c")]), now).splitlines()[2:]
    assert renamed == [
        "| 2b | text of b | holds (0.5) | 2d | not met (0.5) | now share; one draw |",
        "| 2c | text of c | holds (0.5) | - | no longer asked | - |",
    ]
    same = then_and_now(pd.DataFrame([of("b", kind="paper")]), now).splitlines()[2:]
    assert same == ["| 2b | text of b | holds (0.5) | 2b | met (0.5) | null 0.1; a hook |"]


def test_a_folder_without_a_configuration_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"config\.yaml: missing"):
        rescore([tmp_path])
