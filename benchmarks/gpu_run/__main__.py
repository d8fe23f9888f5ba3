"""Train and measure a stack of runs on this machine's GPU for so many minutes.

Writes at most eight files of 16 MiB into --out; ``python -m benchmarks.gpu_run.home`` makes results of them. Without a
GPU it runs on the CPU, where only --small makes sense.
"""

import argparse
import os
import shutil
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import torch

from benchmarks import gpu_check
from transient_ridge.artefacts.provenance import collect
from transient_ridge.config import sizing
from transient_ridge.model.device import device_name, prepare, select_device
from transient_ridge.training.trainer import Trainer

from .batches import FedStack
from .engines import ENGINES, engine
from .measuring import (
    CHAINS,
    Clock,
    chains_of,
    code_of,
    measure,
    measured_runs,
    seal,
    stages_of_weights,
)
from .parcel import Parcel
from .plan import Plan
from .timing import Timing, fastest, time_engines
from .training import Training

#: What can be trained: the preset, and the name of its results.
PRESETS = {"paper": ("paper-partial", "paper-partial"), "draws": ("draws", "draws-gpu")}
#: Checkpoints of nine minutes; fewer for less time, and where predictions would take more bytes than this.
CHECKPOINTS, MOST_PREDICTIONS = 120, 32 << 20
#: The share of the time that is kept for measurements, and that is spent on timing each engine.
MEASURING, TIMING = 0.25, 0.02
#: Where weights lie until they are measured: in memory, if there is such a place.
MEMORY = Path("/dev/shm")
#: The measurements that are left out if there is no time for all of them, by the section whose `steps` ask for them.
OPTIONAL = {"llc": CHAINS, "spectrum": ("llc.stages.spectrum", "llc.stages.spectrum_on_tasks")}


class GpuRun:
    """One call: a plan, trained and measured within the time that is given."""

    def __init__(self, plan: Plan, asked: argparse.Namespace) -> None:
        self.plan, self.asked, self.clock = plan, asked, Clock(60 * asked.minutes)
        self.device = select_device(asked.device)
        self.precision = plan.members[0].trained_by.training.precision
        self.workers = asked.workers
        self.parcel = Parcel()
        self.facts = self.parcel.facts
        self.threads = torch.get_num_threads()

    def run(self) -> None:
        """Train, measure, and write what there is, whatever happens after training."""
        self._note_environment()
        timings = self._time()
        with tempfile.TemporaryDirectory(dir=self._roomy()) as scratch:
            self._train(fastest(timings), Path(scratch))
            try:
                self._measure(Path(scratch))
            except Exception:
                self.facts["fault"] = traceback.format_exc()
                raise
            finally:
                self._write()

    def _roomy(self) -> Path | None:
        """The folder that is memory, if the weights fit into it; else the usual place."""
        needed = len(self.plan.members) * sizing.weights_bytes(
            next(iter(self.plan.resolved.values()))
        )
        roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 1.2 * needed
        return MEMORY if roomy else None

    def _stack(self) -> FedStack:
        members = self.plan.members
        return FedStack(
            [Trainer(each.run, each.trained_by, self.device) for each in members], self.workers
        )

    def _note_environment(self) -> None:
        self.facts["environment"] = collect({}, device=device_name(self.device))
        self.facts["code"] = code_of(self.plan)
        self.facts["asked"] = {name: str(value) for name, value in vars(self.asked).items()}

    def _time(self) -> list[Timing]:
        """Time the engines, and what the device makes of matrix products alone."""
        prepare(self.device, self.precision, self.threads)
        # Memory that is not initialised is not read either.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        whole, checkpoints = self.plan, self._checkpoints()
        self.plan = whole.lasting(10_000, checkpoints)
        timings = time_engines(self.asked.engines, self._stack, TIMING * 60 * self.asked.minutes)
        self.clock.note("timing")
        best = fastest(timings)
        seconds = self.clock.left() - MEASURING * 60 * self.asked.minutes
        self.plan = whole.lasting(max(100, int(seconds / (best.seconds or 1))), checkpoints)
        ceiling = gpu_check.ceiling(self.device, self.precision, 256 if self.asked.small else 8192)
        prepare(self.device, self.precision, self.threads)
        config = next(iter(self.plan.resolved.values()))
        flops = len(self.plan.members) * gpu_check.flops_per_step(config)
        self.facts["speed"] = {
            "engines": [vars(each) for each in timings],
            "flop_of_a_stacked_step": flops,
            "ceiling_tflop_per_s": ceiling,
            "share_of_ceiling": flops / (best.seconds or 1) / 1e12 / ceiling,
            "run_steps_per_s": len(self.plan.members) / (best.seconds or 1),
        }
        for each in timings:
            print(each, file=sys.stderr)
        return timings

    def _checkpoints(self) -> int:
        """About how many are kept."""
        config = next(iter(self.plan.resolved.values()))
        values = config["evaluation"]["root_task_sequences"] * config["data"]["context_length"]
        most = MOST_PREDICTIONS // (2 * values * len(self.plan.members))
        return int(min(most, self.asked.checkpoints, max(10, CHECKPOINTS * self.asked.minutes / 9)))

    def _train(self, best: Timing, scratch: Path) -> None:
        deadline = self.clock.end - MEASURING * 60 * self.asked.minutes
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        stack = self._stack()
        training = Training(self.plan, stack, engine(best.engine, stack), scratch, deadline)
        training.run()
        self.clock.note("training")
        self.plan = training.plan
        memory = torch.cuda.max_memory_allocated() / 1e9 if self.device.type == "cuda" else None
        self.facts["speed"] |= {
            "engine": best.engine,
            "seconds_of_a_step": self.clock.spent["training"] / stack.step,
            "memory_gb": memory,
        }
        self.facts["diverged"] = training.diverged
        facts = {"device": device_name(self.device), "stacked": len(stack.trainers)}
        for trainer, member in zip(stack.trainers, self.plan.members, strict=True):
            if member.name not in training.diverged:
                self.parcel.add(member.name, "training.train", trainer.curve.rows(member.run))
                self.parcel.weights[member.name] = trainer.averages or trainer.parameters
                seal(member, scratch, **facts)
        lost = {m.run.task_diversity for m in self.plan.members if m.name in training.diverged}
        self.plan = self.plan.without(lost)

    def _measure(self, scratch: Path) -> None:
        prepare(self.device, "float32", self.threads)
        optional = {name for names in OPTIONAL.values() for name in names}
        for name in stages_of_weights():
            if name not in optional:
                for member in measured_runs(self.plan, name):
                    for rows in measure(self.plan, member, name, scratch, self.device):
                        self.parcel.add(member.name, name, rows)
                self.clock.note(name)
        self._leave_out(list(OPTIONAL))
        self._write()
        left_out = [
            section for section, names in OPTIONAL.items() if not self._measured(names, scratch)
        ]
        self._leave_out(left_out)

    def _measured(self, names: tuple[str, ...], scratch: Path) -> bool:
        """Whether there was time for all the optional measurements ``names``."""
        work = [(name, member) for name in names for member in measured_runs(self.plan, name)]
        longest = 0.0
        for done, (name, member) in enumerate(work):
            if longest * (len(work) - done) > self.clock.left():
                return False
            began = self.clock.left()
            if name in CHAINS:
                for at, found in chains_of(self.plan, member, name, scratch, self.device):
                    self._keep_chains(f"{member.name}/{name}/{at}", found)
            else:
                for rows in measure(self.plan, member, name, scratch, self.device):
                    self.parcel.add(member.name, name, rows)
            longest = max(longest, began - self.clock.left())
            self.clock.note(name)
        return True

    def _keep_chains(self, key: str, found: dict[str, torch.Tensor] | str) -> None:
        if isinstance(found, str):
            self.facts.setdefault("chains_diverged", {})[key] = found
        else:
            self.parcel.tensors |= {f"{key}/{name}": each for name, each in found.items()}

    def _leave_out(self, sections: list[str]) -> None:
        self.facts["left_out"] = sections
        plan = self.plan.changed(**{section: {"steps": []} for section in sections})
        self.facts["config"] = dict(plan.stated)

    def _write(self) -> None:
        self.facts["seconds"] = self.clock.spent
        self.parcel.write(self.asked.out)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_run", description=__doc__)
    add: Any = parser.add_argument
    add("--minutes", type=float, required=True, help="all of it, from start to end")
    add("--out", type=Path, required=True, help="folder of what comes back")
    add("--draws", action="store_true", help="the preset draws: several draws of a small model")
    add("--preset", help="another preset to train")
    add(
        "--precision",
        choices=gpu_check.PRECISIONS,
        default="bf16",
        help="of matrix products in training",
    )
    add(
        "--engines",
        nargs="+",
        choices=list(ENGINES),
        default=list(ENGINES),
        help="those to choose from",
    )
    add("--checkpoints", type=int, default=CHECKPOINTS, help="about so many at most")
    add("--workers", type=int, default=max(0, min(12, (os.cpu_count() or 1) - 3)),
        help="processes that draw batches")  # fmt: skip
    add("--device", default="auto", choices=["auto", "cpu", "cuda"])
    add("--small", action="store_true", help="tiny models: see whether it runs")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Run what the command line asks for."""
    asked = parse(arguments)
    preset, name = PRESETS["draws" if asked.draws else "paper"]
    if asked.preset:
        preset, name = asked.preset, f"{asked.preset}-gpu"
    plan = Plan.of(preset, f"{name}-small" if asked.small else name, small=asked.small)
    GpuRun(plan.changed(training={"precision": asked.precision}), asked).run()


if __name__ == "__main__":
    main()
