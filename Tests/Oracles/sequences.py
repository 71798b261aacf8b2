#!/usr/bin/env python3
"""Outputs and gradients of PyTorch's RNN, GRU and LSTM, for the tests of Sources/Layers/Sequences.

Writes sequences.json beside itself: `python3 sequences.py`, made with PyTorch 2.13 on a CPU, one thread, F64.
All that goes in are decimal numbers of three places, so that both sides read the same; the results are written
with 15 digits. The objective whose gradients stand here is the sum of output times delta.
"""

import json
import pathlib
import random

import torch

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)

MODULES = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}
NAMES = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]

# Examples, shape of one, units.
SIZES = [(3, [5, 4], 2), (2, [1, 3], 4), (4, [3, 4, 2], 5)]


def numbers(source, shape, size):
    count = 1
    for extent in shape:
        count *= extent
    return [round(source.uniform(-size, size), 3) for _ in range(count)]


def tensor(values, shape):
    return {"shape": list(shape), "values": values}


def result(value):
    value = value.detach()
    return tensor([float(f"{number:.15g}") for number in value.flatten().tolist()], value.shape)


def solve(seed, word, size, returns, reverse):
    source = random.Random(seed)
    examples, shape, units = size
    values = numbers(source, [examples] + shape, 2)
    batch = torch.tensor(values).reshape([examples] + shape).requires_grad_()
    # A picture's rows are the steps, a row's channels stand side by side.
    sequence = batch if len(shape) == 2 else batch.permute(0, 2, 1, 3).flatten(start_dim=2)

    module = MODULES[word](sequence.shape[2], units, batch_first=True)
    parameters = {name: getattr(module, f"{name}_l0") for name in NAMES}
    with torch.no_grad():
        for parameter in parameters.values():
            parameter.copy_(torch.tensor(numbers(source, parameter.shape, 1)).reshape(parameter.shape))

    output, _ = module(sequence.flip(1) if reverse else sequence)
    if returns == "last":
        output = output[:, -1]
    elif reverse:
        output = output.flip(1)
    delta = numbers(source, output.shape, 1)
    (output * torch.tensor(delta).reshape(output.shape)).sum().backward()
    return {
        "line": f"{word} {units} return={returns}{' reverse' if reverse else ''}",
        "input": tensor(values, batch.shape),
        "parameters": {name: result(value) for name, value in parameters.items()},
        "delta": tensor(delta, output.shape),
        "output": result(output),
        "gradients": {name: result(value.grad) for name, value in parameters.items()},
        "inputGradient": result(batch.grad),
    }


cases = [
    solve(len(word) + 10 * number, word, size, returns, reverse)
    for word in MODULES
    for number, size in enumerate(SIZES)
    for returns in ["last", "all"]
    for reverse in [False, True]
]
lines = ",\n".join(json.dumps(case) for case in cases)
pathlib.Path(__file__).with_suffix(".json").write_text("[\n" + lines + "\n]\n", encoding="utf-8")
