"""Losses, distances to the idealised predictors, and function-space outputs of every checkpoint of a run.

Three evaluation sets: *in distribution* (q_M), *out of distribution* (q_inf) and *root task* (q_1), the last
being the D(1) on which the joint PCA compares functions. Each is drawn from its own named stream, so all
runs of a preset are measured on the same inputs and noise.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..artefacts import tables
from ..artefacts.provenance import collect
from ..artefacts.tables import Rows
from ..config.runs import ROOT_TASK, Run, TaskDiversity
from ..config.settings import DataSettings, EvaluationSettings, ModelSettings
from ..model.device import device_name
from ..model.transformer import Transformer
from ..progress import Progress
from ..regression.predictors import dmmse, ridge
from ..regression.sequences import Sequences, SequenceSource, task_set
from ..training.checkpoints import Checkpoints

IN_DISTRIBUTION = "in_distribution"
OUT_OF_DISTRIBUTION = "out_of_distribution"
ROOT = "root_task"

#: Sequences per forward pass; bounds the memory of an evaluation.
CHUNK = 1024


def evaluation_sets(
    root_seed: int, data: DataSettings, sizes: EvaluationSettings, task_diversity: TaskDiversity
) -> dict[str, Sequences]:
    """The evaluation sets of a run of ``task_diversity``, by name."""
    diversities = {
        IN_DISTRIBUTION: (task_diversity, sizes.sequences),
        OUT_OF_DISTRIBUTION: (math.inf, sizes.sequences),
        ROOT: (ROOT_TASK, sizes.root_task_sequences),
    }
    return {
        name: SequenceSource(root_seed, data, M).draw(count, "evaluation", name)
        for name, (M, count) in diversities.items()
    }


def idealised_predictions(
    root_seed: int, data: DataSettings, task_diversity: TaskDiversity, sequences: Sequences
) -> dict[str, Tensor]:
    """Predictions (B, K) of ``ridge`` and of ``dmmse`` for this M (for M = inf they are the same)."""
    by_ridge = ridge(sequences.x, sequences.y, data.noise_variance)
    if math.isinf(task_diversity):
        return {"ridge": by_ridge, "dmmse": by_ridge}
    tasks = task_set(root_seed, int(task_diversity), data.dimension).to(sequences.x.device)
    return {
        "ridge": by_ridge,
        "dmmse": dmmse(sequences.x, sequences.y, tasks, data.noise_variance),
    }


@dataclass(frozen=True)
class TokenMeans:
    """Means and their standard errors for each position and for the average over positions."""

    token: list[int | None]
    mean: list[float]
    standard_error: list[float]

    @classmethod
    def of(cls, squares: Tensor) -> "TokenMeans":
        """From squared differences (B, K), any float dtype; standard errors are over the B sequences."""
        values = squares.double()
        values = torch.cat((values, values.mean(dim=1, keepdim=True)), dim=1)
        error = values.std(dim=0) / math.sqrt(len(values))
        K = squares.shape[1]
        return cls([*range(1, K + 1), None], values.mean(dim=0).tolist(), error.tolist())


def add_means(rows: Rows, value: str, means: TokenMeans, **row: Any) -> None:
    """One row per position, and one for the average; ``value`` names the mean's column."""
    for token, mean, error in zip(means.token, means.mean, means.standard_error, strict=True):
        rows.add(**row, token=token, **{value: mean}, standard_error=error)


@torch.no_grad()
def predict(model: Transformer, sequences: Sequences) -> Tensor:
    """Predictions (B, K), float32, in chunks."""
    chunks: Iterator[tuple[Tensor, Tensor]] = zip(
        torch.split(sequences.x, CHUNK), torch.split(sequences.y, CHUNK), strict=True
    )
    return torch.cat([model(x, y) for x, y in chunks])


def evaluate(
    run: Run,
    settings: Mapping[str, Any],
    manifest: Path,
    weights: Path,
    *,
    losses: Path,
    distances: Path,
    outputs: Path,
    device: torch.device,
) -> None:
    """Measure every checkpoint of ``run`` and write the three tables.

    ``settings`` holds the settings of the stages train (under ``train``) and the evaluation sets. Raises
    CheckpointError if a checkpoint is missing, damaged or made with other settings.
    """
    trained = settings["train"]
    data = DataSettings.of(trained["data"])
    kept = Checkpoints(manifest, weights, trained)
    model = Transformer(data.dimension, ModelSettings.of(trained["model"])).to(device).eval()
    sets = evaluation_sets(
        trained["seed"], data, EvaluationSettings.of(settings["evaluation"]), run.task_diversity
    )
    sets = {name: sequences.to(device) for name, sequences in sets.items()}
    idealised = {
        name: idealised_predictions(trained["seed"], data, run.task_diversity, sequences)
        for name, sequences in sets.items()
        if name != ROOT
    }
    loss_rows, distance_rows, output_rows = Rows("losses"), Rows("distances"), Rows("outputs")
    progress = Progress(f"evaluate {run.name}", len(kept.steps))
    for done, step in enumerate(kept.steps, start=1):
        model.load_state_dict(kept.load(step, device))
        key = {"task_diversity": run.task_diversity, "seed": run.seed, "step": step}
        for name, sequences in sets.items():
            prediction = predict(model, sequences)
            means = TokenMeans.of((prediction - sequences.y).square())
            add_means(loss_rows, "loss", means, **key, dataset=name)
            for predictor, ideal in idealised.get(name, {}).items():
                means = TokenMeans.of((prediction - ideal).square())
                add_means(
                    distance_rows, "distance", means, **key, dataset=name, predictor=predictor
                )
            if name == ROOT:
                output_rows.add(**key, outputs=prediction.flatten().cpu().numpy())
        progress.update(done)
    progress.close()
    provenance = collect(settings, inputs=[manifest], run=run.name, device=device_name(device))
    tables.write(losses, "losses", loss_rows.columns, provenance)
    tables.write(distances, "distances", distance_rows.columns, provenance)
    tables.write(outputs, "outputs", output_rows.columns, provenance)


def evaluate_idealised(
    settings: Mapping[str, Any], losses: Path, distances: Path, outputs: Path
) -> None:
    """Measure ridge and dMMSE_M, for every M of the grid, on the sets that the runs are measured on.

    The table of distances holds Delta(dMMSE_M, ridge).
    """
    root_seed, data = settings["seed"], DataSettings.of(settings["data"])
    sizes = EvaluationSettings.of(settings["evaluation"])
    loss_rows, distance_rows = Rows("idealised_losses"), Rows("idealised_distances")
    output_rows = Rows("idealised_outputs")
    for text in settings["task_diversities"]:
        task_diversity = math.inf if text == "inf" else int(text)
        for name, sequences in evaluation_sets(root_seed, data, sizes, task_diversity).items():
            predictions = idealised_predictions(root_seed, data, task_diversity, sequences)
            key = {"task_diversity": task_diversity, "dataset": name}
            for predictor, prediction in predictions.items():
                means = TokenMeans.of((prediction - sequences.y).square())
                add_means(loss_rows, "loss", means, **key, predictor=predictor)
            difference = predictions["dmmse"] - predictions["ridge"]
            add_means(distance_rows, "distance", TokenMeans.of(difference.square()), **key)
            if name == ROOT and not math.isinf(task_diversity):
                output_rows.add(
                    task_diversity=task_diversity,
                    predictor="dmmse",
                    outputs=predictions["dmmse"].flatten().numpy(),
                )
    # Ridge is one point whatever the grid: it is there even if M = inf is not trained.
    root = evaluation_sets(root_seed, data, sizes, math.inf)[ROOT]
    prediction = ridge(root.x, root.y, data.noise_variance)
    output_rows.add(
        task_diversity=math.inf, predictor="ridge", outputs=prediction.flatten().numpy()
    )
    provenance = collect(settings, device="cpu")
    tables.write(losses, "idealised_losses", loss_rows.columns, provenance)
    tables.write(distances, "idealised_distances", distance_rows.columns, provenance)
    tables.write(outputs, "idealised_outputs", output_rows.columns, provenance)
