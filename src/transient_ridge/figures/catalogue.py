"""Which figures there are and which tables each reads, found without importing them: Snakemake asks before it plans."""

import ast
from functools import cache
from pathlib import Path
from typing import NamedTuple

from ..artefacts.schemas import TABLES
from ..stage import decorations


class Entry(NamedTuple):
    """The module of a figure, within transient_ridge, and the tables that it reads."""

    module: str
    tables: tuple[str, ...]

    @property
    def on_request(self) -> bool:
        """Whether it shows what is made on request alone."""
        return any(TABLES[table].on_request for table in self.tables)

    @property
    def of_preset(self) -> bool:
        """Whether it compares variants, and is drawn once for all of them."""
        return any(TABLES[table].scope == "preset" for table in self.tables)


@cache
def catalogue() -> dict[str, Entry]:
    """Every figure by name: the modules with a function decorated by ``figure_of``, and its arguments."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("*/*.py")):
        for call in decorations(path, "figure_of"):
            tables = tuple(ast.literal_eval(argument) for argument in call.args)
            found[path.stem] = Entry(f"figures.{path.parent.name}.{path.stem}", tables)
    return found
