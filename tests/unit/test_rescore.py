"""Published tables scored by today's statements."""

from tests.conftest import ROOT
from transient_ridge.scorecard.rescore import rescore


def test_the_page_of_rescored_runs_is_what_the_command_prints():
    page = rescore(ROOT / "results/published/laptop")
    claims = page[page.index("| claim |") :].split("\n\n")[0]
    assert claims in (ROOT / "docs/rescored.md").read_text()
    assert "root seed 0 chose the regime: not scored" in page
