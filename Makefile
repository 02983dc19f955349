.DEFAULT_GOAL := help
.PHONY: help install demo up test lint types pytest format settings-table translations screenshots images compose-test fuzz hostile soak model metamorphic bench lock audit clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TOOLS := .tools
INSTALLED := $(VENV)/installed

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

install: $(INSTALLED) ## make .venv and install everything that a checkout needs

demo: install ## read a sample of scans on this machine, from upload to CSV
	$(BIN)/digitmill demo

up: install ## run the whole service here: Redis, web server and workers, until Ctrl-C
	$(BIN)/digitmill up

test: lint types pytest ## lint, types and all tests but those that need Docker or take minutes

lint: install ## check style and formatting
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: install ## check types
	$(BIN)/mypy

pytest: install ## run the tests alone
	$(BIN)/pytest -m "not compose and not soak"

format: install ## format the code and mend what the linter can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

settings-table: install ## write docs/settings.md from digitmill/settings.py
	$(BIN)/python -m tests.house.settings_table

translations: install ## bring the catalogues of the pages' texts up to date with the code, and compile them
	$(BIN)/python -m tests.house.catalogues

screenshots: install ## write docs/pictures, the pages as a browser shows them and the samples as they are read; needs chromium
	$(BIN)/pytest -q tests/browser/screenshots.py

images: ## build the two container images
	docker build --target web --tag digitmill-web .
	docker build --target worker --tag digitmill-worker .

compose-test: install ## build the images and test the service in containers; needs a Docker engine
	docker info >/dev/null
	$(BIN)/pytest -m compose tests/compose

fuzz: install ## damage 10,000 uploads of each kind and post them; takes a while
	$(BIN)/pytest tests/hostile/test_fuzz.py --hypothesis-profile=fuzz

hostile: install ## let 500 strangers without a key at the door for ten minutes; HOSTILE="--seconds 60 --connections 200" for less
	$(BIN)/python -m tests.hostile.strangers $(HOSTILE)

soak: install ## bring a thousand faults of all kinds under load and check every row; SOAK="--faults 50 --seed 7" for less
	$(BIN)/pytest -m soak
	$(BIN)/python -m tests.soak $(SOAK)

model: install ## train the built-in model anew, measure it and write its report to var/runs/digits-9; set DIGITMILL_DATA
	$(BIN)/python -m training train var/runs/digits-9 --version 9 --begin-with digitmill/models/builtin/digits/8 --epochs 40 --learning-rate 0.002
	$(BIN)/python -m training report var/runs/digits-9

metamorphic: install ## ask about every digit cut, scaled, lit and stored in other ways; METAMORPHIC="--kinds 600"; set DIGITMILL_DATA
	$(BIN)/python -m training metamorphic $(METAMORPHIC)

bench: install ## measure the service against its own engine, on a quiet machine
	$(BIN)/python -m benchmarks

lock: $(TOOLS) ## write requirements-*.lock anew, with the hashes of all files, from the package index; needs a network
	for image in web worker gpu; do \
	  $(TOOLS)/bin/uv pip compile --quiet --universal --upgrade --generate-hashes --no-strip-extras --python-version 3.11 \
	    --no-header --no-annotate requirements-$$image.txt --output-file requirements-$$image.lock || exit 1; \
	done

audit: $(TOOLS) ## look for known vulnerabilities in what the images install; needs a network
	for image in web worker; do \
	  $(TOOLS)/bin/pip-audit --strict --disable-pip --require-hashes --requirement requirements-$$image.lock || exit 1; \
	done

clean: ## remove the virtual environment and all caches
	rm -rf $(VENV) $(TOOLS) .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(TOOLS): requirements-tools.txt
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/pip install --disable-pip-version-check --requirement requirements-tools.txt
	touch $@

# pip runs again only when what it installs has changed
$(INSTALLED): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 14) else "Digitmill needs Python 3.11 to 3.13: make PYTHON=python3.12 install")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --disable-pip-version-check --requirement requirements.txt
	$(BIN)/pip install --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@
