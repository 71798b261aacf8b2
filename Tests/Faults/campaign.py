"""What the campaigns share: options, tries with a seed each, programs run in a session of their own, and the shim.

A campaign is a script with rows; a row is a promise and a function that tries to break it once.
"""

import argparse
import concurrent.futures
import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.abspath(os.environ.get("NN_BIN") or os.path.join(ROOT, ".build/release"))
EPOCH = os.path.join(ROOT, "pipelines/scripts/epoch.sh")

# What hangs is ended after so many seconds.
WATCHDOG = 60
# How often a try is drawn anew that ended before its fault.
DRAWS = 50


class Lost(Exception):
    """A promise that was not kept, and how."""


class Missed(Exception):
    """The fault did not happen, because the program had ended before: to be drawn anew, and not counted."""


class Outcome:
    """How a command ended."""

    def __init__(self, status, output, message):
        self.status, self.output, self.message = status, output, message

    def need(self, status=0):
        """Loses unless the command ended so."""
        if self.status != status:
            words = self.message.strip() or "no message"
            raise Lost(f"found status {self.status}, expected {status}: {words}")
        return self


class Try:
    """One attempt: a folder of its own, and random numbers that depend only on the seed and the attempt's name."""

    def __init__(self, folder, seed, faults):
        self.folder, self.faults = folder, faults
        self.random = random.Random(seed)
        self.seed = self.random.getrandbits(48)

    def path(self, name):
        return os.path.join(self.folder, name)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def write(self, name, content):
        with open(self.path(name), "wb") as file:
            file.write(content)

    def report(self):
        """What the shim has reported: a dictionary per line."""
        try:
            lines = self.read("report").decode().splitlines()
        except FileNotFoundError:
            return []
        result = []
        for line in lines:
            what, program, process, moment, *counts = line.split()
            entry = {"what": what, "program": program, "process": int(process), "time": float(moment)}
            for count in counts:
                name, _, value = count.partition("=")
                entry[name] = int(value)
            result.append(entry)
        return result

    def environment(self, faults=None, **more):
        """Variables for a command: the tools on the path, and the shim where faults are given as shim.c wants them."""
        result = dict(os.environ, NN_BIN=BIN, TMPDIR=self.folder, LC_ALL="C", **more)
        result["PATH"] = BIN + os.pathsep + result["PATH"]
        if faults is not None:
            result["LD_PRELOAD"] = self.faults.shim()
            result["FAULTS"] = ",".join(f"{name}={value}" for name, value in faults.items())
            result["FAULT_REPORT"] = self.path("report")
        return result

    def start(self, command, faults=None, **options):
        """Starts a command, or a script for sh, in a session of its own."""
        words = ["/bin/sh", "-c", command] if isinstance(command, str) else command
        if not os.path.dirname(words[0]):
            words = [os.path.join(BIN, words[0])] + words[1:]
        options.setdefault("env", self.environment(faults))
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        return subprocess.Popen(words, cwd=self.folder, start_new_session=True, **options)

    def run(self, command, faults=None, watchdog=WATCHDOG, **options):
        """Runs a command to its end."""
        process = self.start(command, faults, **options)
        return self.outcome(process, watchdog)

    def outcome(self, process, watchdog=WATCHDOG):
        """Waits for what `start` has started; loses if it hangs."""
        try:
            output, message = process.communicate(timeout=watchdog)
        except subprocess.TimeoutExpired:
            end_session(process.pid)
            process.communicate()
            raise Lost(f"it hangs: no end after {watchdog} s") from None
        status = process.returncode if process.returncode >= 0 else 128 - process.returncode
        return Outcome(status, output or b"", (message or b"").decode(errors="replace"))

    def expect_same(self, name, expected):
        found = self.read(name)
        if found != expected:
            raise Lost(f"{name}: found other bytes than without the fault ({len(found)}, expected {len(expected)})")

    def expect_no_temporaries(self):
        """No file beside an output is left, but such as only the process that made it could know: `.NAME.NUMBER.tmp`."""
        left = [name for name in os.listdir(self.folder) if re.search(r"(?<!\.\d)(?<!\d)\.tmp$", name)]
        if left:
            raise Lost(f"left behind: {' '.join(left)}")


def of_session(leader):
    """The running processes of a session; those that only wait to be reaped have ended."""
    result = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                    fields = file.read().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == leader and fields[0] not in "ZX":
                result.append(int(name))
    return result


def end_session(leader):
    """Kills a whole session, with what one of its processes starts meanwhile."""
    while processes := of_session(leader):
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


class Campaign:
    """A script's options and rows."""

    def __init__(self, text, tries, jobs=1):
        self.name = os.path.basename(sys.argv[0])
        parser = argparse.ArgumentParser(
            prog=self.name, description=text, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        parser.add_argument("--tries", type=int, metavar="N", help=f"tries of each row (default: {tries})")
        parser.add_argument("--seed", type=int, default=1, metavar="S", help="the start of the random numbers")
        parser.add_argument("--only", default="", metavar="ROW[/I]", help="only this row, only its try number I")
        parser.add_argument(
            "-j", "--jobs", type=int, default=jobs * os.cpu_count(), metavar="N",
            help=f"tries at a time (default: {jobs} for every core)",
        )
        self.options = parser.parse_args()
        if self.options.tries is not None and self.options.tries < 1:
            parser.error(f"--tries: found {self.options.tries}, expected a number from 1")
        if not os.access(os.path.join(BIN, "nn-batch"), os.X_OK):
            self.end(66, f"no tools in {BIN}: make build makes them, NN_BIN names another folder")
        if sys.platform != "linux":
            self.end(66, "the faults are those of Linux: LD_PRELOAD, /proc, F_SETPIPE_SZ")
        self.tries = self.options.tries or tries
        self.lost = self.done = 0
        self.lock = threading.Lock()
        self.folder = tempfile.mkdtemp(prefix="nn-faults.")
        self.fault_counts = {}

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        shutil.rmtree(self.folder, ignore_errors=True)
        if kind is Lost:
            self.end(1, f"before any fault: {error}")
        if kind is None:
            if self.options.only and not self.done:
                self.end(64, f"--only: found '{self.options.only}', expected a row of this campaign")
            sys.exit(1 if self.lost else 0)

    def say(self, text):
        with self.lock:
            print(f"{self.name}: {text}", file=sys.stderr, flush=True)

    def end(self, status, text):
        print(f"{self.name}: {text}", file=sys.stderr)
        sys.exit(status)

    def shim(self):
        """The shim's path, built when first asked for."""
        with self.lock:
            path = os.path.join(self.folder, "shim.so")
            if not os.path.exists(path):
                source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "shim.c")
                compilers = [os.environ.get("CC"), "cc", "clang", "gcc"]
                compiler = next((name for name in compilers if name and shutil.which(name)), None)
                if not compiler:
                    self.end(66, "no C compiler (CC, cc, clang, gcc): the faults need one")
                command = [compiler, "-O2", "-Wall", "-Wextra", "-shared", "-fPIC", source, "-o", path + ".new", "-ldl"]
                subprocess.run(command, check=True)
                os.rename(path + ".new", path)
            return path

    def once(self, name="files"):
        """A folder that stays until the campaign ends, for what all tries start from."""
        path = os.path.join(self.folder, name)
        os.mkdir(path)
        return Try(path, name, self)

    def row(self, name, promise, attempt, tries=None):
        """Tries to break a promise so many times, and prints the line of the table.

        `attempt` takes a Try; it raises Lost, or Missed.
        """
        tries = min(tries or self.tries, self.options.tries or sys.maxsize)
        only, _, number = self.options.only.partition("/")
        if only and only != name:
            return
        numbers = [int(number)] if number else range(tries)
        with concurrent.futures.ThreadPoolExecutor(max_workers=self.options.jobs) as pool:
            results = list(pool.map(lambda number: self.one(name, number, attempt), numbers))
        self.done += len(results)
        lost = results.count(False)
        self.lost += lost
        print(f"{promise}\t{len(results)}\t{lost}", flush=True)

    def one(self, name, number, attempt):
        """Whether the promise was kept."""
        for draw in range(DRAWS):
            folder = tempfile.mkdtemp(dir=self.folder, prefix="try.")
            trial = Try(folder, f"{self.name} {self.options.seed} {name} {number} {draw}", self)
            trial.number = number
            try:
                attempt(trial)
            except Missed:
                continue
            except Exception as loss:  # What goes wrong in the test itself is no promise kept either.
                if not isinstance(loss, Lost):
                    traceback.print_exc()
                replay = f"{self.name} --seed {self.options.seed} --only {name}/{number}"
                self.say(f"{name}/{number}: LOST: {loss or type(loss).__name__}\n  replay: {replay}")
                return False
            finally:
                self.count(trial.report())
                shutil.rmtree(folder, ignore_errors=True)
            return True
        self.say(f"{name}/{number}: LOST: the fault never happened in {DRAWS} draws")
        return False

    def count(self, report):
        with self.lock:
            for entry in report:
                if entry["what"] == "end":
                    for key, value in entry.items():
                        if isinstance(value, int) and key != "process":
                            self.fault_counts[key] = self.fault_counts.get(key, 0) + value


def examples(trial, rows, columns, name="table.csv", classes=3):
    """A table of random numbers with a class for each row."""
    with open(trial.path(name), "w", encoding="utf-8") as file:
        print(*(f"x{column}" for column in range(columns)), "class", sep=",", file=file)
        for row in range(rows):
            numbers = (f"{trial.random.random():.6f}" for _ in range(columns))
            print(*numbers, row * 7 % classes, sep=",", file=file)


def wait_until(condition, seconds):
    """Whether it became true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.002)
    return True
