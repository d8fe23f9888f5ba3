"""Score published tables again: by today's statements, from the tables that a folder holds."""

from pathlib import Path

import pandas as pd
import yaml

from ..analysis.curves import compute_curves
from ..analysis.model_selection.selection import compute_selection
from ..analysis.phases import compute_phases
from ..analysis.softened import soften
from ..artefacts.schemas import TABLES
from ..artefacts.tables import Rows
from ..config.presets import DEFAULT
from ..config.presets import load as load_preset
from ..config.settings import ClaimSettings, CurveSettings, DataSettings, EvaluationSettings
from .claims import measure, score
from .measurements import Evidence
from .page import scorecard

#: Tables that are taken as they are; the others are computed again.
MEASURED = (
    "distances", "losses", "idealised_distances", "idealised_losses", "llc", "llc_on_tasks", "ridge_on_tasks",
    "pca_trajectories", "pca_idealised", "pca_variance", "pca_loadings", "pca_robustness",
)  # fmt: skip


def rescore(folder: Path) -> str:
    """The scorecard of ``folder`` as Markdown, by the thresholds of the default preset.

    Phases, curves and selection are computed again from the distances, losses and LLCs that it holds, and the softened
    dMMSE_M from its configuration.
    """
    config = yaml.safe_load((folder / "config.yaml").read_text())
    claims = ClaimSettings.of(
        load_preset(DEFAULT)["claims"]
        | {"paper_threshold": config["claims"]["paper_threshold"], "own": {}}
    )
    data, curves = DataSettings.of(config["data"]), CurveSettings.of(config["curves"])
    frames = {
        name: _columns_of_today(path, name)
        for name in MEASURED
        if (path := next(iter(sorted(folder.glob(f"*/**/{name}.parquet"))), None))
    }
    relative, thresholds = compute_phases(
        frames["distances"], frames["idealised_distances"], curves
    )
    critical, smoothed = compute_curves(frames["losses"], curves)
    softened = soften(
        config["seed"],
        data,
        EvaluationSettings.of(config["evaluation"]),
        tuple(sorted(frames["idealised_losses"]["task_diversity"].unique().tolist())),
    )
    made: dict[str, pd.DataFrame] = {
        rows.table: rows.frame() for rows in (relative, thresholds, critical, smoothed, softened)
    }
    selection, _ = compute_selection(
        made["relative_distances"],
        made["critical_steps"],
        made["smoothed_losses"],
        frames["idealised_losses"],
        frames["llc"],
        frames["ridge_on_tasks"],
        frames.get("llc_on_tasks", Rows("llc_on_tasks").frame()),
        data.noise_variance,
        data.context_length,
        config["training"]["batch_size"],
        claims.dmmse_like,
    )
    evidence = Evidence(frames | made | {"selection": selection.frame()}, claims, config["seed"])
    return scorecard(score(measure(evidence), claims))


def _columns_of_today(path: Path, name: str) -> pd.DataFrame:
    """The table at ``path``, which may be of older code: columns that it lacks are empty, others are left out."""
    return Rows.of(name, pd.read_parquet(path).reindex(columns=list(TABLES[name].columns))).frame()
