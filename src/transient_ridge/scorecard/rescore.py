"""Score published tables again, by today's statements."""

from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from ..artefacts.schemas import TABLES
from ..artefacts.tables import Frames, Rows
from ..config.asked import keys_of, values
from ..config.configuration import pick
from ..config.presets import DEFAULT
from ..config.presets import load as load_preset
from ..config.settings import ClaimSettings
from ..errors import ConfigError
from ..stage import load as load_stage
from .claims import measure, score
from .measurements import Evidence
from .page import accounts_page, along_resolution, by_diversity, scorecard
from .verdicts import written

#: The stages that compute their tables again, in this order; the other tables are taken as they are.
AGAIN = (
    "analysis.phases", "analysis.curves", "analysis.softened", "analysis.model_selection.selection",
    "analysis.model_selection.by_resolution", "analysis.model_selection.accounts", "scorecard.by_resolution",
)  # fmt: skip

#: Statements in tables without a column `kind` -> their names today; the others kept theirs.
RENAMED = {
    "2b": "2d", "2c": "2e", "2d": "2c", "2e": "1e", "9a": "-", "9b": "9d", "9c": "9e", "9d": "9f", "9e": "9g",
}  # fmt: skip

INTRODUCTION = """# Published runs, scored again

Made by `python -m transient_ridge rescore` from the tables of {folders}. Statements and thresholds are
those of [thresholds.md](thresholds.md). Distances, losses, LLCs and the joint PCA are as published; phases, curves,
trade-offs, the softened dMMSE and the nulls are computed again. *Met* and *not met* are about one draw, not verdicts.
"""


def rescore(folders: list[Path]) -> str:
    """The page of these published ``folders`` as Markdown, by the thresholds of the default preset.

    Raises ConfigError for a folder without a configuration.
    """
    names = " and ".join(f"`{folder.name}`" for folder in folders)
    return "\n".join([INTRODUCTION.format(folders=names), *map(_of_folder, folders)])


def _of_folder(folder: Path) -> str:
    path = folder / "config.yaml"
    if not path.is_file():
        raise ConfigError(
            f"{path}: missing; name a folder of published results, as results/published/laptop"
        )
    config = yaml.safe_load(path.read_text())
    config["claims"] = load_preset(DEFAULT)["claims"] | {
        "paper_threshold": config["claims"]["paper_threshold"],
        "own": {},
    }
    frames = _tables(folder, config)
    evidence = Evidence(frames, ClaimSettings.of(config["claims"]), config["seed"])
    scored = score(measure(evidence), evidence.settings)
    parts = [f"## {folder.name}", "", scorecard(scored)]
    if before := _files(folder, "claims"):
        parts += ["### Then and now", "", then_and_now(pd.read_parquet(before), scored.frame())]
    parts += ["### Every M", "", by_diversity(evidence)]
    parts += [
        "### Claims 8 and 9 along r",
        "",
        along_resolution(frames["claims_by_resolution"]) or "No curvature was measured.\n",
    ]
    parts += ["### When do runs turn?", "", accounts_page(frames["accounts"])]
    return "\n".join(parts)


def _tables(folder: Path, config: dict[str, Any]) -> Frames:
    """The published tables, and those that the stages :data:`AGAIN` compute from them."""
    frames = {
        name: _columns_of_today(path, name) for name in TABLES if (path := _files(folder, name))
    }
    for name in ("quadratic_llc", "quadratic_llc_on_tasks"):
        found = frames.setdefault(name, Rows(name).frame())
        if found["healthy"].isna().all():  # by older code, which did not check
            frames[name] = found.assign(healthy=True)
    frames.setdefault("llc_on_tasks", Rows("llc_on_tasks").frame())
    for name in AGAIN:
        stage = load_stage(name)
        settings = values(stage.settings, pick(config, keys_of(name)))
        inputs: dict[str, Any] = {table: frames[table] for table in stage.reads}
        made = stage.compute(**({"frames": inputs} if stage.tables else inputs), **settings)
        for rows in made if isinstance(made, tuple) else (made,):
            frames[rows.table] = rows.frame()
    return frames


def then_and_now(before: pd.DataFrame, now: pd.DataFrame) -> str:
    """A row for each statement that was published: its verdict and value then and now, and why."""
    today: dict[str, Any] = {f"{row['claim']}{row['part']}": row for row in now.to_dict("records")}
    lines = ["| | then | | now | | why |", "|---|---|---|---|---|---|"]
    for row in before.to_dict("records"):
        old = f"{row['claim']}{row['part']}"
        name = old if "kind" in before else RENAMED.get(old, old)
        then = f"| {old} | {row['statement']} | {row['verdict']} ({written(row['value'], row['margin'])})"
        if name not in today:
            lines.append(f"{then} | - | no longer asked | - |")
            continue
        new = today[name]
        measured = "" if new["quantity"] == row["quantity"] else f"now {new['quantity']}; "
        null = "" if pd.isna(new["null_value"]) else f"null {written(new['null_value'], None)}; "
        kind = "a further question; " if new["kind"] == "further" else ""
        lines.append(
            f"{then} | {name} | {new['verdict']} ({written(new['value'], new['margin'])}) "
            f"| {kind}{measured}{null}{new['reason']} |"
        )
    return "\n".join(lines) + "\n"


def _files(folder: Path, table: str) -> Path | None:
    """The file of a table in its first variant, if the folder has one."""
    found = folder.glob(f"*/**/{table}.parquet")
    return min(found, key=lambda path: len(path.parts), default=None)


def _columns_of_today(path: Path, name: str) -> pd.DataFrame:
    """The table at ``path``, perhaps by older code: missing columns are empty, surplus ones are dropped."""
    return Rows.of(name, pd.read_parquet(path).reindex(columns=list(TABLES[name].columns))).frame()
