# The plain network that Fashion-MNIST's authors measured: three hidden layers of 256, 128 and 100. See docs/LEARNING.md.

default-dataset := fashion-mnist
default-net := pipelines/nets/mlp.net
default-epochs := 12
default-rate := 0.002
default-size := 128
default-optimizer := adamw
default-schedule := one-cycle
default-engine := fused
