"""The random numbers of chains: each chain has its own streams, and draws anew at each step."""

import numpy as np
import torch
from torch import Tensor

from ..regression.streams import Name, generator, torch_seed
from .target import Noise


class Streams:
    """Minibatches and noise of chains that start at ``centre`` (P,)."""

    def __init__(self, centre: Tensor, chains: int, root_seed: int, *stream: Name) -> None:
        """``stream`` names what is sampled, under ``root_seed``."""
        self.centre, self.chains = centre, chains
        self.root_seed, self.stream = root_seed, stream

    def rows(self, step: int, count: int, size: int) -> Tensor:
        """Minibatches (C, ``size``) of ``step``: indices below ``count``, drawn with replacement."""
        drawn = [
            generator(self.root_seed, *self.stream, "rows", chain, step).integers(count, size=size)
            for chain in range(self.chains)
        ]
        return torch.from_numpy(np.stack(drawn)).to(self.centre.device)

    def noise(self, part: int = 0) -> Noise:
        """Noise from one generator per chain, in a buffer that every call overwrites.

        Another ``part`` gives other noise.
        """
        generators = [self.noise_generator(chain, part) for chain in range(self.chains)]
        eta = self.centre.new_empty(self.chains, len(self.centre))

        def draw() -> Tensor:
            for of_chain, its_generator in zip(eta, generators, strict=True):
                of_chain.normal_(generator=its_generator)
            return eta

        return draw

    def noise_generator(self, chain: int, part: int = 0) -> torch.Generator:
        """The generator of the noise of ``chain``, at its start."""
        name = ("noise", chain, part) if part else ("noise", chain)
        seed = torch_seed(self.root_seed, *self.stream, *name)
        return torch.Generator(self.centre.device).manual_seed(seed)
