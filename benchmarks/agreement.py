"""Shows that this project and a peer learn the same.

usage: agreement.py [--train FILE --test FILE] [--rows N] [--peer PyTorch|JAX|NumPy] NETWORK…

Trains each network (benchmarks/NAME.net) for one epoch by nn-train and by the peer, from the same start weights and on
the same batches, and compares the mean loss of both on the test data. NN_BIN names the folder of the tools,
BENCH_PYTHON a Python that has the peer.
Exit: 0 they agree to 1e-3 of the loss, 1 they do not, 66 something is missing.
"""

import argparse
import os
import subprocess
import sys

import measure
from work import PEERS, ROOT, Training, Work

TOLERANCE = 1e-3


def losses(work, network, peer):
    """The mean loss on the test data after one epoch: ours, the peer's."""
    training = Training(work, network)
    steps = training.steps_an_epoch
    test = work.path("test.safetensors")
    theirs = work.train_peer(peer, training, steps, "--evaluate", test)["loss"]
    work.fused(training, steps)
    predictions = work.path("predictions.safetensors")
    work.tool("nn-forward", "-m", work.path("trained.safetensors"), test, "-o", predictions)
    table = measure.run([f"{work.bin}/nn-eval", predictions]).output.splitlines()
    ours = dict(zip(*(line.split("\t") for line in table[:2])))["loss"]
    return float(ours), theirs


def lines(work, networks, peer):
    """A table of Markdown, and whether all agree."""
    result = [
        f"| network | loss of nn-train | loss of {peer} | relative difference |",
        "| --- | --- | --- | --- |",
    ]
    agree = True
    for network in networks:
        ours, theirs = losses(work, network, peer)
        difference = abs(ours - theirs) / theirs
        agree = agree and difference <= TOLERANCE
        result.append(f"| {network} | {ours:.6f} | {theirs:.6f} | {difference:.1e} |")
    return result, agree


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--train")
    parser.add_argument("--test")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--folder", default="build/bench/agreement")
    parser.add_argument("--peer", default="PyTorch", choices=PEERS)
    parser.add_argument("networks", nargs="+")
    options = parser.parse_args()
    python = os.environ.get("BENCH_PYTHON", f"{ROOT}/build/bench-venv/bin/python")
    binaries = os.environ.get("NN_BIN", f"{ROOT}/.build/release")
    work = Work(options.folder, os.path.abspath(binaries), python, os.cpu_count())
    try:
        work.data(options.train, options.test, options.rows)
        table, agree = lines(work, options.networks, options.peer)
    except (measure.Failure, OSError, subprocess.SubprocessError) as error:
        print(f"agreement.py: {error}", file=sys.stderr)
        return 66
    print("\n".join(table))
    if not agree:
        print(f"agreement.py: the losses differ by more than {TOLERANCE}", file=sys.stderr)
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
