"""Shows that this project and a peer learn the same.

usage: agreement.py [--train FILE --test FILE] [--rows N] [--peer PyTorch|JAX|NumPy] [--rate R] NETWORK…

Trains each network (benchmarks/NAME.net) for one epoch by nn-train and by the peer, from the same start weights and on
the same batches, at a learning rate of 0.01 unless R is another, and compares the mean loss of both on the test data.
NN_BIN names the folder of the tools, BENCH_PYTHON a Python that has the peer, BENCH_THREADS how many threads there are.
Exit: 0 they agree, to 1e-3 of the loss in F32 and to 1e-6 in F64, 1 they do not, 66 something is missing.
"""

import os
import subprocess
import sys

import measure
from work import PEERS, ROOT, Training, Work, arguments

# Relative. In F32 two programs that round differently grow apart by themselves, the faster the larger the
# rate; in F64 they do not in the course of an epoch, and there a difference in what is computed shows.
TOLERANCES = {"F32": 1e-3, "F64": 1e-6}
RATE = "0.01"


def losses(work, network, peer, dtype, rate):
    """The mean loss on the test data after one epoch: ours, the peer's."""
    training = Training(work, network, rate=rate)
    options = []
    if dtype == "F64":
        training.model = work.widened(training.topology, training.model)
        options = ["--f64"]
    steps = training.steps_an_epoch
    test = work.path("test.safetensors")
    theirs = work.train_peer(peer, training, steps, "--evaluate", test, *options)["loss"]
    work.fused(training, steps)
    predictions = work.path("predictions.safetensors")
    work.tool("nn-forward", "-m", work.path("trained.safetensors"), test, "-o", predictions)
    table = measure.run([f"{work.bin}/nn-eval", predictions]).output.splitlines()
    ours = dict(zip(*(line.split("\t") for line in table[:2])))["loss"]
    return float(ours), theirs


def lines(work, networks, peer, rate=RATE):
    """A table of Markdown, and what does not agree."""
    result = [
        f"| network | computed in | loss of nn-train | loss of {peer} | relative difference |",
        "| --- | --- | --- | --- | --- |",
    ]
    apart = []
    for network in networks:
        for dtype, tolerance in TOLERANCES.items():
            ours, theirs = losses(work, network, peer, dtype, rate)
            difference = abs(ours - theirs) / theirs
            result.append(f"| {network} | {dtype} | {ours:.8f} | {theirs:.8f} | {difference:.1e} |")
            if not difference <= tolerance:
                apart.append(
                    f"{network} in {dtype}: the losses differ by {difference:.1e} of them, "
                    f"expected at most {tolerance:g}"
                )
    return result, apart


def main():
    parser = arguments(__doc__, "build/bench/agreement")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--peer", default="PyTorch", choices=PEERS)
    parser.add_argument("--rate", default=RATE)
    parser.add_argument("networks", nargs="+")
    options = parser.parse_args()
    python = os.environ.get("BENCH_PYTHON", f"{ROOT}/build/bench-venv/bin/python")
    binaries = os.environ.get("NN_BIN", f"{ROOT}/.build/release")
    threads = int(os.environ.get("BENCH_THREADS") or os.cpu_count())
    work = Work(options.folder, os.path.abspath(binaries), python, threads)
    try:
        work.data(options.train, options.test, options.rows)
        table, apart = lines(work, options.networks, options.peer, options.rate)
    except (measure.Failure, OSError, subprocess.SubprocessError) as error:
        print(f"agreement.py: {error}", file=sys.stderr)
        return 66
    print("\n".join(table))
    for message in apart:
        print(f"agreement.py: {message}", file=sys.stderr)
    return 1 if apart else 0


if __name__ == "__main__":
    sys.exit(main())
