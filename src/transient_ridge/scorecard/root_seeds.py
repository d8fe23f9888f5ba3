"""The scorecard over root seeds: variants that differ in nothing else, judged together.

Their intervals are over root seeds, which draw tasks and evaluation sets anew.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ..artefacts.pages import Page
from ..artefacts.tables import Rows
from ..config.settings import ClaimSettings
from ..stage import stage
from .claims import pooled, score
from .page import scorecard


@stage("claims", "page")
def judge_over_root_seeds(
    claim_values: list[pd.DataFrame], settings: Mapping[str, Any]
) -> tuple[Rows, Page]:
    """Judge every statement by the values of all these variants; as a table and as a page."""
    together = pooled([Rows.of("claim_values", values) for values in claim_values])
    scored = score(together, ClaimSettings.of(settings["claims"]))
    return scored, Page(scorecard(scored))
