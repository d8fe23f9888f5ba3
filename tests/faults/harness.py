"""Kill jobs and Snakemake itself at random moments, and start again.

To put a stage under fire, add a line to ``STAGES``: the name of its rule, and its name on the command line of
``python -m transient_ridge``.
"""

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from tests.workflow.conftest import Project, surroundings

#: rule -> stage on the command line, in the order of the graph.
STAGES = {
    "train": "training.train",
    "evaluate": "analysis.evaluate",
    "llc": "llc.stages.llc",
    "idealised": "analysis.idealised",
    "curves": "analysis.curves",
    "joint_pca": "analysis.joint_pca",
}

SNAKEMAKE = "snakemake"

#: The victim in a power cut: Snakemake and everything that it started.
EVERYTHING = "everything"

#: Signals for a victim. Snakemake answers SIGTERM by letting its jobs end, and SIGINT by stopping them.
SIGNALS = {
    SNAKEMAKE: (signal.SIGTERM, signal.SIGINT, signal.SIGKILL),
    EVERYTHING: (signal.SIGKILL,),
    **dict.fromkeys(STAGES, (signal.SIGTERM, signal.SIGKILL)),
}

#: Seconds within which the moment of a kill is drawn, from the start of the victim; each miss shortens them.
WITHIN = {"train": 12.0, SNAKEMAKE: 15.0, EVERYTHING: 15.0, "curves": 2.0}
WITHIN_OTHERS = 4.0

#: The share of these seconds that a miss leaves, where a victim ended before its moment; and the most misses in a row.
SOONER = 0.7
MISSES = 10


@dataclass
class Soak:
    """One results folder under fire."""

    project: Project
    seed: int
    kills: Counter[tuple[str, str]] = field(default_factory=Counter)
    cleanups: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.within = dict.fromkeys(STAGES, WITHIN_OTHERS) | WITHIN

    @property
    def log(self) -> Path:
        return self.project.root / "soak.log"

    def run(self, victims: list[str]) -> None:
        """Kill each of ``victims`` once, at its own moment, restarting each time; then finish."""
        for victim in victims:
            if not any(self._kill(victim) for _ in range(MISSES)):
                raise AssertionError(f"{victim} was never alive to be killed")
        for _ in range(
            3
        ):  # the jobs themselves wait for what an orphan of the last kill still holds
            if self._start().wait(timeout=600) == 0:
                return
        raise AssertionError(self.log.read_text()[-4000:])

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        if self._locked():
            # The one command that the README gives for this.
            self.project.snakemake("--unlock")
            self.cleanups += 1
        command = [
            sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", "tiny.yaml",
            "--rerun-incomplete", *arguments,
        ]  # fmt: skip
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command, cwd=self.project.root, env=surroundings(),
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def _locked(self) -> bool:
        locks = self.project.root / ".snakemake" / "locks"
        return locks.is_dir() and any(locks.iterdir())

    def _kill(self, victim: str) -> bool:
        """Start Snakemake and kill ``victim``; return whether it was still alive to be killed."""
        # Requested again even if it is finished; what a run has trained so far is not lost.
        snakemake = self._start(*(["--forcerun", victim] if victim in STAGES else []))
        number = self.random.choice(SIGNALS[victim])
        whole = psutil.Process(snakemake.pid)
        target = whole if victim in (SNAKEMAKE, EVERYTHING) else self._job(whole, victim)
        met = target is not None and self._wait(target, victim)
        if met and target is not None:
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                if victim == EVERYTHING:
                    os.killpg(snakemake.pid, number)
                else:
                    target.send_signal(number)
                self.kills[victim, number.name] += 1
        else:
            self.within[victim] *= SOONER
        snakemake.wait(timeout=600)
        return met

    def _job(self, snakemake: psutil.Process, rule: str) -> psutil.Process | None:
        """A running job of ``rule``, as soon as there is one."""
        while snakemake.is_running() and snakemake.status() != psutil.STATUS_ZOMBIE:
            with contextlib.suppress(psutil.NoSuchProcess):
                jobs = [child for child in snakemake.children(recursive=True) if _is(child, rule)]
                if jobs:
                    return self.random.choice(jobs)
            time.sleep(0.02)
        return None

    def _wait(self, target: psutil.Process, victim: str) -> bool:
        """Wait a random time; return whether ``target`` is still alive."""
        time.sleep(self.random.uniform(0, self.within[victim]))
        return target.is_running() and target.status() != psutil.STATUS_ZOMBIE


def _is(process: psutil.Process, rule: str) -> bool:
    """Whether ``process`` is Python (not the shell that started it) working on ``rule``."""
    with contextlib.suppress(psutil.NoSuchProcess):
        words = process.cmdline()
        return words[1:4] == ["-m", "transient_ridge", STAGES[rule]]
    return False


def contents(results: Path) -> dict[str, pa.Table]:
    """The contents of every table, without provenance."""
    return {
        str(path.relative_to(results)): pq.read_table(path).replace_schema_metadata(None)
        for path in sorted(results.rglob("*.parquet"))
    }


def checkpoints(results: Path) -> dict[str, bytes]:
    """All kept weights."""
    return {
        str(path.relative_to(results)): path.read_bytes()
        for path in sorted(results.rglob("runs/*/checkpoints/*.safetensors"))
    }


def leftovers(results: Path) -> list[str]:
    """Partial files, locks and saved states; none should outlive a finished run."""
    names = [str(path.relative_to(results)) for path in results.rglob("*") if path.is_file()]
    pattern = r"\.partial$|\.handover$|scratch/|/\.[^/]*\.lock$"
    return [name for name in names if re.search(pattern, name)]
