"""Where the files of a preset are, and which ones its configuration asks for.

Paths are relative to the folder that Snakemake works in. A *pattern* has the wildcards ``{variant}``, ``{run}`` and
``{chunk}``.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from ..config.configuration import comparisons, llc_chunks, resolve, root_seed_variants
from ..config.grid import Config
from ..errors import ConfigError
from .catalogue import Entry
from .schemas import TABLES

_PATTERNS = {
    "run": "{variant}/runs/{run}/{name}.parquet",
    "chunk": "{variant}/runs/{run}/{name}/{chunk}.parquet",
    "variant": "{variant}/tables/{name}.parquet",
    "preset": "variants/tables/{name}.parquet",
}
#: Folders of a preset, beside those of its variants, for results computed from several variants.
OF_ALL_VARIANTS = ("variants", "root-seeds")
#: Names with a meaning in the folder of a preset, a variant or a run.
TAKEN = frozenset(
    (*OF_ALL_VARIANTS, "logs", "status", "runs", "checkpoints", "tables", "figures", "benchmarks", "scratch")
)  # fmt: skip
#: Pages of every variant.
PAGES = ("claims.md", "explorer.html", "tables.html")


class Layout:
    """The files of one preset."""

    def __init__(self, config: Config) -> None:
        """``config`` is valid, and not yet resolved.

        Raises ConfigError if a variant has one of the names :data:`TAKEN`.
        """
        self.config = config
        self.folder = f"results/{config['preset']}"
        if taken := sorted(TAKEN & set(config["variants"])):
            raise ConfigError(
                f"variants: {', '.join(taken)}: cannot be the name of a variant; choose one other than "
                f"{', '.join(sorted(TAKEN))}, which mean something else below {self.folder}/"
            )
        self.variants: Mapping[str, Mapping[str, Any]] = {
            name: resolve(config, name) for name in config["variants"]
        }

    @cached_property
    def chunks(self) -> Mapping[str, Mapping[int, Sequence[int]]]:
        """Variant -> chunk -> the steps whose LLC is estimated together."""
        return {name: llc_chunks(resolved) for name, resolved in self.variants.items()}

    @cached_property
    def compared(self) -> Mapping[str, Sequence[str]]:
        """Table that compares variants -> the variants behind it."""
        return comparisons(self.config)

    @cached_property
    def root_seeds(self) -> Sequence[str]:
        """The variants that differ only in their root seed, and are judged together."""
        return root_seed_variants(self.config)

    def pattern(self, table: str, *, joined: bool = False) -> str:
        """The path of a file of ``table``; if ``joined``, of the file that holds all chunks of a variant."""
        scope = "variant" if joined else TABLES[table].scope
        return f"{self.folder}/{_PATTERNS[scope].replace('{name}', table)}"

    def files(self, table: str, variant: str) -> list[str]:
        """Every file of ``table`` in this variant."""
        scope, of_runs = TABLES[table].scope, TABLES[table].runs
        runs = of_runs(self.variants[variant]) if scope in ("run", "chunk") else [""]
        chunks = self.chunks[variant] if scope == "chunk" else [""]
        return [
            self.pattern(table).format(variant=variant, run=run, chunk=chunk)
            for run in runs
            for chunk in chunks
        ]

    def read(self, table: str, variant: str | None) -> list[str] | str:
        """What a stage of ``variant`` reads as ``table``: the files of all runs, or the file that joins all chunks."""
        if TABLES[table].scope == "run" and variant is not None:
            return self.files(table, variant)
        return self.pattern(table, joined=TABLES[table].scope == "chunk").format(variant=variant)

    def tables(self) -> list[str]:
        """Every table that is made without being requested by name.

        Includes both the chunks and the tables that join them: a killed job has deleted its outputs, and Snakemake
        does not miss an intermediate file while the file made from it exists.
        """
        found: list[str] = []
        for name, table in TABLES.items():
            if table.on_request or table.scope == "preset":
                continue
            for variant in self.variants:
                found += self.files(name, variant)
                if table.scope == "chunk":
                    found.append(self.pattern(name, joined=True).format(variant=variant))
        return found + [self.pattern(name) for name in self.compared]

    def home(self, figure: Entry) -> str:
        """The folder that ``figure`` is drawn in: a pattern, unless it is about several variants."""
        variants, root_seeds = OF_ALL_VARIANTS
        if figure.over_draws:
            return f"{self.folder}/{root_seeds}"
        return f"{self.folder}/{variants if figure.of_preset else '{variant}'}"

    def drawn_in(self, figure: Entry) -> list[str]:
        """The folders that ``figure`` is drawn in, if it has something to show: of each variant with its first table.

        A figure about several variants or draws is drawn only if there are several.
        """
        home = self.home(figure)
        if figure.over_draws:
            return [home] if self.root_seeds else []
        if figure.of_preset:
            return [home] if set(figure.tables) <= set(self.compared) else []
        first = figure.tables[0]
        return [home.format(variant=name) for name in self.variants if self.files(first, name)]

    def pages(self) -> list[str]:
        """The pages for people: scorecards, explorers, tables of the report, and the README."""
        pooled = ["root-seeds/claims.md"] if self.root_seeds else []
        own = [f"{variant}/{page}" for variant in self.variants for page in PAGES]
        return [f"{self.folder}/{page}" for page in ("README.md", *pooled, *own)]
