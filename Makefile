# `make design`: from nothing to a ranked shortlist of molecules with its report. `make test`: every check
# but the tests of two seconds or more, which train models or start programs: `make long`.
# `make fuzz`: damaged inputs at every border (CASES=10000 for the full count, SEED=1, BORDERS="molecules goals").
# `make kills`: commands killed at random moments. `make artefacts`: files of this version for the tests of later ones.
# All set up .venv first. Without a GPU, run `make cpu` before: it installs torch's CPU build, a tenth of the size.
#
# `make constraints`: the newest versions of all libraries, written to constraints.txt, and by uv to uv.lock. `make constrained`: the tests with
# these versions. `make oldest`: the tests with the oldest versions that pyproject.toml allows. Each of these three installs
# into a fresh environment in a temporary folder, several gigabytes in size. `make licences`: docs/licences.md.
# `make docs`: the documentation site, in build/docs. `make notebooks`: the tutorials as notebooks, in build/notebooks.
# `make gallery`: the pictures of docs/gallery.md, by its own commands.
# `make stubs`: what editors see of the public names, from their signatures.
# `make schema`: the schema of the workflow's config, from the settings.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
TESTS ?= -n 2 --dist loadfile --no-loadscope-reorder
FRESH = set -e; folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT INT TERM; $(PYTHON) -m venv "$$folder"; \
	install() { "$$folder/bin/python" -m pip install --quiet "$$@"; }; install --upgrade pip

CASES ?= 1000
SEED ?= 0

# A process that may not keep bytecode compiles the package anew, and the tests start hundreds.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: design test long fuzz kills lint types cpu constraints constrained oldest licences stubs schema artefacts docs gallery notebooks clean

design: $(INSTALLED)
	$(BIN)/sciencegen run molecules

test: lint types
	$(BIN)/pytest -m "not long and not slow and not gpu" $(TESTS)

long: $(INSTALLED)
	$(BIN)/pytest -m "long and not slow and not gpu" $(TESTS)

fuzz: $(INSTALLED)
	$(BIN)/python -W ignore -m tests.fuzz --cases $(CASES) --seed $(SEED) $(BORDERS)

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/snakefmt --check workflows workflow
	$(BIN)/hadolint Dockerfile

types: $(INSTALLED)
	$(BIN)/mypy

docs: $(INSTALLED)
	$(BIN)/sphinx-build --fail-on-warning --keep-going -q -b html docs build/docs

gallery: $(INSTALLED)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python docs/gallery.py

notebooks: $(INSTALLED)
	$(BIN)/python docs/notebooks.py build/notebooks

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

constraints:
	$(FRESH); install '.[dev]'; "$$folder/bin/python" -m tests.versions installed > "$$folder/constraints.txt"; \
	cp "$$folder/constraints.txt" constraints.txt; install uv; \
	"$$folder/bin/uv" lock --upgrade -P "$$(grep '^torch==' constraints.txt)"

constrained:
	$(FRESH); install -c constraints.txt -e '.[dev]'; "$$folder/bin/python" -m pytest $(TESTS)

oldest:
	$(FRESH); $(PYTHON) -m tests.versions oldest > "$$folder/oldest.txt"; \
	install -c "$$folder/oldest.txt" -e '.[dev]'; "$$folder/bin/python" -m pytest $(TESTS)

licences: $(INSTALLED)
	$(BIN)/python -m tests.licences > $(VENV)/licences.md
	cp $(VENV)/licences.md docs/licences.md

stubs: $(INSTALLED)
	$(BIN)/python -m tests.stubs

schema: $(INSTALLED)
	$(BIN)/sciencegen run molecules --schema > $(VENV)/schema.yaml
	cp $(VENV)/schema.yaml workflows/schemas/config.schema.yaml

clean:
	rm -rf $(VENV) build dist .snakemake
