#!/usr/bin/env python3
"""Distorted pictures by PyTorch, for the tests of Sources/Augmentation.

Writes augment.json beside itself: `python3 augment.py`, made with PyTorch 2.13 on a CPU, one thread, F64. The forward
maps are composed as the words of the documentation say and inverted numerically; grid_sample fetches the pixels, conv2d
smooths the elastic field. Pictures and fields are decimal numbers of three places.
"""

import json
import math
import pathlib
import random

import torch

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)

# Channels, height, width, then what is not 0, 1 or False.
CASES = [
    (1, 5, 7, {"rotation": 30}),
    (1, 7, 7, {"rotation": 90}),
    (1, 6, 4, {"rotation": -123.5, "fill": 0.75}),
    (1, 9, 5, {"scale": 1.3}),
    (1, 5, 9, {"scale": 0.6, "fill": -0.5}),
    (1, 8, 8, {"stretch": 2}),
    (1, 6, 5, {"stretch": 0.7}),
    (1, 7, 6, {"shear": 20}),
    (1, 4, 9, {"shear": -35}),
    (3, 5, 6, {"rotation": 17, "scale": 0.9, "stretch": 1.4, "shear": -12, "shift": [1, 1]}),
    (2, 8, 7, {"rotation": -40, "scale": 1.2, "stretch": 0.8, "shear": 25, "shift": [-2, -2], "fill": 1, "flip": True}),
    (1, 6, 8, {"rotation": 10, "shear": 15, "verticalFlip": True}),
    (2, 7, 9, {"elastic": 8, "sigma": 1.5}),
    (1, 9, 6, {"elastic": 20, "sigma": 4, "rotation": 25, "stretch": 1.2, "shift": [1, 1], "fill": 0.25}),
]


def numbers(source, shape, low=-1.0, high=1.0):
    return [round(source.uniform(low, high), 3) for _ in range(math.prod(shape))]


def tensor(values, shape):
    return {"shape": list(shape), "values": values}


def result(value):
    return tensor([float(f"{number:.15g}") for number in value.flatten().tolist()], value.shape)


def forward_map(settings):
    """x to the right, y down, from the center: flip, then scale, then shear, then rotate."""
    flip = torch.diag(torch.tensor([-1.0 if settings.get("flip") else 1.0, -1.0 if settings.get("verticalFlip") else 1.0]))
    scale, root = settings.get("scale", 1), math.sqrt(settings.get("stretch", 1))
    sizes = torch.diag(torch.tensor([scale * root, scale / root]))
    # An upright line, from the bottom (y > 0) to the top (y < 0), comes to lean to the right at the top.
    shear = torch.tensor([[1.0, -math.tan(math.radians(settings.get("shear", 0)))], [0.0, 1.0]])
    angle = math.radians(settings.get("rotation", 0))
    # Counter-clockwise as one sees it: what is right of the center moves up.
    rotation = torch.tensor([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return rotation @ shear @ sizes @ flip


def smooth(field, sigma):
    radius = int(3 * sigma + 0.5)
    bell = torch.exp(-(torch.arange(-radius, radius + 1) ** 2) / (2 * sigma**2))
    kernel = torch.outer(bell, bell)
    kernel /= kernel.sum()
    return torch.nn.functional.conv2d(field[:, None], kernel[None, None], padding=radius)[:, 0]


def solve(number, channels, height, width, settings):
    source = random.Random(number)
    picture = numbers(source, [channels, height, width])
    case = {"settings": settings, "input": tensor(picture, [1, channels, height, width])}
    displacement = torch.zeros(2, height, width)
    if "elastic" in settings:
        field = numbers(source, [2, height, width])
        displacement = settings["elastic"] * smooth(torch.tensor(field).reshape(2, height, width), settings["sigma"])
        case["field"] = tensor(field, [2, height, width])
        case["displacement"] = result(displacement)
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    center = torch.tensor([(width - 1) / 2, (height - 1) / 2])
    place = torch.stack([columns, rows], dim=-1) - center - torch.tensor(settings.get("shift", [0.0, 0.0]))
    place = place @ torch.linalg.inv(forward_map(settings)).T + displacement.permute(1, 2, 0)
    # With align_corners the middle of the first pixel is at -1 and that of the last one at 1.
    grid = (place / center)[None]
    fill = settings.get("fill", 0.0)
    sampled = torch.nn.functional.grid_sample(
        torch.tensor(picture).reshape(1, channels, height, width) - fill,
        grid, mode="bilinear", padding_mode="zeros", align_corners=True,
    )
    case["output"] = result(sampled + fill)
    return case


cases = [solve(number, *case) for number, case in enumerate(CASES)]
text = ",\n".join(json.dumps(case) for case in cases)
pathlib.Path(__file__).with_suffix(".json").write_text("[\n" + text + "\n]\n", encoding="utf-8")
