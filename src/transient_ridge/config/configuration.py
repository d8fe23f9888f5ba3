"""The configuration as the workflow uses it: variants, the grid of runs, and the keys of each job.

A job receives the keys that its stage asks for and no others (:func:`pick`), so that exactly what can change a result
makes it stale.
"""

import copy
import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml

from ..errors import ConfigError
from .grid import Config, runs
from .schedule import checkpoint_steps, settle_steps, settle_updates
from .section import Section
from .settings import CheckpointSettings, Configuration, TrainedBy

#: The folder below results/ that is kept in the repository.
PUBLISHED = "published"

#: The whole configuration in a results folder, against which the folder is checked.
RESOLVED_FILE = "config.yaml"

#: Sections that name checkpoints of the schedule, and sections that name runs of the grid.
WITH_STEPS = ("llc", "spectrum", "llc_calibration", "llc_crosscheck")
WITH_RUNS = ("llc_ladder", "llc_calibration")


def resolve(config: Config, variant: str) -> dict[str, Any]:
    """The configuration of ``variant``, with its overlay applied and shares and ``auto`` replaced by numbers.

    Raises ConfigError if there is no such variant.
    """
    if variant not in config["variants"]:
        raise ConfigError(f"variant '{variant}': not one of {sorted(config['variants'])}")
    stated = overlay(config, config["variants"][variant] or {})
    return settle(Configuration.model_validate(stated).stated())


def overlay(base: Config, changes: Config | None, within: Any = Configuration) -> dict[str, Any]:
    """``base`` with ``changes`` laid over it, section by section; lists and values are replaced.

    A mapping that is one of several forms of a value, such as ``{decay: ...}``, is replaced as well. ``within`` is the
    declaration of ``base``: a section, or the type of a mapping of names.
    """
    merged = dict(copy.deepcopy(base))
    for name, value in (changes or {}).items():
        inner = _declared(within, name)
        both = isinstance(value, Mapping) and isinstance(merged.get(name), Mapping)
        merged[name] = (
            overlay(merged[name], value, inner) if both and inner else copy.deepcopy(value)
        )
    return merged


def _declared(within: Any, name: str) -> Any:
    """The declaration of the key ``name`` if its parts are merged; None if it is replaced as a whole."""
    if get_origin(within) is dict:
        # Variants are overlays, whose parts are those of a configuration.
        return Configuration if get_origin(get_args(within)[1]) is dict else None
    field = within.model_fields.get(name)
    kind = field.annotation if field else None
    named = get_origin(kind) is dict or (isinstance(kind, type) and issubclass(kind, Section))
    return kind if named else None


def settle(config: Config) -> dict[str, Any]:
    """``config`` with numbers in place of shares of training, ``last`` and ``auto``."""
    settled = dict(copy.deepcopy(config))
    model, training = settled["model"], settled["training"]
    if model["positions"] == "auto":
        model["positions"] = 2 * settled["data"]["context_length"]
    for name in ("warmup_steps", "decay_steps"):
        training[name] = settle_updates(training[name], training["steps"])
    average = training["average"]
    if average and "half_life" in average:
        average["half_life"] = max(1, settle_updates(average["half_life"], training["steps"]))
    schedule = checkpoint_schedule(settled)
    for section in WITH_STEPS:
        settled[section]["steps"] = settle_steps(settled[section]["steps"], schedule)
    grid = runs(settled)
    chosen = [run for run in grid if run.seed == grid[0].seed]
    chosen = [chosen[0], chosen[len(chosen) // 2], chosen[-1]]
    for section in WITH_RUNS:
        if settled[section]["runs"] == "auto":
            settled[section]["runs"] = list(dict.fromkeys(run.name for run in chosen))
    return settled


def pick(config: Config, keys: Iterable[str], without: Iterable[str] = ()) -> dict[str, Any]:
    """The part of ``config`` under ``keys``, each a section or ``section.key``, except the keys ``without``."""
    part: dict[str, Any] = {}
    for dotted in keys:
        section, _, name = dotted.partition(".")
        value = copy.deepcopy(config[section])
        if name:
            part.setdefault(section, {})[name] = value[name]
        else:
            part[section] = value
    for dotted in without:
        section, _, name = dotted.partition(".")
        part[section].pop(name)
    return part


def trained_by(config: Config) -> TrainedBy:
    """The part of a resolved configuration that the weights of a run depend on."""
    return TrainedBy.of(config)


def llc_chunks(config: Config) -> dict[int, list[int]]:
    """The steps whose LLC is estimated, by chunk: `llc.chunk` consecutive checkpoints of the schedule.

    The chunk of a step depends only on the schedule, so adding a step moves no other.
    """
    chunks: dict[int, list[int]] = {}
    schedule = checkpoint_schedule(config)
    for step in sorted(config["llc"]["steps"]):
        chunks.setdefault(schedule.index(step) // config["llc"]["chunk"], []).append(step)
    return chunks


def checkpoint_schedule(config: Config) -> list[int]:
    """Steps of the checkpoints of every run."""
    settings = CheckpointSettings.of(config["checkpoints"])
    return checkpoint_steps(settings, config["training"]["steps"])


def root_seed_variants(config: Config) -> list[str]:
    """Variants that differ only in their root seed; none if they share one."""
    seeds = {
        variant: resolve(config, variant)["seed"]
        for variant, changes in config["variants"].items()
        if set(changes) <= {"seed"}
    }
    return list(seeds) if len(set(seeds.values())) > 1 else []


def comparisons(config: Config) -> dict[str, list[str]]:
    """Table that compares variants -> the variants behind it, for tables that have something to compare.

    ``front`` compares all variants, if they differ in data, model or training; ``averaging`` the first two that measure
    the averaged and the raw weights of the same training, in this order.
    """
    resolved = {variant: resolve(config, variant) for variant in config["variants"]}
    trained = [pick(each, ("data", "model", "training")) for each in resolved.values()]
    found = {"front": list(resolved) if any(each != trained[0] for each in trained) else []}
    averaged = {name: _measures_average(each) for name, each in resolved.items()}
    pairs = (
        [one, other]
        for one, other in itertools.permutations(resolved, 2)
        if averaged[one]
        and not averaged[other]
        and _but_for_average(resolved[one]) == _but_for_average(resolved[other])
    )
    found["averaging"] = next(pairs, [])
    return {table: variants for table, variants in found.items() if variants}


def _measures_average(config: Config) -> bool:
    return config["training"]["average"] is not None and config["evaluation"]["weights"] != "raw"


def _but_for_average(config: Config) -> dict[str, Any]:
    """Everything that the curves of a variant depend on, except the choice of weights."""
    of_average = ("training.average", "training.keep_raw", "evaluation.weights")
    return pick(config, (*TrainedBy.model_fields, "grid", "evaluation"), without=of_average)


def check_results_folder(config: Config, results: Path) -> None:
    """Raise ConfigError if another preset wrote ``results`` (a copied or renamed folder).

    Also refuses the folder of published results, which holds one folder for each preset.
    """
    if config["preset"] == PUBLISHED:
        raise ConfigError(
            f"preset = {PUBLISHED}: results/{PUBLISHED} keeps parts of other presets; choose another name"
        )
    recorded = results / RESOLVED_FILE
    if not recorded.exists():
        return
    preset = (yaml.safe_load(recorded.read_text()) or {}).get("preset")
    if preset != config["preset"]:
        raise ConfigError(
            f"{results}: written by preset = {preset}, and this is preset = {config['preset']}; choose another "
            f"name for 'preset', or move the folder away to keep what is in it"
        )
