# Every target sets itself up: a virtual environment in .venv, pinned by constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO ?= runs/demo

.PHONY: demo test test-slow check format clean figures figure4 figure5 figure6

demo: $(READY)  ## make synthetic walkers, train a small STCA, write a page about it
	$(BIN)/stca demo --out $(DEMO)

test: $(READY)  ## the fast tests
	$(BIN)/pytest -n 2 -m "not slow"

test-slow: $(READY)  ## the slow ones too: minutes, and up to 20 GB
	$(BIN)/pytest -m slow

check: $(READY)  ## style, types, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(MAKE) test

figure4 figure5 figure6: $(READY)  ## a figure of the paper: DATA=/data/mars, or TINY=1
	$(BIN)/python experiments/figures.py $@ $(if $(TINY),--tiny) $(if $(DATA),--data mars=$(DATA)) $(if $(SEEDS),--seeds $(SEEDS))

figures: $(READY)  ## all three
	$(BIN)/python experiments/figures.py all $(if $(TINY),--tiny) $(if $(DATA),--data mars=$(DATA)) $(if $(SEEDS),--seeds $(SEEDS))

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("stca needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || ( $(PYTHON) -m pip install --user virtualenv && $(PYTHON) -m virtualenv $(VENV) )
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
