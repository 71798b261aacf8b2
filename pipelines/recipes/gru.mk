# A recurrent network that reads a picture row by row.

default-dataset := fashion-mnist
default-net := pipelines/nets/gru.net
default-epochs := 15
default-rate := 0.004
default-size := 128
default-optimizer := adamw
default-schedule := one-cycle
default-learn := --clip-norm 1
default-engine := fused
