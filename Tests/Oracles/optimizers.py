#!/usr/bin/env python3
"""Steps of PyTorch's optimizers and rates of its schedulers, for the tests of Sources/Optimizers and Training.

Writes optimizers.json beside itself: `python3 optimizers.py`, made with PyTorch 2.13 on a CPU, one thread, F64.
Parameters and gradients are decimal numbers of three places, so that both sides read the same; the results are
written with 15 digits.
"""

import json
import math
import pathlib
import random

import torch

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)

SHAPES = {"dense1.bias": [3], "dense1.weight": [3, 2], "dense2.weight": [1, 3]}
STEPS = 10

# Rule, rate, its settings, and the other options of nn-update.
CASES = [
    ("sgd", 0.1, {}, {}),
    ("sgd", 0.1, {}, {"l1": 0.02, "l2": 0.05, "clip-norm": 0.7}),
    ("momentum", 0.1, {}, {}),
    ("momentum", 0.05, {"momentum": 0.5}, {"clip-value": 0.4, "l2": 0.1}),
    ("nesterov", 0.1, {}, {"l2": 0.03}),
    ("nesterov", 0.02, {"momentum": 0.99}, {"weight-decay": 0.1}),
    ("adagrad", 0.1, {}, {}),
    ("adagrad", 0.3, {"epsilon": 0.001}, {"l2": 0.05, "clip-norm": 0.5}),
    ("rmsprop", 0.01, {}, {}),
    ("rmsprop", 0.02, {"alpha": 0.8, "epsilon": 0.01}, {"l2": 0.05, "clip-value": 0.3}),
    ("adam", 0.01, {}, {}),
    ("adam", 0.1, {"beta1": 0.5, "beta2": 0.9, "epsilon": 0.001}, {"l2": 0.05, "clip-norm": 1.0}),
    ("adam", 0.05, {}, {"clip-value": 0.5, "clip-norm": 0.9, "l1": 0.01}),
    ("adamw", 0.05, {}, {}),
    ("adamw", 0.05, {"beta1": 0.8}, {"weight-decay": 0.3, "clip-norm": 0.8}),
    ("lion", 0.01, {}, {}),
    ("lion", 0.02, {"beta1": 0.6, "beta2": 0.8}, {"weight-decay": 0.4, "clip-norm": 0.8, "l2": 0.05}),
]

# Each schedule with its options, the epochs and the steps of an epoch; for plateau the losses by epoch.
SCHEDULES = [
    ({"schedule": "step", "schedule-every": 2, "schedule-factor": 0.3}, 7, 3),
    ({"schedule": "exponential", "schedule-factor": 0.8}, 5, 3),
    ({"schedule": "cosine"}, 4, 5),
    ({"schedule": "cosine", "final-factor": 0.1}, 3, 4),
    ({"schedule": "one-cycle"}, 4, 5),
    ({"schedule": "one-cycle"}, 3, 7),
    ({"schedule": "one-cycle"}, 1, 2),
    ({"schedule": "constant", "warmup-epochs": 1.5}, 3, 4),
    ({"schedule": "cosine", "warmup-epochs": 2}, 5, 3),
    ({"schedule": "plateau", "schedule-patience": 0}, 6, 2),
    ({"schedule": "plateau", "schedule-factor": 0.3, "schedule-patience": 2}, 12, 2),
]
LOSSES = [1, 0.9, 0.95, 0.9, 0.89995, 0.85, 0.86, 0.87, 0.85, 0.86, 0.9, 0.8]


def numbers(source, count):
    return [round(source.uniform(-1, 1), 3) for _ in range(count)]


def result(values):
    return [float(f"{value:.15g}") for value in values]


class Lion(torch.optim.Optimizer):
    """Chen and others 2023, Symbolic discovery of optimization algorithms, algorithm 2; PyTorch has none."""

    def __init__(self, parameters, lr, betas, weight_decay):
        super().__init__(parameters, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for parameter in group["params"]:
                mean = self.state[parameter].setdefault("mean", torch.zeros_like(parameter))
                gradient = parameter.grad + group["weight_decay"] * parameter
                update = (beta1 * mean + (1 - beta1) * gradient).sign()
                parameter.add_(update, alpha=-group["lr"])
                mean.mul_(beta2).add_(gradient, alpha=1 - beta2)


def optimizer_of(rule, parameters, rate, settings, options):
    adam = {"betas": (settings.get("beta1", 0.9), settings.get("beta2", 0.999)), "eps": settings.get("epsilon", 1e-8)}
    l2 = options.get("l2", 0)
    if rule == "sgd":
        return torch.optim.SGD(parameters, rate, weight_decay=l2)
    if rule in ("momentum", "nesterov"):
        momentum = settings.get("momentum", 0.9)
        return torch.optim.SGD(parameters, rate, momentum=momentum, nesterov=rule == "nesterov", weight_decay=l2)
    if rule == "adagrad":
        return torch.optim.Adagrad(parameters, rate, eps=settings.get("epsilon", 1e-10), weight_decay=l2)
    if rule == "rmsprop":
        alpha, epsilon = settings.get("alpha", 0.99), settings.get("epsilon", 1e-8)
        return torch.optim.RMSprop(parameters, rate, alpha=alpha, eps=epsilon, weight_decay=l2)
    if rule == "adam":
        return torch.optim.Adam(parameters, rate, weight_decay=l2, **adam)
    if rule == "lion":
        return Lion(parameters, rate, (settings.get("beta1", 0.9), settings.get("beta2", 0.99)), l2)
    return torch.optim.AdamW(parameters, rate, weight_decay=options.get("weight-decay", 0.01), **adam)


def steps(number, rule, rate, settings, options):
    source = random.Random(number)
    start = {name: numbers(source, math.prod(shape)) for name, shape in SHAPES.items()}
    gradients = [{name: numbers(source, math.prod(shape)) for name, shape in SHAPES.items()} for _ in range(STEPS)]
    tensors = {
        name: torch.tensor(values).reshape(SHAPES[name]).requires_grad_() for name, values in start.items()
    }
    optimizer = optimizer_of(rule, list(tensors.values()), rate, settings, options)
    after = []
    for gradient in gradients:
        for name, tensor in tensors.items():
            tensor.grad = torch.tensor(gradient[name]).reshape(SHAPES[name])
        if "clip-value" in options:
            torch.nn.utils.clip_grad_value_(tensors.values(), options["clip-value"])
        if "clip-norm" in options:
            torch.nn.utils.clip_grad_norm_(tensors.values(), options["clip-norm"])
        for tensor in tensors.values():
            if "l1" in options:
                tensor.grad += options["l1"] * tensor.detach().sign()
            # AdamW decays by itself; for the other rules this is what it does, before the rule's step.
            if "weight-decay" in options and rule != "adamw":
                with torch.no_grad():
                    tensor.mul_(1 - rate * options["weight-decay"])
        optimizer.step()
        after.append({name: result(tensor.detach().flatten().tolist()) for name, tensor in tensors.items()})
    return {
        "rule": rule, "rate": rate, "settings": settings, "options": options, "start": start,
        "gradients": gradients, "after": after,
    }


def factors(options, epochs, steps):
    schedulers = torch.optim.lr_scheduler
    parameter = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    by_step, by_epoch, plateau = [], [], None
    kind = options["schedule"]
    if kind == "step":
        by_epoch.append(schedulers.StepLR(optimizer, options["schedule-every"], options["schedule-factor"]))
    elif kind == "exponential":
        by_epoch.append(schedulers.ExponentialLR(optimizer, options["schedule-factor"]))
    elif kind == "cosine":
        by_step.append(schedulers.CosineAnnealingLR(optimizer, epochs * steps, options.get("final-factor", 0)))
    elif kind == "one-cycle":
        by_step.append(schedulers.OneCycleLR(optimizer, 1.0, epochs * steps, cycle_momentum=False))
    elif kind == "plateau":
        plateau = schedulers.ReduceLROnPlateau(
            optimizer, factor=options.get("schedule-factor", 0.5), patience=options["schedule-patience"])
    rates = []
    for epoch in range(epochs):
        for _ in range(steps):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            for scheduler in by_step:
                scheduler.step()
        for scheduler in by_epoch:
            scheduler.step()
        if plateau:
            plateau.step(LOSSES[epoch])
    if "warmup-epochs" in options:
        # LinearLR from 1/n to 1 in n - 1 steps; with another schedule it is a factor for that one's rate.
        length = round(options["warmup-epochs"] * steps)
        other = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        warm_up = schedulers.LinearLR(other, 1 / length, total_iters=length - 1)
        plain = factors({key: options[key] for key in options if key != "warmup-epochs"}, epochs, steps)["factors"]
        rates = []
        for rate in plain:
            rates.append(rate * other.param_groups[0]["lr"])
            other.step()
            warm_up.step()
    return {
        "options": options, "epochs": epochs, "steps": steps, "factors": result(rates),
        "losses": LOSSES[:epochs] if kind == "plateau" else [],
    }


document = {
    "shapes": SHAPES,
    "rules": [steps(number, *case) for number, case in enumerate(CASES)],
    "schedules": [factors(*case) for case in SCHEDULES],
}
lines = ",\n".join(
    f'"{name}": ' + (
        "[\n" + ",\n".join(json.dumps(item) for item in part) + "\n]" if isinstance(part, list) else json.dumps(part))
    for name, part in document.items()
)
pathlib.Path(__file__).with_suffix(".json").write_text("{\n" + lines + "\n}\n", encoding="utf-8")
