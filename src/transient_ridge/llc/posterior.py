"""The local posterior of a checkpoint: its loss on q_M around w*, and every chain's minibatches.

l_n is the mean squared error over n sequences drawn once (with the same inputs and noise for all M), from the run's own
q_M or from another task distribution. At every step a chain draws a new minibatch, independent of those before: from
the n sequences with replacement, or fresh from the distribution. In shuffled epochs, by contrast, the last minibatches
would be those that the chain has not fitted yet.
"""

import math
from collections.abc import Iterator
from functools import cached_property

import torch
from torch import Tensor

from ..config.limits import CHUNK, PRODUCT_SEQUENCES
from ..config.registries import name_of
from ..config.runs import Run
from ..config.sampling import data_diversity
from ..config.settings import DataSettings, LlcSettings
from ..model.functional import Layout, errors_and_gradient, squared_errors
from ..model.transformer import Transformer
from ..regression.sequences import Sequences, SequenceSource
from ..regression.streams import generator
from .curvature.gauss_newton import gauss_newton_product, gauss_newton_samples
from .quadratic import Measured
from .streams import Streams
from .target import Curvature, Evaluation

#: The most sequences for one measurement of the curvature. With half as many, minibatches heat the chains along
#: directions that the measurement misses.
CURVATURE_SEQUENCES = 512

#: Each sampler draws from a stream named after it, because estimates that shared noise would agree too well. These two
#: keep the stream that they shared before samplers had names.
STREAMS = {"sgld": "stacked", "leimkuhler_matthews": "stacked"}


class CheckpointPosterior(Streams):
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
        data_of: Run | None = None,
    ) -> None:
        """``weights`` are those of ``run`` at ``step``, on the device where the chains run.

        ``data_of`` is the run whose tasks ``settings.data`` refers to, by default ``run``.
        """
        self.model = model
        # In the model's order, because the order in a safetensors file may change.
        self.layout = Layout.of(dict(model.named_parameters()))
        self.settings = settings
        sampler = name_of(settings.sampler)
        stream = ("llc", STREAMS.get(sampler, sampler), run.name, step)
        super().__init__(self.layout.flatten(weights), chains, root_seed, *stream)
        self._source = SequenceSource(
            root_seed, data, data_diversity(settings.data, data_of or run)
        )
        #: The n sequences, in the weights' precision.
        self.sequences = self._ready(self._source.draw(settings.sequences, "llc"))
        #: Squared errors of w* (n, K), from which fixed minibatches take theirs, and the gradient (P,) of l_n at w*.
        self.centre_errors, self.centre_gradient = self._at_centre()
        #: What was measured at w*, by preconditioner, for all samplings.
        self.measured: dict[str, Measured] = {}

    def evaluate(self, positions: Tensor, step: int) -> Evaluation:
        """Losses per position of the context and the gradient of their mean (see target.Target).

        With ``llc.control_variate`` the gradient is grad l_B(w) - grad l_B(w*) + grad l_n(w*), which has the same mean
        and lacks the noise that both points share.
        """
        (x, y), centre_errors = self.minibatch(step)
        errors, gradient = errors_and_gradient(self.model, self.layout, positions, x, y)
        if self.settings.control_variate:
            centres = self.centre.expand(self.chains, -1)
            _, of_centre = errors_and_gradient(self.model, self.layout, centres, x, y)
            gradient += self.centre_gradient - of_centre
        return evaluation(errors, gradient, centre_errors)

    def curvature_samples(self, positions: Tensor, part: int) -> Iterator[Tensor]:
        """Draws v of the Gauss-Newton matrix (:mod:`.curvature.gauss_newton`); ``positions`` share the sequences."""
        count = min(CURVATURE_SEQUENCES, self.settings.sequences)
        rng = generator(self.root_seed, *self.stream, "curvature", part)
        rows = torch.from_numpy(rng.integers(self.settings.sequences, size=count))
        K = self.sequences.y.shape[1]
        signs = torch.from_numpy(2 * rng.integers(2, size=(count, K)) - 1)
        for chain, position in enumerate(positions):
            own = rows[chain :: len(positions)].to(self.centre.device)
            batch = Sequences(self.sequences.x[own], self.sequences.y[own])
            yield from gauss_newton_samples(
                self.model, self.layout, position, batch, signs[chain :: len(positions)].to(batch.y)
            )

    @cached_property
    def curvature(self) -> Curvature:
        """The Gauss-Newton matrix at w*, from sequences that no preconditioner has seen, and a draw from it."""
        count = min(PRODUCT_SEQUENCES, self.settings.sequences)
        rng = generator(self.root_seed, *self.stream, "curvature", "at w*")
        rows = torch.from_numpy(rng.permutation(self.settings.sequences)[:count])
        rows = rows.to(self.centre.device)
        some = Sequences(self.sequences.x[rows], self.sequences.y[rows])
        signs = torch.from_numpy(2 * rng.integers(2, size=tuple(some.y.shape)) - 1).to(some.y)
        chunks = gauss_newton_samples(self.model, self.layout, self.centre, some, signs)
        total = torch.stack([chunk.sum(dim=0) for chunk in chunks]).sum(dim=0)
        product = gauss_newton_product(self.model, self.layout, self.centre, some)
        return Curvature(product, total / math.sqrt(count))

    def minibatch(self, step: int) -> tuple[Sequences, Tensor]:
        """Every chain's sequences (C, B, K, ...) at this step, and the squared errors of w* on them (C, B, K)."""
        B = self.settings.minibatch
        if self.settings.minibatches == "fresh":
            drawn = [
                self._source.draw(B, *self.stream, "fresh", chain, step)
                for chain in range(self.chains)
            ]
            batch = self._ready(Sequences(*map(torch.stack, zip(*drawn, strict=True))))
            errors = self._centre_errors(Sequences(batch.x.flatten(0, 1), batch.y.flatten(0, 1)))
            return batch, errors.reshape(self.chains, B, -1)
        rows = self.rows(step, self.settings.sequences, B)
        batch = Sequences(self.sequences.x[rows], self.sequences.y[rows])
        return batch, self.centre_errors[rows]

    def _ready(self, drawn: Sequences) -> Sequences:
        return Sequences(drawn.x.to(self.centre), drawn.y.to(self.centre))

    def _at_centre(self) -> tuple[Tensor, Tensor]:
        chunks, slope = [], torch.zeros_like(self.centre)
        for x, y in zip(*(torch.split(t, CHUNK) for t in self.sequences), strict=True):
            errors, gradient = errors_and_gradient(
                self.model, self.layout, self.centre[None], x[None], y[None]
            )
            chunks.append(errors[0])
            slope += gradient[0] * (len(x) / len(self.sequences.x))
        return torch.cat(chunks), slope

    @torch.no_grad()
    def _centre_errors(self, sequences: Sequences) -> Tensor:
        weights = self.layout.views(self.centre.unsqueeze(0))
        chunks = zip(torch.split(sequences.x, CHUNK), torch.split(sequences.y, CHUNK), strict=True)
        return torch.cat(
            [squared_errors(self.model, weights, x[None], y[None])[0] for x, y in chunks]
        )


def evaluation(errors: Tensor, gradient: Tensor, centre_errors: Tensor) -> Evaluation:
    """The evaluation, from squared errors (C, B, K) of chains and w* on the same minibatches, and gradients (C, P)."""
    pairs = (errors - centre_errors).mean(dim=-1)
    noise = pairs.var(dim=1) / pairs.shape[1]
    return Evaluation(errors.mean(dim=1), gradient, centre_errors.mean(dim=1), noise)
