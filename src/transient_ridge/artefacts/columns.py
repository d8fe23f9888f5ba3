"""How a table is declared, and the columns that many tables share.

On disk ``task_diversity`` is a nullable int64 whose null means infinity; in paths and configurations it is ``inf``.
``token`` is k = 1..K; null means the average over all K positions. Losses are in units of y^2.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from .availability import Runs, every_run

if TYPE_CHECKING:  # columns are read when a workflow is planned, and by training: both do without
    import pyarrow as pa

#: By Arrow's names.
Kind = Literal["int64", "float64", "string", "bool", "list<float32>"]
Column = tuple[Kind, str]
Columns = dict[str, Column]


def _of_kind(kind: Kind) -> Callable[[str], Column]:
    return lambda meaning: (kind, meaning)


#: Each declares a column by its meaning.
integer, number, text, flag, numbers = (_of_kind(kind) for kind in get_args(Kind))


@dataclass(frozen=True)
class Table:
    """Columns (name -> type and meaning), the scope of one file, and which runs have it.

    The chunks of a table are also joined to one file per variant. A table of the preset compares variants, if there are
    variants to compare (see ``configuration.comparisons``). Tables ``on_request`` have targets of their own.
    """

    scope: Literal["run", "variant", "chunk", "preset"]
    columns: Columns
    on_request: bool = False
    #: Which runs have one, for a table of runs or chunks.
    runs: Runs = every_run
    #: Whether statements of the scorecard may read it.
    judged: bool = False

    def pattern(self, name: str) -> str:
        """Where the files of this table, called ``name``, lie in a variant's folder, its chunks joined.

        A table of the preset lies in the folder ``variants`` beside those of the variants.
        """
        return f"runs/*/{name}.parquet" if self.scope == "run" else f"tables/{name}.parquet"

    @property
    def schema(self) -> "pa.Schema":
        """Arrow schema, meanings attached to the columns."""
        import pyarrow as pa  # noqa: PLC0415

        def arrow(kind: Kind) -> pa.DataType:
            is_list = kind == "list<float32>"
            return pa.list_(pa.float32()) if is_list else pa.type_for_alias(kind)

        return pa.schema(
            [
                pa.field(name, arrow(kind), metadata={"meaning": meaning})
                for name, (kind, meaning) in self.columns.items()
            ]
        )


RUN: Columns = {
    "task_diversity": integer("M, the number of training tasks; null = infinity"),
    "seed": integer("seed of the run (initial weights and batches)"),
    "step": integer("number of optimiser updates made"),
}
SET: Columns = {
    "dataset": text("in_distribution (q_M), out_of_distribution (q_inf) or root_task (q_1)"),
    "token": integer("position k = 1..K; null = mean over all positions"),
}
PREDICTOR: Columns = {"predictor": text("an idealised predictor, for the M of this row")}
LOSS: Columns = {
    "loss": number("mean squared error, in units of y^2"),
    "standard_error": number("standard error of the mean over sequences"),
}
DISTANCE: Columns = {
    "distance": number("Delta: mean squared difference of predictions, in units of y^2"),
    "standard_error": number("standard error of the mean over sequences"),
}
GATE: Columns = {
    "gate": number(
        "alpha of (1 - alpha) ridge + alpha dMMSE_M, fitted by least squares: 0 = ridge, 1 = dMMSE_M"
    ),
    "residual": number("Delta(f, that mixture), in units of y^2"),
    "apart": number("Delta(dMMSE_M, ridge), in units of y^2"),
}
