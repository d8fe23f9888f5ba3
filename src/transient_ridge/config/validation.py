"""Checks of a configuration: every fault at once, each with the key, its value and what is allowed."""

import difflib
import math
import warnings
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import suppress
from typing import Any

import jsonschema
import yaml

from ..errors import ConfigError, ConfigWarning
from .configuration import (
    WITH_RUNS,
    WITH_STEPS,
    Config,
    checkpoint_schedule,
    overlay,
    resolve,
    runs,
)
from .keys import Settings, choices
from .registries import Choice, Registry, name_of
from .runs import parse_task_diversity
from .sampling import sampler_contradictions
from .schedule import half_life_of
from .settings import Configuration, ModelSettings, SgldSettings

#: Predictors that phases, model selection and the scorecard are about.
NEEDED_PREDICTORS = ("ridge", "dmmse")


def validate(config: MutableMapping[str, Any]) -> None:
    """Check ``config`` and each of its variants against the declared keys and against itself.

    Numbers that came as text (``--config 'pca={"components":3}'``, YAML's ``1e-3``) become numbers in place.
    Raises ConfigError that lists every fault: the key, its value and what is allowed.
    """
    schema = Configuration.schema()
    config.update(_typed(dict(config), schema))
    if isinstance(config.get("variants"), Mapping):
        config["variants"] = {
            variant: _typed(changes or {}, schema)
            for variant, changes in config["variants"].items()
        }
    faults = list(_schema_faults(config, schema))
    if not faults:
        for variant, changes in config["variants"].items():
            where = f" (in variants.{variant})" if changes else ""
            found = list(_schema_faults(overlay(config, changes), schema))
            found = found or list(_contradictions(resolve(config, variant)))
            faults += [f"{fault}{where}" for fault in found]
    if faults:
        raise ConfigError(
            "the configuration cannot be run:\n  " + "\n  ".join(dict.fromkeys(faults))
        )


def _typed(value: Any, schema: Mapping[str, Any]) -> Any:
    """``value`` with text replaced by what it reads as in YAML, where text is not allowed and that is."""
    if isinstance(value, Mapping):
        properties = schema.get("properties", {})
        return {name: _typed(part, properties.get(name, {})) for name, part in value.items()}
    if isinstance(value, list):
        return [_typed(part, schema.get("items", {})) for part in value]
    if isinstance(value, str) and schema:
        validator = jsonschema.Draft202012Validator(schema)
        if not validator.is_valid(value):
            for meant in _readings(value):
                if validator.is_valid(meant):
                    return meant
    return value


def _readings(text: str) -> Iterator[Any]:
    """Values that ``text`` may stand for. YAML reads 1e-3 as text, users mean a number."""
    with suppress(yaml.YAMLError):
        yield yaml.safe_load(text)
    with suppress(ValueError):
        yield float(text)


def _schema_faults(config: Config, rules: Config) -> Iterator[str]:
    yield from _not_finite(config)
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
            yield f"{key} = {error.instance!r}: must be {_expectation(error)}"


def _not_finite(value: Any, dotted: str = "") -> Iterator[str]:
    """Numbers that are none: NaN is within every limit of a schema."""
    if isinstance(value, float) and not math.isfinite(value):
        yield f"{dotted} = {value}: must be a finite number"
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield from _not_finite(part, f"{dotted}.{name}".lstrip("."))
    elif isinstance(value, list):
        for i, part in enumerate(value):
            yield from _not_finite(part, f"{dotted}[{i}]")


def _expectation(error: jsonschema.ValidationError) -> str:
    expects = error.schema.get("expects") if isinstance(error.schema, Mapping) else None
    return str(expects) if expects else error.message


def _contradictions(config: Config) -> Iterator[str]:
    """Values that contradict each other."""
    data, model, training = config["data"], config["model"], config["training"]
    if model["d_model"] % model["heads"]:
        yield f"model.heads = {model['heads']}: must divide model.d_model = {model['d_model']}"
    if 0 < model["positions"] < 2 * data["context_length"]:
        yield (
            f"model.positions = {model['positions']}: must be at least 2 * data.context_length = "
            f"{2 * data['context_length']}, one per token, or 0 for none"
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
    yield from _contradictions_of_averaging(config)
    yield from _registry_faults(config, Configuration)
    yield from _data_faults(config)
    missing = [name for name in NEEDED_PREDICTORS if name not in config["evaluation"]["predictors"]]
    if missing:
        yield (
            f"evaluation.predictors = {config['evaluation']['predictors']}: must hold {' and '.join(missing)}, "
            "which phases and claims are about"
        )
    diversities = [parse_task_diversity(M) for M in config["grid"]["task_diversities"]]
    twice = sorted({M for M in diversities if diversities.count(M) > 1})
    if twice:
        yield f"grid.task_diversities = {config['grid']['task_diversities']}: {twice} stated twice"
    yield from _contradictions_of_analysis(config)


def _contradictions_of_averaging(config: Config) -> Iterator[str]:
    """Which weights are kept and measured; warns of an average that is longer than training."""
    training, measured = config["training"], config["evaluation"]["weights"]
    average, keep_raw = training["average"], training["keep_raw"]
    if average is None:
        if keep_raw:
            yield "training.keep_raw = True: there is no average beside them; set training.average, or false"
        if measured == "averaged":
            yield "evaluation.weights = averaged: training keeps no average; set training.average, or auto"
        return
    if measured == "raw" and not keep_raw:
        yield "evaluation.weights = raw: training keeps the average alone; set training.keep_raw: true, or auto"
    half_life = half_life_of(average)
    if half_life > training["steps"]:
        warnings.warn(
            f"training.average = {average}: a half-life of {half_life:.0f} updates is longer than training.steps = "
            f"{training['steps']}; the average hardly leaves the beginning",
            ConfigWarning,
            stacklevel=2,
        )


def _registry_faults(config: Config, settings: type[Settings]) -> Iterator[str]:
    """Entries of registries whose options are wrong, or that say that they are not for these data."""
    for dotted, registry, choice in choices(config, settings.schema()):
        try:
            faults = list(_entry_faults(registry, choice, config))
        except ConfigError as error:
            faults = [str(error)]
        yield from (f"{dotted} = {choice!r}: {fault}" for fault in faults)


def _entry_faults(registry: Registry, choice: Choice, config: Config) -> Iterator[str]:
    """Options that are not what they may be; else what the entry's ``fault`` says of the section `data`, if it has one.

    Raises ConfigError if an option is missing or unknown.
    """
    if registry.has_options(choice):
        options = registry.options(choice)
        wrong = list(_schema_faults(vars(options), type(options).schema()))
        if wrong:
            yield from wrong
            return
    if registry.offers(choice, "fault"):
        found = registry.function(choice, "fault")(config["data"])
        yield from [found] if found else []


def _data_faults(config: Config) -> Iterator[str]:
    """Entries that are for one dimension, task family or input law alone, which they say in a literal of that name."""
    for key in ("dimension", "tasks", "inputs"):
        chosen = config["data"][key]
        given = chosen if key == "dimension" else name_of(chosen)
        for dotted, registry, choice in choices(config, Configuration.schema()):
            only = registry.constant(choice, key.upper())
            if only not in (None, given):
                yield (
                    f"{dotted} = {name_of(choice)}: is of data.{key} = {only} alone, and that is {given}; set "
                    f"data.{key}: {only}, or choose another"
                )


def _contradictions_of_analysis(config: Config) -> Iterator[str]:
    """Values of PCA, scorecard and LLC that contradict others."""
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
    if config["spectrum"]["sequences"] > llc["sequences"]:
        yield (
            f"spectrum.sequences = {config['spectrum']['sequences']}: must be at most llc.sequences = "
            f"{llc['sequences']}"
        )
    known = ModelSettings.of(config["model"]).components()
    for name in sorted(set(llc["components"]) - set(known)):
        yield f"llc.components = {name}: unknown; this model has {', '.join(known)}"
    if llc["minibatch"] > llc["sequences"]:
        yield f"llc.minibatch = {llc['minibatch']}: must be at most llc.sequences = {llc['sequences']}"
    yield from sampler_contradictions(llc)
    yield from _chain_contradictions(config)


def _chain_contradictions(config: Config) -> Iterator[str]:
    llc = config["llc"]
    sgld, least = SgldSettings.of(llc), llc["limits"]["relaxations"]
    if least is not None and sgld.burn_in < sgld.burn_in_for(least):
        yield (
            f"llc.burn_in = {sgld.burn_in}: a flat direction forgets w* in {sgld.relaxation_steps():.0f} steps at "
            f"llc.epsilon = {sgld.epsilon:g} and llc.gamma = {sgld.gamma:g}, so llc.limits.relaxations = {least:g} "
            f"take {sgld.burn_in_for(least)} steps; raise llc.burn_in to that, or llc.epsilon"
        )
    for section in ("llc", "llc_ladder", "llc_calibration"):
        if llc["limits"]["r_hat"] is not None and config[section]["chains"] < 2:
            yield (
                f"{section}.chains = {config[section]['chains']}: split R-hat needs at least 2 chains; raise it, or "
                "set llc.limits.r_hat: null"
            )
