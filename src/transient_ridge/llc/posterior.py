"""The local posterior of a checkpoint: its loss on q_M around w*, and every chain's minibatches.

l_n is the mean squared error over n sequences of q_M that are drawn once (the same inputs and noise for all M).
A chain sees them in an order of its own, shuffled anew in every epoch, or draws fresh sequences at every step.
"""

import torch
from torch import Tensor

from ..config.limits import CHUNK
from ..config.runs import Run
from ..config.settings import DataSettings, LlcSettings
from ..model.functional import Layout, errors_and_gradient, squared_errors
from ..model.transformer import Transformer
from ..regression.sequences import Sequences, SequenceSource
from ..regression.streams import Name, generator, torch_seed
from .sgld import Evaluation, Noise


class CheckpointPosterior:
    """The target whose chains start at the weights of one checkpoint."""

    def __init__(
        self,
        model: Transformer,
        weights: dict[str, Tensor],
        run: Run,
        step: int,
        *,
        root_seed: int,
        data: DataSettings,
        settings: LlcSettings,
        chains: int,
    ) -> None:
        """``weights`` are those of ``run`` at ``step``; they are on the device that computes."""
        self.model = model
        # In the model's order: a safetensors file lists its tensors in no order that lasts.
        self.layout = Layout.of(dict(model.named_parameters()))
        self.centre = self.layout.flatten(weights)
        self.settings, self.chains = settings, chains
        self._root_seed = root_seed
        # The backends draw from streams of their own: estimates that shared noise would agree too well.
        self._stream: tuple[Name, ...] = ("llc", settings.backend, run.name, step)
        self._source = SequenceSource(root_seed, data, run.task_diversity)
        device = self.centre.device
        self.sequences = self._source.draw(settings.sequences, "llc").to(device)
        #: Squared errors of w* (n, K), which every minibatch of the fixed set looks up.
        self.centre_errors = self._centre_errors(self.sequences)
        self._order: tuple[int, Tensor] | None = None

    def evaluate(self, positions: Tensor, step: int) -> Evaluation:
        """Losses per position of the context and the gradient of their mean (see sgld.Target)."""
        (x, y), centre_errors = self.minibatch(step)
        errors, gradient = errors_and_gradient(self.model, self.layout, positions, x, y)
        return Evaluation(errors.mean(dim=1), gradient, centre_errors.mean(dim=1))

    def minibatch(self, step: int) -> tuple[Sequences, Tensor]:
        """Sequences (C, B, K, ...) of every chain at this step, and the squared errors of w* on them (C, B, K)."""
        B = self.settings.minibatch
        if self.settings.minibatches == "fresh":
            drawn = [
                self._source.draw(B, *self._stream, "fresh", chain, step)
                for chain in range(self.chains)
            ]
            batch = Sequences(
                torch.stack([each.x for each in drawn]), torch.stack([each.y for each in drawn])
            ).to(self.centre.device)
            errors = self._centre_errors(Sequences(batch.x.flatten(0, 1), batch.y.flatten(0, 1)))
            return batch, errors.reshape(self.chains, B, -1)
        per_epoch = self.settings.sequences // B
        epoch, position = divmod(step, per_epoch)
        rows = self._shuffled(epoch)[:, position * B : (position + 1) * B]
        batch = Sequences(self.sequences.x[rows], self.sequences.y[rows])
        return batch, self.centre_errors[rows]

    def noise(self) -> Noise:
        """Noise of every chain from a generator of its own, in one buffer that every call fills anew."""
        generators = [self.noise_generator(chain) for chain in range(self.chains)]
        eta = self.centre.new_empty(self.chains, self.layout.size)

        def draw() -> Tensor:
            for of_chain, its_generator in zip(eta, generators, strict=True):
                of_chain.normal_(generator=its_generator)
            return eta

        return draw

    def noise_generator(self, chain: int) -> torch.Generator:
        """The generator that the noise of ``chain`` comes from, at its start."""
        seed = torch_seed(self._root_seed, *self._stream, "noise", chain)
        return torch.Generator(self.centre.device).manual_seed(seed)

    def _shuffled(self, epoch: int) -> Tensor:
        """The order (C, n) in which the chains see the sequences in this epoch."""
        if self._order is None or self._order[0] != epoch:
            orders = [
                generator(self._root_seed, *self._stream, "order", chain, epoch).permutation(
                    self.settings.sequences
                )
                for chain in range(self.chains)
            ]
            rows = torch.stack([torch.from_numpy(order) for order in orders])
            self._order = (epoch, rows.to(self.centre.device))
        return self._order[1]

    @torch.no_grad()
    def _centre_errors(self, sequences: Sequences) -> Tensor:
        weights = self.layout.views(self.centre.unsqueeze(0))
        chunks = zip(torch.split(sequences.x, CHUNK), torch.split(sequences.y, CHUNK), strict=True)
        return torch.cat(
            [squared_errors(self.model, weights, x[None], y[None])[0] for x, y in chunks]
        )
