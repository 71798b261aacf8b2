# A convolutional network of 82,000 parameters, without distorted pictures.

recipe := convnet
default-dataset := fashion-mnist
default-net := pipelines/convnet.net
default-epochs := 15
default-rate := 0.003
default-size := 128
default-rule := adamw
default-schedule := one-cycle
default-measure-train := no
default-engine := fused
