"""Make results of what a GPU run brought back, and have Snakemake do the rest: PCA, verdicts, figures, pages.

The tables of every run are put where the workflow would have put them, with records that name the machine which made
them, so that Snakemake takes training and measurements for done. The configuration that was run is
results/<preset>/<preset>.yaml; run Snakemake with it again after a change of figures or thresholds.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import yaml

from transient_ridge.artefacts.layout import Layout
from transient_ridge.artefacts.provenance import git_state, settings_hash, sha256
from transient_ridge.artefacts.tables import Rows
from transient_ridge.config import asked, configuration
from transient_ridge.config.runs import run_files
from transient_ridge.config.settings import LlcSettings
from transient_ridge.llc.estimator import trace_rows
from transient_ridge.training import checkpoints

from .chains import Replayed
from .measuring import CHAINS, code_of, measured_runs, stages_of_weights, written
from .parcel import Parcel, ParcelError
from .plan import Member, Plan


class Home:
    """What is in the folder ``brought``, to be put below the working directory."""

    def __init__(self, brought: Path) -> None:
        """Raises ParcelError if it cannot be read or is not complete."""
        self.brought, self.parcel = brought, Parcel.read(brought)
        facts = self.parcel.facts
        if "fault" in facts or "config" not in facts:
            raise ParcelError(
                f"{brought}: the run failed before it had measured:\n{facts.get('fault')}"
            )
        self.plan = Plan(facts["config"])
        self.layout = Layout(self.plan.stated)
        self.results = Path(self.layout.folder)

    def unpack(self, *, other_code: bool = False) -> Path:
        """Write results/<preset>; the configuration that was run.

        Raises ParcelError, before anything is written, if there are results already, or if the code here is not that
        which made them and ``other_code`` is not accepted.
        """
        here, there = code_of(self.plan), self.parcel.facts["code"]
        differing = [name for name, made in there.items() if here.get(name) != made]
        if differing and not other_code:
            raise ParcelError(
                f"{self.brought}: made by other code than is here ({', '.join(differing)}); check out the commit that "
                "ran, or accept it with --other-code"
            )
        if self.results.exists() and any(self.results.iterdir()):
            raise ParcelError(f"{self.results}: is there already; move it away")
        self._record: dict[str, Any] = {
            **self.parcel.facts["environment"],
            "brought": [
                {"file": path.name, "sha256": sha256(path)}
                for path in sorted(self.brought.iterdir())
            ],
            "speed": self.parcel.facts["speed"],
        }
        if self._record["git"]["commit"] is None and not differing:
            self._record["git"] = git_state()  # the code is the same
        for member in self.plan.members:
            self._put_weights(member)
            self._put_tables(member, "training.train")
        for name in (*stages_of_weights(), *CHAINS):
            put = self._put_estimates if name in CHAINS else self._put_tables
            for member in measured_runs(self.plan, name):
                put(member, name)
        file = self.results / f"{self.results.name}.yaml"
        file.write_text(yaml.safe_dump(self.plan.stated, sort_keys=False))
        return file

    def _put_tables(self, member: Member, name: str) -> None:
        """The tables that the stage ``name`` made there."""
        for rows in self.parcel.rows(member.name, name):
            self._put(rows, member, name)

    def _put(self, rows: Rows, member: Member, name: str, chunk: int | str = "") -> None:
        """Save the table ``rows`` of the stage ``name``."""
        path = self.layout.pattern(rows.table).format(
            variant=member.variant, run=member.run.name, chunk=chunk
        )
        settings = configuration.pick(self.plan.resolved[member.variant], asked.keys_of(name))
        rows.save(Path(path), self._record_of(member, settings))

    def _record_of(self, member: Member, settings: dict[str, Any]) -> dict[str, Any]:
        seeds = {"root": settings.get("seed"), "run": member.run.seed}
        return {
            **self._record,
            "settings": settings,
            "settings_hash": settings_hash(settings),
            "seeds": seeds,
            "run": member.run.name,
        }

    def _files(self, member: Member) -> dict[str, Path]:
        return run_files(self.results / member.variant / "runs" / member.run.name)

    def _put_weights(self, member: Member) -> None:
        """The manifest, of the last checkpoint if its weights were brought along: rounded to bfloat16."""
        files = self._files(member)
        steps = []
        if weights := self.parcel.weights.get(member.name):
            steps = [member.trained_by.training.steps]
            files["weights"].mkdir(parents=True)
            checkpoints.save(files["weights"], steps[0], weights)
        record = self._record_of(member, member.trained_by.stated())
        checkpoints.write_manifest(files["manifest"], files["weights"], steps, record)

    def _put_estimates(self, member: Member, name: str) -> None:
        """The tables of the stage ``name``, by chains that were run there."""
        kept = self._files(member)
        estimator = Replayed(
            member.run,
            member.trained_by,
            LlcSettings.of(self.plan.resolved[member.variant]["llc"]),
            checkpoints.Checkpoints(kept["manifest"], kept["weights"]),
            torch.device("cpu"),
        )
        chunks = self.layout.chunks[member.variant]
        if name.endswith("_on_tasks"):
            chunks = {0: [member.trained_by.training.steps]}
        for chunk, steps in chunks.items():
            tables = [Rows(table) for table in written(name)]
            for step in steps:
                for component, found in self._chains(member, name, step):
                    rows, traces = estimator.rows(found, step, component)
                    for row in rows:
                        tables[0].add(**row)
                    if traces is not None and len(tables) > 1:
                        for row in trace_rows(traces):
                            tables[1].add(
                                **member.run._asdict(), step=step, component=component, **row
                            )
            for each in tables:
                self._put(each, member, name, chunk)

    def _chains(self, member: Member, name: str, step: int) -> Iterator[tuple[str, Any]]:
        """What was found, or the fault, by component."""
        begins = f"{member.name}/{name}/{step}/"
        found: dict[str, Any] = {}
        for key, tensor in self.parcel.tensors.items():
            if key.startswith(begins):
                component, of = key.removeprefix(begins).rsplit("/", 1)
                found.setdefault(component, {})[of] = tensor
        for key, fault in self.parcel.facts.get("chains_diverged", {}).items():
            if key.startswith(begins):
                found[key.removeprefix(begins)] = fault
        return iter(found.items())


def main(arguments: list[str] | None = None) -> None:
    """Unpack and run Snakemake."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_run.home", description=__doc__)
    parser.add_argument("brought", type=Path, help="the folder that the GPU run wrote")
    parser.add_argument("--cores", default="all", help="for Snakemake")
    parser.add_argument("--other-code", action="store_true", help="accept results of other code")
    parser.add_argument("--unpack", action="store_true", help="leave Snakemake to be run by hand")
    given = parser.parse_args(arguments)
    try:
        file = Home(given.brought).unpack(other_code=given.other_code)
    except ParcelError as error:
        sys.exit(str(error))
    command = [
        sys.executable, "-m", "snakemake", "--workflow-profile", "workflow/profiles/default",
        "--cores", given.cores, "--configfile", str(file),
    ]  # fmt: skip
    print(" ".join(command))
    if not given.unpack:
        sys.exit(subprocess.run(command, check=False).returncode)


if __name__ == "__main__":
    main()
