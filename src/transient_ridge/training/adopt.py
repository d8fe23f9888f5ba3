"""Adopt a run that was trained elsewhere: its checkpoints under our names, as if it had been trained here."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ..artefacts.provenance import collect
from ..artefacts.tables import Rows
from ..config.registries import ADAPTERS, name_of
from ..config.runs import Run
from ..config.schedule import checkpoint_steps
from ..config.settings import RunsSettings, TrainedBy
from ..errors import CheckpointError
from ..model.device import device_name
from ..model.functional import predict
from ..model.transformer import Transformer
from ..regression.sequences import SequenceSource
from ..stage import stage
from . import checkpoints
from .adopted import PREDICTIONS, AdoptedRun

#: The largest difference from the recorded predictions, as a share of the largest of them, that float32 rounding makes.
ROUNDING = 1e-3


@stage("weights", "manifest", "training", by_itself=True)
def adopt(
    theirs: Path,
    run: Run,
    trained_by: TrainedBy,
    runs: RunsSettings,
    targets: Mapping[str, Path],
    device: torch.device,
) -> None:
    """Translate the checkpoints of ``run`` that the schedule asks for, from the folder of the manifest ``theirs``.

    The training curve is the mean squared error at each of them, on the batch that training here would have seen.
    Raises CheckpointError if a step is missing, a file is altered or belongs to another run, the adapter does not fit
    the model, or the translated model does not predict what was recorded.
    """
    found = AdoptedRun(theirs, run, trained_by.data.stated())
    translate = ADAPTERS.function(runs.adapter, "translate")
    model = Transformer(trained_by.data.dimension, trained_by.model).to(device).eval()
    steps = checkpoint_steps(trained_by.checkpoints, trained_by.training.steps)
    missing = [step for step in steps if step not in found.steps]
    if missing:
        raise CheckpointError(
            f"{theirs}: no weights at step {', '.join(map(str, missing))}; it has {', '.join(map(str, found.steps))}: "
            "set checkpoints.extra_steps to these, linear_every to training.steps and log_count to 0, or export more"
        )

    def load(step: int) -> dict[str, Tensor]:
        try:
            weights = translate(found.weights(step), trained_by)
            model.load_state_dict(weights)
        except (KeyError, RuntimeError) as error:
            raise CheckpointError(
                f"{theirs.parent}: runs.adapter = {name_of(runs.adapter)} does not fit the section model ({error}); "
                "set model to the architecture of these weights, or take another adapter"
            ) from error
        return dict(model.named_parameters())

    load(found.says.predicted_at)
    _check_predictions(model, found, name_of(runs.adapter), device)
    if targets["weights"].exists():
        shutil.rmtree(targets["weights"])
    source = SequenceSource(trained_by.seed, trained_by.data, run.task_diversity)
    curve = Rows("training")
    for step in steps:
        checkpoints.save(targets["weights"], step, load(step))
        batch = source.training_batch(run.seed, step, trained_by.training.batch_size).to(device)
        loss = float((predict(model, *batch) - batch.y).square().mean())
        nothing = {"gradient_norm": float("nan"), "rate_factor": float("nan")}
        curve.add(task_diversity=run.task_diversity, seed=run.seed, step=step, loss=loss, **nothing)
    provenance = collect(
        trained_by.stated(), inputs=[theirs], run=run.name, device=device_name(device)
    )
    curve.save(targets["training"], provenance)
    checkpoints.write_manifest(targets["manifest"], targets["weights"], steps, provenance)


def _check_predictions(
    model: Transformer, found: AdoptedRun, adapter: str, device: torch.device
) -> None:
    """Raise CheckpointError if ``model`` does not predict what its weights predicted where they were trained."""
    recorded = {name: part.to(device) for name, part in found.recorded().items()}
    wanted = recorded["predictions"]
    apart = float((predict(model, recorded["x"], recorded["y"]) - wanted).abs().max())
    size = float(wanted.abs().max())
    if not apart <= ROUNDING * size:
        raise CheckpointError(
            f"{found.folder / PREDICTIONS}: with runs.adapter = {adapter} the predictions at step "
            f"{found.says.predicted_at} are up to {apart:.2g} from the recorded ones, which reach {size:.2g}; set "
            "model to their architecture (residual, norm, attention_projection, tokens), or correct the adapter"
        )
