"""A folder for the Hugging Face Hub: the last checkpoint of every run of a preset, and the model card about them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
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
LICENCE = "mit"


def write_model_card(results: Path, folder: Path) -> list[str]:
    """Write ``folder`` from the variant base of ``results``; return the names of its runs.

    Raises TableError if ``results`` is no folder of results, CheckpointError if a run has no weights.
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
        partial.write_text("\n".join(_card(config, runs, results / VARIANT / "claims.md", record)))
    return runs


def _card(
    config: Mapping[str, Any], runs: list[str], claims: Path, record: Mapping[str, Any]
) -> Iterator[str]:
    """The lines of the card: first for the Hub, then for people."""
    data, model, training = config["data"], config["model"], config["training"]
    commit = record.get("git", {}).get("commit") or "unknown"
    packages = record.get("packages", {})
    yield from (
        "---",
        f"license: {LICENCE}",
        "library_name: transient-ridge",
        "tags: [in-context-learning, linear-regression, developmental-interpretability, arxiv:2501.17745]",
        "---",
        f"# transient-ridge, preset {config['preset']}",
        "",
        "Transformers trained on in-context linear regression, for the study of how they change during training "
        "(arXiv 2501.17745). They predict y_k from (x_1, y_1, ..., x_k) and serve no other purpose.",
        "",
        "```python",
        "from transient_ridge import from_pretrained",
        f'model = from_pretrained("{runs[-1]}")  # then model(x, y), x (B, {data["context_length"]}, '
        f"{data['dimension']}), y (B, {data['context_length']})",
        "```",
        "",
        "## Models",
        "",
        f"The weights at the last step of {len(runs)} runs, each in a folder `M<tasks>-seed<seed>`: {', '.join(runs)}. "
        "M is the number of tasks in training; inf draws a fresh one for every sequence.",
        "",
        *_table("Architecture", model),
        "",
        "## Data",
        "",
        "Drawn during training: there is no data set behind these models.",
        "",
        *_table("Sequences", data),
        "",
        "## Training",
        "",
        *_table("Settings", training),
        "",
        f"Root seed {config['seed']}; code at commit {commit}; torch {packages.get('torch', 'unknown')}. The weights "
        "are the average over training, if `average` asks for one.",
        "",
        "## Verdicts",
        "",
    )
    if claims.is_file():
        yield "How these runs fare against the claims of the paper:"
        yield ""
        yield claims.read_text().split("\n\n|", 1)[-1].join(["|", ""]).split("\n\n")[0]
    else:
        yield "Not scored."
    yield from ("", "## Licence", "", "MIT, as the code.", "")


def _table(title: str, section: Mapping[str, Any]) -> Iterator[str]:
    yield f"| {title} | |"
    yield "|---|---|"
    for name, value in section.items():
        yield f"| `{name}` | {value} |"
