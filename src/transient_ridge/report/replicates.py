"""The scorecard over root seeds: variants that differ in nothing else, judged together."""

from pathlib import Path

import yaml

from ..artefacts import tables
from ..artefacts.tables import Rows
from ..config.configuration import RESOLVED_FILE
from ..config.settings import ClaimSettings
from ..errors import ConfigError
from ..scorecard.claims import pooled, score
from ..scorecard.page import scorecard


def replicated(results: Path) -> str:
    """The scorecard, as Markdown, of the variants below ``results`` that differ in their root seed alone.

    Its intervals are over root seeds, which draw tasks and evaluation sets anew. Raises ConfigError for fewer than two.
    """
    config = yaml.safe_load((results / RESOLVED_FILE).read_text())
    seeds = {
        variant: (changes or {}).get("seed", config["seed"])
        for variant, changes in config["variants"].items()
        if set(changes or {}) <= {"seed"}
    }
    if len(set(seeds.values())) < 2:
        raise ConfigError(
            f"variants = {list(config['variants'])}: none differs from another in its root seed alone; add one, "
            "such as 'tasks-1: {seed: 1}', and run snakemake"
        )
    values = [
        Rows.of("claim_values", tables.read(results / name / "tables/claim_values.parquet", "claim_values"))
        for name in seeds
    ]  # fmt: skip
    return scorecard(score(pooled(values), ClaimSettings.of(config["claims"])))
