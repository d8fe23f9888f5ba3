"""A copy of the project in which a tiny preset has run once, and ways to ask Snakemake about it."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from filelock import FileLock

from tests.conftest import ROOT
from transient_ridge.config import presets

PARTS = ("config", "workflow", "src", "environment.yml", "requirements.lock")

#: Figures that the tiny preset leaves out: it judges no head, inputs have no features, and tasks are equally frequent
#: and stay.
NOTHING_TO_SHOW = {"head_ablation", "feature_losses", "task_gates", "changing_tasks"}


def surroundings(**variables: str) -> dict[str, str]:
    """This environment with ``variables``, for Snakemake, and without a path to another package."""
    ours = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return ours | {"OMP_NUM_THREADS": "1"} | variables


@dataclass
class Project:
    """A checkout with its own configuration."""

    root: Path

    @property
    def config(self) -> dict:
        return yaml.safe_load((self.root / "tiny.yaml").read_text())

    def configure(self, config: dict) -> None:
        (self.root / "tiny.yaml").write_text(yaml.safe_dump(config))

    def snakemake(
        self, *arguments: str, check: bool = True, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", "tiny.yaml",
            "--show-failed-logs", *arguments,
        ]  # fmt: skip
        done = subprocess.run(
            command, cwd=self.root, env=surroundings(**variables), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        if check:
            assert done.returncode == 0, done.stdout
        return done

    def stale(self, *arguments: str) -> set[str]:
        """Jobs that Snakemake would run, as 'rule' or 'rule:wildcard'; targets without a job are left out."""
        plan = self.snakemake("-n", *arguments).stdout
        jobs = set()
        for block in re.split(r"\n\s*(?=(?:local)?rule \w+:)", plan)[1:]:
            rule = re.match(r"(?:local)?rule (\w+):", block)
            wildcards = dict(
                re.findall(r"(\w+)=([\w-]+)", (re.findall(r"wildcards: (.*)", block) or [""])[0])
            )
            name = rule[1].replace("figure_", "figure:")
            kind = [wildcards[key] for key in ("run", "chunk", "table") if key in wildcards]
            jobs.add(":".join([name, *kind]))
        return jobs - {"all"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Workflow runs take minutes, so `make test` leaves them to CI, and CI leaves the slow ones to `make test-all`."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and not item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.ci)
            item.add_marker(pytest.mark.slow)


def tiny_config() -> dict:
    config = presets.read("smoke")
    config |= {"preset": "tiny", "grid": {"task_diversities": [1, 4], "seeds": [0]}}
    config["training"] |= {"steps": 60, "decay_steps": 20}
    config["checkpoints"] = {"linear_every": 20, "log_count": 4, "extra_steps": []}
    # The schedule is 0 1 3 15 20 40 60, so that these two steps lie in chunks 0 and 2.
    config["llc"] |= {"chunk": 3, "burn_in": 2, "draws": 8}
    config["llc"]["steps"] = [0, "last"]
    return config


def checkout(root: Path) -> Project:
    """What a run needs, copied to ``root``, with the tiny preset."""
    root.mkdir(parents=True)
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, root / part)
    project = Project(root)
    project.configure(tiny_config())
    return project


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Project:
    """The tiny preset, run from scratch. All pytest-xdist workers share it: do not change it."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    root, made = folder / "finished", folder / "finished.made"
    with FileLock(folder / "finished.lock"):
        if not made.exists():
            shutil.rmtree(root, ignore_errors=True)  # what another worker failed to make
            checkout(root).snakemake()
            made.touch()
    return Project(root)


@pytest.fixture
def project(finished, tmp_path) -> Project:
    """A copy of the finished project that tests may change, including Snakemake's records."""
    root = tmp_path / "project"
    shutil.copytree(finished.root, root)
    return Project(root)
