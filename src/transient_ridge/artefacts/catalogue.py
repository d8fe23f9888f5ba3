"""The figures and the tables that each reads, found without importing them, because Snakemake asks before planning."""

import ast
from functools import cache
from pathlib import Path
from typing import NamedTuple

from ..places import PACKAGE, by_name, in_extensions, module_name
from ..stage import decorations
from .schemas import TABLES


class Entry(NamedTuple):
    """The module of a figure within transient_ridge, the tables that it reads, and whether it is over draws."""

    module: str
    tables: tuple[str, ...]
    over_draws: bool

    @property
    def caption(self) -> Path:
        """The file of its caption in the report, beside the module."""
        return PACKAGE.joinpath(*self.module.split(".")).with_suffix(".rst")

    @property
    def on_request(self) -> bool:
        """Whether it shows tables that are only made on request."""
        return any(TABLES[table].on_request for table in self.tables)

    @property
    def of_preset(self) -> bool:
        """Whether it is about several variants, and drawn once for all of them."""
        return self.over_draws or any(TABLES[table].scope == "preset" for table in self.tables)


@cache
def catalogue() -> dict[str, Entry]:
    """Every figure by name, from the modules with a function decorated by ``figure_of``."""
    found = {}
    paths = [*PACKAGE.glob("figures/*/[!._]*.py"), *in_extensions("figures/[!._]*.py")]
    for name, path in by_name(paths).items():
        for _, call in decorations(path, "figure_of"):
            tables = tuple(ast.literal_eval(argument) for argument in call.args)
            over_draws = any(word.arg == "over_draws" for word in call.keywords)
            found[name] = Entry(module_name(path), tables, over_draws)
    return found
