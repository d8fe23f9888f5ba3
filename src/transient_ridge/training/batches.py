"""Training batches; for a GPU they are prepared ahead of the step that needs them.

A batch is a pure function of the seeds and the step, so it does not matter who computes it or when.
"""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property

import torch

from ..regression.sequences import Sequences, SequenceSource

#: Batches in preparation at once.
AHEAD = 4


class Batches:
    """The batches of one run on ``device``, requested in the order of the steps.

    On the CPU each is drawn when needed; for a GPU, threads draw the next few in advance and leave them in pinned
    memory, so that neither drawing nor copying holds up the device.
    """

    def __init__(
        self,
        source: SequenceSource,
        run_seed: int,
        batch_size: int,
        device: torch.device,
        ahead: int | None = None,
    ) -> None:
        """``ahead`` is how many batches are prepared in advance; by default some for a GPU and none for the CPU."""
        self.source, self.run_seed, self.batch_size, self.device = (
            source,
            run_seed,
            batch_size,
            device,
        )
        self.ahead = (AHEAD if device.type == "cuda" else 0) if ahead is None else ahead
        self._queue: deque[tuple[int, Future[Sequences]]] = deque()

    def at(self, step: int) -> Sequences:
        """The batch of ``step``: x (B, K, D) and y (B, K), float32."""
        if not self.ahead:
            return self._draw(step).to(self.device)
        if self._queue and self._queue[0][0] != step:  # a jump, as when a state is loaded
            self._queue.clear()
        while len(self._queue) <= self.ahead:
            later = step + len(self._queue)
            self._queue.append((later, self._threads.submit(self._draw, later)))
        _, future = self._queue.popleft()
        return future.result().to(self.device)

    def _draw(self, step: int) -> Sequences:
        batch = self.source.training_batch(self.run_seed, step, self.batch_size)
        if self.device.type != "cuda":
            return batch
        return Sequences(batch.x.pin_memory(), batch.y.pin_memory())

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(max_workers=self.ahead)
