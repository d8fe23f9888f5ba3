"""Every measurement that the workflow makes of weights, by its own stages."""

import math
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import torch

from transient_ridge import stage
from transient_ridge.artefacts.fingerprints import fingerprint
from transient_ridge.artefacts.provenance import collect
from transient_ridge.artefacts.schemas import TABLES
from transient_ridge.artefacts.tables import Rows
from transient_ridge.config import asked, configuration
from transient_ridge.config.registries import name_of
from transient_ridge.config.settings import LlcSettings
from transient_ridge.errors import ChainDivergedError
from transient_ridge.llc.estimator import Estimator
from transient_ridge.places import file_of
from transient_ridge.training import checkpoints
from transient_ridge.training.trainer import WEIGHTS

from .chains import run_chains
from .plan import Member, Plan

#: The stages whose chains are run here and judged at home.
CHAINS = ("llc.stages.llc", "llc.stages.llc_on_tasks")


@cache
def stages_of_weights() -> tuple[str, ...]:
    """The stages that measure checkpoints without being asked for by name, the one of all checkpoints first."""
    found = [name for name in stage.stages() if name not in CHAINS and _of_weights(name)]
    return tuple(sorted(found, key=lambda name: name != "analysis.evaluate"))


def _of_weights(name: str) -> bool:
    function = stage.function_of(name)
    given = {argument.arg for argument in function.args.args}
    return {"manifest", "weights"} <= given and not any(
        TABLES[table].on_request for table in written(name)
    )


def written(name: str) -> list[str]:
    """The tables that the stage ``name`` writes."""
    _, call = next(stage.decorations(file_of(name), "stage"))
    return [argument.value for argument in call.args]  # type: ignore[attr-defined]


def measured_runs(plan: Plan, name: str) -> list[Member]:
    """The members that the stage ``name`` measures."""
    table = TABLES[written(name)[0]]
    runs = {variant: set(table.runs(config)) for variant, config in plan.resolved.items()}
    return [each for each in plan.members if each.run.name in runs[each.variant]]


def seal(member: Member, folder: Path, **facts: Any) -> None:
    """Write the manifest of the checkpoints of ``member``, below ``folder``."""
    files = _files(folder, member.name)
    record = collect(member.trained_by.stated(), run=member.run.name, **facts)
    checkpoints.write_manifest(files["manifest"], files["weights"], member.schedule, record)


def measure(
    plan: Plan, member: Member, name: str, folder: Path, device: torch.device
) -> tuple[Rows, ...]:
    """The tables that the stage ``name`` makes of ``member``, whose checkpoints lie below ``folder``."""
    found, resolved = stage.load(name), plan.resolved[member.variant]
    given = {**_measured(member, name, folder), "run": member.run, "device": device}
    given |= asked.values(found.settings, configuration.pick(resolved, asked.keys_of(name)))
    made = found.compute(**{each: given[each] for each in found.parameters})
    return made if isinstance(made, tuple) else (made,)


def _files(folder: Path, member: str) -> dict[str, Path]:
    """Where a trainer keeps its weights, and their manifest."""
    return {"weights": folder / member / WEIGHTS, "manifest": folder / member / "checkpoints.json"}


def _measured(member: Member, name: str, folder: Path) -> dict[str, Path]:
    """Manifest and weights: of the run itself, or of its M = infinity run for what is measured on a run's tasks."""
    run = member.run
    if written(name)[0].endswith("_on_tasks"):
        run = run._replace(task_diversity=math.inf)
    return _files(folder, member._replace(run=run).name)


def chains_of(
    plan: Plan, member: Member, name: str, folder: Path, device: torch.device
) -> Iterator[tuple[str, dict[str, torch.Tensor] | str]]:
    """By step and component: what the chains of the stage ``name`` find, or the fault if one diverged."""
    resolved = plan.resolved[member.variant]
    llc = LlcSettings.of(resolved["llc"])
    files = _measured(member, name, folder)
    kept = checkpoints.Checkpoints(files["manifest"], files["weights"], member.trained_by)
    on_tasks = name.endswith("_on_tasks")
    run = member.run._replace(task_diversity=math.inf) if on_tasks else member.run
    estimator = Estimator(run, member.trained_by, llc, kept, device)
    for step in kept.steps[-1:] if on_tasks else resolved["llc"]["steps"]:
        posterior = estimator.posterior(step, member.run)
        for component in ("all",) if on_tasks else llc.components:
            try:
                yield f"{step}/{component}", run_chains(estimator, posterior, component)
            except ChainDivergedError as error:
                yield f"{step}/{component}", str(error)


def code_of(plan: Plan) -> dict[str, str]:
    """Fingerprints of the code behind training and every measurement."""
    config = next(iter(plan.resolved.values()))
    entries = [
        f"training.optimisers.{name_of(config['training']['optimiser'])}",
        f"training.schedules.{name_of(config['training']['schedule'])}",
    ]
    names = ("training.train", *stages_of_weights(), *CHAINS)
    return {name: fingerprint(name, *entries) for name in names}


class Clock:
    """Seconds since the start, and what is left of those that were given."""

    def __init__(self, seconds: float) -> None:
        self._began, self.end = time.monotonic(), time.monotonic() + seconds
        #: What was done -> seconds that it took.
        self.spent: dict[str, float] = {}

    def left(self) -> float:
        """Seconds left."""
        return self.end - time.monotonic()

    def note(self, what: str) -> None:
        """All since the note before was spent on ``what``."""
        now = time.monotonic()
        self.spent[what] = self.spent.get(what, 0.0) + now - self._began
        self._began = now
