# `make design`: from nothing to a ranked shortlist of molecules with its report. `make test`: every check.
# `make fuzz`: damaged inputs at every border (CASES=10000 for the full count, SEED=1, BORDERS="molecules goals").
# Both set up .venv first. Without a GPU, run `make cpu` before: it installs torch's CPU build, a tenth of the size.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
CASES ?= 1000
SEED ?= 0

.PHONY: design test fuzz lint types cpu clean

design: $(INSTALLED)
	$(BIN)/sciencegen run molecules

test: lint types
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

fuzz: $(INSTALLED)
	$(BIN)/python -W ignore -m tests.fuzz --cases $(CASES) --seed $(SEED) $(BORDERS)

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/snakefmt --check workflows

types: $(INSTALLED)
	$(BIN)/mypy

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, found " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

cpu: $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --index-url https://download.pytorch.org/whl/cpu torch

$(INSTALLED): pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) build dist .snakemake
