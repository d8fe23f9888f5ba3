"""The chunks of all runs in one table."""

import pandas as pd

from ...artefacts.tables import Rows
from ...stage import stage


@stage("llc", "llc_traces")
def join_llc(llc: pd.DataFrame, llc_traces: pd.DataFrame) -> tuple[Rows, Rows]:
    """Join the chunks of all runs."""
    return Rows.of("llc", llc), Rows.of("llc_traces", llc_traces)
