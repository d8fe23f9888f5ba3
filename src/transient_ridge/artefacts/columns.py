"""How a table is declared, and the columns that many tables share.

A table is a class: its annotated attributes are the columns, the text below each is its meaning, and base classes
supply the columns that come first. ``int | None`` is an integer whose null has a meaning, ``list[float]`` a list of
float32.

On disk ``task_diversity`` is a nullable int64 whose null means infinity; in paths and configurations it is ``inf``.
``token`` is k = 1..K; null means the average over all K positions. Losses are in units of y^2.
"""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ..errors import ConfigError
from ..places import texts
from .availability import Runs, every_run

if TYPE_CHECKING:  # planning and training read the columns, and need no pyarrow
    import pyarrow as pa

Scope = Literal["run", "variant", "chunk", "preset"]

#: Annotation of a column -> Arrow's name of its type.
_ARROW = {
    int: "int64",
    int | None: "int64",
    float: "float64",
    str: "string",
    bool: "bool",
    list[float]: "list<float32>",
}


class Column(NamedTuple):
    """Arrow's name of a column's type, and the meaning of the column."""

    kind: str
    meaning: str


@dataclass(frozen=True)
class Table:
    """A class of columns, the scope of one file, and which runs have it.

    The chunks of a table are also joined to one file per variant. A table of the preset compares variants, if there are
    variants to compare (see ``configuration.comparisons``). Tables ``on_request`` have separate targets.
    """

    declared: type
    scope: Scope
    on_request: bool
    #: Which runs have one, for a table of runs or chunks.
    runs: Runs
    #: Whether statements of the scorecard may read it.
    judged: bool

    @cached_property
    def columns(self) -> dict[str, Column]:
        """Name -> type and meaning."""
        meanings = texts(self.declared)
        return {
            name: Column(_ARROW[kind], meanings[name])
            for name, kind in _kinds(self.declared).items()
        }

    @cached_property
    def nullable(self) -> set[str]:
        """The integer columns in which null has a meaning: infinity, 'all positions', and 'none'."""
        return {name for name, kind in _kinds(self.declared).items() if kind == int | None}

    def pattern(self, name: str) -> str:
        """The path of the files of this table, called ``name``, within a variant's folder, its chunks joined.

        A table of the preset is in the folder ``variants`` beside those of the variants.
        """
        return f"runs/*/{name}.parquet" if self.scope == "run" else f"tables/{name}.parquet"

    @property
    def schema(self) -> "pa.Schema":
        """Arrow schema, meanings attached to the columns."""
        import pyarrow as pa  # noqa: PLC0415

        def arrow(kind: str) -> pa.DataType:
            is_list = kind == "list<float32>"
            return pa.list_(pa.float32()) if is_list else pa.type_for_alias(kind)

        return pa.schema(
            [
                pa.field(name, arrow(kind), metadata={"meaning": meaning})
                for name, (kind, meaning) in self.columns.items()
            ]
        )


#: Every table, by name: that of its class in lower case, ``llc_traces`` for ``LlcTraces``.
TABLES: dict[str, Table] = {}


def table(
    scope: Scope, *, on_request: bool = False, runs: Runs = every_run, judged: bool = False
) -> Callable[[type], type]:
    """Decorator: the class declares a table. Raises ConfigError if another table has its name."""

    def add(declared: type) -> type:
        name = re.sub(r"\B(?=[A-Z])", "_", declared.__name__).lower()
        if name in TABLES:
            raise ConfigError(
                f"{inspect.getfile(declared)}: {name}: another table has this name; choose another one"
            )
        TABLES[name] = Table(declared, scope, on_request, runs, judged)
        return declared

    return add


def _kinds(declared: type) -> dict[str, Any]:
    """Column -> annotation; those of base classes come first."""
    found: dict[str, Any] = {}
    for base in declared.__bases__:
        found |= _kinds(base)
    return found | inspect.get_annotations(declared)


class Diversity:
    """The number of training tasks."""

    task_diversity: int | None
    """M, the number of training tasks; null = infinity"""


class Seed:
    """The seed of a run."""

    seed: int
    """seed of the run (initial weights and batches)"""


class Step:
    """A step of training."""

    step: int
    """number of optimiser updates made"""


class Run(Diversity, Seed, Step):
    """A checkpoint of a run."""


class Dataset:
    """An evaluation set."""

    dataset: str
    """in_distribution (q_M), out_of_distribution (q_inf) or root_task (q_1)"""


class Token:
    """A position of the context, or all of them."""

    token: int | None
    """position k = 1..K; null = mean over all positions"""


class Set(Dataset, Token):
    """What a mean is taken over."""


class Predictor:
    """An idealised predictor."""

    predictor: str
    """an idealised predictor, for the M of this row"""


class Loss:
    """A loss."""

    loss: float
    """mean squared error, in units of y^2"""
    standard_error: float
    """standard error of the mean over sequences"""


class Distance:
    """The distance of two functions."""

    distance: float
    """Delta: mean squared difference of predictions, in units of y^2"""
    standard_error: float
    """standard error of the mean over sequences"""


class Gate:
    """A mixture of both predictors."""

    gate: float
    """alpha of (1 - alpha) ridge + alpha dMMSE_M, fitted by least squares: 0 = ridge, 1 = dMMSE_M"""
    residual: float
    """Delta(f, that mixture), in units of y^2"""
    apart: float
    """Delta(dMMSE_M, ridge), in units of y^2"""
