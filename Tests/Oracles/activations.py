#!/usr/bin/env python3
"""Values and derivatives of activations by PyTorch's autograd, for the tests of Sources/Layers/Activations.

Writes activations.json beside itself: `python3 activations.py`, made with PyTorch 2.13 on a CPU, one thread,
F64. The sums have three decimals at most, but for extremes; none is a kink, where each side is right. The results
are written with 17 digits. PyTorch's own formulas lose relative precision in some tails, so the comparison has an
absolute tolerance too.
"""

import json
import pathlib
import random

import torch
from torch.nn import functional

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)

# A topology line's activation, and what it is in PyTorch.
ACTIVATIONS = {
    "elu": functional.elu,
    "elu alpha=0.3": lambda x: functional.elu(x, alpha=0.3),
    "gelu": functional.gelu,
    # Not functional.hardsigmoid, whose derivative is 1/6 in single precision.
    "hard-sigmoid": lambda x: torch.clamp(x / 6 + 0.5, 0, 1),
    "identity": lambda x: x,
    "leaky-relu": functional.leaky_relu,
    "leaky-relu slope=0.2": lambda x: functional.leaky_relu(x, negative_slope=0.2),
    "mish": functional.mish,
    "relu": torch.relu,
    "selu": torch.selu,
    "sigmoid": torch.sigmoid,
    "silu": functional.silu,
    # Above the threshold PyTorch takes x itself; from 40 on that is exact.
    "softplus": lambda x: functional.softplus(x, threshold=30),
    "softsign": functional.softsign,
    "tanh": torch.tanh,
}
EXTREMES = [-1e9, -745.0, -100.0, -40.0, -20.0, -1e-9, 1e-9, 20.0, 40.0, 100.0, 745.0, 1e9]

source = random.Random(1)
sums = [round(source.uniform(-5, 5), 3) for _ in range(40)] + EXTREMES

cases = []
for line, function in ACTIVATIONS.items():
    x = torch.tensor(sums, requires_grad=True)
    y = function(x)
    y.sum().backward()
    cases.append({"line": line, "sums": sums, "outputs": y.tolist(), "slopes": x.grad.tolist()})
lines = ",\n".join(json.dumps(case) for case in cases)
pathlib.Path(__file__).with_suffix(".json").write_text("[\n" + lines + "\n]\n", encoding="utf-8")
