"""A training step on the CPU, against the plain version of the same model and against the core's peak.

Ours and the plain version use the same parameters, batch, threads and optimiser, and take turns. The plain version
runs fused attention and every token of every layer, and iterates Muon in bfloat16 as torch.optim.Muon does. What the
core can do is a product of two large float32 matrices, in turns with the step. Times are those of the process on its
core, so that other processes disturb them little.
"""

import copy
import statistics
import time
from collections.abc import Callable

import torch
from torch.autograd.profiler import profile
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.plain_transformer import plain_predictions
from transient_ridge.config import presets
from transient_ridge.config.configuration import trained_by
from transient_ridge.config.registries import options_in
from transient_ridge.config.runs import Run
from transient_ridge.model.device import prepare
from transient_ridge.training.stack import Stack
from transient_ridge.training.step import take_step
from transient_ridge.training.trainer import Trainer

CPU = torch.device("cpu")
#: Rows of the square matrices whose product sets the ceiling.
LARGE = 1024
#: Classes of a step's operators: matrix products, batches of small ones, and the rest.
PRODUCTS, SMALL_PRODUCTS = ("aten::mm", "aten::addmm"), ("aten::bmm", "aten::baddbmm")


def laptop(**training: object) -> Stack:
    """One run of the laptop preset, with these training settings changed."""
    return Stack([Trainer(Run(32, 0), trained_by(presets.load("laptop", training=training)), CPU)])


class Clock:
    """Milliseconds of functions called in turn."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = {}

    def run(self, name: str, function: Callable[..., object], *arguments: object) -> None:
        """Call ``function`` and note how long it took."""
        began = time.process_time()
        function(*arguments)
        self.times.setdefault(name, []).append(1000 * (time.process_time() - began))

    def medians(self, warm_up: int) -> dict[str, float]:
        """All but the first ``warm_up`` of each."""
        return {name: statistics.median(times[warm_up:]) for name, times in self.times.items()}


def bench_training_step(repeats: int = 30) -> dict[str, float]:
    """Median milliseconds of forward and backward passes and of whole steps, for both versions, and their ratios."""
    prepare(CPU, "float32", 1)
    stack = laptop()
    model, training = stack.trainers[0].model, stack.settings
    plain = copy.deepcopy(model)
    x, y = stack.batch()

    def gradients(predict: Callable[..., torch.Tensor], *arguments: torch.Tensor) -> None:
        (predict(*arguments) - y).square().mean().backward()  # type: ignore[no-untyped-call]

    muon_matrices = [
        p for n, p in plain.named_parameters() if n.startswith("blocks.") and p.ndim == 2
    ]
    rest = [p for n, p in plain.named_parameters() if not (n.startswith("blocks.") and p.ndim == 2)]
    theirs: list[torch.optim.Optimizer] = [
        torch.optim.Adam(rest, lr=training.learning_rate),
        torch.optim.Muon(
            muon_matrices, lr=options_in(training.optimiser)["learning_rate"], weight_decay=0.0
        ),
    ]

    def update(optimisers: list[torch.optim.Optimizer]) -> None:
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()

    clock = Clock()
    for _ in range(repeats + 5):
        clock.run("gradients_ms", gradients, model, x, y)
        clock.run("update_ms", update, stack.optimisers)
        clock.run(
            "plain_gradients_ms", gradients, lambda x, y: plain_predictions(plain, x, y), x, y
        )
        clock.run("plain_update_ms", update, theirs)
    result = clock.medians(5)
    result["speedup_gradients"] = result["plain_gradients_ms"] / result["gradients_ms"]
    result["speedup_step"] = (result["plain_gradients_ms"] + result["plain_update_ms"]) / (
        result["gradients_ms"] + result["update_ms"]
    )
    return result


def bench_share_of_ceiling(repeats: int = 100) -> dict[str, float]:
    """A whole step's FLOP/s as a share of a large product's, and what averaging the weights adds.

    Operations are those of all matrix products of the step, the optimiser's included.
    """
    prepare(CPU, "float32", 1)
    stack, averaging = laptop(), laptop(average={"decay": 0.998})
    a, b = torch.randn(LARGE, LARGE), torch.randn(LARGE, LARGE)
    clock = Clock()
    for _ in range(repeats + 5):
        clock.run("step_ms", take_step, stack)
        clock.run("averaging_step_ms", take_step, averaging)
        clock.run("ceiling_ms", torch.mm, a, b)
    with FlopCounterMode(display=False) as counter:
        take_step(stack)
    ms = clock.medians(5)
    reached = counter.get_total_flops() / ms["step_ms"] / 1e6
    ceiling = 2 * LARGE**3 / ms["ceiling_ms"] / 1e6
    return {
        "step_ms": ms["step_ms"],
        "averaging_adds": ms["averaging_step_ms"] / ms["step_ms"] - 1,
        "gflop_per_step": counter.get_total_flops() / 1e9,
        "gflop_per_s": reached,
        "ceiling_gflop_per_s": ceiling,
        "share_of_ceiling": reached / ceiling,
    }


def bench_profile(repeats: int = 40) -> dict[str, float]:
    """Where a step's time goes: shares, under the profiler (which slows short operators), and operators per step."""
    prepare(CPU, "float32", 1)
    stack = laptop()
    for _ in range(5):
        take_step(stack)
    with profile(use_kineto=False) as profiler:
        for _ in range(repeats):
            take_step(stack)
    events = profiler.key_averages()
    whole = sum(event.self_cpu_time_total for event in events)

    def share(names: tuple[str, ...]) -> float:
        spent = sum(event.self_cpu_time_total for event in events if event.key in names)
        return float(spent / whole)

    large, small = share(PRODUCTS), share(SMALL_PRODUCTS)
    operators = sum(event.count for event in events) / repeats
    return {
        "products": large,
        "small_products": small,
        "other": 1 - large - small,
        "operators": operators,
    }


if __name__ == "__main__":
    for bench in (bench_training_step, bench_share_of_ceiling, bench_profile):
        for name, value in bench().items():
            print(f"{name:24s} {value:8.3f}")
