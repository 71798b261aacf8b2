# LeNet-5: two convolutions, each followed by subsampling, and three dense layers.

default-dataset := fashion-mnist
default-net := pipelines/nets/lenet.net
default-epochs := 15
default-rate := 0.003
default-size := 128
default-optimizer := adamw
default-schedule := one-cycle
default-engine := fused
