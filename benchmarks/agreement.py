"""Shows that this project and a peer learn the same.

usage: agreement.py [--train FILE --test FILE] [--rows N] [--peer PyTorch|JAX|NumPy] [--rate R] NETWORK…

Trains each network (benchmarks/NAME.net) for one epoch by nn-train and by the peer, from the same start weights and on
the same batches, and compares the mean loss of both on the test data: in F64 and in F32, at the rates below or at R. Beside
it stands how far the mean losses of the epoch itself are apart, over its batches as they came, where the peer tells its own.
NN_BIN names the folder of the tools, BENCH_PYTHON a Python that has the peer, BENCH_THREADS how many threads there are.
Exit: 0 they agree, to 1e-3 of the loss in F32 and to 1e-6 in F64, 1 they do not, 66 something is missing.
"""

import os
import subprocess
import sys

import documents
import measure
from work import PEERS, ROOT, Training, Work, arguments

# Relative.
TOLERANCES = {"F64": 1e-6, "F32": 1e-3}
# At which rates. In F32 programs that round differently grow apart by themselves, the faster the larger the rate: at 0.01
# PyTorch with one thread is as far from PyTorch with two as from anybody else (the last column). In F64 they do not in the
# course of an epoch, and there a difference in what is computed shows.
CASES = (("F64", "0.01"), ("F32", "0.001"), ("F32", "0.01"))


def losses(work, network, peer, dtype, rate):
    """The mean loss on the test data after one epoch: ours, the peer's, and in F32 the peer's with one thread; and that of
    the epoch, ours and the peer's.
    """
    test = work.path("test.safetensors")

    def of_peer(threads):
        training = Training(work, network, rate=rate, threads=threads)
        options = []
        if dtype == "F64":
            training.model = work.widened(training.topology, training.model)
            options = ["--f64"]
        steps = training.steps_an_epoch
        return training, work.train_peer(peer, training, steps, "--evaluate", test, *options)

    has_twin = dtype == "F32" and work.threads > 1
    twin = of_peer(1)[1]["loss"] if has_twin else None
    training, theirs = of_peer(work.threads)
    work.fused(training, training.steps_an_epoch)
    predictions = work.path("predictions.safetensors")
    work.tool("nn-forward", "-m", work.path("trained.safetensors"), test, "-o", predictions)
    table = measure.run([f"{work.bin}/nn-eval", predictions]).output.splitlines()
    ours = dict(zip(*(line.split("\t") for line in table[:2])))["loss"]
    model = documents.read_metadata(work.path("trained.safetensors"))
    epoch = float(model["nn.loss"]) / int(model["nn.examples"]), theirs.get("epoch_loss")
    return float(ours), theirs["loss"], twin, epoch


def lines(work, networks, peer, rate=None):
    """A table of Markdown, and what does not agree."""
    cases = CASES if rate is None else [(dtype, rate) for dtype in TOLERANCES]
    result = [
        f"| network | computed in | rate | loss of nn-train | loss of {peer} | relative difference "
        f"| of {peer} with one thread | of the epoch's mean losses |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    apart = []
    for network in networks:
        for dtype, rate in cases:
            ours, theirs, twin, epoch = losses(work, network, peer, dtype, rate)
            difference = abs(ours - theirs) / theirs
            own = "" if twin is None else f"{abs(twin - theirs) / theirs:.1e}"
            mean = "" if epoch[1] is None else f"{abs(epoch[0] - epoch[1]) / epoch[1]:.1e}"
            result.append(
                f"| {network} | {dtype} | {rate} | {ours:.8f} | {theirs:.8f} | {difference:.1e} "
                f"| {own} | {mean} |"
            )
            tolerance = TOLERANCES[dtype]
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
    parser.add_argument("--rate")
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
