# Two commands for everyone: `make demo` and `make test`. Both set themselves up in .venv.
.DEFAULT_GOAL := help
.PHONY: help demo test check style types unit integration packages bench fuzz torture properties lock sbom audit format clean

# Only what the checkout says: no packages or settings of the caller's own Python.
unexport PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE VIRTUAL_ENV
export PATH := $(CURDIR)/.venv/bin:$(PATH)

SLOW := integration or browser or slow
# Those tests wait for servers and processes more than they compute.
SLOW_WORKERS = $$(n=$$(nproc); echo $$((n < 5 ? 5 : n)))

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: .venv/set-up ## a whole study of a lab on loopback, checked against its truth: demo/report/index.html
	mailcensus demo demo

test: check integration ## every check, real servers and browser included

check: style ## lint, format, types, room rules and unit tests
	$(MAKE) --no-print-directory --jobs=2 types unit

style: .venv/set-up ## lint, format and room rules alone
	ruff check --no-cache
	ruff format --check
	lint-imports

types: .venv/set-up ## types alone
	PYTHONHASHSEED=0 mypy  # how it joins types depends on the order of its sets

unit: .venv/set-up ## unit tests alone
	pytest --numprocesses=$$(($$(nproc) + 1)) --dist=loadfile -m "not ($(SLOW))"

integration: .venv/set-up packages ## tests against real servers, a browser, and slow ones
	pytest --numprocesses=$(SLOW_WORKERS) --dist=loadfile --no-loadscope-reorder --durations=10 -m "$(SLOW)"

packages: ## Debian packages that integration tests talk to, by apt where we are root
	scripts/install-test-packages
	scripts/unpack-exim
	scripts/unpack-cyrus
	scripts/unpack-senders
	scripts/install-spark
	scripts/install-clickhouse
	scripts/unpack-latex

bench: .venv/set-up packages ## CPU per grab beside a plain OpenSSL client
	PYTHONPATH=tests python -m bench.grab

fuzz: .venv/fuzz-set-up ## coverage-guided fuzzing of every reader, FUZZ_SECONDS (60) each; TARGETS="smtp spki" for some
	python -m fuzz --seconds $${FUZZ_SECONDS:-60} $(TARGETS)

torture: .venv/set-up packages ## kill, starve and cut off studies for TORTURE_SECONDS (1200); SEED=n NAMES="disk-full" for some
	PYTHONPATH=tests python -m torture --seconds $${TORTURE_SECONDS:-1200} $(if $(SEED),--seed $(SEED)) $(NAMES)

properties: .venv/set-up ## property tests with thousands of examples each, where `make test` has tens
	pytest --numprocesses=auto --hypothesis-profile=thorough --timeout=3600 -m "hypothesis and not integration"

.venv/fuzz-set-up: .venv/set-up requirements-fuzz.lock
	@pip install --quiet --only-binary=:all: --require-hashes --requirement requirements-fuzz.lock || { \
		echo "fuzz: atheris cannot be had here; it has wheels for CPython 3.11 to 3.14 on x86-64 Linux only" >&2; \
		exit 1; }
	@touch $@

lock: ## write requirements*.lock again from pyproject.toml; needs uv
	@command -v uv >/dev/null || { echo "lock: needs uv; install it with: pipx install uv" >&2; exit 1; }
	uv pip compile --quiet --upgrade --universal --python-version 3.11 --group dev --generate-hashes \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
		--output-file requirements.lock pyproject.toml
	uv pip compile --quiet --upgrade --universal --python-version 3.11 --group fuzz --generate-hashes \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
		--output-file requirements-fuzz.lock
	uv pip compile --quiet --upgrade --universal --python-version 3.11 --group spark --generate-hashes \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
		--output-file requirements-spark.lock
	uv pip compile --quiet --upgrade --universal --python-version 3.11 --group clickhouse --generate-hashes \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
		--constraint requirements.lock --output-file requirements-clickhouse.lock

sbom: ## what we stand on, CycloneDX JSON out of the lock: build/sbom.json
	@mkdir -p build
	scripts/sbom > build/sbom.json

audit: ## ask OSV for known faults of every package of the lock; needs pip-audit and the network
	scripts/audit

format: .venv/set-up ## put our formatting on every file
	ruff check --fix
	ruff format

clean: ## remove what these commands made
	rm -rf .venv .fuzz demo build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/set-up: requirements.lock pyproject.toml scripts/set-up
	@echo "setting up .venv (minutes the first time)"
	scripts/set-up
