# Every target installs what it needs into .venv; nothing else has to be there but Python >= 3.11.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test check bench docs clean

help:  ## Show the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

# torch first: the pinned version has a moderate CPU wheel, and later installs then keep it.
.venv/.torch: constraints.txt
	$(PYTHON) -m venv .venv
	$(INSTALL) torch==2.13.0
	@touch $@

.venv/.user: .venv/.torch pyproject.toml
	$(INSTALL) -e '.[all]'
	@touch $@

.venv/.dev: .venv/.user
	$(INSTALL) clarabel cvxpy hypothesis import-linter pre-commit pyright pytest pytest-xdist ruff pandas-stubs scipy-stubs
	@touch $@

demo: .venv/.user  ## Both halves on built-in data, with a report to read: demo/report.html
	$(BIN)/polytask demo -o demo

test: .venv/.dev  ## All tests, doctests of docstrings and README included
	$(BIN)/python -m pytest -q -n 2

check: .venv/.dev  ## Format, lint, types, and the rooms' import contract
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports

bench: .venv/.dev  ## All benchmarks; real data from the folder that POLYTASK_DATA names; several hours
	$(BIN)/python benchmarks/speed/balancing.py
	$(BIN)/python benchmarks/quality/sinusoid.py
	$(BIN)/python benchmarks/quality/omniglot.py
	$(BIN)/python benchmarks/quality/two_objectives.py
	$(BIN)/python benchmarks/quality/school.py
	$(BIN)/python benchmarks/quality/joint.py sarcos sarcos-equal-parameters tox21 census fashion multi-mnist spoken-digits
	$(BIN)/python benchmarks/quality/affinities.py sarcos sarcos-equal-parameters tox21 fashion
	$(BIN)/python benchmarks/quality/mulan.py
	$(BIN)/python benchmarks/quality/pilots.py sarcos sarcos-equal-parameters tox21 spoken-digits
	$(BIN)/python benchmarks/speed/meta.py
	$(BIN)/python benchmarks/quality/omniglot_alphabets.py
	$(BIN)/python benchmarks/quality/glyph_learners.py
	$(BIN)/python benchmarks/quality/gaussian_processes.py
	$(BIN)/python benchmarks/quality/plasticity.py
	$(BIN)/python benchmarks/quality/few_shot_molecules.py
	$(BIN)/python benchmarks/quality/few_shot_tables.py
	$(BIN)/python benchmarks/quality/few_shot_text.py
	$(BIN)/python benchmarks/quality/few_shot_speech.py
	$(BIN)/python benchmarks/quality/learner_choice.py
	$(BIN)/python benchmarks/quality/meta_rl.py

docs: .venv/.dev  ## The README's and docstrings' examples, run
	$(BIN)/python -m pytest -q --doctest-modules src README.md

clean:  ## Remove what the other targets made
	rm -rf .venv demo runs dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
