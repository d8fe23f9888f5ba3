"""The layout on disk of checkpoints trained elsewhere, before the workflow adopts them.

Each run has a folder of its name (``M4-seed0``). It holds one safetensors file per step, with the weights under their
original names; what the trained model predicted on a few sequences, ``predictions.safetensors``; and ``manifest.json``,
which names the run, its data and the SHA-256 of every file.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor

from ..artefacts.files import complete_file
from ..artefacts.provenance import sha256
from ..config.runs import Run
from ..errors import CheckpointError, InputError
from .checkpoints import file_name, save

MANIFEST, PREDICTIONS = "manifest.json", "predictions.safetensors"


class Manifest(BaseModel):
    """The manifest of a run's folder."""

    model_config = ConfigDict(extra="forbid")

    run: str
    dimension: int
    context_length: int
    noise_variance: float
    predicted_at: int  # the step of the weights behind the recorded predictions
    sha256: dict[str, str]  # of every other file


def export_run(
    folder: Path | str,
    run: str,
    checkpoints: Mapping[int, Mapping[str, Tensor]],
    *,
    noise_variance: float,
    x: Tensor,
    y: Tensor,
    predictions: Tensor,
) -> None:
    """Write a run that was trained elsewhere to ``folder``/``run``, where the preset's ``runs.folder`` finds it.

    ``run`` is a name such as M4-seed0 or Minf-seed2; ``checkpoints`` are state dicts by step, with the names of their
    own architecture. ``predictions`` (B, K) are the model's, of every y_k from what precedes it, on ``x`` (B, K, D) and
    ``y`` (B, K), with the weights of the last step; adapters are checked against them. ``noise_variance`` is in units
    of y^2. Raises ConfigError if ``run`` is not the name of a run, InputError for shapes that do not fit.
    """
    Run.parse(run)
    if not checkpoints:
        raise InputError("checkpoints: no step")
    if x.ndim != 3 or y.shape != x.shape[:2] or predictions.shape != y.shape:
        raise InputError(
            f"x, y and predictions have shapes {tuple(x.shape)}, {tuple(y.shape)} and {tuple(predictions.shape)}; must "
            "be (B, K, D), (B, K) and (B, K)"
        )
    home = Path(folder) / run
    home.mkdir(parents=True, exist_ok=True)
    for step, weights in checkpoints.items():
        save(home, step, weights)
    recorded = {"x": x, "y": y, "predictions": predictions}
    with complete_file(home / PREDICTIONS) as partial:
        safetensors.torch.save_file(
            {name: part.detach().cpu().float().contiguous() for name, part in recorded.items()},
            partial,
        )
    files = [PREDICTIONS, *map(file_name, checkpoints)]
    content = Manifest(
        run=run,
        dimension=x.shape[2],
        context_length=x.shape[1],
        noise_variance=noise_variance,
        predicted_at=max(checkpoints),
        sha256={name: sha256(home / name) for name in files},
    )
    with complete_file(home / MANIFEST) as partial:
        partial.write_text(json.dumps(content.model_dump(), indent=1))


class AdoptedRun:
    """Reads what :func:`export_run` wrote. Every fault is a CheckpointError that names the file."""

    def __init__(self, manifest: Path, run: Run, data: Mapping[str, Any]) -> None:
        """The manifest must name ``run`` and the section ``data`` of the configuration."""
        self.folder = manifest.parent
        try:
            self.says = Manifest.model_validate_json(manifest.read_text())
        except (OSError, ValidationError) as error:
            wrong = error.errors() if isinstance(error, ValidationError) else []
            listed = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in wrong)
            raise CheckpointError(
                f"{manifest}: unreadable ({'; '.join(listed) or error}); write it by transient_ridge.export_run"
            ) from error
        expected = {"run": run.name, **{key: data[key] for key in _OF_DATA}}
        for key, wanted in expected.items():
            if (found := getattr(self.says, key)) != wanted:
                name = key if key == "run" else f"data.{key}"
                raise CheckpointError(
                    f"{manifest}: of {name} = {found}, and the preset has {wanted}; put the folder of this run there, "
                    "or change the preset"
                )

    @property
    def steps(self) -> list[int]:
        """The steps with weights, ascending."""
        names = (name for name in self.says.sha256 if name != PREDICTIONS)
        return sorted(int(name.removeprefix("step-").partition(".")[0]) for name in names)

    def weights(self, step: int) -> dict[str, Tensor]:
        """The weights of ``step``, with their own names."""
        return self._load(file_name(step))

    def recorded(self) -> dict[str, Tensor]:
        """``x``, ``y`` and ``predictions`` of the weights at :attr:`Manifest.predicted_at`."""
        return self._load(PREDICTIONS)

    def _load(self, name: str) -> dict[str, Tensor]:
        path = self.folder / name
        if not path.is_file():
            raise CheckpointError(f"{path}: missing; {MANIFEST} has it")
        if sha256(path) != self.says.sha256.get(name):
            raise CheckpointError(
                f"{path}: altered since {MANIFEST} was written; export the run again"
            )
        found: dict[str, Tensor] = safetensors.torch.load_file(path)
        return found


_OF_DATA = ("dimension", "context_length", "noise_variance")
