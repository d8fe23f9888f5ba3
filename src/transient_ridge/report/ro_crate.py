"""A results folder as a Workflow Run RO-Crate (https://w3id.org/ro/wfrun/workflow): provenance that other tools read.

The crate is the folder itself: its tables, figures and pages stay where they are, and ``ro-crate-metadata.json`` holds
their origin and the SHA-256 of each. A copy of the workflow is beside them.
"""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from ..artefacts.contents import Contents
from ..artefacts.files import files_below
from ..artefacts.provenance import git_state, read_beside, sha256
from ..config.configuration import RESOLVED_FILE
from ..errors import StageError, TableError
from ..places import PACKAGE

PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
#: What a validator expects of the workflow.
WORKFLOW_PROFILE = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
#: Where `sha256` is defined.
TERMS = "https://w3id.org/ro/terms/workflow-run/context"
LICENCE = "https://spdx.org/licenses/MIT"
PAPER = "https://arxiv.org/abs/2501.17745"
#: Kinds of files in the crate. The manifest of a run stands for its weights, and has their checksums.
KINDS = {
    ".parquet": "application/vnd.apache.parquet",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".md": "text/markdown",
    ".html": "text/html",
    ".json": "application/json",
}


def write_crate(results: Path) -> int:
    """Write the crate of ``results``; return the number of its results.

    Raises TableError if it is not a results folder or holds no results, StageError without the library rocrate or the
    workflow.
    """
    try:
        from rocrate.model.contextentity import ContextEntity
        from rocrate.rocrate import ROCrate
    except ImportError as error:
        raise StageError(f"{error}: pip install 'transient-ridge[crate]'") from error
    contents = Contents(results)
    made = list(_made(contents))
    if not made:
        raise TableError(f"{results}: no results yet; run `make reproduce` first")
    source = PACKAGE.parents[1] / "workflow"
    if not (source / "Snakefile").is_file():
        raise StageError(f"{source}: no workflow beside the package; run this in a clone")
    shutil.copytree(source, results / "workflow", dirs_exist_ok=True)

    preset = contents.config["preset"]
    crate = ROCrate(version="1.1")  # what the profiles build on
    crate.metadata.extra_contexts.append(TERMS)
    crate.name = f"transient-ridge, preset {preset}"
    crate.description = f"Tables, figures and verdicts of the preset {preset} of a workflow that reproduces {PAPER}."
    crate.license = crate.add(
        ContextEntity(crate, LICENCE, {"@type": "CreativeWork", "name": "MIT licence"})
    )
    crate.root_dataset["conformsTo"] = [
        crate.add(
            ContextEntity(
                crate, at, {"@type": "CreativeWork", "name": name, "version": at.rsplit("/", 1)[1]}
            )
        )
        for at, name in PROFILES.items()
    ]
    workflow = crate.add_workflow(
        results / "workflow" / "Snakefile", "workflow/Snakefile", main=True, lang="snakemake",
        properties={
            "name": "transient-ridge", "version": git_state()["commit"] or "unknown", "license": LICENCE,
            "encodingFormat": "text/plain", "conformsTo": {"@id": WORKFLOW_PROFILE},
        },
    )  # fmt: skip
    stated = crate.add_file(
        results / RESOLVED_FILE, RESOLVED_FILE,
        properties={"name": "configuration", "encodingFormat": "application/yaml"},
    )  # fmt: skip
    files = [
        crate.add_file(results / path, path.as_posix(), properties=_properties(results / path))
        for path in made
    ]
    if readme := next((file for file in files if file.id == "README.md"), None):
        readme["about"] = crate.root_dataset
    ended = max((results / path).stat().st_mtime for path in made)
    run = {
        "name": f"run of the preset {preset}",
        "description": "Snakemake made the tables, figures and pages from the configuration. A record beside each has "
        "its origin; this action stands for all of those calls.",
        "endTime": datetime.fromtimestamp(ended, UTC).isoformat(timespec="seconds"),
    }
    crate.root_dataset["mentions"] = crate.add_action(workflow, "#run", stated, files, run)
    crate.metadata.write(results)
    return len(made)


def _made(contents: Contents) -> Iterator[Path]:
    """The results, relative to their folder."""
    for path in files_below(contents.results):
        inside = path.relative_to(contents.results)
        # A record of provenance belongs to the file beside it; the manifest of a run is a result.
        kind = path.suffix in KINDS and (path.suffix != ".json" or path.name == "checkpoints.json")
        if kind and inside.parts[0] != "workflow" and contents.holds(inside):
            yield inside


def _properties(path: Path) -> dict[str, str]:
    """Kind, size and checksum of one result, from its record if it has one."""
    record = read_beside(path) or {}
    return {
        "name": path.stem,
        "encodingFormat": KINDS[path.suffix],
        "contentSize": str(path.stat().st_size),
        "sha256": str(record.get("sha256") or sha256(path)),
    }
