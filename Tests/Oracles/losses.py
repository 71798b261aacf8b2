#!/usr/bin/env python3
"""Losses and their derivatives by PyTorch's autograd, for the tests of Sources/Losses.

Writes losses.json beside itself: `python3 losses.py`, made with PyTorch 2.13 on a CPU, one thread, F64. Derivatives
are by the outputs, but by the sums for the losses that are taken from sums. Numbers have three decimals, but for
extremes.
"""

import json
import pathlib
import random

import torch
from torch.nn import functional

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)

WEIGHTS = [1, 2, 0.5, 0.25, 3]


def cross_entropy(kind, smoothing=0.0, weights=None):
    weights = None if weights is None else torch.tensor(weights, dtype=torch.float64)
    return lambda x, t: functional.cross_entropy(
        x,
        t.argmax(dim=1) if kind == "classes" else t,
        reduction="none",
        label_smoothing=smoothing,
        weight=weights,
    )


def summed(function, **options):
    return lambda x, t: function(x, t, reduction="none", **options).sum(dim=1)


def hinge(margin):
    def loss(x, t):
        if x.shape[1] == 1:
            # Between -1 and 1: where the embedding's distance is the output, its loss for -1 is the hinge.
            return functional.hinge_embedding_loss(
                (2 * t - 1) * x, -torch.ones_like(t), margin=margin, reduction="none"
            ).sum(dim=1)
        classes = t.argmax(dim=1)
        return x.shape[1] * functional.multi_margin_loss(x, classes, margin=margin, reduction="none")

    return loss


# A topology line's loss, what it is in PyTorch, the number of outputs, and the kind of targets.
LOSSES = [
    ("absolute", summed(functional.l1_loss), 4, "real"),
    ("huber", summed(functional.huber_loss, delta=1.0), 4, "real"),
    ("huber delta=0.25", summed(functional.huber_loss, delta=0.25), 3, "real"),
    ("squared", lambda x, t: summed(functional.mse_loss)(x, t) / 2, 3, "real"),
    ("hinge", hinge(1.0), 5, "classes"),
    ("hinge margin=2.5", hinge(2.5), 3, "classes"),
    ("hinge", hinge(1.0), 1, "classes"),
    ("hinge margin=0.125", hinge(0.125), 1, "classes"),
    ("cross-entropy", cross_entropy("classes"), 5, "classes"),
    ("cross-entropy smoothing=0.1", cross_entropy("classes", 0.1), 5, "classes"),
    ("cross-entropy weights=1,2,0.5,0.25,3", cross_entropy("classes", weights=WEIGHTS), 5, "classes"),
    ("cross-entropy weights=1,2,0.5,0.25,3 smoothing=0.3", cross_entropy("classes", 0.3, WEIGHTS), 5, "classes"),
    ("cross-entropy", cross_entropy("probabilities"), 5, "probabilities"),
    ("cross-entropy smoothing=0.1", cross_entropy("probabilities", 0.1), 5, "probabilities"),
    ("cross-entropy smoothing=0.3 weights=1,2,0.5,0.25,3", cross_entropy("probabilities", 0.3, WEIGHTS), 5, "probabilities"),
    ("binary-cross-entropy", summed(functional.binary_cross_entropy_with_logits), 4, "independent"),
]
EXTREMES = [-1000.0, -745.0, -40.0, -1e-9, 1e-9, 40.0, 745.0, 1000.0]
EXAMPLES = 8


def numbers(source, count, low, high):
    return [round(source.uniform(low, high), 3) for _ in range(count)]


def targets(source, kind, outputs):
    if kind == "real":
        return numbers(source, EXAMPLES * outputs, -3, 3)
    if kind == "independent":
        return numbers(source, EXAMPLES * outputs, 0, 1)
    rows = []
    for example in range(EXAMPLES):
        if kind == "classes":
            chosen = source.randrange(max(2, outputs))
            rows += [float(chosen)] if outputs == 1 else [float(k == chosen) for k in range(outputs)]
        else:
            parts = [source.randrange(1, 1 << 10) for _ in range(outputs - 1)]
            # Multiples of 2^-13, so that each row adds up to exactly 1.
            rows += [part / 8192 for part in parts] + [1 - sum(parts) / 8192]
    return rows


cases = []
for number, (line, function, outputs, kind) in enumerate(LOSSES):
    source = random.Random(number)
    values = numbers(source, EXAMPLES * outputs, -3, 3)
    # The last examples are extreme.
    tail = 3 * outputs
    values[-tail:] = [source.choice(EXTREMES) for _ in range(tail)]
    target = targets(source, kind, outputs)
    x = torch.tensor(values).reshape(EXAMPLES, outputs).requires_grad_()
    loss = function(x, torch.tensor(target).reshape(EXAMPLES, outputs))
    loss.sum().backward()
    cases.append(
        {
            "line": line,
            "shape": [EXAMPLES, outputs],
            "outputs": values,
            "target": target,
            "losses": loss.tolist(),
            "gradient": x.grad.flatten().tolist(),
        }
    )
lines = ",\n".join(json.dumps(case) for case in cases)
pathlib.Path(__file__).with_suffix(".json").write_text("[\n" + lines + "\n]\n", encoding="utf-8")
