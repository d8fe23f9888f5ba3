"""The runs that one process advances: that of its own job, and others of its cohort whose jobs have yet to start.

Snakemake sees one job per run, with separate outputs, settings and fingerprint, so that each run has its own staleness,
failure and provenance. A job may advance the *pending* runs of its cohort along with its own, each in the folder where
that run's job will look for its state: when that job starts, it finds the run finished and only publishes it. The job
does not touch a run that is published, that another process holds, or that is at another step.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..artefacts.locks import Held, handover_requested, try_lock
from ..artefacts.provenance import read_beside
from ..config.runs import Run
from ..config.settings import TrainedBy
from .stack import Stack
from .step import take_step
from .trainer import Trainer


def lock_of(scratch: Path) -> Path:
    """The lock of the run whose state is in ``scratch``: beside that folder, which is deleted under the lock."""
    return scratch.with_name(f"{scratch.name}.lock")


@dataclass
class Member:
    """A run and the folder of its state; ``lock`` is held for all but the job's own run."""

    trainer: Trainer
    scratch: Path
    lock: Held | None = None

    def save(self) -> None:
        """Write everything that the run's next step depends on."""
        self.trainer.save_state(self.scratch)

    def release(self) -> None:
        """Leave the run to its own job."""
        if self.lock is not None:
            self.lock.release()


class Cohort:
    """A job's own run and its companions, all at one step."""

    def __init__(self, own: Member) -> None:
        self.own = own
        self.companions: list[Member] = []
        self._stack = Stack([own.trainer])

    def close(self) -> None:
        """Leave every companion to its own job."""
        for member in self.companions:
            member.release()

    @property
    def members(self) -> list[Member]:
        """The job's own run first."""
        return [self.own, *self.companions]

    def invite(self, runs: Iterable[Run], settings: TrainedBy, manifest: Path) -> None:
        """Take along those of ``runs`` that are pending, free and at the same step.

        ``settings`` are those of every run of the cohort; ``manifest`` is the path of the own run's, which determines
        the paths of the others.
        """
        own = self.own.trainer
        for run in runs:
            scratch = _of(self.own.scratch, own.run, run)
            if run == own.run or published(_of(manifest, own.run, run), scratch):
                continue
            lock = try_lock(lock_of(scratch))
            if lock is None:
                continue
            member = Member(Trainer(run, settings, own.device), scratch, lock)
            member.trainer.load_state(scratch)
            if member.trainer.step == own.step:
                self.companions.append(member)
            else:
                member.release()
        self._restack()

    def update(self) -> None:
        """One optimiser update of every member. A companion that diverges is left to its own job, which will report it.

        Raises DivergenceError if the own run does, after the companions' states are saved.
        """
        diverged = dict(take_step(self._stack))
        lost = [member for member in self.companions if member.trainer in diverged]
        for member in lost:
            print(f"left to its own job: {diverged[member.trainer]}", file=sys.stderr)
            self._drop(member)
        if self.own.trainer in diverged:
            for member in self.companions:
                member.save()
            raise diverged[self.own.trainer]
        if lost:
            self._restack()

    def hand_over(self) -> None:
        """Save and leave the companions that another job waits for."""
        asked = [m for m in self.companions if handover_requested(lock_of(m.scratch))]
        for member in asked:
            member.save()
            self._drop(member)
        if asked:
            self._restack()

    def _drop(self, member: Member) -> None:
        self.companions.remove(member)
        member.release()

    def _restack(self) -> None:
        self._stack = Stack([member.trainer for member in self.members])


def published(manifest: Path, scratch: Path) -> bool:
    """Whether ``manifest`` belongs to the run that keeps its state in ``scratch``: the same settings and code.

    The record beside the manifest shows it; the manifest is the same for all code that trains the same weights.
    """
    record = read_beside(manifest) or {}
    return manifest.exists() and record.get("scratch") == scratch.name


def _of(path: Path, run: Run, other: Run) -> Path:
    """``path``, which belongs to ``run``, rewritten for ``other``: a folder's name is its run or begins with it."""
    parts = [
        other.name + part.removeprefix(run.name)
        if part == run.name or part.startswith(f"{run.name}-")
        else part
        for part in path.parts
    ]
    return Path(*parts)
