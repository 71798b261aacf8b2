# A training run: one target an epoch, so that Make goes on where it stopped.
#
# Who includes this has set the knobs, and:
#   TRAIN, TEST   the datasets, with rules that make them; DATA, the folder they are in
#   BIN, built    the folder of the programs, and a file that is there once they are built
#   scripts       the folder of the scripts that are called here
#   FORCE         a phony target without a recipe

# --------------------------------------------------------------------------------------------- Data

# What the data is made of, so that another folder or another split makes it anew.
$(DATA)/source: FORCE
	@printf '%s\n' $(dataset-source) | $(scripts)/stamp.sh $@

# What is left to learn from, and what is held back: always the same, whatever SEED is, so that
# runs compare.
LEARNED := $(TRAIN)
VALIDATED :=
ifneq ($(VALIDATION),)
  $(if $(shell [[ '$(VALIDATION)' =~ ^0?\.[0-9]*[1-9][0-9]*$$ ]] && echo yes),,\
    $(error VALIDATION=$(VALIDATION): expected a fraction between 0 and 1, such as 0.1))
  LEARNED := $(DATA)/validation-$(VALIDATION)/train.safetensors.gz
  VALIDATED := $(DATA)/validation-$(VALIDATION)/validation.safetensors.gz
endif

$(DATA)/validation-%/validation.safetensors.gz $(DATA)/validation-%/train.safetensors.gz &: \
  $(TRAIN) | $(built)
	@mkdir -p $(DATA)/validation-$*
	@$(BIN)/nn-split $< --fraction $* --seed 1 -o $(DATA)/validation-$*/validation.safetensors.gz \
	  --rest $(DATA)/validation-$*/train.safetensors.gz

# ------------------------------------------------------------------------------------------ The run

RUN := runs/$(NAME)
numbers := $(shell [[ '$(EPOCHS)' =~ ^[1-9][0-9]*$$ ]] && seq -f %04g 0 '$(EPOCHS)')
$(if $(numbers),,$(error EPOCHS=$(EPOCHS): expected a whole number of at least 1))
trained := $(wordlist 2,$(words $(numbers)),$(numbers))
models := $(trained:%=$(RUN)/epoch-%.safetensors.gz)
metrics := $(trained:%=$(RUN)/epoch-%.tsv)
.PRECIOUS: $(RUN)/epoch-0000.safetensors.gz $(models)

.PHONY: train eval
# One at a time in a folder. Who only wants to see what would be done waits for nobody.
only-looks = $(strip $(foreach letter,n q t,$(findstring $(letter),$(firstword -$(MAKEFLAGS)))))
train: | $(built) ## train a network; goes on where it stopped
	+@$(if $(only-looks),,$(scripts)/locked.sh $(RUN)/.lock) $(MAKE) --no-print-directory trained

.PHONY: trained
trained: $(RUN)/metrics.tsv
	@echo "$(RUN): trained to epoch $$(awk 'END { print $$1 }' $<); the figures are in $<"

ifneq ($(PATIENCE),)
  $(if $(shell [[ '$(PATIENCE)' =~ ^[1-9][0-9]*$$ ]] && echo yes),,\
    $(error PATIENCE=$(PATIENCE): expected a whole number of at least 1))
endif

# A recipe that goes on from another one's model has a rule that makes it.
has-weights = $(or $(wildcard $(WEIGHTS)),$(filter $(default-weights),$(WEIGHTS)))
$(if $(WEIGHTS),$(if $(has-weights),,$(error WEIGHTS=$(WEIGHTS): there is no such model)))

# Whoever asks how validation goes must say on what.
plateau := $(filter plateau,$(SCHEDULE))
needs-validation := $(strip $(if $(VALIDATION),,\
  $(if $(PATIENCE),PATIENCE=$(PATIENCE),$(plateau:%=SCHEDULE=%))))
$(if $(needs-validation),$(error $(needs-validation): \
  expected VALIDATION=FRACTION of the training data, such as 0.1))

# Of these schedules the rate depends on how many epochs there will be.
total := $(if $(filter cosine one-cycle,$(SCHEDULE)),$(EPOCHS))
learn := $(strip --optimizer $(OPTIMIZER) --schedule $(SCHEDULE) $(total:%=--schedule-epochs %) $(LEARN))

# All that decides what the weights become. The datasets are in it by their checksums. The tools are
# not: to build or to import anew changes no result, and must not restart a long run.
$(RUN)/settings: FORCE | $(NET) $(LEARNED) $(VALIDATED) $(TEST) $(WEIGHTS)
	@{ printf '%s\n' 'augment $(AUGMENT)' 'dtype $(DTYPE)' 'learn $(learn)' \
	    'rate $(RATE)' 'reduce $(REDUCE)' 'seed $(SEED)' 'size $(SIZE)' \
	    "train $$(cksum <$(LEARNED))" "test $$(cksum <$(TEST))" \
	    $(if $(VALIDATED),"validation $$(cksum <$(VALIDATED))") \
	    $(if $(WEIGHTS),"weights $$(cksum <$(WEIGHTS))"); \
	  sed 's/^/net /' $(NET); } | $(scripts)/stamp.sh $@

$(RUN)/epoch-0000.safetensors.gz: $(RUN)/settings | $(built)
	@$(BIN)/nn-init $(NET) --seed $(SEED) --dtype $(DTYPE) $(WEIGHTS:%=--weights %) -o $@

# Every epoch starts from the model of the one before and, for plateau, goes by how that was judged.
pairs := $(join $(trained:%=%:),$(wordlist 1,$(words $(trained)),$(numbers)))
$(foreach pair,$(pairs),$(eval \
  $(RUN)/epoch-$(subst :,.safetensors.gz: $(RUN)/epoch-,$(pair)).safetensors.gz))
$(foreach pair,$(if $(plateau),$(filter-out %:0000,$(pairs))),$(eval \
  $(RUN)/epoch-$(subst :,.safetensors.gz: | $(RUN)/epoch-,$(pair)).tsv))
loss-before = $$(awk -F '\t' 'NR == 1 { for (i = 1; i <= NF; i++) at[$$i] = i } \
  $$at["split"] == "validation" \
  { print "--validation-loss " $$at["loss"] }' $(filter %.tsv,$|) </dev/null)

$(models): $(RUN)/epoch-%.safetensors.gz: $(RUN)/settings | $(built) $(LEARNED)
	@$(scripts)/epoch.sh -m $(filter $(RUN)/epoch-%,$^) -o $(RUN)/partial.epoch-$*.safetensors.gz \
	  --epoch $$((10#$*)) --rate $(RATE) --reduce $(REDUCE) --size $(SIZE) --seed $(SEED) \
	  --engine $(ENGINE) \
	  --learn "$(learn)$(if $(plateau), $(loss-before))" --augment '$(AUGMENT)' \
	  $(if $(JOBS),-j $(JOBS)) --resume --seconds $(RUN)/epoch-$*.seconds $(LEARNED)
	@mv $(RUN)/partial.epoch-$*.safetensors.gz $@

$(metrics): $(RUN)/epoch-%.tsv: $(RUN)/epoch-%.safetensors.gz \
  | $(built) $(LEARNED) $(VALIDATED) $(TEST)
	@$(scripts)/measure.sh $< $$((10#$*)) $$(cat $(RUN)/epoch-$*.seconds) \
	  $(if $(filter yes,$(MEASURE_TRAIN)),$(LEARNED),-) $(TEST) $@ $(VALIDATED)

# join-metrics TABLE…: the metrics of single epochs as one table.
join-metrics = awk 'NR == 1 || $$1 != "epoch"' $(1) >$(RUN)/metrics.tsv.partial && \
  mv $(RUN)/metrics.tsv.partial $(RUN)/metrics.tsv

# What ends the run besides EPOCHS, so that the table is that of the epochs asked for.
$(RUN)/patience: FORCE
	@printf '%s\n' 'patience $(PATIENCE)' $(if $(PATIENCE),'epochs $(EPOCHS)') | \
	  $(scripts)/stamp.sh $@

ifeq ($(PATIENCE),)
$(RUN)/metrics.tsv: $(metrics) $(RUN)/patience
	@$(call join-metrics,$(metrics))
else
# One epoch after another, each made as it is without PATIENCE, until patience.sh says no. Only the
# epochs are kept, so an interrupted run asks again and comes to the same. The best model is there
# when all is done. A dry run makes no epoch to go by, and ends at the first.
$(RUN)/metrics.tsv $(RUN)/best.safetensors.gz &: $(RUN)/settings $(RUN)/patience
	+@tables=; \
	for number in $(trained); do \
	  $(MAKE) --no-print-directory $(RUN)/epoch-$$number.tsv; \
	  $(if $(only-looks),exit 0;) \
	  tables="$$tables $(RUN)/epoch-$$number.tsv"; \
	  status=0; best=$$($(scripts)/patience.sh --patience $(PATIENCE) $$tables) || status=$$?; \
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
	$(BIN)/nn-forward -m "$$model" $(TEST) | \
	  $(BIN)/nn-eval --set epoch=$$((10#$$number)) --set split=test
