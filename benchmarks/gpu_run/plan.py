"""What is trained: a preset, with as many steps as there is time for."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from transient_ridge.config import configuration, grid, presets
from transient_ridge.config.registries import name_of
from transient_ridge.config.runs import Run
from transient_ridge.config.schedule import checkpoint_steps
from transient_ridge.config.settings import TrainedBy
from transient_ridge.config.validation import validate

#: Laid over a preset to see whether everything runs.
SMALL: Mapping[str, Any] = {
    "data": {"dimension": 2, "context_length": 3},
    "model": {"d_model": 16, "d_mlp": 16, "heads": 2},
    "training": {"batch_size": 8, "average": {"decay": 0.9}},
    "evaluation": {"sequences": 64, "root_task_sequences": 16},
    "pca": {"sequences": 16},
    "pca_robustness": {"sequences": [4, 8, 16]},
    "llc": {
        "chains": 2, "burn_in": 10, "draws": 20, "minibatch": 16, "sequences": 128, "limits": {"relaxations": None},
    },
    "spectrum": {"sequences": 64},
}  # fmt: skip


class Member(NamedTuple):
    """One run of one variant."""

    variant: str
    run: Run
    trained_by: TrainedBy

    @property
    def name(self) -> str:
        """Its name among all members, and its folder."""
        return f"{self.variant}/{self.run.name}"

    @property
    def schedule(self) -> list[int]:
        """The steps of its checkpoints."""
        return checkpoint_steps(self.trained_by.checkpoints, self.trained_by.training.steps)


@dataclass(frozen=True)
class Plan:
    """A valid configuration, not yet resolved, whose variants differ in no more than root seed and grid."""

    stated: dict[str, Any]

    @classmethod
    def of(cls, preset: str, name: str, *, small: bool = False) -> "Plan":
        """The plan of ``preset``, whose results go to results/<name>.

        Raises ConfigError if there is no such preset, ValueError if its variants cannot be stacked or its schedule is
        not wsd.
        """
        stated = configuration.overlay(presets.read(preset), SMALL if small else {})
        # Checkpoints are measured and then lost.
        plan = cls({**stated, "preset": name, "keep_weights": False})
        validate(plan.stated)
        settings = [member.trained_by for member in plan.members]
        if name_of(settings[0].training.schedule) != "wsd":
            raise ValueError(
                f"{preset}: only with training.schedule = wsd can training end when the time does"
            )
        for part in ("data", "model", "training"):
            if any(getattr(each, part) != getattr(settings[0], part) for each in settings):
                raise ValueError(f"{preset}: its variants differ in {part}, and cannot be stacked")
        return plan

    @cached_property
    def resolved(self) -> Mapping[str, Mapping[str, Any]]:
        """The configuration of every variant."""
        return {name: configuration.resolve(self.stated, name) for name in self.stated["variants"]}

    @cached_property
    def members(self) -> list[Member]:
        """All runs of all variants."""
        return [
            Member(variant, run, configuration.trained_by(config))
            for variant, config in self.resolved.items()
            for run in grid.runs(config)
        ]

    def lasting(self, steps: int, checkpoints: int) -> "Plan":
        """The same with ``steps`` updates and about so many ``checkpoints``, two thirds of them at equal distances.

        Nothing else depends on the number of steps from then on, so that it can still be changed.
        """
        every = max(1, steps // max(1, 2 * checkpoints // 3))
        early = max(2, checkpoints // 3)
        found = self.changed(training={"steps": steps}, checkpoints={"extra_steps": []})
        return found.changed(
            training=next(iter(found.resolved.values()))["training"],
            checkpoints={
                "linear_every": every,
                "log_count": 0,
                "extra_steps": sorted({math.floor(every ** (i / early)) for i in range(early)}),
            },
        )

    def changed(self, **changes: Mapping[str, Any]) -> "Plan":
        """The same with ``changes`` laid over it. Raises ConfigError if that is not valid."""
        plan = Plan(configuration.overlay(self.stated, changes))
        validate(plan.stated)
        return plan

    def without(self, diverged: set[float]) -> "Plan":
        """The same without the runs of these task diversities."""
        kept = [M for M in self.stated["grid"]["task_diversities"] if float(M) not in diverged]
        return self.changed(grid={"task_diversities": kept}) if diverged else self
