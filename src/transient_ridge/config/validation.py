"""Validate a configuration, and report all faults at once."""

import warnings
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from pydantic import ValidationError

from ..errors import ConfigError, ConfigWarning
from .architecture import components
from .configuration import (
    WITH_RUNS,
    WITH_STEPS,
    checkpoint_schedule,
    overlay,
    resolve,
)
from .faults import faults
from .grid import Config, runs
from .registries import name_of
from .relaxation import burn_in_for, relaxation_steps
from .sampling import sampler_contradictions
from .schedule import half_life_of
from .section import choices
from .settings import ClaimSettings, Configuration, DataSettings, ModelSettings, SgldSettings

#: Key -> another that it, or each of its values, must not exceed; key -> another that it must stay below.
AT_MOST = {
    "checkpoints.extra_steps": "training.steps",
    "pca_robustness.sequences": "evaluation.root_task_sequences",
    "pca.sequences": "evaluation.root_task_sequences",
    "spectrum.sequences": "llc.sequences",
    "llc.minibatch": "llc.sequences",
}
LESS = {"claims.ridge_like": "claims.dmmse_like", "claims.no_transience": "claims.transience"}

#: Keys that no variant may change.
OF_PRESET = ("preset", "variants", "keep_weights", "compute", "runs")

#: The predictors that phases, model selection and the scorecard need.
NEEDED_PREDICTORS = ("ridge", "dmmse")


def validate(config: MutableMapping[str, Any]) -> None:
    """Check ``config`` and each of its variants, and normalise it in place.

    Numbers given as text (``--config 'pca={"components":3}'``, YAML's ``1e-3``) become numbers; 32.0 becomes 32 where
    the key takes integers. Raises ConfigError that lists every fault with the key, its value and what is allowed.
    """
    if isinstance(config.get("variants"), Mapping):
        config["variants"] = {name: part or {} for name, part in config["variants"].items()}
    found = list(_faults_of(config))
    if not found:
        config.update(Configuration.model_validate(config).stated())
        for variant, changes in config["variants"].items():
            where = f" (in variants.{variant})" if changes else ""
            found += [f"{fault}{where}" for fault in _variant_faults(config, variant, changes)]
    if found:
        raise ConfigError(
            "the configuration cannot be run:\n  " + "\n  ".join(dict.fromkeys(found))
        )


def _faults_of(config: Config) -> Iterator[str]:
    try:
        Configuration.model_validate(config)
    except ValidationError as error:
        yield from faults(error, config, Configuration)


def _variant_faults(config: Config, variant: str, changes: Config) -> Iterator[str]:
    found = [f"{key}: is the same for all variants" for key in changes if key in OF_PRESET]
    found = found or list(_faults_of(overlay(config, changes)))
    yield from found or _contradictions(resolve(config, variant))


def _contradictions(config: Config) -> Iterator[str]:
    """Values that are valid one by one but contradict each other."""
    data, model, training = config["data"], config["model"], config["training"]
    if model["d_model"] % model["heads"]:
        yield f"model.heads = {model['heads']}: must divide model.d_model = {model['d_model']}"
    if 0 < model["positions"] < 2 * data["context_length"]:
        yield (
            f"model.positions = {model['positions']}: must be at least 2 * data.context_length = "
            f"{2 * data['context_length']}, one per token, or 0 for none"
        )
    steps = training["steps"]
    if training["warmup_steps"] + training["decay_steps"] > steps:
        yield (
            f"training.decay_steps = {training['decay_steps']}: with training.warmup_steps = "
            f"{training['warmup_steps']} must be at most training.steps = {steps}"
        )
    yield from _contradictions_of_averaging(config)
    yield from _entry_faults(config)
    missing = [name for name in NEEDED_PREDICTORS if name not in config["evaluation"]["predictors"]]
    if missing:
        yield (
            f"evaluation.predictors = {config['evaluation']['predictors']}: must include {' and '.join(missing)}, "
            "which phases and claims need"
        )
    yield from _contradictions_of_analysis(config)


def _contradictions_of_averaging(config: Config) -> Iterator[str]:
    """Contradictions about the weights to keep and measure; warns of an average longer than training."""
    training, measured = config["training"], config["evaluation"]["weights"]
    average, keep_raw = training["average"], training["keep_raw"]
    if average is not None and config["runs"]["folder"] is not None:
        yield (
            f"training.average = {average}: the runs of runs.folder = {config['runs']['folder']} hold one set of "
            "weights each; set it to null"
        )
    if average is None:
        if keep_raw:
            yield "training.keep_raw = True: there is no average beside them; set training.average, or false"
        if measured == "averaged":
            yield "evaluation.weights = averaged: training keeps no average; set training.average, or auto"
        return
    if measured == "raw" and not keep_raw:
        yield "evaluation.weights = raw: training keeps only the average; set training.keep_raw: true, or auto"
    half_life = half_life_of(average)
    if half_life > training["steps"]:
        warnings.warn(
            f"training.average = {average}: a half-life of {half_life:.0f} updates is longer than training.steps = "
            f"{training['steps']}; the average hardly leaves the initial weights",
            ConfigWarning,
            stacklevel=2,
        )


def _entry_faults(config: Config) -> Iterator[str]:
    """Registry entries that do not fit the data or the runs, according to their functions or constants."""
    diversities = [run.task_diversity for run in runs(config)]
    asked: dict[str, tuple[Any, ...]] = {
        "fault": (DataSettings.of(config["data"]),),
        "fault_over_training": (config["training"]["steps"], diversities),
    }
    for dotted, registry, choice in choices(config, Configuration):
        for function, about in asked.items():
            if registry.offers(choice, function) and (
                fault := registry.function(choice, function)(*about)
            ):
                yield f"{dotted} = {choice!r}: {fault}"
        for key in ("dimension", "tasks", "inputs"):
            given = config["data"][key] if key == "dimension" else name_of(config["data"][key])
            needed = registry.constant(choice, key.upper())
            if needed not in (None, given):
                yield (
                    f"{dotted} = {name_of(choice)}: requires data.{key} = {needed}, got {given}; change either"
                )


def _contradictions_of_analysis(config: Config) -> Iterator[str]:
    """Contradictions in PCA, scorecard and LLC."""
    for limits, must in ((AT_MOST, "at most"), (LESS, "less than")):
        for key, other in limits.items():
            stated, limit = (_at(config, dotted) for dotted in (key, other))
            for value in stated if isinstance(stated, list) else [stated]:
                if value > limit or (limits is LESS and value == limit):
                    yield f"{key} = {value}: must be {must} {other} = {limit}"
    K, components = config["data"]["context_length"], config["pca"]["components"]
    checked = config["pca_robustness"]["sequences"]
    too_few = [B for B in checked if components > B * K]
    if too_few:
        yield (
            f"pca_robustness.sequences = {checked}: {too_few} times data.context_length = {K} must be at least "
            f"pca.components = {components}"
        )
    own = config["claims"]["own"]
    for name in sorted(set(own) & set(ClaimSettings.model_fields)):
        yield f"claims.own.{name} = {own[name]}: claims already has this key; choose another name"
    yield from _llc_contradictions(config)


def _at(config: Config, dotted: str) -> Any:
    section, key = dotted.split(".")
    return config[section][key]


def _llc_contradictions(config: Config) -> Iterator[str]:
    llc, schedule = config["llc"], checkpoint_schedule(config)
    grid = [run.name for run in runs(config)]
    for section in WITH_STEPS:
        for step in sorted(set(config[section]["steps"]) - set(schedule)):
            near = min(schedule, key=lambda kept: abs(kept - step))
            yield (
                f"{section}.steps = {step}: has no checkpoint (the nearest is {near}); choose a step of the "
                "schedule, or add this one to checkpoints.extra_steps"
            )
    for section in WITH_RUNS:
        for name in sorted(set(config[section]["runs"]) - set(grid)):
            yield f"{section}.runs = {name}: not a run of the grid, which has {', '.join(grid)}"
    known = components(ModelSettings.of(config["model"]))
    for name in sorted(set(llc["components"]) - set(known)):
        yield f"llc.components = {name}: unknown; this model has {', '.join(known)}"
    yield from sampler_contradictions(llc)
    yield from _chain_contradictions(config)


def _chain_contradictions(config: Config) -> Iterator[str]:
    llc = config["llc"]
    sgld, least = SgldSettings.of(llc), llc["limits"]["relaxations"]
    if least is not None and sgld.burn_in < burn_in_for(sgld, least):
        yield (
            f"llc.burn_in = {sgld.burn_in}: a flat direction forgets w* in {relaxation_steps(sgld):.0f} steps at "
            f"llc.epsilon = {sgld.epsilon:g} and llc.gamma = {sgld.gamma:g}, so llc.limits.relaxations = {least:g} "
            f"take {burn_in_for(sgld, least)} steps; raise llc.burn_in to that, or llc.epsilon"
        )
    for section in ("llc", "llc_ladder", "llc_calibration"):
        if llc["limits"]["r_hat"] is not None and config[section]["chains"] < 2:
            yield (
                f"{section}.chains = {config[section]['chains']}: split R-hat needs at least 2 chains; raise it, or "
                "set llc.limits.r_hat: null"
            )
