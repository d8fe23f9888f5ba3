"""Text files: scorecard, explorer, tables page."""

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .files import complete_file
from .provenance import lasting, seal, unseal

#: Stands in a page where the record of what made it goes, as JSON.
RECORD = "@@record@@"


@dataclass(frozen=True)
class Page:
    """A text to be written as it is, but for :data:`RECORD`."""

    text: str

    def save(self, path: Path, record: Mapping[str, Any]) -> None:
        """Write the file; ``record`` goes into it where it asks for it, and beside it."""
        lasts = html.escape(json.dumps(lasting(record), sort_keys=True))
        unseal(path)
        with complete_file(path) as partial:
            partial.write_text(self.text.replace(RECORD, lasts))
        seal(path, record)
