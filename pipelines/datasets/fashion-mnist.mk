# Fashion-MNIST: data/fashion-mnist/README.md. Debian and Ubuntu have it as a package; elsewhere it is downloaded.

FASHION_MNIST_URL ?= https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion
packaged := /usr/share/datasets/fashion-mnist
downloaded := build/download/fashion-mnist

folder := $(firstword $(wildcard $(packaged)) $(downloaded))
train-images := $(folder)/train-images-idx3-ubyte.gz
train-labels := $(folder)/train-labels-idx1-ubyte.gz
test-images := $(folder)/t10k-images-idx3-ubyte.gz
test-labels := $(folder)/t10k-labels-idx1-ubyte.gz
include pipelines/datasets/idx.mk

# Only where the package is not there: it is installed, if that can be, or else the files are downloaded.
.PRECIOUS: $(downloaded)/%
$(downloaded)/%: | data/fashion-mnist/SHA256SUMS
	@mkdir -p $(@D)
	@if $(SETUP) data && [ -e $(packaged)/$* ]; then ln -sf $(packaged)/$* $@; else \
	  pipelines/scripts/fetch.sh $(FASHION_MNIST_URL)/$* $$(awk '$$2 == "$*" { print $$1 }' $|) $@; fi
