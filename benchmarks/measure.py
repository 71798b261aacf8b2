"""Runs a command and measures it from outside: seconds by the clock, and the most memory that it held."""

import os
import resource
import subprocess
import tempfile
import time
from dataclasses import dataclass

# How often memory is looked at, in seconds. The kernel keeps the peak itself, so only what a process
# reaches in its last moments is missed.
INTERVAL = 0.01
SHELLS = ("bash", "sh", "mkfifo", "mktemp", "rm", "awk")


# What seconds are of: the clock on the wall, or the processor's time of all threads of all processes,
# which other programs on the machine disturb far less.
CLOCKS = ("wall", "cpu")
CLOCK = os.environ.get("BENCH_CLOCK") or "wall"


def now():
    """Seconds so far, of this process's children where it is the processor's time."""
    if CLOCK == "wall":
        return time.perf_counter()
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Failure(Exception):
    """A command that failed, with its last words."""


@dataclass
class Outcome:
    seconds: float
    output: str
    # MiB, added up over all processes; None where there is no /proc.
    memory: float | None


def run(command, environment=None, memory=False):
    """Runs a command to its end.

    Peak memory is the sum over the command's processes, shells and their helpers apart, of each one's largest
    resident size, pages that several share counted in each.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as messages:
        start = now()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=messages,
            env={**os.environ, **(environment or {})},
        )
        try:
            peak = watch(process) if memory else None
            status = process.wait()
        except BaseException:
            process.terminate()
            process.wait()
            raise
        seconds = now() - start
        output.seek(0)
        messages.seek(0)
        if status != 0:
            words = messages.read().decode(errors="replace").strip().splitlines() or ["no message"]
            name = os.path.basename(command[1 if command[1].endswith(".py") else 0])
            raise Failure(f"{name} ended with {status}: {words[-1]}")
        return Outcome(seconds, output.read().decode(errors="replace"), peak)


def watch(process):
    """The peak memory of a process and its descendants, in MiB."""
    if not os.path.exists(f"/proc/{process.pid}/status"):
        return None
    peaks = {}
    while process.poll() is None:
        for number in family(process.pid):
            try:
                with open(f"/proc/{number}/status", encoding="utf-8", errors="replace") as file:
                    fields = dict(line.split(":", 1) for line in file)
                # Between fork and exec it is still the shell's memory, under the shell's name.
                if fields["Name"].strip() not in SHELLS and "VmHWM" in fields:
                    peaks[number] = int(fields["VmHWM"].split()[0]) / 1024
            except (OSError, ValueError, KeyError):
                pass
        time.sleep(INTERVAL)
    return sum(peaks.values()) or None


def family(number):
    """A process and all that descend from it."""
    yield number
    try:
        with open(f"/proc/{number}/task/{number}/children", encoding="utf-8") as file:
            children = file.read().split()
    except OSError:
        return
    for child in children:
        yield from family(int(child))
