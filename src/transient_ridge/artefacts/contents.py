"""Which files belong in a results folder, according to the configuration beside them.

A folder also keeps what was made earlier: runs that have left the grid, renamed variants, tables and figures that no
code makes any more. These leftovers are not read with the rest, published or packed.
"""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ..config.configuration import (
    RESOLVED_FILE,
    comparisons,
    overlay,
    root_seed_variants,
)
from ..config.grid import runs
from ..config.runs import RUN_PATTERN
from ..config.section import choices
from ..config.settings import Configuration
from ..errors import TableError
from .catalogue import catalogue
from .files import files_below
from .layout import OF_ALL_VARIANTS, Layout
from .locks import hold
from .provenance import beside
from .schemas import TABLES
from .tables import read_all

if TYPE_CHECKING:
    import pandas as pd

#: The lock that a Snakemake holds while it works in a results folder.
LOCK_FILE = ".lock"

_RUN = re.compile(rf"({RUN_PATTERN})(?=$|[-.])")
_SIDE_CAR = beside(Path("x")).name.removeprefix("x")


class Contents:
    """A results folder, such as results/laptop, and the files that its configuration accounts for."""

    def __init__(self, results: Path) -> None:
        """Raises TableError if ``results`` holds no configuration, or one that cannot be read."""
        self.results, file = results, results / RESOLVED_FILE
        try:
            self.config: Mapping[str, Any] = yaml.safe_load(file.read_text())
            self._stated = {
                name: overlay(self.config, changes or {})
                for name, changes in self.config["variants"].items()
            }
            self.runs = {
                name: {run.name for run in runs(each)} for name, each in self._stated.items()
            }
        except OSError:
            raise TableError(
                f"{results}: not a results folder, it has no {RESOLVED_FILE}; name one such as results/laptop, or run "
                "`make reproduce` first"
            ) from None
        except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise TableError(
                f"{file}: cannot be read as a configuration ({error!r}); delete it and run snakemake again"
            ) from error

    @property
    def entries(self) -> list[str]:
        """The modules of all registry entries that the variants choose."""
        return sorted(
            {
                registry.module(choice)
                for stated in self._stated.values()
                for _, registry, choice in choices(stated, Configuration)
            }
        )

    def holds(self, path: Path) -> bool:
        """Whether the file ``path``, relative to the folder, belongs there."""
        variant, *inside = path.parts
        if not inside:
            return True
        if variant not in self.runs and variant not in self._of_all:
            return variant == "logs"
        made = path.with_name(path.name.removesuffix(_SIDE_CAR))
        if inside[0] == "figures":
            return str(made.with_suffix("")) in self._figures
        if made.suffix == ".parquet":
            return str(made) in self._tables
        return {match[1] for part in inside if (match := _RUN.match(part))} <= self.runs.get(
            variant, set()
        )

    def leftovers(self) -> list[Path]:
        """The files that do not belong, sorted, including records of results that are gone."""
        found = files_below(self.results)
        strangers = {path for path in found if not self.holds(path.relative_to(self.results))}
        return sorted(strangers.union(_orphaned(found)))

    def remark(self) -> str:
        """A line about the leftovers and how to remove them; empty if there are none."""
        found = self.leftovers()
        if not found:
            return ""
        others = f" and {len(found) - 1} more" if len(found) > 1 else ""
        return (
            f"left over from another configuration, and left out: {found[0]}{others}; "
            f"`make clean-leftovers PRESET={self.config['preset']}` removes them"
        )

    def remove_leftovers(self) -> list[Path]:
        """Delete the files that do not belong, and folders that become empty; return the files.

        Raises StorageError if a Snakemake is at work in the folder.
        """
        held = hold(self.results / LOCK_FILE)
        try:
            found = self.leftovers()
            _remove(found)
        finally:
            held.release()
        return found

    @cached_property
    def _of_all(self) -> set[str]:
        variants, root_seeds = OF_ALL_VARIANTS
        found = {variants: comparisons(self.config), root_seeds: root_seed_variants(self.config)}
        return {name for name, compared in found.items() if compared}

    @cached_property
    def _layout(self) -> Layout:
        return Layout(self.config)

    @cached_property
    def _tables(self) -> set[str]:
        """Every table that some code makes, relative to the folder."""
        layout = self._layout
        found = {f"{pooled}/tables/{name}.parquet" for pooled in OF_ALL_VARIANTS for name in TABLES}
        for variant in self.runs:
            for name in TABLES:
                found.update(layout.files(name, variant))
                found.add(layout.pattern(name, joined=True).format(variant=variant))
        return {self._inside(path) for path in found}

    @cached_property
    def _figures(self) -> set[str]:
        """Every figure with something to show, relative to the folder and without its suffix."""
        return {
            f"{self._inside(folder)}/figures/{name}"
            for name, entry in catalogue().items()
            for folder in self._layout.drawn_in(entry)
        }

    def _inside(self, path: str) -> str:
        return path.removeprefix(f"{self._layout.folder}/")


def read_variant(folder: Path | str) -> dict[str, "pd.DataFrame"]:
    """Every table of a variant's results, such as results/laptop/base, by name; without leftovers.

    A folder with no configuration in or beside it is read whole. Raises TableError if there is no such folder or no
    table in it, and as :func:`transient_ridge.artefacts.tables.read_all` does.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise TableError(
            f"{folder}: no such folder; name that of a variant, such as results/laptop/base"
        )
    results = folder.absolute().parent
    known = Contents(results) if (results / RESOLVED_FILE).exists() else None
    found = {
        name: [
            path
            for path in sorted(folder.glob(table.pattern(name)))
            if known is None or known.holds(path.absolute().relative_to(results))
        ]
        for name, table in TABLES.items()
    }
    if not any(found.values()):
        raise TableError(
            f"{folder}: holds no table of a variant; name a folder such as results/laptop/base, or run "
            "`make reproduce` first"
        )
    return {name: read_all(paths, name) for name, paths in found.items() if paths}


def remove_orphaned_records(results: Path) -> None:
    """Delete the records of results that are gone, and folders that become empty."""
    _remove(_orphaned(files_below(results)))


def _orphaned(files: Iterable[Path]) -> list[Path]:
    """The records among ``files`` whose result is gone."""
    records = (path for path in files if path.name.endswith(_SIDE_CAR))
    return [path for path in records if not Path(str(path).removesuffix(_SIDE_CAR)).exists()]


def _remove(files: Iterable[Path]) -> None:
    for path in files:
        path.unlink()
        for folder in path.parents[:-1]:
            with suppress(OSError):  # not empty
                folder.rmdir()
