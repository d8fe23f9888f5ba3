"""The curvature at checkpoints of a run, and the LLC that it implies at every resolution."""

from collections.abc import Iterator
from typing import Any

import torch

from ...config.runs import Run
from ...config.sampling import data_diversity
from ...config.settings import SpectrumSettings, TrainedBy
from ...errors import ResolutionError
from ...model.functional import Layout
from ...model.transformer import Transformer
from ...regression.sequences import SequenceSource
from ...training.checkpoints import Checkpoints
from .gram import gram_matrix
from .spectrum import Curvature


class CurvatureAt:
    """Curvature at checkpoints of one run, with data of the run ``data_of``."""

    def __init__(
        self,
        kept: Checkpoints,
        data_of: Run,
        trained_by: TrainedBy,
        tasks: str,
        asked: SpectrumSettings,
        device: torch.device,
    ) -> None:
        """``tasks`` is ``llc.data``: the tasks of ``data_of`` on which the loss is measured."""
        self.kept, self.device = kept, device
        self.asked = asked
        self.model = Transformer(trained_by.data.dimension, trained_by.model).to(device)
        diversity = data_diversity(tasks, data_of)
        source = SequenceSource(trained_by.seed, trained_by.data, diversity)
        # The first of the sequences on which the chains sample the LLC.
        self.sequences = source.draw(self.asked.sequences, "llc").to(device)

    def step(self, step: int) -> Curvature:
        """The curvature at ``step``. Raises CheckpointError, and FloatingPointError if it is not finite."""
        # In the model's order, because the order in a safetensors file may change.
        layout = Layout.of(dict(self.model.named_parameters()))
        weights = layout.flatten(self.kept.load(step, self.device))
        gram = gram_matrix(self.model, layout, weights, self.sequences)
        return Curvature.of(gram, self.sequences.y.shape[1], max(self.asked.resolutions))

    def rows(self, found: Curvature) -> Iterator[dict[str, Any]]:
        """A row per resolution of the tables of quadratic LLCs, without its key.

        Raises ResolutionError if the sequences are too few for every resolution.
        """
        resolved = [found.at(r) for r in self.asked.resolutions]
        faults = [each.fault for each in resolved if each.fault is not None]
        if len(faults) == len(resolved):
            raise ResolutionError(f"spectrum.resolutions: {'; '.join(faults)}")
        for each in resolved:
            yield {
                **each._asdict(),
                "healthy": each.fault is None,
                "trace": found.whole.trace,
                "largest": found.whole.largest,
            }
