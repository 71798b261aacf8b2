# What only developers type. The Makefile includes it; `make help` lists it apart.

# -------------------------------------------------------------------------------------------- Knobs

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

# --------------------------------------------------------------------------------------------- Test

.PHONY: packages lint
packages:
	@$(SETUP) build test

# Without the packages the tests that need them fail, and say why; the others are run all the same.
$(venv)/installed: Tests/requirements.txt | packages
	@mkdir -p $(@D)
	@if python3 -m venv $(venv) && $(NN_PYTHON) -m pip install --quiet --requirement $<; then \
	  touch $@; \
	else \
	  echo 'make: $< could not be installed: the tests that need Python will fail' >&2; \
	fi

lint: packages ## check the form of sources and scripts
	swift format lint --strict --recursive Sources Tests Package.swift
	shellcheck --external-sources $(scripts)/*.sh benchmarks/*.sh Tests/Faults/*.sh .ci/run

# What `make verify` does for each recipe.
.PHONY: verify-recipe
verify-recipe: $(TRAIN) | $(built)
	@$(scripts)/verify.sh --net $(NET) --augment '$(AUGMENT)' --size $(SIZE) \
	  --learn '--rate $(RATE) --reduce $(REDUCE) $(learn)' $<

# What the campaigns need is Linux, a C compiler, and for a real full disk the right to mount one.
export FAULT_TRIES FAULT_SEED
.PHONY: faults
faults: | $(built) ## kill, cut, flip, fill and delay at random: docs/RELIABILITY.md
	@python3 Tests/Faults/faults.py

# Each in a build of its own: docs/FUZZING.md.
.PHONY: fuzz coverage sanitize arm64
fuzz: packages ## give the readers inputs that nobody would write
	@$(scripts)/fuzz.sh --runs $(FUZZ_RUNS)

coverage: $(venv)/installed ## show how much of Gzip, Safetensors and ToolSupport the tests run
	@$(scripts)/coverage.sh

sanitize: packages ## run the tests under AddressSanitizer and ThreadSanitizer
	@$(scripts)/sanitize.sh

# On x86-64, as root; what it installs for that stays in build/arm64-system.
arm64: ## compile everything for arm64 and run it and the tests under emulation
	@$(SETUP) build arm64
	@$(scripts)/arm64.sh $(if $(FILTER),--tests '$(FILTER)')

.PHONY: retrain-faults
retrain-faults: | $(built) ## break retraining at random moments: docs/RETRAIN.md
	@Tests/Faults/retrain-readers.sh
	@Tests/Faults/retrain-kills.sh
	@Tests/Faults/retrain-month.sh

# ------------------------------------------------------------------------------------------ Measure

export BENCH_RUNS BENCH_ONLY BENCH_ROWS BENCH_THREADS BENCH_CLOCK
fashion := $(addprefix build/data/fashion-mnist/,train.safetensors.gz test.safetensors.gz)

# measured-by PROGRAM: runs it on Fashion-MNIST, or on what it makes up where that cannot be had.
define measured-by
@if $(MAKE) --no-print-directory $(fashion) DATASET=fashion-mnist DATASET_DIR= RECIPE=; then \
  python3 benchmarks/$(1) --train $(firstword $(fashion)) --test $(lastword $(fashion)); \
else \
  echo 'make: Fashion-MNIST cannot be had: going on with images made up at random' >&2; \
  python3 benchmarks/$(1); \
fi
endef

.PHONY: bench profile
bench: build/bench-venv/installed | $(built) ## measure beside PyTorch and others: docs/BENCHMARKS.md
	$(call measured-by,bench.py)

profile: | $(built) ## show where nn-train's time goes, by perf
	$(call measured-by,hot_spots.py)

build/bench-venv/installed: benchmarks/requirements.txt
	@if benchmarks/peers.sh $(@D); then touch $@; fi

.PHONY: robustness
# Two runs, alike but for the distortions, and what both make of distorted test data. The shape of
# flat images is that of the network's first line.
robustness-shape = $(shell awk '$$1 == "input" && $$2 ~ /x/ { print "--shape", $$2 }' $(NET))
robustness-augment = $(or $(AUGMENT),--shift 1 --rotate 20 --scale 1.2 --stretch 1.4 --shear 20 \
  $(robustness-shape))
robustness-model = \
  runs/$(NAME)-$(1)/$(if $(PATIENCE),best,epoch-$(lastword $(trained))).safetensors.gz
robustness: | $(built) $(TEST) ## measure accuracy under distortion, without and with nn-augment
	@$(MAKE) --no-print-directory train NAME=$(NAME)-plain AUGMENT=
	@$(MAKE) --no-print-directory train NAME=$(NAME)-augmented AUGMENT='$(robustness-augment)'
	@$(scripts)/robustness.sh -o runs/$(NAME)-augmented/robustness.tsv \
	  $(if $(JOBS),-j $(JOBS)) $(TEST) \
	  without=$(call robustness-model,plain) with=$(call robustness-model,augmented)
