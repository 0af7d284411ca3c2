# `make design`: from nothing to a ranked shortlist of molecules with its report. `make test`: every check.
# `make kills`: commands killed at random moments. `make artefacts`: files of this version for the tests of later ones.
# All set up .venv first. Without a GPU, run `make cpu` before: it installs torch's CPU build, a tenth of the size.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: design test lint types kills artefacts cpu clean

design: $(INSTALLED)
	$(BIN)/sciencegen run molecules

test: lint types
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/snakefmt --check workflows

types: $(INSTALLED)
	$(BIN)/mypy

kills: $(INSTALLED)
	$(BIN)/python -m tests.kills

artefacts: $(INSTALLED)
	$(BIN)/python tests/golden.py artefacts

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
