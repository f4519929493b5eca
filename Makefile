# make alone lists the targets.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
ENGINE ?= docker
IMAGE ?= onestop
# Whoever forbids it pays for compiling everything again at each start.
unexport PYTHONDONTWRITEBYTECODE

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1	\2/' | expand -t 18

$(VENV)/.ready: requirements-batch.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; try make PYTHON=python3.12"; exit 1; }
	@echo "Preparing $(VENV) (once, a minute or so) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-batch.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.ready requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

$(VENV)/.spark: $(VENV)/.ready requirements-spark.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-spark.lock
	@touch $@

$(VENV)/.assets: $(VENV)/.ready assets/package-lock.json assets/install.py assets/requirements.lock
	@command -v npm >/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r assets/requirements.lock
	@$(BIN)/python assets/install.py
	@touch $@

setup: $(VENV)/.assets ## Create .venv with what the service needs, pinned, and fetch the pages' pinned assets

dev: setup $(VENV)/.dev ## The same, and what tests and checks need

spark: $(VENV)/.spark ## What `onestop batch spark` needs besides, half a gigabyte; Java has to be there

demo: setup ## Settle the bills of a small world and explain one, then keep the service running (ONCE=1: exit instead; DATA_DIR=folder)
	@$(BIN)/onestop demo --port $(PORT) $(if $(ONCE),--once) $(if $(DATA_DIR),--data-dir $(DATA_DIR))

serve: setup ## Run the service with its embedded database
	@$(BIN)/onestop serve --port $(PORT)

test: dev ## The tests of every part at small size: real PostgreSQL, real HTTP
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 -m "not thorough and not soak"

test-all: test ## Those and then the thorough ones: kills, many seeds, whole simulated years
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 -m "thorough and not soak" --ignore=tests/faults --ignore=tests/deploy/test_image_runs.py
	@$(BIN)/python -m pytest -m thorough tests/faults # alone: how soon it recovers is told of a whole machine
	@$(BIN)/python -m pytest -m thorough tests/deploy/test_image_runs.py # one process: the image is built once

soak: dev ## The long comparisons at full size (500,000 bills, 100,000 person-years, 100,000 requests, 500 faults, 1,000 hospital-months, 30,000,000 bills)
	@$(BIN)/python -m pytest --timeout 0 -n auto --maxprocesses 4 -m soak
	@ONESTOP_ORACLE_BILLS=500000 ONESTOP_CORRECTION_YEARS=100000 ONESTOP_LIFE_CYCLES=500 \
	  $(BIN)/python -m pytest --timeout 0 -n auto --maxprocesses 4 tests/tiers/test_engine.py tests/settlement/test_corrections_property.py tests/settlement/test_life_cycle.py
	@ONESTOP_BATCH_PERSONS=300 ONESTOP_RANDOM_PACKS=20000 $(BIN)/python -m pytest --timeout 0 -n auto --maxprocesses 4 tests/tiers/test_random_packs.py tests/batch/test_waves.py tests/batch/test_handed_on.py tests/batch/test_twofold.py
	@ONESTOP_OPTIONAL_VALUES=5 ONESTOP_EXPORT_ROWS=100000 $(BIN)/python -m pytest --timeout 0 -n auto --maxprocesses 4 -m thorough tests/nhsa/test_optional_fields.py tests/exports
	@ONESTOP_FUZZ_CASES=100000 $(BIN)/python -m pytest --timeout 0 -n auto --maxprocesses 4 -rP tests/service/test_fuzz.py
	@$(MAKE) -s soak-oracle
	@$(MAKE) -s soak-faults
	@$(MAKE) -s soak-cluster
	@$(MAKE) -s soak-clearing
	@$(MAKE) -s soak-batch

soak-oracle: dev ## 5,000,000 bills in files against the oracle, in pieces of MINUTES (55); run it again to go on
	@$(BIN)/python -m tests.batch.soak --bills $(or $(BILLS),5000000) --minutes $(or $(MINUTES),55) --folder $(or $(SOAK),.onestop/soak)

soak-faults: dev ## 500 faults under load, in pieces of MINUTES (55); run it again to go on
	@$(BIN)/python -m tests.faults.soak --faults 500 --minutes $(or $(MINUTES),55) --folder $(or $(SOAK),.onestop/soak)

soak-cluster: dev ## Kill the leader of deploy/cluster under load, ROUNDS (4) times, and measure the gap (Debian's patroni etcd-server pgbouncer haproxy postgresql-15)
	@$(BIN)/python -m tests.faults.cluster --rounds $(or $(ROUNDS),4)

soak-batch: dev ## A synthetic year of 30,000,000 bills made and computed; run it again to go on, after a change of code in an empty folder
	@$(BIN)/python -m bench.batch --bills $(or $(BILLS),30000000) --line-bills 0 --folder $(or $(SOAK),.onestop/soak)/batch

soak-clearing: dev ## 1,000 hospital-months of clearing against the auditor, in pieces of MINUTES (55); run it again to go on
	@$(BIN)/python -m tests.simulation.soak --months 1000 --minutes $(or $(MINUTES),55) --folder $(or $(SOAK),.onestop/soak)

check: dev ## Format, lint, types, import contracts, Dockerfile, openapi.yaml against the running application
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/hadolint --failure-threshold style Dockerfile
	@$(BIN)/onestop openapi --check

format: dev ## Format and fix what can be fixed
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

openapi: dev ## Write openapi.yaml from the application
	@$(BIN)/onestop openapi

image: ## Build the container image (ENGINE=docker or podman, IMAGE=name:tag, BASE_IMAGE=...)
	@$(ENGINE) build $(if $(BASE_IMAGE),--build-arg BASE_IMAGE=$(BASE_IMAGE)) \
	  --build-arg VERSION=$$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml) \
	  --build-arg REVISION=$$(git rev-parse HEAD) --tag $(IMAGE) .

bench: dev ## Benchmarks against a yardstick in the same run
	@$(BIN)/python -m bench.engine
	@$(BIN)/python -m bench.settling
	@$(BIN)/python -m bench.door
	@$(BIN)/python -m bench.registry
	@$(BIN)/python -m bench.slip
	@$(BIN)/python -m bench.exports
	@$(BIN)/python -m bench.month_close
	@$(BIN)/python -m bench.overview
	@$(BIN)/python -m bench.capacity
	@$(BIN)/python -m bench.batch

SUPPLY := .venv-supply
$(SUPPLY)/.ready: deploy/supply-chain/requirements.lock
	@$(PYTHON) -m venv $(SUPPLY)
	@$(SUPPLY)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

sbom: setup $(SUPPLY)/.ready ## What the service is made of, as CycloneDX: build/sbom-python.json and build/sbom-assets.json
	@mkdir -p build
	@$(SUPPLY)/bin/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --output-file build/sbom-python.json requirements.lock
	@$(BIN)/python assets/install.py --sbom > build/sbom-assets.json
	@echo "build/sbom-python.json build/sbom-assets.json"

licenses: setup $(SUPPLY)/.ready ## The licence of every Python package that the service needs
	@$(SUPPLY)/bin/pip-licenses --python $(BIN)/python --from mixed --order license --format markdown --packages $$(sed -n "s/^\([a-zA-Z0-9_.-]*\)==.*/\1/p" requirements.lock)

audit: $(SUPPLY)/.ready ## Known vulnerabilities of what is pinned; asks the advisory database over the network
	@$(SUPPLY)/bin/pip-audit --require-hashes --disable-pip --progress-spinner off -r requirements-batch.lock

lock: $(SUPPLY)/.ready ## Pin anew what pyproject.toml asks for; what is pinned already stays
	@$(SUPPLY)/bin/uv pip compile -q --universal --generate-hashes --no-header --python-version 3.11 --extra build --output-file requirements.lock pyproject.toml
	@$(SUPPLY)/bin/uv pip compile -q --universal --generate-hashes --no-header --python-version 3.11 --extra build --extra batch --constraint requirements.lock --output-file requirements-batch.lock pyproject.toml
	@$(SUPPLY)/bin/uv pip compile -q --universal --generate-hashes --no-header --python-version 3.11 --extra spark --constraint requirements-batch.lock --output-file requirements-spark.lock pyproject.toml
	@$(SUPPLY)/bin/uv pip compile -q --universal --generate-hashes --no-header --python-version 3.11 --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml

.PHONY: help setup dev spark sbom licenses audit lock demo serve test test-all soak soak-oracle soak-clearing soak-faults soak-cluster soak-batch check format openapi image bench
