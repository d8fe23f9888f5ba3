"""One training run: optimise, keep checkpoints, survive a kill.

The batch of a step is a pure function of the seeds and the step, so parameters, optimiser moments and the curve so far
are the whole state. It is saved every few seconds and on SIGTERM or SIGINT; a run that is killed at any moment and
started again ends with the same bits as an undisturbed one. If the orphan of a killed Snakemake is still training a
run, the run's new job takes it over.
"""

import os
import shutil
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType

import torch

from ..artefacts.files import discard
from ..artefacts.locks import handover_requested, only_writer
from ..artefacts.provenance import collect
from ..config.runs import Run
from ..config.settings import TrainedBy
from ..errors import CheckpointError, Interrupted
from ..model.device import device_name, prepare
from ..progress import Progress
from ..stage import stage
from . import checkpoints
from .cohort import Cohort, Member, lock_of
from .trainer import WEIGHTS, Trainer

#: Seconds between checks whether another job wants to take over.
LOOK_EVERY = 1.0
#: Seconds that such a job waits for the state.
PATIENCE = 120.0
#: Seconds that the successor waits for the clean-up of the other Snakemake: that one takes the job that handed over for
#: a failure and deletes its outputs, which must not yet be the successor's.
CLEANUP_GRACE = 3.0


#: Where a run's artefacts go: a folder of ``weights``, its ``manifest``, and the table ``training``.
Targets = Mapping[str, Path]


@stage("weights", "manifest", "training", by_itself=True)
def train(
    run: Run,
    trained_by: TrainedBy,
    targets: Targets,
    scratch: Path,
    device: torch.device,
    state_seconds: float,
    cohort: Sequence[str] = (),
) -> None:
    """Train ``run``: its checkpoints, their manifest and the training curve.

    ``scratch`` belongs to this run, these settings and this code; it holds the state between attempts and is removed at
    the end. A kill costs at most ``state_seconds`` of work. Pending runs among ``cohort`` advance along with this one
    (see :mod:`transient_ridge.training.cohort`). Raises DivergenceError if the loss explodes, Interrupted after a
    SIGTERM or SIGINT or if another process takes over, StorageError if another process holds the run and does not let
    go.
    """
    began = time.monotonic()
    prepare(device, trained_by.training.precision, torch.get_num_threads())
    with only_writer(lock_of(scratch), PATIENCE) as waited, _stop_requests() as stop:
        if waited and _finished(targets, trained_by):
            discard(scratch)
            return
        if waited:
            time.sleep(CLEANUP_GRACE)
        trainer = Trainer(run, trained_by, device)
        trainer.load_state(scratch)
        resumed_at = trainer.step
        with closing(Cohort(Member(trainer, scratch))) as together:
            if trainer.step < trainer.training.steps:
                together.invite(map(Run.parse, cohort), trained_by, targets["manifest"])
            _advance(together, state_seconds, stop)
        provenance = collect(
            trained_by.stated(),
            run=run.name,
            device=device_name(device),
            scratch=scratch.name,
            stacked=trainer.stacked,
            resumed_at_step=resumed_at,
            seconds_of_last_attempt=time.monotonic() - began,
        )
        _publish(scratch / WEIGHTS, targets["weights"])
        trainer.curve.rows(run).save(targets["training"], provenance)
        steps = trainer.checkpoint_steps
        checkpoints.write_manifest(targets["manifest"], targets["weights"], steps, provenance)
        discard(scratch)


def _finished(targets: Targets, trained_by: TrainedBy) -> bool:
    """Whether the other process has finished the run instead of handing it over."""
    try:
        kept = checkpoints.Checkpoints(targets["manifest"], targets["weights"], trained_by)
    except CheckpointError:
        return False
    return checkpoints.all_there(targets["weights"], kept.steps) and targets["training"].exists()


def _publish(source: Path, target: Path) -> None:
    """Make ``target`` a copy of the folder ``source``, all at once and (by hard links) at no cost.

    The scratch copy stays until every output is in place, so that no kill can lose finished work.
    """

    def link(old: str, new: str) -> None:
        try:
            os.link(old, new)
        except OSError:  # a file system without hard links
            shutil.copy2(old, new)

    partial = target.with_name(f".{target.name}.partial")
    for leftover in (partial, target):
        if leftover.exists():
            shutil.rmtree(leftover)
    partial.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(source, partial, copy_function=link)
    partial.rename(target)


def _advance(together: Cohort, state_seconds: float, stop: list[int]) -> None:
    own = together.own
    total = own.trainer.training.steps
    more = f" and {len(together.companions)} more" if together.companions else ""
    progress = Progress(f"train {own.trainer.run.name}{more}", total, own.trainer.step)
    saved = looked = time.monotonic()
    while True:
        if time.monotonic() - looked > LOOK_EVERY:
            looked = time.monotonic()
            if handover_requested(lock_of(own.scratch)):
                stop.append(signal.SIGTERM)
            together.hand_over()
        for member in together.members:
            member.trainer.keep_checkpoint(member.scratch)
        done = own.trainer.step == total
        if stop or done or time.monotonic() - saved > state_seconds:
            for member in together.members:
                member.save()
            saved = time.monotonic()
        if stop:
            raise Interrupted(stop[0])
        if done:
            break
        together.update()
        if own.trainer.curve.points:
            progress.update(own.trainer.step, {"loss": own.trainer.curve.points[-1][1]})
    progress.close()


@contextmanager
def _stop_requests() -> Iterator[list[int]]:
    """Collect SIGTERM and SIGINT in a list; the loop acts on them between two steps."""
    received: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        received.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
