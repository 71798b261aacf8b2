# What `make help` prints, from the comments in the Makefiles.

# list-targets FILE…: each target with the text after its `##`.
list-targets = awk -F ':.*\#\# ' \
  '/^[a-z0-9-]+:.*\#\# / { printf "  make %-14s %s\n", $$1, $$2 }'

# list-knobs FILE: each knob of the file with its value and the text of the `##` line above it.
list-knobs = awk ' \
  BEGIN { \
    for (i = 2; i < ARGC; i++) { \
      split(ARGV[i], knob, "="); value[knob[1]] = ARGV[i]; delete ARGV[i]; \
    } \
  } \
  /^\#\# / { text = substr($$0, 4); next } \
  /^[A-Z_]+ \?=/ && text { printf "  %-34s %s\n", value[$$1], text } \
  { text = "" }' $(1) $(foreach knob,$(call knobs-of,$(1)),'$(knob)=$($(knob))')

# knobs-of FILE: the names of the file's knobs.
knobs-of = $(shell awk '/^[A-Z_]+ [?]=/ { print $$1 }' $(1))
