# The handwritten digits that ship with the project: data/digits/README.md.

default-net ?= pipelines/nets/digits.net
default-epochs ?= 30
default-rate ?= 0.3
default-size ?= 16

# Four fifths to learn from, the rest to be tested on: always the same, whatever SEED is, so that runs compare.
digits := data/digits/digits.csv.gz
split := --fraction 0.8 --seed 1
dataset-source := $(digits) '$(split)'

$(DATA)/all.safetensors.gz: $(digits) $(DATA)/source | $(built)
	@$(BIN)/nn-import $< --class-column 65 -o $@

$(TRAIN) $(TEST) &: $(DATA)/all.safetensors.gz
	@$(BIN)/nn-split $< $(split) -o $(TRAIN) --rest $(TEST)
