"""One training run: optimise, keep checkpoints, survive being killed.

The batch of a step is a pure function of the seeds and the step, so parameters, optimiser moments and the
curve so far are the whole state. It is saved every few seconds and on SIGTERM or SIGINT; a run that is
killed at any moment and started again ends with the same bits as an undisturbed one. A job that finds its run
still being trained, by the orphan of a killed Snakemake, takes it over.
"""

import math
import os
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from . import checkpoints, tables
from .compute import autocast, device_name
from .errors import CheckpointError, DivergenceError
from .optimisation import clip_gradients, make_optimisers, rate_factor, set_rates
from .progress import Progress
from .provenance import collect
from .runs import Run
from .schedule import checkpoint_steps
from .settings import CheckpointSettings, DataSettings, ModelSettings, TrainingSettings
from .storage import complete_file, handover_requested, only_writer
from .tasks import Sequences, SequenceSource
from .transformer import Transformer, initialise

#: Updates per row of the training curve.
CURVE_EVERY = 50
#: A mean loss of this many times that of predicting zero, D + sigma^2, counts as divergence.
DIVERGED = 100.0

STATE_FILE = "state.safetensors"
LOCK_FILE = "lock"

#: Seconds between two looks whether another job wants to take over, and those that it waits for the state.
LOOK_EVERY = 1.0
PATIENCE = 120.0
#: Seconds that the Snakemake of a job on a cluster has to tidy up after it was made to hand over: it deletes the
#: outputs of what it takes for a failure, which must not be those of the successor.
AFTERMATH = 3.0


@dataclass
class Outputs:
    """Where a run's artefacts go: a folder of weights, its manifest, and the training curve."""

    weights: Path
    manifest: Path
    curve: Path


@dataclass
class Curve:
    """Mean loss, gradient norm and rate factor at every ``CURVE_EVERY``-th step."""

    rows: list[tuple[int, float, float, float]] = field(default_factory=list)

    def table(self, run: Run) -> dict[str, list[Any]]:
        """Columns of the table ``training``."""
        step, loss, norm, rate = zip(*self.rows, strict=True) if self.rows else ((),) * 4
        return {
            "task_diversity": [run.task_diversity] * len(step),
            "seed": [run.seed] * len(step),
            "step": list(step),
            "loss": list(loss),
            "gradient_norm": list(norm),
            "rate_factor": list(rate),
        }


class Interrupted(Exception):  # noqa: N818 - not an error: the state is saved and the run can go on
    """The process was asked to stop; ``signal`` says how."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}; the state is saved")
        self.signal = number


class Trainer:
    """The state of one run and how it advances."""

    def __init__(self, run: Run, settings: Mapping[str, Any], device: torch.device) -> None:
        """``settings`` holds the configuration's seed, data, model, training and checkpoints."""
        self.run, self.device = run, device
        self.data = DataSettings.of(settings["data"])
        self.training = TrainingSettings.of(settings["training"])
        self.model = Transformer(self.data.dimension, ModelSettings.of(settings["model"]))
        initialise(self.model, settings["seed"], run.seed)
        self.model.to(device)
        self.source = SequenceSource(settings["seed"], self.data, run.task_diversity)
        self.parameters: dict[str, Tensor] = dict(self.model.named_parameters())
        self.optimisers = make_optimisers(self.parameters, self.training)
        self.step = 0
        self.curve = Curve()
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=device)

    def update(self) -> None:
        """One optimiser update on the batch of the current step."""
        batch: Sequences = self.source.training_batch(
            self.run.seed, self.step, self.training.batch_size
        ).to(self.device)
        set_rates(self.optimisers, self.training, self.step)
        with autocast(self.device, self.training.precision):
            loss = (self.model(batch.x, batch.y).float() - batch.y).square().mean()
        for optimiser in self.optimisers:
            optimiser.zero_grad()
        loss.backward()
        last_of_row = (self.step + 1) % CURVE_EVERY == 0
        norm = self._gradient_norm() if last_of_row else math.nan
        clip_gradients(self.parameters.values(), self.training.gradient_clip)
        for optimiser in self.optimisers:
            optimiser.step()
        self.loss_sum += loss.detach()
        self.step += 1
        if last_of_row:
            self._close_row(norm)

    def _gradient_norm(self) -> float:
        gradients = [p.grad for p in self.parameters.values() if p.grad is not None]
        return float(torch.nn.utils.get_total_norm(gradients))

    def _close_row(self, norm: float) -> None:
        # Only here is the loss read back, so that a GPU is not made to wait at every step.
        mean = float(self.loss_sum) / CURVE_EVERY
        self.loss_sum.zero_()
        limit = DIVERGED * (self.data.dimension + self.data.noise_variance)
        if not mean < limit:
            raise DivergenceError(
                f"run {self.run.name}: the mean training loss is {mean:.4g} at step {self.step} (limit "
                f"{limit:.4g}); lower training.learning_rate = {self.training.learning_rate} or "
                f"training.muon_learning_rate = {self.training.muon_learning_rate}, or set "
                f"training.gradient_clip (now {self.training.gradient_clip})"
            )
        self.curve.rows.append((self.step, mean, norm, rate_factor(self.training, self.step - 1)))

    def save_state(self, folder: Path) -> None:
        """Write everything that the next step depends on, in one file."""
        tensors = {f"parameter/{name}": p.detach() for name, p in self.parameters.items()}
        tensors |= self._optimiser_tensors()
        tensors["curve"] = torch.tensor(self.curve.rows, dtype=torch.float64).reshape(-1, 4)
        tensors["loss_sum"] = self.loss_sum
        tensors["step"] = torch.tensor(self.step)
        with complete_file(folder / STATE_FILE) as partial:
            safetensors.torch.save_file(
                {name: t.cpu().contiguous() for name, t in tensors.items()}, partial
            )

    def load_state(self, folder: Path) -> None:
        """Continue from the state in ``folder``, if there is one."""
        path = folder / STATE_FILE
        if not path.exists():
            return
        try:
            tensors = safetensors.torch.load_file(path, device=str(self.device))
        except safetensors.SafetensorError as error:
            raise CheckpointError(
                f"{path}: damaged training state ({error}); delete it to start the run afresh"
            ) from error
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(tensors[f"parameter/{name}"])
        self._load_optimisers(tensors)
        rows = tensors["curve"].cpu().tolist()
        self.curve = Curve([(int(step), loss, norm, rate) for step, loss, norm, rate in rows])
        self.loss_sum = tensors["loss_sum"].to(self.device)
        self.step = int(tensors["step"])

    def _optimiser_tensors(self) -> dict[str, Tensor]:
        names: dict[Tensor, str] = {p: name for name, p in self.parameters.items()}
        return {
            f"optimiser/{names[parameter]}/{key}": value
            for optimiser in self.optimisers
            for parameter, state in optimiser.state.items()
            for key, value in state.items()
        }

    def _load_optimisers(self, tensors: Mapping[str, Tensor]) -> None:
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                for parameter in group["params"]:
                    name = next(n for n, p in self.parameters.items() if p is parameter)
                    prefix = f"optimiser/{name}/"
                    optimiser.state[parameter] = {
                        key.removeprefix(prefix): value
                        for key, value in tensors.items()
                        if key.startswith(prefix)
                    }


def train(
    run: Run,
    settings: Mapping[str, Any],
    outputs: Outputs,
    *,
    scratch: Path,
    device: torch.device,
    state_seconds: float,
) -> None:
    """Train ``run`` and write its checkpoints, manifest and curve.

    ``scratch`` belongs to this run, these settings and this code; it holds the state between attempts and is
    removed at the end. ``state_seconds`` is the longest time of work that a kill can cost.
    Raises DivergenceError if the loss explodes, Interrupted after a SIGTERM or SIGINT or if another process takes
    over, StorageError if one holds the run and does not let go.
    """
    began = time.monotonic()
    with only_writer(scratch / LOCK_FILE, PATIENCE) as waited, _stop_requests() as stop:
        if waited and _finished(outputs, settings):
            shutil.rmtree(scratch)
            return
        if waited:
            time.sleep(AFTERMATH)
        trainer = Trainer(run, settings, device)
        steps = checkpoint_steps(
            CheckpointSettings.of(settings["checkpoints"]), trainer.training.steps
        )
        trainer.load_state(scratch)
        resumed_at = trainer.step
        if not _holds_weights(scratch / "weights", [s for s in steps if s < trainer.step]):
            trainer, resumed_at = Trainer(run, settings, device), 0
        _advance(trainer, set(steps), scratch, state_seconds, stop)
        provenance = collect(
            settings,
            run=run.name,
            device=device_name(device),
            resumed_at_step=resumed_at,
            seconds_of_last_attempt=time.monotonic() - began,
        )
        _publish(scratch / "weights", outputs.weights)
        tables.write(outputs.curve, "training", trainer.curve.table(run), provenance)
        checkpoints.write_manifest(outputs.manifest, outputs.weights, steps, provenance)
        shutil.rmtree(scratch)


def _finished(outputs: Outputs, settings: Mapping[str, Any]) -> bool:
    """Whether the process that was waited for has finished the run instead of handing it over."""
    try:
        kept = checkpoints.Checkpoints(outputs.manifest, outputs.weights, settings)
    except CheckpointError:
        return False
    return _holds_weights(outputs.weights, kept.steps) and outputs.curve.exists()


def _holds_weights(folder: Path, steps: list[int]) -> bool:
    return all((folder / checkpoints.file_name(step)).exists() for step in steps)


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


def _advance(
    trainer: Trainer,
    keep: set[int],
    scratch: Path,
    state_seconds: float,
    stop: list[int],
) -> None:
    weights = scratch / "weights"
    weights.mkdir(exist_ok=True)
    total = trainer.training.steps
    progress = Progress(f"train {trainer.run.name}", total, trainer.step)
    saved = looked = time.monotonic()
    while True:
        if time.monotonic() - looked > LOOK_EVERY:
            looked = time.monotonic()
            if handover_requested(scratch / LOCK_FILE):
                stop.append(signal.SIGTERM)
        if trainer.step in keep and not (weights / checkpoints.file_name(trainer.step)).exists():
            checkpoints.save(weights, trainer.step, trainer.parameters)
        if stop or time.monotonic() - saved > state_seconds or trainer.step == total:
            trainer.save_state(scratch)
            saved = time.monotonic()
        if stop:
            raise Interrupted(stop[0])
        if trainer.step == total:
            break
        trainer.update()
        if trainer.curve.rows:
            progress.update(trainer.step, {"loss": trainer.curve.rows[-1][1]})
    progress.close()


@contextmanager
def _stop_requests() -> Iterator[list[int]]:
    """Collect SIGTERM and SIGINT in a list, to be acted on between two steps."""
    received: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        received.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
