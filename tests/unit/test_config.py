"""Configuration: presets are valid, faults are named, stages see what they depend on."""

import json

import pytest
import yaml

from tests.conftest import ROOT, SCHEMA, load
from transient_ridge.config import configuration as config
from transient_ridge.config.runs import Run
from transient_ridge.errors import ConfigError

PAPER_VALUES = {
    "checkpoints.linear_every",
    "data.noise_variance",
    "grid.seeds",
    "model.d_mlp",
    "model.heads",
    "model.layers",
    "pca.components",
    "evaluation.root_task_sequences",
    "pca.sequences",
    "pca_robustness.sequences",
}
PRESETS = sorted(path.stem for path in (ROOT / "config").glob("*.yaml"))


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_valid_and_named_like_their_files(preset):
    loaded = load(preset)
    config.validate(loaded, SCHEMA)
    assert loaded["preset"] == ("laptop" if preset == "config" else preset)


@pytest.mark.parametrize("preset", [name for name in PRESETS if name != "config"])
def test_presets_state_only_what_differs(preset):
    default = load()
    # The paper preset also states the paper's own values where the default shares them.
    shared = PAPER_VALUES if preset == "paper" else set()

    def repeated(overlay, base, key=""):
        for name, value in overlay.items():
            if (
                name == "variants"
            ):  # overlays of their own: what they state may well be the default's
                continue
            if isinstance(value, dict):
                yield from repeated(value, base[name], f"{key}{name}.")
            elif base[name] == value and f"{key}{name}" not in shared:
                yield f"{key}{name}"

    overlay = yaml.safe_load((ROOT / "config" / f"{preset}.yaml").read_text())
    assert list(repeated(overlay, default)) == []


def test_every_key_is_documented():
    readme = (ROOT / "config" / "README.md").read_text()
    default = load()
    keys = [
        f"{s}.{k}" for s, v in default.items() if isinstance(v, dict) for k in v if s != "variants"
    ]
    keys += [f"llc.limits.{k}" for k in default["llc"]["limits"]]
    keys.remove("llc.limits")
    keys += [k for k, v in default.items() if not isinstance(v, dict)]
    assert [key for key in keys if f"`{key}`" not in readme] == []


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
        ("grid.task_diversities", [4, 0], r"grid\.task_diversities\[1\] = 0: must be an integer >= 1, or inf"),
        ("grid.task_diversities", [-3], r"= -3: must be an integer >= 1, or inf"),
        ("grid.task_diversities", [1.5], r"= 1\.5: must be an integer >= 1, or inf"),
        ("grid.task_diversities", ["many"], r"= 'many': must be an integer >= 1, or inf"),
        ("grid.task_diversities", [4, 8, 4], r"grid\.task_diversities = \[4, 8, 4\]: \[4\] stated twice"),
        ("grid.task_diversities", [], r"grid\.task_diversities = \[\]"),
        ("grid.seeds", [1, 1], r"grid\.seeds = \[1, 1\]: must be a list of different integers"),
        ("data.context_length", 7, r"model\.positions = 12: must be at least 2 \* data\.context_length = 14"),
        ("data.noise_variance", 0, r"data\.noise_variance = 0: must be a number > 0"),
        ("data.noise_variance", -1.0, r"data\.noise_variance = -1\.0: must be a number > 0"),
        ("data.dimension", "3", r"data\.dimension = '3': must be an integer >= 1 \(YAML reads 3 as text; write 3\)"),
        ("model.heads", 5, r"model\.heads = 5: must divide model\.d_model = 64"),
        ("model.residual", "triple", r"model\.residual = 'triple': must be single or doubled"),
        ("model.headz", 4, r"model\.headz = 4: unknown key; did you mean 'heads'"),
        ("trianing", {}, r"trianing = \{\}: unknown key; did you mean 'training'"),
        ("training.learning_rate", "1e-3", r"YAML reads 1e-3 as text; write 0\.001"),
        ("training.warmup_steps", 10**6, r"decay_steps = 600: with training\.warmup_steps = 1000000 must be at most"),
        ("llc.epsilon", 0, r"llc\.epsilon = 0: must be a number > 0"),
        ("llc.n_beta", -1, r"llc\.n_beta = -1: must be a number > 0"),
        ("llc.gamma", 0, r"llc\.gamma = 0: must be a number > 0"),
        ("llc.chains", 1, r"llc\.chains = 1: split R-hat needs at least 2 chains; .*llc\.limits\.r_hat: null"),
        ("llc.burn_in", 10**4, r"llc\.burn_in = 10000: must be less than llc\.draws = \d+"),
        ("llc.draws", 4, r"llc\.draws = 4: must be an integer >= 8"),
        ("llc.steps", [2990], r"llc\.steps = 2990: has no checkpoint \(the nearest is 3000\)"),
        ("llc.components", ["layer2"], r"llc\.components = layer2: unknown; this model has all, embedding"),
        ("llc.minibatch", 10**6, r"llc\.minibatch = 1000000: must be at most llc\.sequences = \d+"),
        ("llc.backend", "pyro", r"llc\.backend = 'pyro': must be stacked or devinterp"),
        ("llc.limits.r_hat", 0.9, r"llc\.limits\.r_hat = 0\.9: must be a number > 1, or null"),
        ("llc_calibration.runs", ["M3-seed0"], r"llc_calibration\.runs = M3-seed0: not a run of the grid"),
        ("llc_calibration.epsilons", [], r"llc_calibration\.epsilons = \[\]: must be a list of different numbers > 0"),
        ("llc_crosscheck.steps", [2990], r"llc_crosscheck\.steps = 2990: has no checkpoint"),
        ("training.optimiser", "sgd", r"training\.optimiser = 'sgd': must be adam or muon"),
        ("training.gradient_clip", 0, r"training\.gradient_clip = 0: must be null \(off\) or a number > 0"),
        ("checkpoints.extra_steps", [10**9], r"checkpoints\.extra_steps = \[1000000000\]: must not be after"),
        ("pca.sequences", 1000, r"pca\.sequences = 1000: must be at most evaluation\.root_task_sequences"),
        ("pca_robustness.sequences", [4, 1000], r"pca_robustness\.sequences = .*\[1000\] are not"),
        ("pca_robustness.sequences", [], r"pca_robustness\.sequences = \[\]"),
        ("pca.components", 25, r"\[4\] times data\.context_length = 6 must be at least pca\.components = 25"),
        ("claims.ridge_like", 0.8, r"claims\.ridge_like = 0\.8: must be less than claims\.dmmse_like = 0\.75"),
        ("claims.no_transience", 0.2, r"claims\.no_transience = 0\.2: must be less than claims\.transience"),
        ("claims.grows", 1.5, r"claims\.grows = 1\.5: must be a number in \[-1, 1\]"),
        ("claims.paper_threshold", -1, r"claims\.paper_threshold = -1: must be null \(the paper states none\)"),
        ("compute.device", "tpu", r"compute\.device = 'tpu': must be auto, cpu or cuda"),
        ("preset", "My Preset", r"preset = 'My Preset': must be a name"),
        ("variants", {"wide": {"model": {"heads": 7}}}, r"model\.heads = 7: must divide .* \(in variants\.wide\)"),
        ("variants", {}, r"variants = \{\}: must be at least one named overlay"),
    ],
)  # fmt: skip
def test_faults_name_key_value_and_what_is_allowed(path, value, message):
    with pytest.raises(ConfigError, match=message):
        config.validate(change(path, value), SCHEMA)


def test_all_faults_are_told_at_once():
    broken = change("data.noise_variance", 0)
    broken["model"]["layers"] = 0
    with pytest.raises(ConfigError) as error:
        config.validate(broken, SCHEMA)
    assert "noise_variance" in str(error.value)
    assert "layers" in str(error.value)


def test_a_missing_key_is_named():
    broken = load()
    del broken["training"]["steps"]
    with pytest.raises(ConfigError, match=r"training\.steps: missing"):
        config.validate(broken, SCHEMA)


def test_variants_are_overlays():
    changed = change("variants", {"base": {}, "deep": {"model": {"layers": 5}}})
    deep = config.resolve(changed, "deep")
    assert deep["model"]["layers"] == 5
    assert deep["model"]["d_mlp"] == changed["model"]["d_mlp"]
    assert config.resolve(changed, "base")["model"]["layers"] == 2
    with pytest.raises(ConfigError, match="variant 'other'"):
        config.resolve(changed, "other")


def test_runs_are_the_grid_in_order():
    changed = change("grid", {"task_diversities": ["inf", 8, 1], "seeds": [1, 0]})
    assert [run.name for run in config.runs(changed)] == [
        "M1-seed0", "M1-seed1", "M8-seed0", "M8-seed1", "Minf-seed0", "Minf-seed1",
    ]  # fmt: skip
    for run in config.runs(changed):
        assert Run.parse(run.name) == run
    with pytest.raises(ConfigError, match="run 'M0-seed1'"):
        Run.parse("M0-seed1")


@pytest.mark.parametrize(
    ("path", "value", "stages"),
    [
        ("training.steps", 7, {"train", "evaluate"}),
        ("checkpoints.extra_steps", [7], {"train", "evaluate"}),
        ("evaluation.sequences", 7, {"evaluate", "idealised"}),
        ("grid.task_diversities", [7], {"idealised"}),
        ("grid.seeds", [7], set()),
        ("pca.components", 3, {"pca"}),
        ("curves.smoothing_width", 0.7, {"curves"}),
        ("compute.device", "cpu", set()),
        ("compute.state_seconds", 7, set()),
        ("keep_weights", False, set()),
        ("preset", "other", set()),
        ("data.noise_variance", 0.7, {"train", "evaluate", "idealised"}),
    ],
)
def test_each_stage_sees_its_own_keys_alone(path, value, stages):
    before, after = load(), change(path, value)
    changed = {
        stage
        for stage in ("train", "evaluate", "idealised", "curves", "pca")
        if json.dumps(config.stage_settings(before, stage))
        != json.dumps(config.stage_settings(after, stage))
    }
    assert changed == stages


def test_a_folder_of_another_preset_is_refused(tmp_path):
    config.check_results_folder(load(), tmp_path)
    (tmp_path / config.RESOLVED_FILE).write_text(yaml.safe_dump(load("smoke")))
    with pytest.raises(
        ConfigError, match=r"written by preset = smoke, and this is preset = laptop"
    ):
        config.check_results_folder(load(), tmp_path)


def test_a_cohort_is_so_many_consecutive_runs():
    resolved = load()
    resolved["grid"] = {"task_diversities": [8, 1, "inf"], "seeds": [0, 1]}
    resolved["compute"]["stack"] = 4
    runs = config.runs(resolved)
    names = [run.name for run in runs]
    found = [config.cohorts(resolved)[run.name] for run in runs]
    assert found == [names[:4]] * 4 + [names[4:]] * 2
    resolved["compute"]["stack"] = 1
    assert config.cohorts(resolved)["M8-seed1"] == ["M8-seed1"]
