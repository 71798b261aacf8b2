# Data in four IDX files, as MNIST came: $(train-images), $(train-labels), $(test-images), $(test-labels). Who includes
# this may name them; otherwise they are looked for in $(DATASET_DIR).

default-net ?= pipelines/nets/fashion-mnist.net
default-epochs ?= 10
default-rate ?= 0.1
default-size ?= 64

ifndef train-images
  # idx-file PATTERN…: the one file that matches; where there are both x and x.gz, x.
  idx-file = $(call the-one,$(1),$(call without-twins,$(wildcard $(1:%=$(DATASET_DIR)/$(DATASET_PREFIX)%))))
  without-twins = $(filter-out $(addsuffix .gz,$(1)),$(1))
  the-one = $(if $(filter 1,$(words $(2))),$(2),$(error DATASET_DIR=$(DATASET_DIR): expected one file \
    $(subst $(eval ) , or ,$(1)), found $(or $(strip $(2)),none)$(if $(2), (DATASET_PREFIX= chooses))))

  train-images := $(call idx-file,*train-images*)
  train-labels := $(call idx-file,*train-labels*)
  test-images := $(call idx-file,*t10k-images* *test-images*)
  test-labels := $(call idx-file,*t10k-labels* *test-labels*)
endif

dataset-source := $(train-images) $(train-labels) $(test-images) $(test-labels)

$(TRAIN): $(train-images) $(train-labels) $(DATA)/source | $(built)
	@$(BIN)/nn-import $< --target $(word 2,$^) -o $@

$(TEST): $(test-images) $(test-labels) $(DATA)/source | $(built)
	@$(BIN)/nn-import $< --target $(word 2,$^) -o $@
