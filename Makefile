# The two commands of the README are `make reproduce` and `make test`; both install what they need into .venv.

PYTHON ?= python3
PRESET ?= laptop
CORES  ?= all

BIN := .venv/bin
CONFIGFILE := $(if $(filter laptop,$(PRESET)),config/config.yaml,config/$(PRESET).yaml)
SNAKEMAKE := $(BIN)/snakemake --workflow-profile workflow/profiles/local --cores $(CORES) --configfile $(CONFIGFILE)

.PHONY: reproduce report docs unlock test test-all soak test-cluster lint format bench gpu-check lock clean-env

## reproduce: train, measure and draw everything of PRESET (laptop, smoke, paper), then print the scorecard; a second call computes nothing
reproduce: .venv/installed $(CONFIGFILE)
	$(SNAKEMAKE)
	@$(SNAKEMAKE) --quiet all --report results/$(PRESET)/report.html
	@$(BIN)/python -m transient_ridge summary results/$(PRESET)

## report: one HTML page with every figure and table of PRESET, with captions, settings and run times
report: .venv/installed $(CONFIGFILE)
	$(SNAKEMAKE) --report results/$(PRESET)/report.html

## docs: keep the tables and figures of three seeds in results/laptop/three-seeds, and put their scorecard into the README
docs: SEEDS := results/seeds/base
docs: KEPT := results/laptop/three-seeds
docs: results/seeds/base/claims.md
	rm -rf $(KEPT)
	mkdir -p $(KEPT)/figures
	cp -r $(SEEDS)/tables $(SEEDS)/claims.md results/seeds/config.yaml $(KEPT)
	cp $(SEEDS)/figures/*.png $(SEEDS)/figures/*.png.provenance.json $(KEPT)/figures
	sed -i -e '/<!-- by M -->/,/<!-- end -->/{//!d}' -e '/<!-- scorecard -->/,/<!-- end -->/{//!d}' README.md
	sed -n '/^Means over/,$$p' $(KEPT)/claims.md | sed -i '/<!-- by M -->/r /dev/stdin' README.md
	sed '/^Means over/,$$d' $(KEPT)/claims.md | sed -i '/<!-- scorecard -->/r /dev/stdin' README.md

## unlock: after Snakemake itself was killed (kill -9, power cut), once, before `make reproduce` goes on
unlock: .venv/installed $(CONFIGFILE)
	$(SNAKEMAKE) --unlock

## test: everything but the tests that compute for minutes
test: .venv/installed
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not soak and not cluster"

test-all: .venv/installed
	$(BIN)/python -m pytest -m "not soak and not cluster"

## soak: kill jobs and Snakemake at random moments (SOAK_KILLS, 30), and compare with an undisturbed run
soak: .venv/installed
	$(BIN)/python -m pytest -s -m soak tests/faults

## test-cluster: the Slurm profile on a Slurm of three nodes that is brought up here (root, Debian packages)
test-cluster: .venv/installed
	$(BIN)/python -m pytest -s -m cluster tests/cluster

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/snakemake --lint

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow/rules

## bench: the speeds that the README quotes
bench: .venv/installed
	$(BIN)/python -m benchmarks

## gpu-check: what a GPU makes of training, stacks, chains and evaluation, and what the paper preset would cost on it
gpu-check: .venv/installed
	$(BIN)/python -m benchmarks.gpu_check results/gpu-check

lock: .venv/installed
	{ sed -n '/^#/p' requirements.lock; $(BIN)/pip freeze --exclude-editable | sed 's/+cpu$$//' | grep -vE '^(pip|wheel|setuptools)=='; } > requirements.lock.new
	mv requirements.lock.new requirements.lock

clean-env:
	rm -rf .venv

.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"Python >= 3.11 is needed, $(PYTHON) is {sys.version.split()[0]}: try make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

# Reached only for a preset without a file.
config/%.yaml:
	$(error PRESET = $*: unknown; config/ holds laptop $(filter-out config,$(basename $(notdir $(wildcard config/*.yaml)))))
