"""The batches of a stack, drawn ahead by other processes: the same to the bit as those of each run alone."""

import itertools
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from transient_ridge.training.stack import Stack
from transient_ridge.training.trainer import Trainer

#: Batches that each process draws ahead.
AHEAD = 4


class Batches(Dataset[tuple[Tensor, Tensor]]):
    """By step: x (R, B, K, D) and y (R, B, K), float32."""

    def __init__(self, trainers: Sequence[Trainer]) -> None:
        self._drawn_by = [(t.batches.source, t.run.seed, t.training.batch_size) for t in trainers]

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        drawn = [source.training_batch(seed, step, size) for source, seed, size in self._drawn_by]
        return torch.stack([each.x for each in drawn]), torch.stack([each.y for each in drawn])


class FedStack(Stack):
    """A stack, at step 0, that takes its batches from ``workers`` processes; with none it draws them itself."""

    def __init__(self, trainers: Sequence[Trainer], workers: int) -> None:
        super().__init__(trainers)
        loader = DataLoader(
            Batches(trainers), batch_size=None, sampler=itertools.count(), num_workers=workers,
            prefetch_factor=AHEAD if workers else None, pin_memory=self.device.type == "cuda",
        )  # fmt: skip
        self._batches: Iterator[tuple[Tensor, Tensor]] = iter(loader)

    def batch(self) -> tuple[Tensor, Tensor]:
        """The next step's x (R, B, K, D) and y (R, B, K), on the device."""
        x, y = next(self._batches)
        return x.to(self.device, non_blocking=True), y.to(self.device, non_blocking=True)
