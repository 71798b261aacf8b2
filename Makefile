# What people type. `make` alone prints what there is.

ifeq ($(filter oneshell,$(.FEATURES)),)
  $(error this Makefile needs GNU Make 4.3 or newer (on macOS: brew install make, then gmake))
endif
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --warn-undefined-variables --no-builtin-rules
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

scripts := pipelines/scripts

# -------------------------------------------------------------------------------------------- Knobs
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
## the optimizer: sgd momentum nesterov adagrad rmsprop adam adamw lion
OPTIMIZER ?= $(default-optimizer)
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
## the seed of the random numbers: initial weights and order of the examples
SEED ?= 1
## the type to compute in: f32 or f64
DTYPE ?= f32
## ring: four programs joined by pipes; fused: one; the results are the same
ENGINE ?= $(default-engine)
## threads of a stage; empty for one per core
JOBS ?=
## the folder that make retrain and make rollback work in: docs/RETRAIN.md
RETRAIN ?=
## the share of old data that is learned again with new; empty for what RETRAIN/settings says
REPLAY ?=
## models that are kept, besides the current and the previous one; empty likewise
KEEP ?=
## seconds that retraining may take; empty likewise
TIME_LIMIT ?=
## only the tests whose names match
FILTER ?=
## where make install puts bin/nn-*
PREFIX ?= /usr/local
DESTDIR ?=
## the script that looks after system packages; true for none
SETUP ?= pipelines/scripts/setup.sh

# --------------------------------------------------------------------------------------------- Help

.PHONY: help
help: ## this text
	@$(list-targets) Makefile pipelines/train.mk
	@printf '\nKnobs, as they are set now:\n\n'
	@$(call list-knobs,Makefile)
	@printf '\nFor developers:\n\n'
	@$(list-targets) developers.mk
	@printf '\n'
	@$(call list-knobs,developers.mk)

include pipelines/help.mk

# What the knobs are unless a recipe or, where there is nothing here, the dataset says otherwise.
default-dataset := digits
default-weights :=
default-optimizer := sgd
default-schedule := constant
default-learn :=
default-augment :=
default-measure-train := yes
default-engine := ring

ifneq ($(RECIPE),)
  recipe-file := pipelines/recipes/$(RECIPE).mk
  $(if $(wildcard $(recipe-file)),,$(error RECIPE=$(RECIPE): there is no $(recipe-file)))
  include $(recipe-file)
endif

# -------------------------------------------------------------------------------------------- Build

BIN := .build/release
built := $(BIN)/built
tools := $(notdir $(wildcard Sources/nn-*))
export NN_BIN := $(abspath $(BIN))

swift-options := -c release
ifeq ($(shell uname -s),Linux)
  swift-options += --static-swift-stdlib -Xswiftc -ld-path=$(abspath $(scripts)/link.sh)
endif

.PHONY: setup build install clean
setup: ## install the system packages that building and testing need
	@$(SETUP) build test

build: $(built) ## build all tools

# Folders are among the prerequisites so that a deleted source is noticed too.
$(built): Package.swift $(scripts)/link.sh $(shell find Sources)
	@$(SETUP) build
	swift build $(swift-options)
	@touch $@

install: $(built) ## install the tools to PREFIX/bin
	install -d '$(DESTDIR)$(PREFIX)/bin'
	install -s -m 755 $(tools:%=$(BIN)/%) '$(DESTDIR)$(PREFIX)/bin'

clean: ## remove what was built; runs and downloads stay
	rm -rf .build build/data build/venv build/bench build/bench-venv build/fuzz \
	  build/coverage build/sanitize-* build/arm64

# --------------------------------------------------------------------------------------------- Test

venv := build/venv
export NN_PYTHON := $(abspath $(venv)/bin/python)

.PHONY: test
# The ring under faults and nn-train under signals must end within two seconds: these tests run
# alone.
test: $(built) lint $(venv)/installed ## build, check and test everything
	swift test $(if $(FILTER),--filter '$(FILTER)',--skip RingTestsUnderFaults)
	$(if $(FILTER),,swift test --skip-build --filter RingTestsUnderFaults)

# --------------------------------------------------------------------------------------------- Data

DATA := build/data/$(DATASET)
TRAIN := $(DATA)/train.safetensors.gz
TEST := $(DATA)/test.safetensors.gz

# A name with a space would be two names to Make.
one-word = $(if $(filter 1,$(words $($(1)))),,\
  $(error $(1)='$($(1))': expected a name without spaces))
$(foreach knob,$(if $(DATASET_DIR),DATASET_DIR) DATASET NAME,$(call one-word,$(knob)))

# Each dataset has a Makefile of its own: how $(TRAIN) and $(TEST) are made, and good settings.
dataset-rules := $(if $(DATASET_DIR),pipelines/datasets/idx.mk,pipelines/datasets/$(DATASET).mk)
$(if $(wildcard $(dataset-rules)),,$(error DATASET=$(DATASET): there is no $(dataset-rules)))
include $(dataset-rules)

include pipelines/train.mk

# -------------------------------------------------------------------------------------------- Show

.PHONY: verify article
verify: | $(built) ## show that all ways to run the steps end in the same bytes, for RECIPE or all
	@$(if $(RECIPE),,$(scripts)/verify.sh)
	@for recipe in $(or $(RECIPE),$(recipes)); do \
	  echo "RECIPE=$$recipe"; $(MAKE) --no-print-directory verify-recipe RECIPE=$$recipe; \
	done

recipes := $(basename $(notdir $(wildcard pipelines/recipes/*.mk)))
article: | $(built) ## follow a single neuron through its first step to its answer
	@$(scripts)/article.sh

# ------------------------------------------------------------------------------------------ Retrain

.PHONY: retrain rollback
retrain: | $(built) ## train the model in RETRAIN further on what came in there: docs/RETRAIN.md
	$(if $(RETRAIN),,$(error RETRAIN='': expected the folder to work in, \
	  which pipelines/scripts/retrain.sh --init makes))
	@$(scripts)/retrain.sh $(REPLAY:%=--replay '%') $(KEEP:%=--keep '%') \
	  $(TIME_LIMIT:%=--time-limit '%') '$(RETRAIN)'

rollback: ## let the current and the previous model in RETRAIN change places
	$(if $(RETRAIN),,$(error RETRAIN='': expected the folder to work in))
	@$(scripts)/retrain.sh --rollback '$(RETRAIN)'

include developers.mk

.PHONY: FORCE
FORCE:
