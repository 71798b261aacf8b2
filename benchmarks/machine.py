"""Describes the machine and the versions that figures belong to."""

import os
import platform
import subprocess

from work import PEERS



def fields(path):
    """A file of lines `name: value`, the first of each name; empty where there is none."""
    result = {}
    try:
        with open(path, encoding="utf-8") as file:
            for line in file:
                name, _, value = line.partition(":")
                result.setdefault(name.strip(), value.strip())
    except OSError:
        pass
    return result


def versions(python):
    """The peers' versions by module, of those that are there."""
    found = {}
    for module in PEERS.values():
        program = f"import {module}; print({module}.__version__)"
        outcome = subprocess.run(
            [python, "-c", program], capture_output=True, text=True, check=False
        )
        if outcome.returncode == 0:
            found[module] = outcome.stdout.split()[-1]
    return found


def lines(found, data, threads, runs, clock, peak):
    """A list of Markdown."""
    processor, memory = fields("/proc/cpuinfo"), fields("/proc/meminfo")
    flags = processor.get("flags", "").split()
    vectors = [name for name in ("sse4_2", "avx2", "fma", "avx512f") if name in flags]
    size = int(memory.get("MemTotal", "0 kB").split()[0]) / 1024**2
    model = processor.get("model name", platform.machine())
    family = f", family {processor['cpu family']}" if "cpu family" in processor else ""
    peers = (f"{name} {found[module]}" for name, module in PEERS.items() if module in found)
    result = [
        f"- processor: {model}{family}; {os.cpu_count()} cores; {' '.join(vectors)}",
        f"- memory: {size:.1f} GiB; {platform.system()} {platform.release()}",
        f"- peers: {', '.join(peers) or 'none'}",
        f"- data: {data}",
        f"- threads: {threads}; figures are medians, the programs taking turns {runs} times",
        f"- seconds: {'by the clock' if clock == 'wall' else 'of the processor, all threads'}",
        f"- load of the machine before: {os.getloadavg()[0]:.1f}",
    ]
    if peak:
        rate = f"{peak / 1e9:.0f} GFLOP/s"
        result.insert(1, f"- a core's peak: {rate} in large F32 products by NumPy's BLAS")
    return result
