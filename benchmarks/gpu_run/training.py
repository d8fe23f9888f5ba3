"""Training until the time is over, with a schedule that ends there."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from transient_ridge.training.stack import Stack
from transient_ridge.training.trainer import CURVE_EVERY

from .engines import Step
from .plan import Plan

#: How many updates more or fewer than planned are worth a new plan.
WORTH = 0.005


class Training:
    """The runs of ``plan``, advanced by ``step`` until ``deadline``, with their checkpoints below ``folder``.

    The deadline is one of ``clock``. It is known only while training how many updates there is time for. As long as the
    rate has not begun to fall their number is taken from the pace so far.
    """

    def __init__(
        self,
        plan: Plan,
        stack: Stack,
        step: Step,
        folder: Path,
        deadline: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.plan, self.stack, self.step, self.folder = plan, stack, step, folder
        self.deadline, self.clock = deadline, clock
        #: The runs whose loss exploded, by name, and what that was.
        self.diverged: dict[str, str] = {}

    def run(self) -> None:
        """Train to the end, and save every checkpoint of the schedule."""
        names = {id(t): m.name for t, m in zip(self.stack.trainers, self.plan.members, strict=True)}
        began = self.clock()
        while True:
            if self.stack.step in self.stack.trainers[0].checkpoint_steps:
                for trainer in self.stack.trainers:
                    trainer.keep_checkpoint(self.folder / names[id(trainer)])
            if self.stack.step >= self.stack.settings.steps:
                return
            for trainer, error in self.step():
                self.diverged.setdefault(names[id(trainer)], str(error))
            if self.stack.step % CURVE_EVERY == 0:  # the device has just been waited for
                self._fit(began)
                if self.stack.step % (100 * CURVE_EVERY) == 0:
                    steps, loss = (
                        self.stack.settings.steps,
                        self.stack.trainers[-1].curve.points[-1][1],
                    )
                    print(f"step {self.stack.step} of {steps}, loss {loss:.4f}", file=sys.stderr)

    def _fit(self, began: float) -> None:
        """Plan as many updates as there is time for, unless the rate falls already."""
        now, done, settings = self.clock(), self.stack.step, self.stack.settings
        if done >= settings.steps - settings.decay_steps:
            return
        possible = done + int((self.deadline - now) / (now - began) * done)
        steps = max(possible, done + settings.decay_steps) // CURVE_EVERY * CURVE_EVERY
        steps = max(steps, done + settings.decay_steps)
        if abs(steps - settings.steps) <= WORTH * settings.steps:
            return
        self.plan = self.plan.changed(training={"steps": steps})
        for trainer, member in zip(self.stack.trainers, self.plan.members, strict=True):
            trainer.training = member.trained_by.training
            trainer.checkpoint_steps = member.schedule
        self.stack.settings = self.stack.trainers[0].training
