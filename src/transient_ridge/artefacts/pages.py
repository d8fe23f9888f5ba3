"""Pages: scorecard, explorer, tables."""

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .files import complete_file
from .provenance import lasting, seal, unseal

#: Placeholder in a page for its provenance record, as JSON.
RECORD = "@@record@@"


@dataclass(frozen=True)
class Page:
    """A text, written unchanged except for :data:`RECORD`."""

    text: str

    def save(self, path: Path, record: Mapping[str, Any]) -> None:
        """Write the file, with ``record`` at its placeholder, and beside it."""
        lasts = html.escape(json.dumps(lasting(record), sort_keys=True))
        unseal(path)
        with complete_file(path) as partial:
            partial.write_text(self.text.replace(RECORD, lasts))
        seal(path, record)
