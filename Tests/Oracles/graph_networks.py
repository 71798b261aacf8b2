#!/usr/bin/env python3
"""Networks of every kind of layer and connection by PyTorch's autograd, for the tests of Sources/Networks.

Writes graph_networks.json beside itself: `python3 graph_networks.py`, made with PyTorch 2.13 on a CPU, one thread, F64.
Parameters and batches are decimal numbers of three places, so that both sides read the same; the results are written
with 15 digits. Under the name of a running statistic stands examples · (before − after), PyTorch having moved it.
"""

import json
import pathlib
import random

import torch
import torch.nn.functional as functional

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)

ACTIVATIONS = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "silu": functional.silu,
    "softmax": lambda x: torch.softmax(x, dim=-1),
}

# Examples, mode, topology.
NETWORKS = [
    (5, "training", "input 4\ndense 3 bias=no\nbatchnorm tanh\ndense 2\nloss squared\n"),
    (5, "inference", "input 4\ndense 3 bias=no\nbatchnorm tanh\ndense 2\nloss squared\n"),
    (3, "training", "input 2x5x4\nbatchnorm epsilon=0.01 momentum=0.3\nconv 3 3x2 pad=1\nbatchnorm relu\nmaxpool 2x2\n"
     "dense 3 softmax\nloss cross-entropy\n"),
    (3, "inference", "input 2x5x4\nbatchnorm epsilon=0.01\nconv 3 3x2 pad=1\nbatchnorm relu\navgpool 2x2\n"
     "dense 3 softmax\nloss cross-entropy\n"),
    (4, "training", "input 3x4\nlayernorm\ntanh\nlayernorm axes=1 epsilon=0.1\ndense 2\nloss squared\n"),
    (2, "training", "input 2x6x5\nconv 4 3x3 pad=1 bias=no\nbatchnorm silu name=a\nconv 4 3x3 pad=1\nbatchnorm\nadd a relu\n"
     "conv 3 1x1 stride=2x2 from=a name=b\nconv 3 3x3 stride=2x2 pad=1 from=add1\nadd b\nconcat b tanh\nglobal-avgpool\n"
     "dense 3 softmax\nloss cross-entropy\n"),
    (4, "training", "input 6\nnormalize mean=0.1,0.2,0,-0.3,0.5,1 std=2,0.5,1,3,1.5,0.7\nreshape 2x3\nscale 3 offset=0.25\n"
     "concat reshape1\nreshape 12\ndense 3 sigmoid\nloss squared\n"),
]


def numbers(source, shape, low=-1.0, high=1.0):
    count = torch.Size(shape).numel()
    return torch.tensor([round(source.uniform(low, high), 3) for _ in range(count)]).reshape(list(shape))


def tensor(value):
    value = value.detach()
    return {"shape": list(value.shape), "values": [float(f"{x:.15g}") for x in value.flatten().tolist()]}


def pair(text):
    parts = [int(part) for part in text.split("x")]
    return parts * 2 if len(parts) == 1 else parts


class Run:
    def __init__(self, number, examples, mode, topology):
        self.source = random.Random(number)
        self.examples, self.training = examples, mode == "training"
        self.parameters, self.before, self.signals, self.counts = {}, {}, {}, {}
        self.signal = None
        lines = [line.split() for line in topology.strip().split("\n")]
        for line in lines:
            self.read([word for word in line if "=" not in word], dict(word.split("=") for word in line if "=" in word))
        target, losses = self.losses
        losses.sum().backward()
        gradients = {name: value.grad for name, value in self.parameters.items() if value.requires_grad}
        for name, before in self.before.items():
            gradients[name] = examples * (before - self.parameters[name])
        starts = {name: self.before.get(name, value) for name, value in self.parameters.items()}
        self.case = {
            "topology": topology,
            "mode": mode,
            "input": tensor(self.signals["input"]),
            "target": tensor(target),
            "parameters": {name: tensor(value) for name, value in starts.items()},
            "output": tensor(self.signal),
            "losses": tensor(losses),
            "gradients": {name: tensor(value) for name, value in gradients.items()},
        }

    def parameter(self, name, shape):
        self.parameters[name] = numbers(self.source, shape).requires_grad_()
        return self.parameters[name]

    def statistic(self, name, shape, low, high):
        self.before[name] = numbers(self.source, shape, low, high)
        self.parameters[name] = self.before[name].clone()
        return self.parameters[name]

    def read(self, words, options):
        kind = words[0]
        if kind == "input":
            self.signals["input"] = self.signal = numbers(self.source, [self.examples] + [int(n) for n in words[1].split("x")])
            return
        if kind == "loss":
            return self.read_loss(words[1])
        self.counts[kind] = self.counts.get(kind, 0) + 1
        name = options.get("name", f"{kind}{self.counts[kind]}")
        x = self.signals[options["from"]] if "from" in options else self.signal
        activation = words[-1] if words[-1] in ACTIVATIONS else None
        others = [word for word in words[1:] if word != activation]
        y = self.layer(kind, name, x, others, options)
        self.last_sum = y
        self.signal = ACTIVATIONS[activation](y) if activation else y
        self.signals[name] = self.signal

    def layer(self, kind, name, x, words, options):
        if kind in ACTIVATIONS:
            return x
        if kind == "dense":
            x = x.flatten(1)
            weight = self.parameter(f"{name}.weight", [int(words[0]), x.shape[1]])
            bias = None if options.get("bias") == "no" else self.parameter(f"{name}.bias", [int(words[0])])
            return functional.linear(x, weight, bias)
        if kind == "conv":
            weight = self.parameter(f"{name}.weight", [int(words[0]), x.shape[1]] + pair(words[1]))
            bias = None if options.get("bias") == "no" else self.parameter(f"{name}.bias", [int(words[0])])
            return functional.conv2d(x, weight, bias, stride=pair(options.get("stride", "1")), padding=pair(options.get("pad", "0")))
        if kind == "batchnorm":
            shape = [x.shape[1]]
            weight, bias = self.parameter(f"{name}.weight", shape), self.parameter(f"{name}.bias", shape)
            mean = self.statistic(f"{name}.running_mean", shape, -1, 1)
            variance = self.statistic(f"{name}.running_var", shape, 0.5, 2)
            return functional.batch_norm(
                x, mean, variance, weight, bias, self.training,
                float(options.get("momentum", "0.1")), float(options.get("epsilon", "1e-5")))
        if kind == "layernorm":
            shape = x.shape[-int(options.get("axes", x.dim() - 1)):]
            weight, bias = self.parameter(f"{name}.weight", shape), self.parameter(f"{name}.bias", shape)
            return functional.layer_norm(x, shape, weight, bias, float(options.get("epsilon", "1e-5")))
        if kind == "maxpool":
            return functional.max_pool2d(x, pair(words[0]))
        if kind == "avgpool":
            return functional.avg_pool2d(x, pair(words[0]))
        if kind == "global-avgpool":
            return functional.adaptive_avg_pool2d(x, 1)
        if kind == "scale":
            return x * float(words[0]) + float(options.get("offset", "0"))
        if kind == "normalize":
            mean, deviation = (torch.tensor([float(n) for n in options[key].split(",")]) for key in ("mean", "std"))
            return (x - mean) / deviation
        if kind == "reshape":
            return x.reshape([x.shape[0]] + [int(n) for n in words[0].split("x")])
        if kind == "add":
            return sum((self.signals[other] for other in words), x)
        if kind == "concat":
            return torch.cat([x] + [self.signals[other] for other in words], dim=1)
        raise ValueError(kind)

    def read_loss(self, kind):
        if kind == "squared":
            target = numbers(self.source, self.signal.shape)
            self.losses = target, ((self.signal - target) ** 2).flatten(1).sum(1) / 2
        else:
            classes = self.signal.shape[1]
            ids = [self.source.randrange(classes) for _ in range(self.examples)]
            target = functional.one_hot(torch.tensor(ids), classes).to(torch.float64)
            self.losses = target, functional.cross_entropy(self.last_sum, target, reduction="none")


cases = [Run(number, *network).case for number, network in enumerate(NETWORKS)]
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
