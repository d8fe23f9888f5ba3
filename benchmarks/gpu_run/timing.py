"""Which engine is fastest here, and whether it learns what the plain one learns."""

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from transient_ridge.training.stack import Stack

from .engines import WARM_UP, engine

#: Updates that are compared with those of the first engine, and how far the sums of their losses may be apart.
COMPARED = 20
BOUND = 0.01


@dataclass(frozen=True)
class Timing:
    """What one engine does; without ``seconds`` it is not to be used, for the reason given as ``fault``."""

    engine: str
    seconds: float | None  # of an update
    preparing: float  # seconds until the first updates were done
    fault: str | None = None


def fastest(timings: Sequence[Timing]) -> Timing:
    """The engine to use. Raises RuntimeError if none works."""
    usable = [each for each in timings if each.seconds is not None]
    if not usable:
        raise RuntimeError("; ".join(f"{each.engine}: {each.fault}" for each in timings))
    return min(usable, key=lambda each: each.seconds or 0.0)


def time_engines(names: Sequence[str], make: Callable[[], Stack], seconds: float) -> list[Timing]:
    """Take steps for so many ``seconds`` with every engine of ``names``, each of a stack that ``make`` makes anew.

    An engine that raises, or whose losses are not those of the first that works, is not to be used.
    """
    found: list[Timing] = []
    expected: torch.Tensor | None = None
    for name in names:
        began = time.monotonic()
        try:
            timing, losses = _time(name, make(), seconds)
            if expected is None:
                expected = losses
            elif not torch.allclose(losses, expected, rtol=BOUND, atol=0):
                apart = float(((losses - expected) / expected).abs().max())
                fault = f"its losses are {apart:.2g} off those of {names[0]}"
                timing = Timing(name, None, timing.preparing, fault)
        except Exception as error:  # whatever goes wrong, there is a simpler engine
            fault = f"{type(error).__name__}: {error}".strip().splitlines()[0]
            timing = Timing(name, None, time.monotonic() - began, fault)
        found.append(timing)
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    return found


def _time(name: str, stack: Stack, seconds: float) -> tuple[Timing, torch.Tensor]:
    """How long a step takes, and the sums of the runs' losses over the first updates."""
    began = time.monotonic()
    step = engine(name, stack)
    for _ in range(WARM_UP + 1):
        step()
    wait(stack.device)
    preparing = time.monotonic() - began
    while stack.step < COMPARED:
        step()
    losses = torch.stack([trainer.loss_sum for trainer in stack.trainers]).cpu()
    began, first = time.monotonic(), stack.step
    while time.monotonic() - began < seconds or stack.step == first:
        step()
        if stack.step % 10 == 0:
            wait(stack.device)
    wait(stack.device)
    return Timing(name, (time.monotonic() - began) / (stack.step - first), preparing), losses


def wait(device: torch.device) -> None:
    """Until the device has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize()
