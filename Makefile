# Every target first creates the virtual environment .venv, with the versions pinned in constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PROGRAMS := $(VENV)/.programs
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
DEMO ?= runs/demo

.PHONY: demo demo-training test test-slow check format clean figures figure4 figure5 figure6
.PHONY: bench study table1 table2 table3 table4 complexity tables

# Options of tables and figures: make table2 DATA=/data/mars SEEDS="0 1 2", make tables TINY=1 (docs/paper.md)
OPTIONS = $(if $(DATA),--data mars=$(DATA)) $(if $(DUKE),--data duke=$(DUKE)) $(if $(ILIDS),--data ilids=$(ILIDS)) \
	$(if $(TINY),--tiny) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(WEIGHTS),--weights $(WEIGHTS)) $(if $(SET),--set $(SET))
CHOICE = $(if $(ONLY),--only "$(ONLY)") $(if $(DRY),--dry-run)
PAPER = $(BIN)/python -m experiments.paper.paper
# The study's runs are all alike but for system and seed: it takes no other settings.
SMALL_TABLE1 = $(if $(DATA)$(DUKE)$(ILIDS)$(WEIGHTS)$(SET),$(error table1 TINY=1 takes SEEDS, ONLY and DRY; leave DATA, \
	DUKE, ILIDS, WEIGHTS and SET out),$(BIN)/python -m experiments.table1.study $(if $(SEEDS),--seeds $(SEEDS)) $(CHOICE))

demo: $(READY)  ## who is in these videos, as a page: VIDEO="cam1.mp4 cam2.mp4", or a rendered scene
	$(BIN)/stca demo $(VIDEO) --out $(if $(VIDEO),runs/find,$(DEMO))

demo-training: $(READY)  ## render synthetic walkers, train a small STCA on them, write an HTML report
	$(BIN)/stca demo --training --out $(DEMO)

test: $(READY) $(PROGRAMS)  ## the fast tests
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow"

test-slow: $(READY) $(PROGRAMS)  ## the slow tests: minutes, and up to 20 GB of memory
	$(BIN)/pytest -m slow

check: $(READY)  ## style, types and fast tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(MAKE) test

figure4: $(READY)  ## attention maps of 2D-CNN with Cosine and of STCA: DATA=/data/mars, or TINY=1
	$(BIN)/python -m experiments.paper.figures $@ $(OPTIONS) $(if $(DRY),--dry-run)

figure5: $(READY)  ## ranked lists of the 2D baseline and of STCA
	$(BIN)/python -m experiments.paper.figures $@ $(OPTIONS) $(if $(DRY),--dry-run)

figure6: $(READY)  ## loss curves, cosine and euclidean
	$(BIN)/python -m experiments.paper.figures $@ $(OPTIONS) $(if $(DRY),--dry-run)

figures: $(READY)  ## all three
	$(BIN)/python -m experiments.paper.figures all $(OPTIONS) $(if $(DRY),--dry-run)

table1: $(READY)  ## STCA and the other methods: DATA=/data/mars DUKE=/data/duke ILIDS=/data/ilids, or TINY=1: some 90 processor minutes, estimated
	$(if $(TINY),$(SMALL_TABLE1),$(PAPER) $@ $(OPTIONS) $(CHOICE))

table2: $(READY)  ## resolution and baselines: DATA=/data/mars
	$(PAPER) $@ $(OPTIONS) $(CHOICE)

table3: $(READY)  ## frames per clip: DATA=/data/mars
	$(PAPER) $@ $(OPTIONS) $(CHOICE)

table4: $(READY)  ## distances: DATA=/data/mars ILIDS=/data/ilids
	$(PAPER) $@ $(OPTIONS) $(CHOICE)

complexity: $(READY)  ## section 4.10; needs no data
	$(PAPER) $@ $(OPTIONS)

tables: $(READY)  ## tables 1 to 4 and section 4.10; with TINY=1 without table 1 (make table1 TINY=1)
	$(PAPER) all $(OPTIONS) $(CHOICE)

bench: $(READY)  ## all benchmarks, to benchmarks/results/: more than an hour (TORCHREID, RIVALS: pip targets of other libraries; SHARED: footage)
	$(BIN)/python benchmarks/embedding.py
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/peers.py
	$(BIN)/python benchmarks/loading.py
	$(BIN)/python benchmarks/ranking.py $(if $(TORCHREID),--torchreid $(TORCHREID))
	$(BIN)/python benchmarks/gallery.py --parts 100k 1m $(if $(RIVALS),--rivals $(RIVALS))
	$(BIN)/python benchmarks/video.py $(if $(SHARED),--shared $(SHARED))

study: $(READY)  ## ablation study of the gate: 80 small runs, hours (docs/attention.md)
	$(BIN)/python -m experiments.attention.study

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("stca needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || ( $(PYTHON) -m pip install --user virtualenv && $(PYTHON) -m virtualenv $(VENV) )
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	$(BIN)/python -c 'import cv2' || $(SUDO) apt-get install -y --no-install-recommends libgl1 libglib2.0-0 || \
		( $(SUDO) apt-get update && $(SUDO) apt-get install -y --no-install-recommends libgl1 libglib2.0-0 )
	touch $@

# What some tests start: a browser and an MQTT broker. Where they cannot be installed, those tests are skipped.
$(PROGRAMS): $(READY)
	( command -v chromium && ( command -v mosquitto || test -x /usr/sbin/mosquitto ) ) > /dev/null || \
		( $(if $(SUDO),sudo -n) apt-get update -qq && $(if $(SUDO),sudo -n) apt-get install -y -qq --no-install-recommends chromium mosquitto > /dev/null ) || \
		echo "chromium and mosquitto cannot be installed here: the tests that need them are skipped"
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
