.DEFAULT_GOAL := help
.PHONY: help install demo up test brokers lint types pytest format settings-table translations declarations generated-client screenshots images compose-test fuzz hostile mutants soak normal-load docs model boxes-model metamorphic bench lock audit clean venv

PYTHON ?= python3
AT_ONCE ?= 2
VENV := .venv
BIN := $(VENV)/bin
TOOLS := .tools
GENERATOR := .tools-clients
TYPESCRIPT := .tools-typescript
DOCS := .tools-docs
DEPLOY := .tools-deploy
SERVICE := $(VENV)/service
INSTALLED := $(VENV)/installed
VERSION := $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' digitmill/__init__.py)
LOCK_WITH := $(TOOLS)/bin/uv pip compile --quiet --universal --upgrade --generate-hashes --no-strip-extras \
  --python-version 3.11 --no-header --no-annotate

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

install: $(INSTALLED) ## make .venv and install everything that a checkout needs

demo: $(SERVICE) ## read a sample of scans on this machine, from upload to CSV
	$(BIN)/digitmill demo

up: $(SERVICE) ## run the whole service here: Redis, web server and workers, until Ctrl-C
	$(BIN)/digitmill up

test: lint types pytest ## lint, types and all tests but those that need Docker or take minutes

lint: install ## check style and formatting
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/python -m tests.house.javascript lint

types: install ## check types
	$(BIN)/mypy
	$(BIN)/python -m tests.house.javascript types

pytest: install ## run the tests alone, AT_ONCE=2 files at a time
	$(BIN)/pytest -m "not compose and not soak" --numprocesses $(AT_ONCE) --dist loadfile --no-loadscope-reorder

format: install ## format the code and mend what the linter can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

brokers: install ## test kills and faults over RabbitMQ, where it is installed, and failovers of Redis behind Sentinel
	TEST_BROKER=sentinel $(BIN)/pytest tests/end_to_end/test_sentinel.py
	TEST_BROKER=rabbitmq $(BIN)/pytest -m "not compose and not soak" tests/end_to_end/test_faults.py tests/end_to_end/test_service.py

settings-table: install ## write docs/settings.md from digitmill/settings.py
	$(BIN)/python -m tests.house.settings_table

translations: install ## bring the catalogues of the pages' texts up to date with the code, and compile them
	$(BIN)/python -m tests.house.catalogues

declarations: install ## write the types of the JavaScript client from its comments
	$(BIN)/python -m tests.house.javascript declarations

generated-client: install $(GENERATOR) $(TYPESCRIPT) ## test clients that generators make of the OpenAPI document, and lint that; needs a network at first
	$(BIN)/pytest tests/client/test_generated.py tests/client/test_typescript.py

screenshots: install ## write docs/pictures, the pages as a browser shows them and the samples as they are read; needs chromium
	$(BIN)/pytest -q tests/browser/screenshots.py

docs: install $(DOCS) ## write the site of the documents to var/site/html, every link checked; needs a network at first
	$(BIN)/python -m tests.house.docs_site
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --quiet --strict

images: ## build the container images, tagged by version; docker build --target gpu for workers on an NVIDIA GPU
	for image in web worker trainer; do \
	  docker build --target $$image --tag digitmill-$$image:$(VERSION) --tag digitmill-$$image:latest . || exit 1; \
	done

compose-test: install ## build the images and test the service in containers; needs a Docker engine
	docker info >/dev/null
	$(BIN)/pytest -m compose tests/compose

fuzz: install ## damage 10,000 uploads of each kind and post them, which takes a while; FUZZ=300 for less
	FUZZ=$(or $(FUZZ),10000) $(BIN)/pytest tests/hostile/test_fuzz.py --hypothesis-profile=fuzz

hostile: install ## let 500 strangers without a key at the door for ten minutes; HOSTILE="--seconds 60 --connections 200" for less
	$(BIN)/python -m tests.hostile.strangers $(HOSTILE)

mutants: install $(TOOLS) ## change the core line by line and tell what no test notices, which takes hours; MUTANTS="finish.lua recovery" for less
	$(BIN)/python -m tests.mutants $(MUTANTS)

soak: install ## bring a thousand faults of all kinds under load and check every row; SOAK="--faults 50 --seed 7" for less
	$(BIN)/pytest -m soak
	$(BIN)/python -m tests.soak $(SOAK)

normal-load: install ## run the service under an hour of normal load, tell which alert fired; needs prometheus. LOAD="--minutes 5" for less
	$(BIN)/python -m tests.normal_load $(LOAD)

model: install ## train the built-in model again, measure it and write its report to var/runs/digits-9; set DIGITMILL_DATA
	$(BIN)/python -m training train var/runs/digits-9 --version 9 --begin-with digitmill/models/builtin/digits/8 --epochs 40 --learning-rate 0.002
	$(BIN)/python -m training report var/runs/digits-9

boxes-model: install ## train the built-in model of form boxes again and measure it in var/runs/boxes-2; set DIGITMILL_DATA
	$(BIN)/python -m training train var/runs/boxes-2 --name boxes --version 2 --begin-with digitmill/models/builtin/boxes/1 --epochs 4 --learning-rate 0.001 --box-forms 200
	$(BIN)/python -m training report var/runs/boxes-2

metamorphic: install ## ask about every digit cut, scaled, lit and stored in other ways; METAMORPHIC="--kinds 600"; set DIGITMILL_DATA
	$(BIN)/python -m training metamorphic $(METAMORPHIC)

bench: install ## measure the service against its own engine, on a quiet machine
	$(BIN)/python -m benchmarks

lock: $(TOOLS) ## write requirements-*.lock again, with the hashes of all files, from the package index; needs a network
	for list in web worker gpu trainer docs deploy; do \
	  $(LOCK_WITH) requirements-$$list.txt --output-file requirements-$$list.lock || exit 1; \
	done
	echo setuptools | $(LOCK_WITH) pyproject.toml - --extra service --constraint requirements.txt --output-file requirements-service.lock
	$(LOCK_WITH) requirements.txt --output-file requirements.lock

audit: $(TOOLS) ## look for known vulnerabilities in what the images install; needs a network
	for image in web worker trainer; do \
	  $(TOOLS)/bin/pip-audit --strict --disable-pip --require-hashes --requirement requirements-$$image.lock || exit 1; \
	done

clean: ## remove the virtual environment and all caches
	rm -rf $(VENV) $(TOOLS) $(GENERATOR) $(TYPESCRIPT) $(DOCS) $(DEPLOY) .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(TOOLS): requirements-tools.txt
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/pip install --disable-pip-version-check --requirement requirements-tools.txt
	touch $@

# beside the checkout, for it wants another typer
$(GENERATOR):
	$(PYTHON) -m venv $(GENERATOR)
	$(GENERATOR)/bin/pip install --disable-pip-version-check openapi-python-client==0.29.1

# another TypeScript than that which checks the pages, since the generator needs it
$(TYPESCRIPT): tests/client/typescript/package-lock.json $(INSTALLED)
	$(BIN)/python -m tests.house.javascript generator
	touch $@

# beside the checkout, which needs nothing of them: what makes the site of the documents, and Kubernetes' schemas for tests
$(DOCS) $(DEPLOY): .tools-%: requirements-%.lock
	$(PYTHON) -m venv $@
	$@/bin/pip install --disable-pip-version-check --require-hashes --requirement $<
	touch $@

# pip runs again only when what it installs has changed; the service alone needs no deep-learning framework
$(SERVICE): requirements-service.lock pyproject.toml setup.py
	$(MAKE) --no-print-directory venv LOCK=requirements-service.lock
	touch $@

$(INSTALLED): requirements.lock pyproject.toml setup.py
	$(MAKE) --no-print-directory venv LOCK=requirements.lock
	touch $(SERVICE) $@

venv:
	@$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 14) else "Digitmill needs Python 3.11 to 3.13: make PYTHON=python3.12 install")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --disable-pip-version-check --require-hashes --requirement $(LOCK)
	$(BIN)/pip install --disable-pip-version-check --no-deps --no-build-isolation --editable .
