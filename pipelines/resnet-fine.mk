# The small residual network again, from where `make train RECIPE=resnet` ended: a lower rate, and no erasing, let it fit
# what it was kept from.

recipe := resnet-fine
default-dataset := fashion-mnist
default-net := pipelines/resnet.net
default-weights := runs/resnet/epoch-0020.safetensors.gz
default-epochs := 20
default-rate := 0.05
default-size := 128
default-rule := nesterov
default-schedule := cosine
default-learn := --l2 2e-4
default-augment := --shift 2 --flip 0.5
default-measure-train := no
default-engine := fused

# Where that model is not there, it is trained first.
$(default-weights):
	@$(MAKE) --no-print-directory train RECIPE=resnet NAME=resnet EPOCHS=20 WEIGHTS=
