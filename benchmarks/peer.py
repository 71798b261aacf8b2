"""What the peers share: their options, the data, and the answer, one JSON object on standard output.

Seconds are measured inside the process, without starting it, importing, reading and preparing data, compiling, and
the first step.
"""

import argparse
import json
import os
import time

import documents
import topology


# The clock on the wall, or the time of all threads: as measure.py.
now = time.process_time if os.environ.get("BENCH_CLOCK") == "cpu" else time.perf_counter


def arguments(*tasks):
    """The task and its options, as bench.py gives them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=tasks)
    parser.add_argument("--net", help="topology file")
    parser.add_argument("--model", help="parameters to start from or to use")
    parser.add_argument("--data", help="dataset")
    parser.add_argument("--order", help="rows as nn-batch hands them out: order [E, N]")
    parser.add_argument("--size", type=int, default=64, help="examples of a batch")
    parser.add_argument("--steps", type=int, help="steps to train, the first of them untimed")
    parser.add_argument("--rate", type=float, help="learning rate")
    parser.add_argument("--bytes", action="store_true", help="keep the pictures as bytes")
    parser.add_argument("--evaluate", help="dataset to give the mean loss of after training")
    parser.add_argument("--f64", action="store_true", help="compute in F64")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def network(path):
    with open(path, encoding="utf-8") as file:
        return topology.parse(file.read())


def dataset(path, net):
    """Input as bytes [N, channels, height, width] and classes [N], as NumPy arrays."""
    tensors = documents.read(path)
    inputs = tensors["input"].array()
    return inputs.reshape(len(inputs), *net.shape), tensors["target"].array().astype("int64")


def prepared(inputs, net, dtype="float32"):
    """The pictures as real numbers, through the network's preparing layers."""
    factor, offset = net.preparing()
    result = inputs.astype(dtype)
    result *= factor
    if offset:
        result += offset
    return result


def batches(path, size, steps):
    """The rows of each step's batch, in the order of nn-batch."""
    result = []
    for epoch in documents.read(path)["order"].array():
        for start in range(0, len(epoch), size):
            if len(result) == steps:
                return result
            result.append(epoch[start : start + size])
    return result


def answer(**values):
    print(json.dumps(values))
