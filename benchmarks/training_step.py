"""A CPU training step against the plain version of the same model, paired in one run.

Both use the same parameters, batch, threads and optimiser. The plain version runs fused attention and every
token of every layer, and iterates Muon in bfloat16 as torch.optim.Muon does.
"""

import copy
import statistics
import time
from collections.abc import Callable

import torch

from benchmarks.plain_transformer import plain_predictions
from transient_ridge.config import presets
from transient_ridge.config.settings import DataSettings, ModelSettings, TrainingSettings
from transient_ridge.model.device import prepare
from transient_ridge.model.transformer import Transformer, initialise
from transient_ridge.regression.sequences import SequenceSource
from transient_ridge.training.optimisation import make_optimisers


def bench_training_step(repeats: int = 30) -> dict[str, float]:
    """Median milliseconds of forward and backward, and of a whole step, for both; and the ratios."""
    prepare(torch.device("cpu"), "float32", 1)
    config = presets.load("laptop")
    data, training = DataSettings.of(config["data"]), TrainingSettings.of(config["training"])
    model = Transformer(data.dimension, ModelSettings.of(config["model"]))
    initialise(model, 0, 0)
    plain = copy.deepcopy(model)
    x, y = SequenceSource(0, data, 32).training_batch(0, 0, training.batch_size)

    def gradients(predict: Callable[..., torch.Tensor], *arguments: torch.Tensor) -> None:
        (predict(*arguments) - y).square().mean().backward()  # type: ignore[no-untyped-call]

    ours = make_optimisers(dict(model.named_parameters()), training)
    muon_matrices = [
        p for n, p in plain.named_parameters() if n.startswith("blocks.") and p.ndim == 2
    ]
    rest = [p for n, p in plain.named_parameters() if not (n.startswith("blocks.") and p.ndim == 2)]
    theirs: list[torch.optim.Optimizer] = [
        torch.optim.Adam(rest, lr=training.learning_rate),
        torch.optim.Muon(muon_matrices, lr=training.muon_learning_rate, weight_decay=0.0),
    ]

    def update(optimisers: list[torch.optim.Optimizer]) -> None:
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()

    times: dict[str, list[float]] = {}

    def clock(name: str, function: Callable[..., None], *arguments: object) -> None:
        began = time.perf_counter()
        function(*arguments)
        times.setdefault(name, []).append(1000 * (time.perf_counter() - began))

    for _ in range(repeats + 5):
        clock("gradients_ms", gradients, model, x, y)
        clock("update_ms", update, ours)
        clock("plain_gradients_ms", gradients, lambda x, y: plain_predictions(plain, x, y), x, y)
        clock("plain_update_ms", update, theirs)
    result = {name: statistics.median(values[5:]) for name, values in times.items()}
    result["speedup_gradients"] = result["plain_gradients_ms"] / result["gradients_ms"]
    result["speedup_step"] = (result["plain_gradients_ms"] + result["plain_update_ms"]) / (
        result["gradients_ms"] + result["update_ms"]
    )
    return result


if __name__ == "__main__":
    for name, value in bench_training_step().items():
        print(f"{name:24s} {value:8.2f}")
