"""The layout of kept weights on disk.

A run's checkpoints are one safetensors file per step in one folder. The manifest beside it is written last and records
the settings that made them and the SHA-256 of every file. Nothing is ever unpickled.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from ..artefacts.files import complete_file
from ..artefacts.provenance import altered, lasting, misplaced, seal, sha256, unseal
from ..config.runs import run_files
from ..config.settings import TrainedBy
from ..errors import CheckpointError
from ..model.transformer import Transformer

#: Prefix of the raw weights in a checkpoint that also holds the averaged ones.
RAW = "raw/"


def file_name(step: int) -> str:
    """Name of the checkpoint of ``step`` within its folder."""
    return f"step-{step:08d}.safetensors"


def all_there(folder: Path, steps: Iterable[int]) -> bool:
    """Whether ``folder`` holds a file for each of ``steps``."""
    return all((folder / file_name(step)).exists() for step in steps)


def save(folder: Path, step: int, parameters: Mapping[str, Tensor]) -> None:
    """Write the checkpoint of ``step``."""
    tensors = {name: p.detach().cpu().contiguous() for name, p in parameters.items()}
    with complete_file(folder / file_name(step)) as partial:
        safetensors.torch.save_file(tensors, partial, metadata={"step": str(step)})


def write_manifest(
    manifest: Path, folder: Path, steps: list[int], provenance: Mapping[str, Any]
) -> None:
    """Seal ``folder``: record the checksum of every step's file with the run's provenance."""
    files = {str(step): sha256(folder / file_name(step)) for step in steps}
    unseal(manifest)
    with complete_file(manifest) as partial:
        content = {"sha256": files, "provenance": lasting(provenance)}
        partial.write_text(json.dumps(content, indent=1))
    seal(manifest, provenance)


class Checkpoints:
    """Reads the checkpoints of one run, refusing what is damaged or made by other settings."""

    @classmethod
    def of_run(cls, folder: Path | str) -> "Checkpoints":
        """The checkpoints in a run's folder, such as results/laptop/base/runs/M12-seed0, made by any settings."""
        files = run_files(folder)
        return cls(files["manifest"], files["weights"])

    def __init__(self, manifest: Path, folder: Path, trained_by: TrainedBy | None = None) -> None:
        """``trained_by`` are the settings that must have made the checkpoints; None accepts any.

        Raises CheckpointError if the manifest is unreadable, belongs to another run or records other settings.
        """
        self.folder = folder
        remedy = "delete it to train the run again"
        try:
            wrong = altered(manifest)
            if wrong:
                raise CheckpointError(f"{manifest}: {wrong}; {remedy}")
            content = json.loads(manifest.read_text())
            self._sha256: dict[int, str] = {int(s): h for s, h in content["sha256"].items()}
            record = content["provenance"]
            #: The settings that made the checkpoints.
            self.settings: Mapping[str, Any] = record["settings"]
            self._averaged = self.settings.get("training", {}).get("average") is not None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                f"{manifest}: unreadable checkpoint manifest ({error}); {remedy}"
            ) from error
        wrong = misplaced(manifest, record)
        if wrong:
            raise CheckpointError(f"{manifest}: {wrong}; {remedy}")
        if trained_by is not None and self.settings != (asked := trained_by.stated()):
            changes = "; ".join(_differences(self.settings, asked))
            raise CheckpointError(
                f"{manifest}: made with another configuration ({changes}); delete it to train again"
            )

    @property
    def steps(self) -> list[int]:
        """The steps with a checkpoint, ascending."""
        return sorted(self._sha256)

    def load(
        self, step: int, device: torch.device | str = "cpu", weights: str = "auto"
    ) -> dict[str, Tensor]:
        """Parameters at ``step``: ``averaged``, ``raw``, or (``auto``) averaged if training averaged them.

        Raises CheckpointError if there are none, or if their file is missing, truncated or altered.
        """
        if step not in self._sha256:
            raise CheckpointError(f"{self.folder}: no checkpoint at step {step}, only {self.steps}")
        path = self.folder / file_name(step)
        remedy = f"delete the folder {self.folder} to train the run again"
        if not path.exists():
            raise CheckpointError(f"{path}: missing; {remedy}")
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != self._sha256[step]:
            raise CheckpointError(f"{path}: truncated or altered since it was written; {remedy}")
        loaded: dict[str, Tensor] = safetensors.torch.load(content)
        prefix = RAW if weights == "raw" and self._averaged else ""
        chosen = {
            name.removeprefix(prefix): tensor.to(device)
            for name, tensor in loaded.items()
            if name.startswith(prefix) and (prefix or not name.startswith(RAW))
        }
        if not chosen or (weights == "averaged" and not self._averaged):
            kept = "averaged" if self._averaged else "raw"
            remedy = "training.keep_raw: true" if self._averaged else "training.average"
            raise CheckpointError(
                f"{path}: holds {kept} weights alone, and {weights} ones are asked for; set {remedy} and train again, "
                "or evaluation.weights: auto"
            )
        return chosen

    def model(self, step: int, device: torch.device | str = "cpu") -> Transformer:
        """The transformer at ``step``, in evaluation mode. Raises CheckpointError as :meth:`load` does."""
        made_by = TrainedBy.of(self.settings)
        model = Transformer(made_by.data.dimension, made_by.model).to(device)
        model.load_state_dict(self.load(step, device))
        return model.eval()


def _differences(old: object, new: object, key: str = "") -> list[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        keys = sorted({*old, *new})
        return [
            line
            for k in keys
            for line in _differences(old.get(k), new.get(k), f"{key}.{k}".lstrip("."))
        ]
    return [] if old == new else [f"{key}: {old} there, {new} here"]
