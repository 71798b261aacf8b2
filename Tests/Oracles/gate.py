#!/usr/bin/env python3
"""Bootstrap bounds of a mean by NumPy, for the tests of Sources/Training/Gate.swift.

Writes gate.json beside itself: `python3 gate.py`. The draws are those of NumPy's Philox with the key and counter that
Sources/Random documents, the quantiles NumPy's `linear`, sums by math.fsum. Losses are multiples of 1/64, so that sums are
exact in any order.
"""

import json
import math
import pathlib

import numpy

from philox import numbers


def bounds(gains, samples, seed, confidence):
    count = len(gains)
    means = []
    for sample in range(samples):
        draws = [word * count >> 64 for word in numbers(seed, "bootstrap", sample, 0, count)]
        means.append(math.fsum(gains[draw] for draw in draws) / count)
    return [float(numpy.quantile(means, share)) for share in (1 - confidence, confidence)]


def case(seed, count, samples, confidence, shift):
    generator = numpy.random.Generator(numpy.random.PCG64(seed))
    champion = (generator.integers(0, 256, count) / 64).tolist()
    challenger = [max(0.0, loss - step / 64) for loss, step in zip(champion, generator.integers(shift - 20, shift + 20, count))]
    low, high = bounds([a - b for a, b in zip(champion, challenger)], samples, seed, confidence)
    return {"seed": seed, "samples": samples, "confidence": confidence, "champion": champion, "challenger": challenger,
            "gain": math.fsum(a - b for a, b in zip(champion, challenger)) / count, "low": low, "high": high}


cases = [case(1, 1, 10, 0.9, 3), case(2, 7, 100, 0.95, 0), case(3, 33, 501, 0.5, 5), case(4, 64, 2000, 0.99, -4)]
if __name__ == "__main__":
    text = ",\n".join(json.dumps(item) for item in cases)
    pathlib.Path(__file__).with_suffix(".json").write_text("[\n" + text + "\n]\n", encoding="utf-8")
