# A small residual network, trained on distorted pictures.

default-dataset := fashion-mnist
default-net := pipelines/nets/resnet.net
default-epochs := 38
default-rate := 0.1
default-size := 128
default-optimizer := nesterov
default-schedule := one-cycle
default-learn := --l2 5e-4
default-augment := --shift 1 --flip 0.5 --erase 0.02..0.2:0.25
default-measure-train := no
default-engine := fused
