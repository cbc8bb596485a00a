# The plain command for each target stands in README.md, for machines without make.

PYTHON ?= python3
PROFILE ?= classroom
TORCH ?= cpu
TEST_ARGUMENTS ?= --numprocesses 2 --dist worksteal --durations 10
export TORCH

BIN := $(if $(filter Windows_NT,$(OS)),.venv/Scripts,.venv/bin)

.DEFAULT_GOAL := help
.PHONY: help setup run run-real test lint lab notebooks doctor clean distclean

help:
	@echo "make run            the five notebooks at PROFILE=smoke|classroom|full (default: classroom)"
	@echo "make run-real       the same on real text: DATA_DIR=folder"
	@echo "make test           the whole test suite"
	@echo "make lint           ruff: rules and format"
	@echo "make lab            open JupyterLab"
	@echo "make notebooks      write notebooks/*.ipynb again from notebooks/source"
	@echo "make doctor         is this machine fit?"
	@echo "make setup          only install, into .venv (TORCH=cuda for a GPU)"
	@echo "make clean          remove what runs and tests wrote; make distclean: .venv too"

setup:
	@$(PYTHON) tools/install.py

run: setup
	@$(BIN)/hbt notebooks run all --profile $(PROFILE)

run-real: setup
	@test -n "$(DATA_DIR)" || { echo "make run-real needs DATA_DIR=folder (see README.md, Real text)"; exit 2; }
	@$(BIN)/hbt notebooks run all --profile $(PROFILE) --data real --data-dir "$(DATA_DIR)"

test: setup
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(TEST_ARGUMENTS)

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

lab: setup
	@$(BIN)/python -m jupyterlab

notebooks: setup
	@$(BIN)/hbt notebooks build

doctor: setup
	@$(BIN)/hbt doctor

clean:
	rm -rf runs build dist hbt.egg-info .pytest_cache .ruff_cache .hypothesis
	find hbt tests tools notebooks -name __pycache__ -prune -exec rm -rf {} +

distclean: clean
	rm -rf .venv
