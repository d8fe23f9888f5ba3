"""A Slurm cluster emulated on this machine, and the project running on it through its profile."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT
from tests.workflow.conftest import PARTS, surroundings
from transient_ridge.config import presets

HERE = Path(__file__).resolve().parent

#: What the profile leaves to its user, and polling fast enough for tests.
FLAGS = (
    "--workflow-profile", "workflow/profiles/slurm", "--latency-wait", "10",
    "--slurm-init-seconds-before-status-checks", "2",
    "--default-resources", "slurm_partition=cpu", "mem_mb=1000", "runtime=10",
)  # fmt: skip


@dataclass
class Cluster:
    """The commands of Slurm."""

    folder: Path

    def ask(self, *command: str) -> str:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def state(self, job: str) -> str:
        return self.ask(
            "squeue", "--noheader", "--states=all", "--format=%T", "--jobs", job
        ).strip()

    def jobs(self, comment: str = "") -> list[dict[str, str]]:
        """All jobs whose rule and wildcards match, oldest first."""
        lines = self.ask("squeue", "--noheader", "--states=all", "--format=%i|%k|%T|%N|%M")
        keys = ("id", "comment", "state", "node", "time")
        found = [dict(zip(keys, line.split("|"), strict=True)) for line in lines.splitlines()]
        found.sort(key=lambda job: int(job["id"]))
        return [job for job in found if re.search(comment, job["comment"])]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A running cluster, stopped at the end. Tests are skipped where it cannot be started."""
    up = subprocess.run([HERE / "slurm_up.sh"], capture_output=True, text=True, check=False)
    if up.returncode == 2:
        pytest.skip(up.stderr.strip())
    assert up.returncode == 0, up.stderr
    folder = Path(os.environ.get("CLUSTER_DIR", "/tmp/transient-ridge-cluster"))
    yield Cluster(folder)
    subprocess.run([HERE / "slurm_down.sh"], check=True)


@dataclass
class Submission:
    """A Snakemake that submits the jobs of one project."""

    root: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str) -> None:
        command = [
            sys.executable, "-m", "snakemake", *arguments, *FLAGS, "--configfile", "smoke.yaml",
        ]  # fmt: skip
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.root, env=surroundings(),
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    @property
    def log(self) -> Path:
        return self.root / "log"

    @property
    def text(self) -> str:
        return self.log.read_text()

    def submitted(self) -> list[str]:
        """Slurm IDs of the jobs submitted so far."""
        return re.findall(r"submitted with SLURM jobid (\d+)", self.text)

    def wait_for(self, happened: Callable[[], object], seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while not happened():
            assert self.process is not None
            assert self.process.poll() is None, self.text
            assert time.monotonic() < deadline, self.text
            time.sleep(0.2)

    def finish(self) -> str:
        """Wait for Snakemake to end; it must succeed."""
        assert self.process is not None
        assert self.process.wait(timeout=3600) == 0, self.text
        return self.text

    def kill(self) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """End Snakemake if it still runs. It would wait minutes for its next look at the cluster."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self.kill()


@pytest.fixture
def submission(cluster, tmp_path) -> Iterator[Submission]:
    """A fresh copy of the project with the smoke preset."""
    root = tmp_path / "project"
    root.mkdir()
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, root / part)
    configure(root, presets.read("smoke"))
    made = Submission(root)
    yield made
    made.stop()


def configure(root: Path, config: dict, state_seconds: float = 2) -> None:
    config["compute"] = {"device": "cpu", "state_seconds": state_seconds}
    (root / "smoke.yaml").write_text(yaml.safe_dump(config))
