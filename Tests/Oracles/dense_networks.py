#!/usr/bin/env python3
"""Losses, gradients and deltas of dense networks by PyTorch's autograd, for the tests of Sources/Networks.

Writes dense_networks.json beside itself: `python3 dense_networks.py`, made with PyTorch 2.13 on a CPU, one
thread, F64. Weights and batches are decimal numbers of three places, so that both sides read the same; the
results are written with 15 digits.
"""

import json
import pathlib
import random

import torch

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)

ACTIVATIONS = {
    "identity": lambda x: x,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "softmax": lambda x: torch.softmax(x, dim=-1),
    "tanh": torch.tanh,
}

# Examples, and the topology: (outputs, activation, bias) per dense layer, or ("scale", text, factor).
NETWORKS = [
    (1, "3", [(1, "sigmoid", False)], "squared"),
    (5, "4", [(3, "identity", True)], "squared"),
    (4, "7", [(5, "sigmoid", True), (2, "sigmoid", True)], "squared"),
    (6, "5", [(7, "tanh", True), (3, "tanh", False)], "squared"),
    (3, "6", [(5, "relu", True), (4, "relu", True)], "squared"),
    (5, "4", [(6, "softmax", True), (3, "softmax", True)], "squared"),
    (7, "5", [(4, "softmax", True)], "cross-entropy"),
    (9, "2x3x2", [("scale", "1/255", 1 / 255), (6, "relu", True), (4, "softmax", True)], "cross-entropy"),
    (4, "3", [(5, "tanh", True), (6, "sigmoid", False), (3, "softmax", True)], "cross-entropy"),
    (6, "5", [(1, "sigmoid", True)], "binary-cross-entropy"),
    (5, "4", [(7, "relu", False), (3, "sigmoid", True)], "binary-cross-entropy"),
    (
        35,
        "3",
        [(4, "tanh", True), ("scale", "-1.5", -1.5), (5, "relu", True), (6, "softmax", True), (2, "sigmoid", True)],
        "binary-cross-entropy",
    ),
]


def numbers(source, shape, low=-1.0, high=1.0):
    count = 1
    for extent in shape:
        count *= extent
    return [round(source.uniform(low, high), 3) for _ in range(count)]


def tensor(values, shape):
    return {"shape": list(shape), "values": values}


def result(value):
    value = value.detach()
    return tensor([float(f"{number:.15g}") for number in value.flatten().tolist()], value.shape)


def target_of(source, loss, examples, outputs):
    if loss == "squared":
        return numbers(source, [examples, outputs])
    if loss == "binary-cross-entropy":
        return numbers(source, [examples, outputs], low=0.0)
    rows = []
    for example in range(examples):
        if example % 2 == 0:
            chosen = source.randrange(outputs)
            rows += [1.0 if column == chosen else 0.0 for column in range(outputs)]
        else:
            parts = [source.randrange(1, 1 << 10) for _ in range(outputs - 1)]
            # Multiples of 2^-13, so that each row adds up to exactly 1.
            rows += [part / 8192 for part in parts] + [1 - sum(parts) / 8192]
    return rows


def losses_of(loss, output, sums, target):
    if loss == "squared":
        return ((output - target) ** 2).sum(dim=1) / 2
    if loss == "cross-entropy":
        return torch.nn.functional.cross_entropy(sums, target, reduction="none")
    return torch.nn.functional.binary_cross_entropy_with_logits(sums, target, reduction="none").sum(dim=1)


def solve(number, examples, input_text, layers, loss):
    source = random.Random(number)
    extents = [int(extent) for extent in input_text.split("x")]
    lines = [f"input {input_text}"]
    bytes_in = layers[0][0] == "scale"
    shape = [examples] + extents
    values = numbers(source, shape, 0, 255) if bytes_in else numbers(source, shape)
    batch = torch.tensor(values).reshape(shape)
    signal = batch.flatten(start_dim=1)

    parameters, kept, counts = {}, {}, {"dense": 0, "scale": 0}
    sums = None
    for layer in layers:
        kind = "scale" if layer[0] == "scale" else "dense"
        counts[kind] += 1
        name = f"{kind}{counts[kind]}"
        if kind == "scale":
            lines.append(f"scale {layer[1]}")
            sums, activation = signal * layer[2], "identity"
        else:
            outputs, activation, has_bias = layer
            lines.append(f"dense {outputs} {activation}" + ("" if has_bias else " bias=no"))
            inputs = signal.shape[1]
            weight = torch.tensor(numbers(source, [outputs, inputs])).reshape(outputs, inputs)
            parameters[f"{name}.weight"] = weight.requires_grad_()
            sums = signal @ weight.T
            if has_bias:
                parameters[f"{name}.bias"] = torch.tensor(numbers(source, [outputs])).requires_grad_()
                sums = sums + parameters[f"{name}.bias"]
        signal = ACTIVATIONS[activation](sums)
        if sums.requires_grad:
            sums.retain_grad()
            kept[f"{name}.delta"] = sums
    lines.append(f"loss {loss}")

    target_shape = list(signal.shape)
    target = target_of(source, loss, *target_shape)
    values_of_loss = losses_of(loss, signal, sums, torch.tensor(target).reshape(target_shape))
    values_of_loss.sum().backward()
    return {
        "topology": "\n".join(lines) + "\n",
        "input": tensor(values, shape),
        "target": tensor(target, target_shape),
        "parameters": {name: tensor(value.detach().flatten().tolist(), value.shape) for name, value in parameters.items()},
        "output": result(signal),
        "losses": result(values_of_loss),
        "gradients": {name: result(value.grad) for name, value in parameters.items()},
        "deltas": {name: result(value.grad) for name, value in kept.items()},
    }


cases = [solve(number, *network) for number, network in enumerate(NETWORKS)]
lines = ",\n".join(json.dumps(case) for case in cases)
pathlib.Path(__file__).with_suffix(".json").write_text("[\n" + lines + "\n]\n", encoding="utf-8")
