"""Configuration: presets are valid, faults are named, stages see what they depend on."""

import copy

import pytest
import yaml

from tests.conftest import ROOT
from transient_ridge.config import asked, generate, grid, presets
from transient_ridge.config import configuration as config
from transient_ridge.config.relaxation import burn_in_for
from transient_ridge.config.runs import Run
from transient_ridge.config.settings import SgldSettings
from transient_ridge.config.validation import validate
from transient_ridge.errors import ConfigError, ConfigWarning
from transient_ridge.stage import load as load_stage
from transient_ridge.stage import stages

PRESETS = [preset for preset in presets.known() if preset != presets.DEFAULT]


def load(preset="laptop"):
    """The configuration as stated, before it is resolved."""
    return copy.deepcopy(presets.read(preset))


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_valid_and_named_like_their_files(preset):
    loaded = load(preset)
    validate(loaded)
    assert loaded["preset"] == preset


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_state_only_what_differs(preset):
    default = load()
    # Presets of the paper's model also state what the paper fixes where the default shares it.
    lines = presets.known()[preset].read_text().splitlines()
    labelled = {line.split(":")[0].strip() for line in lines if "# [" in line}
    shared = labelled | {"seeds"} if preset.startswith("paper") else set()

    def repeated(overlay, base, key=""):
        for name, value in overlay.items():
            if name == "variants":  # separate overlays, which may state the default's values
                continue
            if name not in base:  # a threshold of the preset's own
                continue
            if isinstance(value, dict):
                yield from repeated(value, base[name], f"{key}{name}.")
            elif base[name] == value and name not in shared:
                yield f"{key}{name}"

    overlay = yaml.safe_load(presets.known()[preset].read_text())
    assert list(repeated(overlay, default)) == []


def test_generated_files_are_up_to_date():
    """Schema, comments of config.yaml and the table of keys agree with the declarations; if not, run `make config`."""
    for path, text in generate.generated(ROOT).items():
        assert path.read_text() == text, path


def change(path: str, value) -> dict:
    changed = load()
    *sections, key = path.split(".")
    target = changed
    for section in sections:
        target = target[section]
    target[key] = value
    return changed


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("grid.task_diversities", [4, 0], r"grid\.task_diversities\[1\] = 0: must be an integer >= 1 or inf"),
        ("grid.task_diversities", [-3], r"= -3: must be an integer >= 1 or inf"),
        ("grid.task_diversities", [1.5], r"= 1\.5: must be an integer >= 1 or inf"),
        ("grid.task_diversities", ["many"], r"= 'many': must be an integer >= 1 or inf"),
        ("grid.task_diversities", [4, 8, 4], r"= \[4, 8, 4\]: must be a list of different integers >= 1"),
        ("grid.task_diversities", [], r"grid\.task_diversities = \[\]"),
        ("grid.seeds", [1, 1], r"grid\.seeds = \[1, 1\]: must be a list of different integers"),
        ("model.positions", 11, r"model\.positions = 11: must be at least 2 \* data\.context_length = 32"),
        ("model.positions", "many", r"model\.positions = 'many': must be auto \(2K\) or an integer >= 0"),
        ("data.noise_variance", 0, r"data\.noise_variance = 0: must be a number > 0"),
        ("data.noise_variance", -1.0, r"data\.noise_variance = -1\.0: must be a number > 0"),
        ("data.dimension", "three", r"data\.dimension = 'three': must be an integer >= 1"),
        ("data.tasks", "sparze", r"data\.tasks = 'sparze': must be .*gaussian"),
        ("data.tasks", {"name": "gaussian", "s": 3}, r"data\.tasks = .*'gaussian' has no options, got s"),
        ("evaluation.predictors", ["ridge"], r"evaluation\.predictors = \['ridge'\]: must be a list"),
        ("evaluation.predictors", ["ridge", "ols"], r"evaluation\.predictors\[1\] = 'ols': must be .*ridge"),
        ("model.heads", 5, r"model\.heads = 5: must divide model\.d_model = 64"),
        ("model.residual", "triple", r"model\.residual = 'triple': must be single or doubled"),
        ("model.headz", 4, r"model\.headz = 4: unknown key; did you mean 'heads'"),
        ("trianing", {}, r"trianing = \{\}: unknown key; did you mean 'training'"),
        ("training.schedule", "cosine", r"training\.schedule = 'cosine': must be constant, linear, .* or wsd"),
        ("training.warmup_steps", 10**6, r"decay_steps = 375: with training\.warmup_steps = 1000000 must be at most"),
        ("llc.epsilon", 0, r"llc\.epsilon = 0: must be a number > 0"),
        ("llc.n_beta", -1, r"llc\.n_beta = -1: must be a number > 0"),
        ("llc.gamma", 0, r"llc\.gamma = 0: must be a number > 0"),
        ("llc.chains", 1, r"llc\.chains = 1: split R-hat needs at least 2 chains; .*llc\.limits\.r_hat: null"),
        ("llc.burn_in", 10, r"llc\.burn_in = 10: a flat direction forgets w\* .* take 60 steps"),
        ("llc.draws", 4, r"llc\.draws = 4: must be an integer >= 8"),
        ("llc.preconditioner", "adagrad", r"llc\.preconditioner = 'adagrad': must be diagonal, kronecker, none or"),
        ("llc.steps", ["end"], r"llc\.steps\[0\] = 'end': must be a step >= 0, a share of training"),
        ("llc.steps", [2390], r"llc\.steps = 2390: has no checkpoint \(the nearest is 2400\)"),
        ("llc.components", ["layer3"], r"llc\.components = layer3: unknown; this model has all, embedding"),
        ("llc.minibatch", 10**6, r"llc\.minibatch = 1000000: must be at most llc\.sequences = \d+"),
        ("llc.sampler", "nuts", r"llc\.sampler = 'nuts': must be devinterp, leimkuhler_matthews, sgld or underdamped"),
        ("llc.limits.r_hat", 0.9, r"llc\.limits\.r_hat = 0\.9: must be null \(no check\) or a number > 1"),
        ("llc_calibration.runs", ["M3-seed0"], r"llc_calibration\.runs = M3-seed0: not a run of the grid"),
        ("llc_calibration.epsilons", [], r"llc_calibration\.epsilons = \[\]: must be a list of different numbers > 0"),
        ("llc_crosscheck.steps", [2390], r"llc_crosscheck\.steps = 2390: has no checkpoint"),
        ("training.optimiser", "lion", r"training\.optimiser = 'lion': must be adam, muon or sgd"),
        ("training.average", {"decay": 1}, r"average = {'decay': 1}: must be null \(none\) or {decay: .*\[0, 1\)"),
        ("training.average", {"decay": -0.1}, r"must be null \(none\) or {decay: .*\[0, 1\)"),
        ("training.average", {"half_life": 0}, r"{'half_life': 0}: must be .* integer >= 1 or share"),
        ("training.average", {"half_life": 9, "decay": 0.9}, r"must be null \(none\) or {decay"),
        ("training.rate_multipliers.head", 1, r"rate_multipliers\.head = 1: unknown key; known here: embedding, "),
        ("training.rate_multipliers.mlp", -1, r"rate_multipliers\.mlp = -1: must be a number >= 0"),
        ("training.gradient_clip", 0, r"training\.gradient_clip = 0: must be null \(off\) or a number > 0"),
        ("checkpoints.extra_steps", [10**9], r"checkpoints\.extra_steps = 1000000000: must be at most training\.steps"),
        ("pca.sequences", 1000, r"pca\.sequences = 1000: must be at most evaluation\.root_task_sequences"),
        ("pca_robustness.sequences", [4, 1000], r"pca_robustness\.sequences = 1000: must be at most evaluation"),
        ("pca_robustness.sequences", [], r"pca_robustness\.sequences = \[\]"),
        ("pca.components", 65, r"\[4\] times data\.context_length = 16 must be at least pca\.components = 65"),
        ("claims.ridge_like", 0.8, r"claims\.ridge_like = 0\.8: must be less than claims\.dmmse_like = 0\.75"),
        ("claims.no_transience", 0.2, r"claims\.no_transience = 0\.2: must be less than claims\.transience"),
        ("claims.grows", -0.9, r"claims\.grows = -0\.9: must be a number in \(0, 1\]"),
        ("claims.falls", 0.9, r"claims\.falls = 0\.9: must be a number in \[-1, 0\)"),
        ("claims.transience", float("nan"), r"claims\.transience = nan: must be a finite number"),
        ("claims.risen", float("inf"), r"claims\.risen = inf: must be a finite number"),
        ("claims.own", {"mine": float("nan")}, r"claims\.own\.mine = nan: must be a finite number"),
        ("claims.grows", 1.5, r"claims\.grows = 1\.5: must be a number in \(0, 1\]"),
        ("claims.own", {"grows": -1}, r"claims\.own\.grows = -1\.0: claims already has this key; choose another name"),
        ("variants", {"base": {}, False: {}}, r"variants: the name False must be put in quotes: YAML"),
        ("variants", {"base": {"compute": {}}}, r"compute: is the same for all variants \(in variants\.base\)"),
        ("training.optimiser", "muon", r"training\.optimiser\.learning_rate: missing"),
        ("training.optimiser", {"name": "muon", "learning_rate": 0, "split_qkv": True},
         r"training\.optimiser\.learning_rate = 0: must be a number > 0"),
        ("training.steps", True, r"training\.steps = True: must be an integer >= 1"),
        ("claims.paper_threshold", -1, r"claims\.paper_threshold = -1: must be null \(the paper states none"),
        ("compute.device", "tpu", r"compute\.device = 'tpu': must be auto, cpu or cuda"),
        ("preset", "My Preset", r"preset = 'My Preset': must be a name"),
        ("variants", {"wide": {"model": {"heads": 7}}}, r"model\.heads = 7: must divide .* \(in variants\.wide\)"),
        ("variants", {}, r"variants = \{\}: must be at least one named overlay"),
    ],
)  # fmt: skip
def test_faults_name_key_value_and_what_is_allowed(path, value, message):
    with pytest.raises(ConfigError, match=message):
        validate(change(path, value))


def test_settings_without_a_counterpart_in_devinterp_are_refused_before_any_work():
    config = change("llc.sampler", "devinterp")
    config["llc"]["annealing"] = 2
    with pytest.raises(ConfigError) as error:
        validate(config)
    message = str(error.value)
    assert "llc.preconditioner = kronecker: llc.sampler = devinterp has no counterpart" in message
    assert "one of diagonal, none, rmsprop" in message
    assert "llc.annealing = 2: llc.sampler = devinterp has no counterpart; set it to 0" in message


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        ("training", "keep_raw", True, r"training\.keep_raw = True: there is no average"),
        ("evaluation", "weights", "averaged", r"evaluation\.weights = averaged: training keeps no average"),
    ],
)  # fmt: skip
def test_weights_that_training_does_not_average_are_refused(section, key, value, message):
    changed = change("training.average", None)
    changed[section][key] = value
    with pytest.raises(ConfigError, match=message):
        validate(changed)


def test_all_faults_are_reported_at_once():
    broken = change("data.noise_variance", 0)
    broken["model"]["layers"] = 0
    with pytest.raises(ConfigError) as error:
        validate(broken)
    assert "noise_variance" in str(error.value)
    assert "layers" in str(error.value)


def test_a_missing_key_is_named():
    broken = load()
    del broken["training"]["steps"]
    with pytest.raises(ConfigError, match=r"training\.steps: missing"):
        validate(broken)


def test_variants_are_overlays():
    changed = change("variants", {"base": {}, "deep": {"model": {"layers": 5}}})
    deep = config.resolve(changed, "deep")
    assert deep["model"]["layers"] == 5
    assert deep["model"]["d_mlp"] == changed["model"]["d_mlp"]
    assert config.resolve(changed, "base")["model"]["layers"] == 3
    with pytest.raises(ConfigError, match="variant 'other'"):
        config.resolve(changed, "other")


def test_runs_are_the_grid_in_order():
    changed = change("grid", {"task_diversities": ["inf", 8, 1], "seeds": [1, 0]})
    assert [run.name for run in grid.runs(changed)] == [
        "M1-seed0", "M1-seed1", "M8-seed0", "M8-seed1", "Minf-seed0", "Minf-seed1",
    ]  # fmt: skip
    for run in grid.runs(changed):
        assert Run.parse(run.name) == run
    with pytest.raises(ConfigError, match="run 'M0-seed1'"):
        Run.parse("M0-seed1")


def test_text_that_spells_a_number_is_one():
    """As from `--config 'pca={"components":3}'`, and from YAML, which reads 1e-3 as text."""
    stated = change("pca.components", "3")
    stated["training"]["learning_rate"] = "1e-3"
    stated["grid"]["task_diversities"] = ["4", "inf"]
    stated["variants"] = {"base": {}, "wide": {"model": {"d_mlp": "1024"}}}
    validate(stated)
    assert stated["pca"]["components"] == 3
    assert stated["training"]["learning_rate"] == 0.001
    assert stated["grid"]["task_diversities"] == [4, "inf"]
    assert config.resolve(stated, "wide")["model"]["d_mlp"] == 1024
    assert stated["preset"] == "laptop"


def test_accepted_values_are_normalised():
    stated = load()
    stated["training"] |= {"steps": "1e3", "batch_size": 32.0, "average": {"decay": "9e-1"}}
    stated["training"]["schedule"] = {"name": "wsd"}
    stated["grid"] = {"task_diversities": [float("inf"), 4.0], "seeds": [0.0]}
    stated["claims"]["own"] = {"x": "1e-3"}
    stated["variants"] = {"base": None, 1: {"seed": 1.0}}
    validate(stated)
    assert [run.name for run in grid.runs(stated)] == ["M4-seed0", "Minf-seed0"]
    assert stated["grid"]["task_diversities"] == [4, "inf"]
    assert stated["training"]["average"] == {"decay": 0.9}
    assert stated["training"]["schedule"] == "wsd"
    assert stated["claims"]["own"] == {"x": 0.001}
    for value in (stated["training"]["steps"], stated["training"]["batch_size"]):
        assert isinstance(value, int)
    assert config.resolve(stated, "1")["seed"] == 1


def test_the_forms_of_a_value_replace_each_other():
    """Unlike sections and a preset's own thresholds, which are merged key by key."""
    base = load()
    base["claims"]["own"] = {"a": 1}
    changes = {
        "training": {"average": {"half_life": 0.05}, "optimiser": {"name": "adam"}},
        "claims": {"own": {"b": 2}},
        "variants": {"wide": {"model": {"d_mlp": 64}}},
    }
    made = config.overlay(base, changes)
    assert made["training"]["average"] == {"half_life": 0.05}
    assert made["training"]["optimiser"] == {"name": "adam"}
    assert made["training"]["steps"] == base["training"]["steps"]
    assert made["claims"]["own"] == {"a": 1, "b": 2}
    assert set(made["variants"]) == {"base", "wide"}
    validate(made)


def test_files_are_named_like_their_presets_and_state_a_key_once(tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("preset: mine\ntraining: {average: {half_life: 0.05}}\n")
    made = presets.stated([mine], {"pca": {"components": "3"}})
    validate(made)
    assert (made["preset"], made["pca"]["components"]) == ("mine", 3)
    assert made["training"]["average"] == {"half_life": 0.05}
    mine.write_text("training: {steps: 9}\n")
    with pytest.raises(ConfigError, match=r"mine\.yaml: preset = None; must be mine"):
        presets.stated([mine], {})
    mine.write_text("preset: mine\ntraining: {steps: 9}\ntraining: {batch_size: 3}\n")
    with pytest.raises(
        ConfigError, match=r"'training' is stated twice\s.*mine|mine.*'training' is stated twice"
    ):
        presets.stated([mine], {})
    mine.write_text("# Nothing.\n")
    assert presets.load(str(mine))["preset"] == "laptop"


def test_without_localisation_no_burn_in_is_long_enough():
    llc = SgldSettings.of(load()["llc"]).model_copy(update={"gamma": 0.0, "preconditioner": "none"})
    assert burn_in_for(llc, 3) == float("inf")


SIX = {
    "grid.task_diversities": [2, 16, "inf"],
    "grid.seeds": [3, 4],
    "training.steps": 1700,
    "training.batch_size": 32,
    "data.context_length": 9,
    "data.dimension": 5,
}


@pytest.mark.parametrize("preset", ["laptop", *PRESETS])
@pytest.mark.parametrize("path", SIX)
def test_common_changes_take_one_key(path, preset):
    stated = load(preset)
    section, key = path.split(".")
    if preset == "search" and section == "training":
        pytest.skip("its variants state training themselves")
    if preset in ("recurrence", "mixtures") and path == "data.dimension":
        pytest.skip("its input law has one dimension, which test_faults asks for")
    stated[section][key] = SIX[path]
    validate(stated)


def test_shares_last_and_auto_are_worked_out():
    resolved = config.resolve(load(), "base")
    assert resolved["llc"]["steps"] == [2500]
    assert resolved["llc_calibration"]["runs"] == ["M1-seed0", "M32-seed0", "Minf-seed0"]
    assert resolved["model"]["positions"] == 32
    assert resolved["training"]["decay_steps"] == 375
    changed = change("training.steps", 1000)
    changed["grid"] = {"task_diversities": [3], "seeds": [2]}
    resolved = config.resolve(changed, "base")
    assert set(resolved["llc"]["steps"]) <= set(config.checkpoint_schedule(resolved))
    assert resolved["llc"]["steps"][-1] == 1000
    assert resolved["llc_calibration"]["runs"] == ["M3-seed2"]


def test_keys_are_picked_by_section_and_by_name():
    part = config.pick(load(), ("pca", "data.dimension", "data.noise_variance"), ("pca.sequences",))
    assert part == {"pca": {"components": 4}, "data": {"dimension": 8, "noise_variance": 0.125}}


def test_planning_reads_the_keys_in_a_stages_signature():
    resolved = config.resolve(load(), "base")
    for name in stages():
        found = load_stage(name)
        given = config.pick(resolved, asked.keys_of(name))
        assert asked.values(found.settings, given).keys() == found.settings.keys(), name
    # A job does not receive what it does not use.
    assert asked.keys_of("analysis.phases") == ("curves",)
    assert "llc.data" in asked.keys_of("llc.stages.spectrum")
    assert not {"llc", "llc.steps", "llc.chunk"} & set(asked.keys_of("llc.stages.llc"))
    assert "llc_calibration.runs" not in asked.keys_of("llc.stages.calibration")


def test_the_table_of_keys_names_the_rules_that_read_them():
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    found = generate.readers(rules)
    assert {"train", "evaluate", "llc", "joint_pca", "claims", "root_seeds"} <= set(found)
    assert found["selection"] == set(asked.keys_of("analysis.model_selection.selection"))


def test_the_folder_of_published_results_is_not_a_preset(tmp_path):
    with pytest.raises(ConfigError, match=r"preset = published: .*choose another name"):
        config.check_results_folder({"preset": "published"}, tmp_path)


def test_a_folder_of_another_preset_is_refused(tmp_path):
    config.check_results_folder(load(), tmp_path)
    (tmp_path / config.RESOLVED_FILE).write_text(yaml.safe_dump(load("smoke")))
    with pytest.raises(
        ConfigError, match=r"written by preset = smoke, and this is preset = laptop"
    ):
        config.check_results_folder(load(), tmp_path)


def test_raw_weights_are_measured_only_if_they_are_kept():
    changed = load()
    changed["training"]["average"] = {"decay": 0.99}
    changed["evaluation"]["weights"] = "raw"
    with pytest.raises(ConfigError, match=r"evaluation\.weights = raw: .*keep_raw: true"):
        validate(changed)
    changed["training"]["keep_raw"] = True
    validate(changed)


def test_a_half_life_may_be_a_share_of_training():
    changed = change("training.average", {"half_life": 0.05})
    changed["training"]["steps"] = 2000
    assert config.resolve(changed, "base")["training"]["average"] == {"half_life": 100}


@pytest.mark.parametrize("average", [{"half_life": 2501}, {"decay": 0.9999}])
def test_an_average_longer_than_training_gives_a_warning(average):
    with pytest.warns(
        ConfigWarning, match=r"training\.average = .* longer than training\.steps = 2500"
    ):
        validate(change("training.average", average))


def test_a_cohort_is_consecutive_runs():
    resolved = load()
    resolved["grid"] = {"task_diversities": [8, 1, "inf"], "seeds": [0, 1]}
    resolved["compute"]["stack"] = 4
    runs = grid.runs(resolved)
    names = [run.name for run in runs]
    found = [grid.cohorts(resolved)[run.name] for run in runs]
    assert found == [names[:4]] * 4 + [names[4:]] * 2
    resolved["compute"]["stack"] = 1
    assert grid.cohorts(resolved)["M8-seed1"] == ["M8-seed1"]
