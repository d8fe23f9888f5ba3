# The two commands of the README are `make reproduce` and `make test`; both install what they need into .venv.
# `make help` lists the targets from the lines that begin with '##'; VERBOSE=1 shows the commands that a target runs.

PYTHON ?= python3
PRESET ?= laptop
CORES  ?= all

BIN := .venv/bin
CONFIGFILES := $(wildcard config/*.yaml src/transient_ridge/extensions/*/*.yaml)
CONFIGFILE := $(or $(filter %/$(if $(filter laptop,$(PRESET)),config,$(PRESET)).yaml,$(CONFIGFILES)),config/$(PRESET).yaml)
SNAKEMAKE := $(BIN)/snakemake --cores $(CORES) --configfile $(CONFIGFILE)
# A few lines instead of Snakemake's own output (src/snakemake_logger_plugin_transient_ridge).
WATCHED := PYTHONPATH=src$${PYTHONPATH:+:$$PYTHONPATH} $(SNAKEMAKE) --logger transient-ridge
PIP := $(BIN)/pip install --quiet --quiet --disable-pip-version-check

# Text is UTF-8 whatever the locale.
export PYTHONUTF8 := 1
# A profile of the user's would send jobs to a cluster, and these settings of pip send packages past .venv.
unexport SNAKEMAKE_PROFILE PIP_USER PIP_TARGET PIP_PREFIX PYTHONHOME

ifndef VERBOSE
.SILENT:
endif

.PHONY: help reproduce report publish config pack unpack model-card clean-leftovers unlock test test-all soak test-cluster lint format bench gpu-check lock clean-env

## help: list the targets
help:
	sed -nE 's/^## ([^:]+): (.*)/\1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14

## reproduce: compute and draw everything of PRESET (laptop, smoke, seeds, ...), then print the scorecard
reproduce: .venv/installed $(CONFIGFILE)
	$(WATCHED) --report results/$(PRESET)/report.html --report-after-run
	$(BIN)/python -m transient_ridge summary results/$(PRESET)

## report: one HTML page with the figures and tables of PRESET, their captions, settings and run times
report: .venv/installed $(CONFIGFILE)
	$(WATCHED) --report results/$(PRESET)/report.html
	echo results/$(PRESET)/report.html

## publish: copy tables, figures and scorecard of PRESET to results/published, its verdicts into README and docs/results.md
publish: results/$(PRESET)/base/claims.md
	$(BIN)/python -m transient_ridge publish results/$(PRESET) results/published/$(PRESET)

## config: write what is made from the declared keys: schema, comments of config.yaml, table of keys
config: .venv/installed
	$(BIN)/python -m transient_ridge.config.generate

## pack: put the results of PRESET into one file, FILE; with WEIGHTS=1 the checkpoints too
pack: FILE ?= results/$(PRESET).tar.gz
pack: .venv/installed
	$(BIN)/python -m transient_ridge pack results/$(PRESET) $(FILE) $(if $(WEIGHTS),--weights)

## unpack: verify FILE, a packed preset, and put it where Snakemake takes it for done; OTHER_CODE=1 accepts other code
unpack: .venv/installed
	$(BIN)/python -m transient_ridge unpack $(or $(FILE),$(error FILE=... names the archive)) $(if $(OTHER_CODE),--other-code)

## model-card: write the last checkpoints of PRESET and a model card into FOLDER, in the layout of the Hugging Face Hub
model-card: FOLDER ?= results/$(PRESET)-model-card
model-card: .venv/installed
	$(BIN)/python -m transient_ridge model-card results/$(PRESET) $(FOLDER)

## clean-leftovers: remove from the results of PRESET what its configuration does not ask for (see: python -m transient_ridge leftovers)
clean-leftovers: .venv/installed
	$(BIN)/python -m transient_ridge leftovers results/$(PRESET) --remove

## unlock: after Snakemake itself was killed (kill -9, power cut), before `make reproduce` goes on
unlock: .venv/installed $(CONFIGFILE)
	$(SNAKEMAKE) --unlock

## test: all tests but runs of the whole workflow and what computes for minutes
test: .venv/installed
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow and not soak and not cluster"

## test-all: the rest, too
test-all: .venv/installed
	$(BIN)/python -m pytest -m "not soak and not cluster"

## soak: kill jobs and Snakemake at random moments (SOAK_KILLS=30) and compare with an undisturbed run
soak: .venv/installed
	$(BIN)/python -m pytest -s -m soak tests/faults

## test-cluster: test the Slurm profile on a Slurm of three nodes started here (root, Debian packages)
test-cluster: .venv/installed
	$(BIN)/python -m pytest -s -m cluster tests/cluster

## lint: ruff, mypy, snakefmt and snakemake --lint
lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow src
	$(BIN)/snakemake --lint

## format: fix and format the code in place
format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow src

## bench: measure the speeds that the README quotes
bench: .venv/installed
	$(BIN)/python -m benchmarks

## gpu-check: measure training, chains and evaluation on a GPU, and estimate the cost of the paper preset
gpu-check: .venv/installed
	$(BIN)/python -m benchmarks.gpu_check build/gpu-check

## lock: write requirements.lock anew from what is installed in .venv
lock: .venv/installed
	{ sed -n '/^#/p' requirements.lock; $(BIN)/pip freeze --exclude-editable | sed 's/+cpu$$//' | grep -vE '^(pip|wheel|setuptools)=='; } > requirements.lock.new
	mv requirements.lock.new requirements.lock

## clean-env: remove .venv; the next target installs it anew
clean-env:
	rm -rf .venv

.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"Python >= 3.11 is needed, $(PYTHON) is {sys.version.split()[0]}: try make PYTHON=python3.12")'
	echo "creating .venv with $$($(PYTHON) --version)"
	$(PYTHON) -m venv .venv
	echo "installing $$(grep -c == requirements.lock) packages of requirements.lock, a few minutes"
	$(PIP) -r requirements.lock
	echo "installing transient-ridge"
	$(PIP) --no-deps --editable .
	touch $@

# Reached only for a preset without a file.
config/%.yaml:
	$(error PRESET = $*: unknown; there are laptop $(filter-out config,$(sort $(basename $(notdir $(CONFIGFILES))))))
