"""The spectrum of the curvature at checkpoints of a run, and the LLC that it implies at every resolution."""

from collections.abc import Iterator
from typing import Any

import torch

from ...config.runs import Run
from ...config.sampling import data_diversity
from ...config.settings import SpectrumSettings, TrainedBy
from ...model.functional import Layout
from ...model.transformer import Transformer
from ...regression.sequences import Sequences, SequenceSource
from ...regression.streams import torch_seed
from ...training.checkpoints import Checkpoints
from .gauss_newton import gauss_newton_product, gauss_newton_samples, random_signs
from .kronecker import kronecker_basis
from .lanczos import Spectrum, lanczos_spectrum, sign_probes

#: Sequences that the basis of the probes is made of, at most: it need not be exact, only close to the eigenvectors.
BASIS_SEQUENCES = 256


class SpectrumAt:
    """Spectra at checkpoints of one run, with data of the run ``data_of``."""

    def __init__(
        self,
        kept: Checkpoints,
        data_of: Run,
        trained_by: TrainedBy,
        tasks: str,
        asked: SpectrumSettings,
        device: torch.device,
    ) -> None:
        """``tasks`` is ``llc.data``: which tasks of ``data_of`` the loss is measured on."""
        self.kept, self.device = kept, device
        self.asked, self.root_seed, data = asked, trained_by.seed, trained_by.data
        self.model = Transformer(data.dimension, trained_by.model).to(device)
        source = SequenceSource(self.root_seed, data, data_diversity(tasks, data_of))
        # The first of those that the sampled LLC is of.
        self.sequences = source.draw(self.asked.sequences, "llc").to(device)

    def step(self, step: int) -> Spectrum:
        """The spectrum at ``step``. Raises CheckpointError, and FloatingPointError if it is not finite."""
        model, asked = self.model, self.asked
        # In the model's order: a safetensors file lists its tensors in no order that lasts.
        layout = Layout.of(dict(model.named_parameters()))
        centre = layout.flatten(self.kept.load(step, self.device))
        some = Sequences(*(part[:BASIS_SEQUENCES] for part in self.sequences))
        signs = random_signs(some.y.shape, torch_seed(self.root_seed, "spectrum", "signs")).to(
            some.y
        )
        basis = kronecker_basis(layout, gauss_newton_samples(model, layout, centre, some, signs))
        seed = torch_seed(self.root_seed, "spectrum", "probes")
        return lanczos_spectrum(
            gauss_newton_product(model, layout, centre, self.sequences),
            sign_probes(basis, layout.size, asked.probes, seed),
            asked.lanczos_steps,
        )

    def rows(self, found: Spectrum) -> Iterator[dict[str, Any]]:
        """One row per resolution of the tables of quadratic LLCs, without its key."""
        trace = found.trace()
        for r in self.asked.resolutions:
            llc, variance = found.llc(r), found.variance(r)
            yield {
                "resolution": r,
                "llc": llc.mean,
                "standard_error": llc.standard_error,
                "llc_variance": variance.mean,
                "standard_error_variance": variance.standard_error,
                "trace": trace.mean,
                "standard_error_trace": trace.standard_error,
                "largest": float(found.values.max()),
            }
