"""The scorecard over root seeds: variants that differ in nothing else, judged together.

Intervals are over root seeds, each with its own tasks and evaluation sets.
"""

import pandas as pd

from ..artefacts.pages import Page
from ..artefacts.tables import Rows
from ..config.settings import ClaimSettings
from ..stage import stage
from .claims import pooled, score
from .page import scorecard


@stage("claims", "page")
def judge_over_root_seeds(
    claim_values: list[pd.DataFrame], claims: ClaimSettings
) -> tuple[Rows, Page]:
    """Judge every statement by the values of all these variants; return a table and a page."""
    together = pooled([Rows.of("claim_values", values) for values in claim_values])
    scored = score(together, claims)
    return scored, Page(scorecard(scored))
