"""A folder for the Hugging Face Hub: the last checkpoint of every run of a preset, and a model card."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from ..artefacts.contents import Contents
from ..artefacts.files import complete_file
from ..artefacts.provenance import read_beside
from ..config.configuration import resolve
from ..config.runs import run_files
from ..errors import CheckpointError
from ..library.pretrained import save_pretrained
from ..training.checkpoints import Checkpoints

VARIANT = "base"


def write_model_card(results: Path, folder: Path) -> list[str]:
    """Write ``folder`` from the variant base of ``results``; return the names of its runs.

    Raises TableError if ``results`` is not a results folder, CheckpointError if a run has no weights.
    """
    config = resolve(Contents(results).config, VARIANT)
    runs = sorted(path.parent.name for path in results.glob(f"{VARIANT}/runs/*/checkpoints.json"))
    if not runs:
        raise CheckpointError(
            f"{results}/{VARIANT}: no run has checkpoints; train with keep_weights: true"
        )
    record: Mapping[str, Any] = {}
    for run in runs:
        files = run_files(results / VARIANT / "runs" / run)
        kept = Checkpoints(files["manifest"], files["weights"])
        record = read_beside(files["manifest"]) or {}
        save_pretrained(kept, kept.steps[-1], folder / run, run=run, preset=config["preset"])
    with complete_file(folder / "README.md") as partial:
        partial.write_text(_card(config, runs, results / VARIANT / "claims.md", record))
    return runs


def _card(
    config: Mapping[str, Any], runs: list[str], claims: Path, record: Mapping[str, Any]
) -> str:
    """The card: what the Hub reads, then what people read."""
    verdicts = "Not scored."
    if claims.is_file():
        table = claims.read_text().split("\n\n|", 1)[-1].split("\n\n")[0]
        verdicts = f"How these runs fare against the claims of the paper:\n\n|{table}"
    template = resources.files(__package__).joinpath("model_card.md").read_text(encoding="utf-8")
    return Template(template).substitute(
        preset=config["preset"],
        seed=config["seed"],
        last=runs[-1],
        count=len(runs),
        runs=", ".join(runs),
        D=config["data"]["dimension"],
        K=config["data"]["context_length"],
        model=_table("Architecture", config["model"]),
        data=_table("Sequences", config["data"]),
        training=_table("Settings", config["training"]),
        commit=record.get("git", {}).get("commit") or "unknown",
        torch=record.get("packages", {}).get("torch", "unknown"),
        verdicts=verdicts,
    )


def _table(title: str, section: Mapping[str, Any]) -> str:
    rows = [f"| `{name}` | {value} |" for name, value in section.items()]
    return "\n".join([f"| {title} | |", "|---|---|", *rows])
