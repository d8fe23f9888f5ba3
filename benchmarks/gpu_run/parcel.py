"""What comes back from the machine with the GPU: a few small files.

Rows of tables lie in ``tables.json.gz``, facts in ``run.json``, tensors in ``tensors-<n>.safetensors`` (predictions in
half precision, all else as it is), and the last weights of as many runs as there is room for in
``weights-<n>.safetensors``, in bfloat16. ``run.json`` is written last.
"""

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from transient_ridge.artefacts.files import complete_file
from transient_ridge.artefacts.schemas import TABLES
from transient_ridge.artefacts.tables import Rows

FACTS, TABLES_FILE = "run.json", "tables.json.gz"
TENSORS, WEIGHTS = "tensors-{}.safetensors", "weights-{}.safetensors"
#: What one call may bring back.
MOST_FILES, MOST_BYTES, MOST_BYTES_OF_ALL = 8, 16 << 20, 64 << 20
#: Left free in every file of tensors for their names.
HEADER = 1 << 18


class ParcelError(Exception):
    """A parcel that is too large, damaged, or of other code."""


@dataclass
class Parcel:
    """Facts (a JSON value), tables by member and stage, and tensors by name."""

    facts: dict[str, Any] = field(default_factory=dict)
    #: Member -> stage -> table -> column -> values; None for a column whose values are tensors.
    tables: dict[str, dict[str, dict[str, dict[str, Any]]]] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    #: Member -> the weights of its last checkpoint.
    weights: dict[str, dict[str, Tensor]] = field(default_factory=dict)

    def add(self, member: str, stage: str, rows: Rows) -> None:
        """Take the table ``rows`` that ``stage`` made of ``member`` along."""
        columns: dict[str, Any] = dict(rows.columns)
        for name, (kind, _) in TABLES[rows.table].columns.items():
            if kind == "list<float32>" and columns[name]:
                values = torch.stack([torch.as_tensor(value) for value in columns[name]])
                self.tensors[_key(member, rows.table, name)] = values.half()
                columns[name] = None
        self.tables.setdefault(member, {}).setdefault(stage, {})[rows.table] = columns

    def rows(self, member: str, stage: str) -> list[Rows]:
        """The tables that ``stage`` made of ``member``."""
        found = []
        for table, columns in self.tables[member].get(stage, {}).items():
            rows = Rows(table)
            for name, values in columns.items():
                if values is None:
                    rows.columns[name] = [*self.tensors[_key(member, table, name)].float().numpy()]
                else:
                    rows.columns[name] = values
            found.append(rows)
        return found

    def write(self, folder: Path) -> None:
        """Write the files below ``folder``, replacing those of an earlier call.

        Raises ParcelError if they are too large even without weights.
        """
        folder.mkdir(parents=True, exist_ok=True)
        for old in (FACTS, TENSORS.format("*"), WEIGHTS.format("*")):
            for path in folder.glob(old):
                path.unlink()
        with complete_file(folder / TABLES_FILE) as partial, gzip.open(partial, "wt") as text:
            json.dump(self.tables, text)
        save = safetensors.torch.save_file
        for number, part in enumerate(_parts(self.tensors)):
            save(part, folder / TENSORS.format(number))
        room = MOST_BYTES_OF_ALL - HEADER - sum(path.stat().st_size for path in folder.iterdir())
        room = min(room, MOST_BYTES * (MOST_FILES - 1 - len(list(folder.iterdir()))))
        for number, part in enumerate(_parts(self._weights(room))):
            save(part, folder / WEIGHTS.format(number))
        with complete_file(folder / FACTS) as partial:
            partial.write_text(json.dumps(self.facts, indent=1))
        _check(folder)

    def _weights(self, room: int) -> dict[str, Tensor]:
        """Weights by member and name, of the first runs that fit into ``room`` bytes."""
        found: dict[str, Tensor] = {}
        for member, weights in self.weights.items():
            rounded = {f"{member}/{name}": each.bfloat16() for name, each in weights.items()}
            room -= sum(each.nbytes for each in rounded.values())
            if room < 0:
                break
            found |= rounded
        return found

    @classmethod
    def read(cls, folder: Path) -> "Parcel":
        """The parcel in ``folder``. Raises ParcelError if it is not complete, or damaged."""
        try:
            facts = json.loads((folder / FACTS).read_text())
            tables = json.loads(gzip.decompress((folder / TABLES_FILE).read_bytes()))
            tensors, rounded = (_load(folder, each) for each in (TENSORS, WEIGHTS))
        except (OSError, EOFError, ValueError, safetensors.SafetensorError) as error:
            raise ParcelError(
                f"{folder}: cannot be read as what a GPU run wrote ({error})"
            ) from error
        weights: dict[str, dict[str, Tensor]] = {}
        for key, tensor in rounded.items():
            member, _, name = key.rpartition("/")
            weights.setdefault(member, {})[name] = tensor.float()
        return cls(facts, tables, tensors, weights)


def _key(member: str, table: str, column: str) -> str:
    return f"{member}/{table}/{column}"


def _parts(tensors: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
    """The tensors, on the CPU, in parts that fit a file each."""
    parts: list[dict[str, Tensor]] = []
    size = MOST_BYTES
    for name, tensor in tensors.items():
        if size + tensor.nbytes > MOST_BYTES - HEADER:
            parts.append({})
            size = 0
        parts[-1][name] = tensor.detach().cpu().contiguous()
        size += tensor.nbytes
    return parts


def _load(folder: Path, name: str) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for path in folder.glob(name.format("*")):
        found |= safetensors.torch.load(path.read_bytes())
    return found


def _check(folder: Path) -> None:
    sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    whole = sum(sizes.values())
    if len(sizes) > MOST_FILES or max(sizes.values()) > MOST_BYTES or whole > MOST_BYTES_OF_ALL:
        raise ParcelError(
            f"{folder}: {len(sizes)} files of {whole / 2**20:.1f} MiB; at most {MOST_FILES} of {MOST_BYTES >> 20} MiB "
            f"each and {MOST_BYTES_OF_ALL >> 20} MiB together come back ({sizes}); take fewer --checkpoints"
        )
