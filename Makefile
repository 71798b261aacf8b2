# What people type. `make` alone prints what there is.

ifeq ($(filter oneshell,$(.FEATURES)),)
  $(error this Makefile needs GNU Make 4.3 or newer (on macOS: brew install make, then gmake))
endif
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --warn-undefined-variables --no-builtin-rules
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# ---------------------------------------------------------------------------------------------------- Knobs
# Set them on the command line: make train EPOCHS=50 NAME=longer

## good settings for all knobs below: mlp lenet gru convnet resnet (docs/RESULTS.md)
RECIPE ?=
## a folder with four IDX files to train on (MNIST, EMNIST, KMNIST, …)
DATASET_DIR ?=
## what their names begin with, where the folder holds several datasets
DATASET_PREFIX ?=
## what to train on: digits, fashion-mnist, or a name for DATASET_DIR
DATASET ?= $(if $(DATASET_DIR),$(notdir $(abspath $(DATASET_DIR))),$(default-dataset))
## the run: its files are in runs/NAME
NAME ?= $(or $(RECIPE),$(DATASET))
## the topology file
NET ?= $(default-net)
## a model to start from, its weights and statistics; empty for weights drawn at random
WEIGHTS ?= $(default-weights)
## how often every example is seen, in all
EPOCHS ?= $(default-epochs)
## the learning rate
RATE ?= $(default-rate)
## the rule of correction: sgd momentum nesterov adagrad rmsprop adam adamw
RULE ?= $(default-rule)
## how the rate changes: constant step exponential cosine one-cycle plateau
SCHEDULE ?= $(default-schedule)
## further options of nn-update, such as --clip-norm 1 --freeze dense1
LEARN ?= $(default-learn)
## distort the examples: options of nn-augment; empty for none
AUGMENT ?= $(default-augment)
## the fraction of the training data to hold back and measure on; empty for none
VALIDATION ?=
## stop when so many epochs have not lowered the loss on that; empty for never
PATIENCE ?=
## yes: measure every epoch on the training data too, not only on the test data
MEASURE_TRAIN ?= $(default-measure-train)
## examples in a batch, or all
SIZE ?= $(default-size)
## mean: a batch's gradient is divided by its number of examples; sum: it is not
REDUCE ?= mean
## the start of the random numbers: start weights and order of the examples
SEED ?= 1
## the type to compute in: f32 or f64
DTYPE ?= f32
## ring: four programs joined by pipes; fused: one; the results are the same
ENGINE ?= $(default-engine)
## threads of a stage; empty for one per core
JOBS ?=
## the folder that make retrain and make rollback work in: docs/RETRAIN.md
RETRAIN ?=
## the share of the old data that is learned again with the new; empty for what RETRAIN/settings says
REPLAY ?=
## models that are kept, besides the current and the previous one; empty likewise
KEEP ?=
## seconds that retraining may take; empty likewise
TIME_LIMIT ?=
## only the tests whose names match
FILTER ?=
## how many inputs make fuzz gives every reader
FUZZ_RUNS ?= 20000
## how often make bench measures everything
BENCH_RUNS ?= 5
## only these rows, such as 'mlp lenet threads'; benchmarks/bench.py lists them
BENCH_ONLY ?=
## only so many examples, for a quick look
BENCH_ROWS ?=
## threads of every program that is measured; empty for one per core
BENCH_THREADS ?=
## what their seconds are of: wall, or cpu for a busy machine
BENCH_CLOCK ?= wall
## how often make faults tries to break each promise; empty for as often as docs/RELIABILITY.md says
FAULT_TRIES ?=
## the start of its random numbers
FAULT_SEED ?= 1
## where make install puts bin/nn-*
PREFIX ?= /usr/local
DESTDIR ?=
## the script that looks after system packages; true for none
SETUP ?= pipelines/scripts/setup.sh

# ---------------------------------------------------------------------------------------------------- Help

.PHONY: help
help: ## this text
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile
	@printf '\nKnobs, as they are set now:\n\n'
	@awk 'BEGIN { for (i = 2; i < ARGC; i++) { split(ARGV[i], knob, "="); value[knob[1]] = ARGV[i]; delete ARGV[i] } } \
	  /^## / { text = substr($$0, 4); next } \
	  /^[A-Z_]+ \?=/ && text { printf "  %-34s %s\n", value[$$1], text } \
	  { text = "" }' Makefile $(foreach knob,$(knobs),'$(knob)=$($(knob))')

# What the knobs are unless a recipe or, where there is nothing here, the dataset says otherwise.
default-dataset := digits
default-weights :=
default-rule := sgd
default-schedule := constant
default-learn :=
default-augment :=
default-measure-train := yes
default-engine := ring

ifneq ($(RECIPE),)
  $(if $(wildcard pipelines/recipes/$(RECIPE).mk),,$(error RECIPE=$(RECIPE): there is no pipelines/recipes/$(RECIPE).mk))
  include pipelines/recipes/$(RECIPE).mk
endif

knobs = $(shell awk '/^[A-Z_]+ [?]=/ { print $$1 }' Makefile)

# ---------------------------------------------------------------------------------------------------- Build

BIN := .build/release
built := $(BIN)/built
tools := $(notdir $(wildcard Sources/nn-*))
export NN_BIN := $(abspath $(BIN))

swift-options := -c release
ifeq ($(shell uname -s),Linux)
  swift-options += --static-swift-stdlib -Xswiftc -ld-path=$(abspath pipelines/scripts/link.sh)
endif

.PHONY: setup build install clean
setup: ## install the system packages that building and testing need
	@$(SETUP) build test

build: $(built) ## build all tools

# Folders are among the prerequisites so that a deleted source is noticed too.
$(built): Package.swift pipelines/scripts/link.sh $(shell find Sources)
	@$(SETUP) build
	swift build $(swift-options)
	@touch $@

install: $(built) ## install the tools to PREFIX/bin
	install -d '$(DESTDIR)$(PREFIX)/bin'
	install -s -m 755 $(tools:%=$(BIN)/%) '$(DESTDIR)$(PREFIX)/bin'

clean: ## remove what was built; runs and downloads stay
	rm -rf .build build/data build/venv build/bench build/bench-venv build/fuzz build/coverage build/sanitize-* build/arm64

# ---------------------------------------------------------------------------------------------------- Test

venv := build/venv
export NN_PYTHON := $(abspath $(venv)/bin/python)

.PHONY: test lint packages
# What must end within two seconds, the ring under faults and nn-train under signals, is watched alone, with no other tests
# beside it.
test: $(built) lint $(venv)/installed ## build, check and test everything
	swift test $(if $(FILTER),--filter '$(FILTER)',--skip RingTestsUnderFaults)
	$(if $(FILTER),,swift test --skip-build --filter RingTestsUnderFaults)

lint: packages ## check the form of sources and scripts
	swift format lint --strict --recursive Sources Tests Package.swift
	shellcheck --external-sources pipelines/scripts/*.sh benchmarks/*.sh Tests/Faults/*.sh .ci/run

packages:
	@$(SETUP) build test

# Without the packages the tests that need them fail, and say why; the others are run all the same.
$(venv)/installed: Tests/requirements.txt | packages
	@mkdir -p $(@D)
	@if python3 -m venv $(venv) && $(NN_PYTHON) -m pip install --quiet --requirement $<; then touch $@; \
	else echo 'make: $< could not be installed: the tests that need Python will fail' >&2; fi

# What the campaigns need is Linux, a C compiler, and for a real full disk the right to mount one.
export FAULT_TRIES FAULT_SEED
.PHONY: faults
faults: | $(built) ## kill, cut, flip, fill and delay at random: docs/RELIABILITY.md
	@python3 Tests/Faults/faults.py

# Each in a build of its own: docs/FUZZING.md.
.PHONY: fuzz coverage sanitize arm64
fuzz: packages ## give the readers inputs that nobody would write
	@pipelines/scripts/fuzz.sh --runs $(FUZZ_RUNS)

coverage: $(venv)/installed ## show how much of Gzip, Safetensors and Stages the tests run
	@pipelines/scripts/coverage.sh

sanitize: packages ## run the tests under AddressSanitizer and ThreadSanitizer
	@pipelines/scripts/sanitize.sh

# On x86-64, as root; what it installs for that stays in build/arm64-system.
arm64: ## compile everything for arm64 and run it and the tests under emulation
	@$(SETUP) build arm64
	@pipelines/scripts/arm64.sh $(if $(FILTER),--tests '$(FILTER)')

# ---------------------------------------------------------------------------------------------------- Measure

export BENCH_RUNS BENCH_ONLY BENCH_ROWS BENCH_THREADS BENCH_CLOCK
fashion := build/data/fashion-mnist/train.safetensors.gz build/data/fashion-mnist/test.safetensors.gz

# measured-by PROGRAM: runs it on Fashion-MNIST, or on what it makes up where that cannot be had.
define measured-by
@if $(MAKE) --no-print-directory $(fashion) DATASET=fashion-mnist DATASET_DIR= RECIPE=; then \
  python3 benchmarks/$(1) --train $(firstword $(fashion)) --test $(lastword $(fashion)); \
else \
  echo 'make: Fashion-MNIST cannot be had: going on with pictures made up at random' >&2; \
  python3 benchmarks/$(1); \
fi
endef

.PHONY: bench profile
bench: build/bench-venv/installed | $(built) ## measure the programs beside PyTorch and others: docs/BENCHMARKS.md
	$(call measured-by,bench.py)

profile: | $(built) ## show where nn-train's time goes, by perf
	$(call measured-by,hot_spots.py)

build/bench-venv/installed: benchmarks/requirements.txt
	@if benchmarks/peers.sh $(@D); then touch $@; fi

# ---------------------------------------------------------------------------------------------------- Data

DATA := build/data/$(DATASET)
TRAIN := $(DATA)/train.safetensors.gz
TEST := $(DATA)/test.safetensors.gz

# A name with a space would be two names to Make.
one-word = $(if $(filter 1,$(words $($(1)))),,$(error $(1)='$($(1))': expected a name without spaces))
$(foreach knob,$(if $(DATASET_DIR),DATASET_DIR) DATASET NAME,$(call one-word,$(knob)))

# Each dataset has a Makefile of its own: how $(TRAIN) and $(TEST) are made, and good settings.
dataset-rules := $(if $(DATASET_DIR),pipelines/datasets/idx.mk,pipelines/datasets/$(DATASET).mk)
$(if $(wildcard $(dataset-rules)),,$(error DATASET=$(DATASET): there is no $(dataset-rules)))
include $(dataset-rules)

# What the data is made of, so that another folder or another split makes it anew.
$(DATA)/source: FORCE
	@printf '%s\n' $(dataset-source) | pipelines/scripts/stamp.sh $@

# What is left to learn from, and what is held back: always the same, whatever SEED is, so that runs compare.
LEARNED := $(TRAIN)
VALIDATED :=
ifneq ($(VALIDATION),)
  $(if $(shell [[ '$(VALIDATION)' =~ ^0?\.[0-9]*[1-9][0-9]*$$ ]] && echo yes),,\
    $(error VALIDATION=$(VALIDATION): expected a fraction between 0 and 1, such as 0.1))
  LEARNED := $(DATA)/validation-$(VALIDATION)/train.safetensors.gz
  VALIDATED := $(DATA)/validation-$(VALIDATION)/validation.safetensors.gz
endif

$(DATA)/validation-%/validation.safetensors.gz $(DATA)/validation-%/train.safetensors.gz &: $(TRAIN) | $(built)
	@mkdir -p $(DATA)/validation-$*
	@$(BIN)/nn-split $< --fraction $* --seed 1 -o $(DATA)/validation-$*/validation.safetensors.gz \
	  --rest $(DATA)/validation-$*/train.safetensors.gz

# ---------------------------------------------------------------------------------------------------- Train

RUN := runs/$(NAME)
numbers := $(shell [[ '$(EPOCHS)' =~ ^[1-9][0-9]*$$ ]] && seq -f %04g 0 '$(EPOCHS)')
$(if $(numbers),,$(error EPOCHS=$(EPOCHS): expected a whole number of at least 1))
trained := $(wordlist 2,$(words $(numbers)),$(numbers))
models := $(trained:%=$(RUN)/epoch-%.safetensors.gz)
metrics := $(trained:%=$(RUN)/epoch-%.tsv)
.PRECIOUS: $(RUN)/epoch-0000.safetensors.gz $(models)

.PHONY: train eval verify robustness article
# One at a time in a folder. Who only wants to see what would be done waits for nobody.
only-looks = $(strip $(foreach letter,n q t,$(findstring $(letter),$(firstword -$(MAKEFLAGS)))))
train: | $(built) ## train a network; goes on where it stopped
	+@$(if $(only-looks),,pipelines/scripts/locked.sh $(RUN)/.lock) $(MAKE) --no-print-directory trained

.PHONY: trained
trained: $(RUN)/metrics.tsv
	@echo "$(RUN): trained to epoch $$(awk 'END { print $$1 }' $<); the figures are in $<"

ifneq ($(PATIENCE),)
  $(if $(shell [[ '$(PATIENCE)' =~ ^[1-9][0-9]*$$ ]] && echo yes),,\
    $(error PATIENCE=$(PATIENCE): expected a whole number of at least 1))
endif

# A recipe that goes on from another one's model has a rule that makes it.
$(if $(WEIGHTS),$(if $(or $(wildcard $(WEIGHTS)),$(filter $(default-weights),$(WEIGHTS))),,$(error WEIGHTS=$(WEIGHTS): \
  there is no such model)))

# Whoever asks how validation goes must say on what.
plateau := $(filter plateau,$(SCHEDULE))
needs-validation := $(if $(VALIDATION),,$(if $(PATIENCE),PATIENCE=$(PATIENCE),$(plateau:%=SCHEDULE=%)))
$(if $(needs-validation),$(error $(needs-validation): expected VALIDATION=FRACTION of the training data, such as 0.1))

# Of these schedules the rate depends on how many epochs there will be.
total := $(if $(filter cosine one-cycle,$(SCHEDULE)),$(EPOCHS))
learn := $(strip --rule $(RULE) --schedule $(SCHEDULE) $(total:%=--schedule-epochs %) $(LEARN))

# All that decides what the weights become. The datasets are in it by their checksums, and the tools are not: to build
# or to import anew changes no result, and must not start a long run from the beginning.
$(RUN)/settings: FORCE | $(NET) $(LEARNED) $(VALIDATED) $(TEST) $(WEIGHTS)
	@{ printf '%s\n' 'augment $(AUGMENT)' 'dtype $(DTYPE)' 'learn $(learn)' 'rate $(RATE)' 'reduce $(REDUCE)' \
	    'seed $(SEED)' 'size $(SIZE)' "train $$(cksum <$(LEARNED))" "test $$(cksum <$(TEST))" \
	    $(if $(VALIDATED),"validation $$(cksum <$(VALIDATED))") $(if $(WEIGHTS),"weights $$(cksum <$(WEIGHTS))"); \
	  sed 's/^/net /' $(NET); } | pipelines/scripts/stamp.sh $@

$(RUN)/epoch-0000.safetensors.gz: $(RUN)/settings | $(built)
	@$(BIN)/nn-init $(NET) --seed $(SEED) --dtype $(DTYPE) $(WEIGHTS:%=--weights %) -o $@

# Every epoch starts from the model of the one before and, for plateau, goes by how that was judged.
pairs := $(join $(trained:%=%:),$(wordlist 1,$(words $(trained)),$(numbers)))
$(foreach pair,$(pairs),$(eval \
  $(RUN)/epoch-$(subst :,.safetensors.gz: $(RUN)/epoch-,$(pair)).safetensors.gz))
$(foreach pair,$(if $(plateau),$(filter-out %:0000,$(pairs))),$(eval \
  $(RUN)/epoch-$(subst :,.safetensors.gz: | $(RUN)/epoch-,$(pair)).tsv))
loss-before = $$(awk -F '\t' 'NR == 1 { for (i = 1; i <= NF; i++) at[$$i] = i } $$at["split"] == "validation" \
  { print "--validation-loss " $$at["loss"] }' $(filter %.tsv,$|) </dev/null)

$(models): $(RUN)/epoch-%.safetensors.gz: $(RUN)/settings | $(built) $(LEARNED)
	@pipelines/scripts/epoch.sh -m $(filter $(RUN)/epoch-%,$^) -o $(RUN)/partial.epoch-$*.safetensors.gz \
	  --epoch $$((10#$*)) --rate $(RATE) --reduce $(REDUCE) --size $(SIZE) --seed $(SEED) --engine $(ENGINE) \
	  --learn "$(learn)$(if $(plateau), $(loss-before))" --augment '$(AUGMENT)' \
	  $(if $(JOBS),-j $(JOBS)) --resume --seconds $(RUN)/epoch-$*.seconds $(LEARNED)
	@mv $(RUN)/partial.epoch-$*.safetensors.gz $@

$(metrics): $(RUN)/epoch-%.tsv: $(RUN)/epoch-%.safetensors.gz | $(built) $(LEARNED) $(VALIDATED) $(TEST)
	@pipelines/scripts/measure.sh $< $$((10#$*)) $$(cat $(RUN)/epoch-$*.seconds) \
	  $(if $(filter yes,$(MEASURE_TRAIN)),$(LEARNED),-) $(TEST) $@ $(VALIDATED)

# join-metrics TABLE…: the metrics of single epochs as one table.
join-metrics = awk 'NR == 1 || $$1 != "epoch"' $(1) >$(RUN)/metrics.tsv.partial && \
  mv $(RUN)/metrics.tsv.partial $(RUN)/metrics.tsv

# What ends the run besides EPOCHS, so that the table is that of the epochs asked for.
$(RUN)/patience: FORCE
	@printf '%s\n' 'patience $(PATIENCE)' $(if $(PATIENCE),'epochs $(EPOCHS)') | pipelines/scripts/stamp.sh $@

ifeq ($(PATIENCE),)
$(RUN)/metrics.tsv: $(metrics) $(RUN)/patience
	@$(call join-metrics,$(metrics))
else
# One epoch after another, each made as it is without PATIENCE, until patience.sh says no. Nothing is kept of that but
# the epochs, so an interrupted run asks again and comes to the same. The best model is there when all is done. A dry run
# makes no epoch to go by, and ends at the first.
$(RUN)/metrics.tsv $(RUN)/best.safetensors.gz &: $(RUN)/settings $(RUN)/patience
	+@tables=; \
	for number in $(trained); do \
	  $(MAKE) --no-print-directory $(RUN)/epoch-$$number.tsv; \
	  $(if $(only-looks),exit 0;) \
	  tables="$$tables $(RUN)/epoch-$$number.tsv"; \
	  status=0; best=$$(pipelines/scripts/patience.sh --patience $(PATIENCE) $$tables) || status=$$?; \
	  case $$status in 0) ;; 1) break ;; *) exit $$status ;; esac; \
	done; \
	cp $(RUN)/epoch-$$(printf %04d $$best).safetensors.gz $(RUN)/partial.best.safetensors.gz; \
	mv $(RUN)/partial.best.safetensors.gz $(RUN)/best.safetensors.gz; \
	$(call join-metrics,$$tables); \
	echo "$(RUN): the best model is that of epoch $$best, in $(RUN)/best.safetensors.gz"
endif

eval: $(TEST) | $(built) ## measure the last trained model on the test data
	@model=$$(ls -t $(RUN)/epoch-????*.safetensors.gz 2>/dev/null | sed -n 1p) || true; \
	if [ -z "$$model" ]; then echo 'make: no model in $(RUN): make train first' >&2; exit 66; fi; \
	number=$${model##*epoch-}; number=$${number%%.*}; \
	$(BIN)/nn-forward -m "$$model" $(TEST) | $(BIN)/nn-eval --set epoch=$$((10#$$number)) --set split=test

verify: | $(built) ## show that all ways to run the steps end in the same bytes, RECIPE or all of them
	@$(if $(RECIPE),,pipelines/scripts/verify.sh)
	@for recipe in $(or $(RECIPE),$(recipes)); do \
	  echo "RECIPE=$$recipe"; $(MAKE) --no-print-directory verify-recipe RECIPE=$$recipe; \
	done

recipes := $(basename $(notdir $(wildcard pipelines/recipes/*.mk)))
.PHONY: verify-recipe
verify-recipe: $(TRAIN) | $(built)
	@pipelines/scripts/verify.sh --net $(NET) --learn '--rate $(RATE) --reduce $(REDUCE) $(learn)' --augment '$(AUGMENT)' \
	  --size $(SIZE) $<

# Two runs, alike but for the distortions, and what both make of distorted test data. Flat pictures are those of the
# network's first line.
robustness-shape = $(shell awk '$$1 == "input" && $$2 ~ /x/ { print "--shape", $$2 }' $(NET))
robustness-augment = $(or $(AUGMENT),--shift 1 --rotate 20 --scale 1.2 --stretch 1.4 --shear 20 $(robustness-shape))
robustness-model = runs/$(NAME)-$(1)/$(if $(PATIENCE),best,epoch-$(lastword $(trained))).safetensors.gz
robustness: | $(built) $(TEST) ## measure accuracy under growing distortion, trained without and with nn-augment
	@$(MAKE) --no-print-directory train NAME=$(NAME)-plain AUGMENT=
	@$(MAKE) --no-print-directory train NAME=$(NAME)-augmented AUGMENT='$(robustness-augment)'
	@pipelines/scripts/robustness.sh -o runs/$(NAME)-augmented/robustness.tsv $(if $(JOBS),-j $(JOBS)) $(TEST) \
	  without=$(call robustness-model,plain) with=$(call robustness-model,augmented)

article: | $(built) ## follow a single neuron through its first step to its answer
	@pipelines/scripts/article.sh

# ---------------------------------------------------------------------------------------------------- Retrain

.PHONY: retrain rollback retrain-faults
retrain: | $(built) ## train the model in RETRAIN further on what came in there: docs/RETRAIN.md
	$(if $(RETRAIN),,$(error RETRAIN='': expected the folder to work in, which pipelines/scripts/retrain.sh --init makes))
	@pipelines/scripts/retrain.sh $(REPLAY:%=--replay '%') $(KEEP:%=--keep '%') $(TIME_LIMIT:%=--time-limit '%') '$(RETRAIN)'

rollback: ## let the current and the previous model in RETRAIN change places
	$(if $(RETRAIN),,$(error RETRAIN='': expected the folder to work in))
	@pipelines/scripts/retrain.sh --rollback '$(RETRAIN)'

retrain-faults: | $(built) ## break retraining at random moments, and read while it promotes: docs/RETRAIN.md
	@Tests/Faults/retrain-readers.sh
	@Tests/Faults/retrain-kills.sh
	@Tests/Faults/retrain-month.sh

.PHONY: FORCE
FORCE:
