"""Which figures there are and which tables each reads, found without importing them: Snakemake asks before it plans."""

import ast
from functools import cache
from pathlib import Path
from typing import NamedTuple

from ..artefacts.schemas import TABLES
from ..places import PACKAGE, in_extensions, module_name
from ..stage import decorations


class Entry(NamedTuple):
    """The module of a figure, within transient_ridge, and the tables that it reads."""

    module: str
    tables: tuple[str, ...]

    @property
    def caption(self) -> Path:
        """The file of its caption in the report, beside the module."""
        return PACKAGE.joinpath(*self.module.split(".")).with_suffix(".rst")

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
    core = sorted(PACKAGE.glob("figures/*/[!.]*.py"))
    for path in [*core, *in_extensions("figures/[!.]*.py")]:
        for call in decorations(path, "figure_of"):
            tables = tuple(ast.literal_eval(argument) for argument in call.args)
            found[path.stem] = Entry(module_name(path), tables)
    return found
