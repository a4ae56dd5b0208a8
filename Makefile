# make race: the environment, then a board over the four cpu workloads. It ranks on the referee's seconds and says so; WORKERS trials run at
# a time, which lengthens them, so that the board has each score in steps and CPU seconds too (docs/scoring.md).
# make test: the environment, then the tests.
PYTHON ?= python3
BIN := .venv/bin
RACE ?= results/race
WORKERS ?= 2
SUBMISSIONS ?= [nadamw,adamw_linear_zero,sgd_nesterov]
WORKLOADS ?= [lm/cpu,vit/cpu,resnet/cpu,click/cpu]

.PHONY: race test lint env

race: env
	$(BIN)/finishline launch submissions=$(SUBMISSIONS) workloads=$(WORKLOADS) ruleset=self studies=1 evaluation_period=0.05 launcher.workers=$(WORKERS) out=$(RACE)
	$(BIN)/finishline score $(RACE) out=$(RACE)/board

test: env
	$(BIN)/python -m pytest -n 3 --dist worksteal

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

env: .venv/ready

.venv/ready: pyproject.toml constraints.txt
	@command -v bwrap >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
		(apt-get -qq update; apt-get -qq install -y --no-install-recommends bubblewrap) >/dev/null 2>&1; } || \
		echo "bubblewrap (bwrap) is missing: trials run without a sandbox and its tests fail; install it for what docs/trust.md says"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	touch $@
