#!/usr/bin/env python3
"""Vectors and gradients of PyTorch's embedding, for the tests of Sources/Layers/Embedding.swift.

Writes embedding.json beside itself: `python3 embedding.py`, made with PyTorch 2.13 on a CPU, one thread, F64. Ids repeat,
and one never occurs.
"""

import json
import pathlib
import random

import torch

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
source = random.Random(1)


def numbers(count):
    return [round(source.uniform(-1, 1), 3) for _ in range(count)]


count, width, shape = 9, 4, [6, 2, 5]
ids = [source.randrange(count - 1) for _ in range(60)]
weight = torch.tensor(numbers(count * width)).reshape(count, width).requires_grad_()
output = torch.nn.functional.embedding(torch.tensor(ids).reshape(shape), weight)
delta = torch.tensor(numbers(output.numel())).reshape(output.shape)
output.backward(delta)
document = {
    "ids": ids, "shape": shape, "output": list(output.shape), "weight": weight.flatten().tolist(),
    "values": output.flatten().tolist(), "delta": delta.flatten().tolist(), "gradient": weight.grad.flatten().tolist(),
}
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(document) + "\n", encoding="utf-8")
