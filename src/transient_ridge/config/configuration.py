"""Reading, checking and dividing the configuration.

A job is given the settings of its stage and nothing else (:func:`stage_settings`), so what can change a result
and what makes it stale are the same thing. Nothing here imports torch: every cluster job reads the workflow.
"""

import copy
import difflib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from ..errors import ConfigError
from ..llc.components import component_names
from .runs import Run, parse_task_diversity
from .schedule import checkpoint_steps
from .settings import CheckpointSettings, ModelSettings

Config = Mapping[str, Any]

#: The key that a results folder is checked by.
RESOLVED_FILE = "config.yaml"


def validate(config: Config, schema: Path) -> None:
    """Check ``config`` and each of its variants against the JSON schema and against itself.

    Raises ConfigError that lists every fault: the key, its value and what is allowed.
    """
    rules = yaml.safe_load(schema.read_text())
    faults = list(_schema_faults(config, rules))
    if not faults:
        for variant in config["variants"]:
            resolved = resolve(config, variant)
            where = f" (in variants.{variant})" if config["variants"][variant] else ""
            faults += [f"{fault}{where}" for fault in _schema_faults(resolved, rules)]
            faults += [f"{fault}{where}" for fault in _contradictions(resolved)]
    if faults:
        raise ConfigError(
            "the configuration cannot be run:\n  " + "\n  ".join(dict.fromkeys(faults))
        )


def resolve(config: Config, variant: str) -> dict[str, Any]:
    """The configuration of ``variant``: its overlay laid over everything else."""
    if variant not in config["variants"]:
        raise ConfigError(f"variant '{variant}': not one of {sorted(config['variants'])}")
    return overlay(config, config["variants"][variant] or {})


def overlay(base: Config, changes: Config) -> dict[str, Any]:
    """``base`` with ``changes`` laid over it, section by section; lists and values are replaced."""
    merged = dict(copy.deepcopy(base))
    for key, value in changes.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = overlay(merged[key], value) if both else copy.deepcopy(value)
    return merged


def runs(config: Config) -> list[Run]:
    """All runs of the grid, task diversities ascending."""
    grid = config["grid"]
    diversities = sorted(parse_task_diversity(M) for M in grid["task_diversities"])
    return [Run(M, seed) for M in diversities for seed in sorted(grid["seeds"])]


def cohorts(config: Config) -> dict[str, list[str]]:
    """Run -> the runs that one job may train together with it: `compute.stack` consecutive ones of the grid."""
    names, most = [run.name for run in runs(config)], config["compute"]["stack"]
    starts = (i // most * most for i in range(len(names)))
    return {name: names[start : start + most] for name, start in zip(names, starts, strict=True)}


def stage_settings(config: Config, stage: str) -> dict[str, Any]:  # noqa: PLR0911 (one per stage)
    """What the jobs of ``stage`` may depend on, from the resolved configuration of a variant."""
    match stage:
        case "train":
            return _pick(config, "seed", "data", "model", "training", "checkpoints")
        case "evaluate":
            return {"train": stage_settings(config, "train"), **_pick(config, "evaluation")}
        case "idealised":
            diversities = [M if M == "inf" else int(M) for M in config["grid"]["task_diversities"]]
            return {
                **_pick(config, "seed", "data", "evaluation"),
                "task_diversities": diversities,
            }
        case "curves" | "phases":
            return _pick(config, "curves")
        case "pca":
            length = config["data"]["context_length"]
            return {**_pick(config, "pca"), "context_length": length}
        case "llc" | "llc_calibration" | "llc_crosscheck":
            return _llc_settings(config, stage)
        case "pca_robustness":
            length = config["data"]["context_length"]
            components = config["pca"]["components"]
            checks = _pick(config, "pca_robustness", "checkpoints")
            steps = config["training"]["steps"]
            return {**checks, "components": components, "context_length": length, "steps": steps}
        case "selection":
            return {
                "noise_variance": config["data"]["noise_variance"],
                "context_length": config["data"]["context_length"],
                "batch_size": config["training"]["batch_size"],
                "dmmse_like": config["claims"]["dmmse_like"],
            }
        case "claims":
            return _pick(config, "claims")
    raise ConfigError(f"stage '{stage}': unknown")


def _llc_settings(config: Config, stage: str) -> dict[str, Any]:
    # Which steps a job samples it is told apart from these: one step more must not make the others stale.
    section = {k: v for k, v in config["llc"].items() if k not in ("steps", "chunk")}
    settings = {"train": stage_settings(config, "train"), "llc": section}
    if stage == "llc_calibration":
        settings["sweep"] = {k: v for k, v in config[stage].items() if k != "runs"}
    elif stage == "llc_crosscheck":
        settings["steps"] = config[stage]["steps"]
    return copy.deepcopy(settings)


def llc_chunks(config: Config) -> dict[int, list[int]]:
    """The steps whose LLC is estimated, by chunk: so many consecutive checkpoints of the schedule.

    A step's chunk depends on the schedule alone, so asking for one more step moves no other step.
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


def check_results_folder(config: Config, results: Path) -> None:
    """Raise ConfigError if ``results`` was written by another preset (a copied or renamed folder)."""
    recorded = results / RESOLVED_FILE
    if not recorded.exists():
        return
    preset = (yaml.safe_load(recorded.read_text()) or {}).get("preset")
    if preset != config["preset"]:
        raise ConfigError(
            f"{results}: written by preset = {preset}, and this is preset = {config['preset']}; choose another "
            f"name for 'preset', or move the folder away to keep what is in it"
        )


def _pick(config: Config, *keys: str) -> dict[str, Any]:
    return {key: copy.deepcopy(config[key]) for key in keys}


def _schema_faults(config: Config, rules: Config) -> Iterator[str]:
    for error in jsonschema.Draft202012Validator(rules).iter_errors(config):
        path = list(error.absolute_path)
        key = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path).lstrip(".")
        if error.validator == "additionalProperties":
            known = list(error.schema["properties"])
            for name in sorted(set(error.instance) - set(known)):
                full = f"{key}.{name}".lstrip(".")
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean '{near[0]}'?" if near else f"known here: {', '.join(known)}"
                yield f"{full} = {error.instance[name]!r}: unknown key; {hint}"
        elif error.validator == "required":
            missing = [name for name in error.validator_value if name not in error.instance]
            yield from (f"{f'{key}.{name}'.lstrip('.')}: missing" for name in missing)
        else:
            yield f"{key} = {error.instance!r}: must be {_expectation(error)}{_number_hint(error)}"


def _expectation(error: jsonschema.ValidationError) -> str:
    expects = error.schema.get("expects") if isinstance(error.schema, Mapping) else None
    return str(expects) if expects else error.message


def _number_hint(error: jsonschema.ValidationError) -> str:
    if isinstance(error.instance, str):
        try:
            number = float(error.instance)
        except ValueError:
            return ""
        if math.isfinite(number):
            plain = int(number) if number.is_integer() else number
            return f" (YAML reads {error.instance} as text; write {plain})"
    return ""


def _contradictions(config: Config) -> Iterator[str]:
    """Values that are fine alone and not together."""
    data, model, training = config["data"], config["model"], config["training"]
    if model["d_model"] % model["heads"]:
        yield f"model.heads = {model['heads']}: must divide model.d_model = {model['d_model']}"
    if 2 * data["context_length"] > model["positions"]:
        yield (
            f"model.positions = {model['positions']}: must be at least 2 * data.context_length = "
            f"{2 * data['context_length']}, one per token"
        )
    steps = training["steps"]
    late = [step for step in config["checkpoints"]["extra_steps"] if step > steps]
    if late:
        yield f"checkpoints.extra_steps = {late}: must not be after training.steps = {steps}"
    if training["warmup_steps"] + training["decay_steps"] > steps:
        yield (
            f"training.decay_steps = {training['decay_steps']}: with training.warmup_steps = "
            f"{training['warmup_steps']} must be at most training.steps = {steps}"
        )
    diversities = [parse_task_diversity(M) for M in config["grid"]["task_diversities"]]
    twice = sorted({M for M in diversities if diversities.count(M) > 1})
    if twice:
        yield f"grid.task_diversities = {config['grid']['task_diversities']}: {twice} stated twice"
    yield from _contradictions_of_analysis(config)


def _contradictions_of_analysis(config: Config) -> Iterator[str]:
    """The same, of what is computed from the measurements."""
    if config["pca"]["sequences"] > config["evaluation"]["root_task_sequences"]:
        yield (
            f"pca.sequences = {config['pca']['sequences']}: must be at most "
            f"evaluation.root_task_sequences = {config['evaluation']['root_task_sequences']}"
        )
    kept, K = config["evaluation"]["root_task_sequences"], config["data"]["context_length"]
    checked, components = config["pca_robustness"]["sequences"], config["pca"]["components"]
    too_many = [B for B in checked if kept < B]
    if too_many:
        yield (
            f"pca_robustness.sequences = {checked}: must be at most evaluation.root_task_sequences = {kept}, "
            f"{too_many} are not"
        )
    too_few = [B for B in checked if components > B * K]
    if too_few:
        yield (
            f"pca_robustness.sequences = {checked}: {too_few} times data.context_length = {K} must be at least "
            f"pca.components = {components}"
        )
    thresholds = config["claims"]
    for low, high in (("ridge_like", "dmmse_like"), ("no_transience", "transience")):
        if thresholds[low] >= thresholds[high]:
            yield f"claims.{low} = {thresholds[low]}: must be less than claims.{high} = {thresholds[high]}"
    yield from _llc_contradictions(config)


def _llc_contradictions(config: Config) -> Iterator[str]:
    llc, schedule = config["llc"], checkpoint_schedule(config)
    grid = [run.name for run in runs(config)]
    for section in ("llc", "llc_calibration", "llc_crosscheck"):
        for step in sorted(set(config[section]["steps"]) - set(schedule)):
            near = min(schedule, key=lambda kept: abs(kept - step))
            yield (
                f"{section}.steps = {step}: has no checkpoint (the nearest is {near}); choose a step of the "
                "schedule, or add this one to checkpoints.extra_steps"
            )
    for name in sorted(set(config["llc_calibration"]["runs"]) - set(grid)):
        yield f"llc_calibration.runs = {name}: not a run of the grid, which has {', '.join(grid)}"
    known = component_names(ModelSettings.of(config["model"]))
    for name in sorted(set(llc["components"]) - set(known)):
        yield f"llc.components = {name}: unknown; this model has {', '.join(known)}"
    if llc["minibatch"] > llc["sequences"]:
        yield f"llc.minibatch = {llc['minibatch']}: must be at most llc.sequences = {llc['sequences']}"
    for section in ("llc", "llc_calibration"):
        if config[section]["burn_in"] >= config[section]["draws"]:
            yield (
                f"{section}.burn_in = {config[section]['burn_in']}: must be less than {section}.draws = "
                f"{config[section]['draws']}, the steps that are kept after it"
            )
        if llc["limits"]["r_hat"] is not None and config[section]["chains"] < 2:
            yield (
                f"{section}.chains = {config[section]['chains']}: split R-hat needs at least 2 chains; raise it, or "
                "set llc.limits.r_hat: null"
            )
