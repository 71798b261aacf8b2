#!/usr/bin/env python3
"""Convolutions and poolings and their gradients by PyTorch's autograd, for the tests of Sources/Layers.

Writes convolutions.json beside itself: `python3 convolutions.py`, made with PyTorch 2.13 on a CPU, one thread, F64.
Inputs are decimal numbers of three places, so that both sides read the same; the results are written with 15
digits. The gradients are those of Σ delta · output. The inputs of half of the poolings are small whole numbers, so
that windows have several largest elements.
"""

import json
import pathlib
import random

import torch
import torch.nn.functional as functional

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)

# Examples, the input's shape per example, and the topology line, in which every option has two numbers.
LAYERS = [
    (2, [1, 5, 6], "conv 2 3x3"),
    (1, [3, 4, 4], "conv 2 3x2 pad=1x1 bias=no"),
    (3, [2, 7, 5], "conv 3 3x3 stride=2x2 pad=1x1"),
    (2, [2, 6, 9], "conv 2 2x4 stride=3x2 pad=0x2"),
    (2, [4, 7, 6], "conv 6 3x3 pad=2x1 dilation=2x1 groups=2"),
    (2, [3, 8, 7], "conv 3 3x3 stride=1x3 pad=2x2 dilation=1x2 groups=3"),
    (3, [5, 4, 3], "conv 4 1x1"),
    (2, [6, 5, 5], "conv 2 1x1 stride=2x2 groups=2 bias=no"),
    (1, [6, 6, 5], "conv 3 5x3 pad=2x1"),
    (2, [7, 5, 4], "conv 2 3x3 stride=3x1 pad=1x2 dilation=2x2"),
    (17, [7, 3, 4], "conv 2 3x3 pad=1x1"),
    (2, [8, 9, 4], "conv 4 3x2 stride=2x1 pad=1x0 groups=4"),
    (2, [3, 6, 4], "maxpool 2x2"),
    (2, [2, 7, 5], "maxpool 2x2"),
    (2, [2, 7, 6], "maxpool 3x3 stride=2x2 pad=1x1"),
    (1, [3, 6, 7], "maxpool 3x2 stride=1x1"),
    (2, [2, 5, 8], "maxpool 2x4 stride=2x3 pad=1x2"),
    (2, [2, 6, 5], "maxpool 2x2 stride=2x2 pad=1x1"),
    (2, [3, 6, 4], "avgpool 2x2"),
    (2, [2, 7, 6], "avgpool 3x3 stride=2x2 pad=1x1"),
    (1, [3, 6, 7], "avgpool 3x2 stride=1x2"),
    (2, [2, 5, 8], "avgpool 2x4 stride=1x3 pad=1x2"),
    (3, [4, 5, 3], "global-avgpool"),
    (1, [2, 1, 1], "global-avgpool"),
]


def numbers(source, count):
    return [round(source.uniform(-1, 1), 3) for _ in range(count)]


def result(value):
    value = value.detach()
    return tensor([float(f"{number:.15g}") for number in value.flatten().tolist()], value.shape)


def tensor(values, shape):
    return {"shape": list(shape), "values": values}


def pair(text):
    return tuple(int(extent) for extent in text.split("x"))


def random_tensor(source, shape, whole=False):
    count = torch.Size(shape).numel()
    values = [float(source.randrange(3)) for _ in range(count)] if whole else numbers(source, count)
    return torch.tensor(values).reshape(shape).requires_grad_()


def solve(number, examples, shape, line):
    source = random.Random(number)
    words = [word for word in line.split() if "=" not in word]
    options = dict(word.split("=") for word in line.split() if "=" in word)
    # The poolings of even number have equal elements.
    batch = random_tensor(source, [examples] + shape, whole="pool" in words[0] and number % 2 == 0)
    parameters = {}
    if words[0] == "conv":
        outputs, groups = int(words[1]), int(options.get("groups", "1"))
        weight = random_tensor(source, (outputs, shape[0] // groups) + pair(words[2]))
        parameters["weight"] = weight
        if options.get("bias") != "no":
            parameters["bias"] = random_tensor(source, [outputs])
        output = functional.conv2d(
            batch,
            weight,
            parameters.get("bias"),
            stride=pair(options.get("stride", "1x1")),
            padding=pair(options.get("pad", "0x0")),
            dilation=pair(options.get("dilation", "1x1")),
            groups=groups,
        )
    elif words[0] == "global-avgpool":
        output = functional.adaptive_avg_pool2d(batch, 1)
    else:
        pool = functional.max_pool2d if words[0] == "maxpool" else functional.avg_pool2d
        size = pair(words[1])
        stride = pair(options["stride"]) if "stride" in options else None
        output = pool(batch, size, stride=stride, padding=pair(options.get("pad", "0x0")))
    delta = random_tensor(source, output.shape)
    (output * delta.detach()).sum().backward()
    return {
        "line": line,
        "input": tensor(batch.detach().flatten().tolist(), batch.shape),
        "delta": tensor(delta.detach().flatten().tolist(), delta.shape),
        "parameters": {name: tensor(value.detach().flatten().tolist(), value.shape) for name, value in parameters.items()},
        "output": result(output),
        "inputGradient": result(batch.grad),
        "gradients": {name: result(value.grad) for name, value in parameters.items()},
    }


cases = [solve(number, *layer) for number, layer in enumerate(LAYERS)]
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
