"""The state of one training run.

The batch of a step is a pure function of the seeds and the step, so parameters, optimiser moments, the curve so far and
any moving average of the parameters are the whole state.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from ..artefacts.files import complete_file
from ..artefacts.tables import Rows
from ..config.runs import Run
from ..config.schedule import checkpoint_steps
from ..config.settings import TrainedBy
from ..errors import CheckpointError, DivergenceError
from ..model.transformer import Transformer, initialise
from ..regression.sequences import SequenceSource
from . import checkpoints
from .batches import Batches
from .optimisation import make_optimisers, rate_factor

#: Updates per row of the training curve.
CURVE_EVERY = 50
#: A mean loss of this many times that of predicting zero, D + sigma^2, counts as divergence.
DIVERGED = 100.0

#: The contents of the folder of a run in training.
STATE_FILE = "state.safetensors"
WEIGHTS = "weights"


@dataclass
class Curve:
    """Mean loss, gradient norm and rate factor at every ``CURVE_EVERY``-th step."""

    points: list[tuple[int, float, float, float]] = field(default_factory=list)

    def rows(self, run: Run) -> Rows:
        """The table ``training``."""
        rows = Rows("training")
        for step, loss, norm, rate in self.points:
            rows.add(
                task_diversity=run.task_diversity, seed=run.seed, step=step,
                loss=loss, gradient_norm=norm, rate_factor=rate,
            )  # fmt: skip
        return rows


class Trainer:
    """The state of one run; :func:`transient_ridge.training.step.take_step` advances it."""

    def __init__(self, run: Run, settings: TrainedBy, device: torch.device) -> None:
        self.run, self.device = run, device
        self.data, self.training = settings.data, settings.training
        self.model = Transformer(self.data.dimension, settings.model)
        initialise(self.model, settings.seed, run.seed)
        self.model.to(device)
        source = SequenceSource(settings.seed, self.data, run.task_diversity)
        self.batches = Batches(source, run.seed, self.training.batch_size, device)
        self.checkpoint_steps = checkpoint_steps(settings.checkpoints, self.training.steps)
        self.parameters: dict[str, Tensor] = dict(self.model.named_parameters())
        self.optimisers = make_optimisers(self.parameters, self.training)
        #: Moving averages of the parameters, float32; empty if training does not average.
        self.averages: dict[str, Tensor] = {}
        if self.training.average is not None:
            self.averages = {name: p.detach().clone() for name, p in self.parameters.items()}
        self.step = 0
        #: The most runs that advanced together with this one, itself included.
        self.stacked = 1
        self.curve = Curve()
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=device)

    def account(self, loss: Tensor, norm: float | None) -> None:
        """Enter an update's loss (a scalar) into the curve; pass the gradient's ``norm`` at the end of each row.

        Raises DivergenceError if the mean loss of the row has exploded.
        """
        self.loss_sum += loss
        self.step += 1
        if norm is not None:
            self._close_row(norm)

    def _close_row(self, norm: float) -> None:
        # The loss is read back only here, so that a GPU need not wait at every step.
        mean = float(self.loss_sum) / CURVE_EVERY
        self.loss_sum.zero_()
        limit = DIVERGED * (self.data.dimension + self.data.noise_variance)
        if not mean < limit:
            raise DivergenceError(
                f"run {self.run.name}: the mean training loss is {mean:.4g} at step {self.step} (limit "
                f"{limit:.4g}); lower training.learning_rate = {self.training.learning_rate} (and that of "
                f"training.optimiser = {self.training.optimiser}), or set training.gradient_clip "
                f"(now {self.training.gradient_clip})"
            )
        self.curve.points.append((self.step, mean, norm, rate_factor(self.training, self.step - 1)))

    def save_state(self, folder: Path) -> None:
        """Write everything that the next step depends on, in one file."""
        tensors = {f"parameter/{name}": p.detach() for name, p in self.parameters.items()}
        tensors |= {f"average/{name}": average for name, average in self.averages.items()}
        tensors |= self._optimiser_tensors()
        tensors["curve"] = torch.tensor(self.curve.points, dtype=torch.float64).reshape(-1, 4)
        tensors["loss_sum"] = self.loss_sum
        tensors["step"] = torch.tensor(self.step)
        tensors["stacked"] = torch.tensor(self.stacked)
        with complete_file(folder / STATE_FILE) as partial:
            safetensors.torch.save_file(
                {name: t.cpu().contiguous() for name, t in tensors.items()}, partial
            )

    def load_state(self, folder: Path) -> None:
        """Continue from the state in ``folder``, if there is one and no checkpoint before it was lost.

        Raises CheckpointError if the state is damaged.
        """
        path = folder / STATE_FILE
        if not path.exists():
            return
        try:
            # Read whole, not mapped: a mapped file stays open until training ends, and its folder with it.
            loaded = safetensors.torch.load(path.read_bytes())
        except safetensors.SafetensorError as error:
            raise CheckpointError(
                f"{path}: damaged training state ({error}); delete it to start the run afresh"
            ) from error
        tensors = {name: tensor.to(self.device) for name, tensor in loaded.items()}
        step = int(tensors["step"])
        if not checkpoints.all_there(
            folder / WEIGHTS, [s for s in self.checkpoint_steps if s < step]
        ):
            return
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(tensors[f"parameter/{name}"])
        if self.averages and f"average/{next(iter(self.averages))}" not in tensors:
            raise CheckpointError(
                f"{path}: a training state without averaged weights, and training.average = "
                f"{self.training.average}; delete it to start the run afresh"
            )
        self.averages = {name: tensors[f"average/{name}"] for name in self.averages}
        self._load_optimisers(tensors)
        rows = tensors["curve"].cpu().tolist()
        self.curve = Curve([(int(step), loss, norm, rate) for step, loss, norm, rate in rows])
        self.loss_sum = tensors["loss_sum"].to(self.device)
        self.step, self.stacked = step, int(tensors["stacked"])

    def keep_checkpoint(self, folder: Path) -> None:
        """Write the weights of this step into ``folder``, if the schedule asks for them and they are not there."""
        weights = folder / WEIGHTS
        if self.step in self.checkpoint_steps and not checkpoints.all_there(weights, [self.step]):
            weights.mkdir(parents=True, exist_ok=True)
            checkpoints.save(weights, self.step, self.kept_weights())

    def kept_weights(self) -> dict[str, Tensor]:
        """The weights in a checkpoint: the average if there is one, with the raw weights if they are kept."""
        if not self.averages:
            return self.parameters
        raw = self.parameters if self.training.keep_raw else {}
        return self.averages | {f"{checkpoints.RAW}{name}": p for name, p in raw.items()}

    def _optimiser_tensors(self) -> dict[str, Tensor]:
        names: dict[Tensor, str] = {p: name for name, p in self.parameters.items()}
        return {
            f"optimiser/{names[parameter]}/{key}": value
            for optimiser in self.optimisers
            for parameter, state in optimiser.state.items()
            for key, value in state.items()
        }

    def _load_optimisers(self, tensors: Mapping[str, Tensor]) -> None:
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                for parameter in group["params"]:
                    name = next(n for n, p in self.parameters.items() if p is parameter)
                    prefix = f"optimiser/{name}/"
                    optimiser.state[parameter] = {
                        key.removeprefix(prefix): value
                        for key, value in tensors.items()
                        if key.startswith(prefix)
                    }
