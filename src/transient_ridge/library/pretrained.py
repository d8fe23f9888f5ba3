"""A trained transformer as a folder in the layout of the Hugging Face Hub: `config.json` and `model.safetensors`."""

import json
from pathlib import Path
from typing import Any

import safetensors.torch

from ..artefacts.files import complete_file
from ..artefacts.provenance import sha256
from ..config.settings import TrainedBy
from ..errors import CheckpointError
from ..model.transformer import Transformer
from ..training.checkpoints import Checkpoints

CONFIG, WEIGHTS = "config.json", "model.safetensors"


def from_pretrained(folder: Path | str) -> Transformer:
    """The model in ``folder``, in evaluation mode on the CPU; ``model(x, y)`` takes x (B, K, D) and y (B, K).

    Raises CheckpointError if ``folder`` holds no model or an altered one.
    """
    home = Path(folder)
    inside = sorted(path.parent.name for path in home.glob(f"*/{CONFIG}"))
    if not (home / CONFIG).is_file():
        remedy = (
            f"name one of its runs: {', '.join(inside)}"
            if inside
            else "write one by make model-card"
        )
        raise CheckpointError(f"{home}: has no {CONFIG}; {remedy}")
    config = json.loads((home / CONFIG).read_text())
    if not (home / WEIGHTS).is_file() or sha256(home / WEIGHTS) != config["sha256"]:
        raise CheckpointError(
            f"{home / WEIGHTS}: missing, or not the weights that {CONFIG} was written for; copy the folder again"
        )
    made_by = TrainedBy.of(config)
    model = Transformer(made_by.data.dimension, made_by.model)
    model.load_state_dict(safetensors.torch.load_file(home / WEIGHTS))
    return model.eval()


def save_pretrained(kept: Checkpoints, step: int, folder: Path | str, **notes: Any) -> None:
    """Write the checkpoint of ``step`` to ``folder`` for :func:`from_pretrained`, with ``notes`` in its config.json."""
    home = Path(folder)
    home.mkdir(parents=True, exist_ok=True)
    tensors = {name: part.contiguous() for name, part in kept.load(step).items()}
    with complete_file(home / WEIGHTS) as partial:
        safetensors.torch.save_file(tensors, partial, metadata={"format": "pt"})
    config = {
        "model_type": "transient-ridge",
        "architectures": ["Transformer"],
        "library_name": "transient-ridge",
        "step": step,
        "sha256": sha256(home / WEIGHTS),
        **notes,
        **TrainedBy.of(kept.settings).stated(),
    }
    with complete_file(home / CONFIG) as partial:
        partial.write_text(json.dumps(config, indent=2) + "\n")
