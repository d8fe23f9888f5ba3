"""The scorecard over root seeds: variants that differ only in their root seed, judged together.

Intervals are over root seeds, each with its own tasks and evaluation sets.
"""

import pandas as pd

from ..artefacts.pages import Page
from ..artefacts.tables import Rows
from ..config.settings import ClaimSettings
from ..stage import stage
from .claims import score
from .page import scorecard


@stage("claims", "page")
def judge_over_root_seeds(
    claim_values: list[pd.DataFrame], claims: ClaimSettings
) -> tuple[Rows, Page]:
    """Judge every statement by its values in all of these variants; return a table and a page."""
    scored = score(Rows.of("claim_values", pd.concat(claim_values)), claims)
    return scored, Page(scorecard(scored))
