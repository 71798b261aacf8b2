"""Measures this project beside its peers on the same work, the programs taking turns.

usage: bench.py [--train FILE --test FILE] [--folder DIR]

Without datasets it makes some up. Writes to DIR (build/bench): results.tsv, every single figure; and as Markdown
machine.md, table.md, sweeps.md and agreement.md. Prints the latter. Peers that cannot be imported are left out.

Environment:
  BENCH_RUNS     how often everything is measured (5)
  BENCH_ROWS     only so many examples, for a quick look (all)
  BENCH_ONLY     only these rows, by the names in results.tsv: mlp lenet cnn forward neuron memory convnet lstm gru loading
                 start, agreement, and of the sweeps examples batch width threads (all)
  BENCH_THREADS  threads of every program (one per core)
  BENCH_CLOCK    wall, or cpu: the time of all threads, which tells more on a busy machine (wall)
  BENCH_PYTHON   the Python that has the peers (build/bench-venv/bin/python)
  NN_BIN         the folder of the tools (.build/release)
Exit: 0 done, 1 the losses do not agree, 64 usage, 66 something is missing.
"""

import os
import signal
import statistics
import subprocess
import sys
import tempfile

import agreement
import machine
import measure
import rows
import tables
from work import PEERS, ROOT, Work, arguments


def say(message):
    print(f"bench.py: {message}", file=sys.stderr, flush=True)


def number(name, default, least=1):
    """A whole number from the environment."""
    text = os.environ.get(name) or default
    if text is None:
        return None
    if not str(text).isdecimal() or int(text) < least:
        say(f"{name}={text}: expected a whole number of at least {least}")
        sys.exit(64)
    return int(text)


NAMES = (
    *("mlp", "lenet", "cnn", "forward", "neuron", "memory", "convnet"),
    *("lstm", "gru", "loading", "start"),
    *("agreement", "examples", "batch", "width", "threads"),
)


class Bench:
    def __init__(self, work, folder, runs, only):
        self.work, self.folder, self.runs, self.only = work, folder, runs, only
        self.found, self.failed = {}, False
        self.results = open(f"{folder}/results.tsv", "w", encoding="utf-8")
        self.results.write("row\tprogram\trun\tfigure\tvalue\n")

    def wanted(self, *names):
        return any(name in self.only for name in names)

    def measured(self, row):
        """The medians of a row, by program and figure."""
        figures = {}
        missing = {name for name, module in PEERS.items() if module not in self.found}
        programs = {name: run for name, run in row.programs.items() if name not in missing}
        for run in range(1, self.runs + 1):
            for name, once in list(programs.items()):
                try:
                    new = once()
                except measure.Failure as error:
                    say(f"{row.key}: {name} is left out: {error}")
                    self.failed = self.failed or name in rows.OWN
                    del programs[name]
                    figures.pop(name, None)
                    continue
                for figure, value in new.items():
                    if value is not None:
                        self.results.write(f"{row.key}\t{name}\t{run}\t{figure}\t{value:.6g}\n")
                        figures.setdefault(name, {}).setdefault(figure, []).append(value)
            self.results.flush()
        return {
            name: {figure: statistics.median(values) for figure, values in by.items()}
            for name, by in figures.items()
        }

    def peak(self):
        """Operations a second of one core, if NumPy is there."""
        if "numpy" not in self.found:
            return None
        return self.work.peer("NumPy", "peak", threads=1)["operations"]

    def described(self, data, peak):
        threads, clock = self.work.threads, measure.CLOCK
        return machine.lines(self.found, data, threads, self.runs, clock, peak)

    def write(self, name, lines):
        with open(f"{self.folder}/{name}.md", "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        print("\n".join(lines) + "\n", flush=True)

    def run(self, data):
        self.found = machine.versions(self.work.python)
        for name, module in PEERS.items():
            if module not in self.found:
                say(f"{name} cannot be imported by {self.work.python}: left out")
        peak = self.peak()
        self.write("machine", self.described(data, peak))
        self.measure(rows.main_rows, peak, "table", tables.main)
        agree = self.agreement() if self.wanted("agreement") else True
        self.measure(rows.sweep_rows, peak, "sweeps", tables.sweeps)
        return 66 if self.failed else 0 if agree else 1

    def measure(self, source, peak, name, table):
        done = []
        for row in source(self.work):
            if self.wanted(row.key, row.table):
                say(f"{row.key} …")
                done.append((row, self.measured(row)))
        if done:
            self.write(name, table(done, peak, self.work.threads))

    def agreement(self):
        peers = [name for name in ("PyTorch", "JAX", "NumPy") if PEERS[name] in self.found]
        if not peers:
            say("agreement: no peer to compare losses with: left out")
            return True
        networks = ["mlp"] if peers == ["NumPy"] else ["mlp", "lenet", "cnn"]
        say("agreement …")
        lines, apart = agreement.lines(self.work, networks, peers[0])
        self.write("agreement", lines)
        for message in apart:
            say(message)
        return not apart


def main():
    options = arguments(__doc__, f"{ROOT}/build/bench").parse_args()
    count, threads = number("BENCH_ROWS", None, 130), number("BENCH_THREADS", os.cpu_count())
    runs, only = number("BENCH_RUNS", 5), os.environ.get("BENCH_ONLY", "").split() or NAMES
    if measure.CLOCK not in measure.CLOCKS:
        say(f"BENCH_CLOCK: found '{measure.CLOCK}', expected wall or cpu")
        return 64
    for name in set(only) - set(NAMES):
        say(f"BENCH_ONLY: found '{name}', expected some of {' '.join(NAMES)}")
        return 64
    python = os.environ.get("BENCH_PYTHON") or f"{ROOT}/build/bench-venv/bin/python"
    if not os.path.exists(python):
        python = sys.executable
    binaries = os.path.abspath(os.environ.get("NN_BIN") or f"{ROOT}/.build/release")
    if not os.path.exists(f"{binaries}/nn-train"):
        say(f"no tools in {binaries}: make build makes them, NN_BIN names another folder")
        return 66
    os.makedirs(options.folder, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[:threads])
    with tempfile.TemporaryDirectory(prefix="data-", dir=options.folder) as folder:
        work = Work(folder, binaries, python, threads)
        try:
            work.data(options.train, options.test, count)
            data = f"{work.rows:,} examples" + ("" if options.train else ", made up at random")
            return Bench(work, options.folder, runs, only).run(data)
        except (measure.Failure, OSError, subprocess.SubprocessError) as error:
            say(str(error))
            return 66


if __name__ == "__main__":
    sys.exit(main())
