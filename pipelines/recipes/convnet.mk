# A convolutional network of 92,000 parameters, without distorted pictures.

default-dataset := fashion-mnist
default-net := pipelines/nets/convnet.net
default-epochs := 20
default-rate := 0.004
default-size := 128
default-optimizer := adamw
default-schedule := one-cycle
default-learn := --weight-decay 0.05
default-measure-train := no
default-engine := fused
