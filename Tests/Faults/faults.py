#!/usr/bin/env python3
"""Runs the campaigns and writes what they found as a page takes it.

usage: faults.py [--folder FOLDER] [CAMPAIGN…]

The campaigns are the scripts beside this one, such as kills; all of them unless some are named. FAULT_TRIES bounds the
tries of every row (empty: as many as each campaign thinks right), FAULT_SEED is the start of the random numbers (1).
Keeps the result of each in FOLDER/CAMPAIGN.json (build/faults), and makes table.md, runs.md and notes.md there of all that
it finds, so that one campaign can be run again by itself; benchmarks/publish.py puts them into docs/RELIABILITY.md.
Exit: 0 nothing was lost, 1 something was, 64 usage, 66 tools missing.
"""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.append(os.path.join(ROOT, "benchmarks"))
from machine import fields  # noqa: E402

CAMPAIGNS = ["kills", "disk", "flips", "shorts", "lock", "clock_jumps", "slow_pipes"]


def whole(name, default):
    """A knob that is a number from 1; the default where it is empty."""
    text = os.environ.get(name) or default
    if text and not (text.isascii() and text.isdigit() and int(text) > 0):
        print(f"faults.py: {name}={text}: expected a whole number of at least 1", file=sys.stderr)
        sys.exit(64)
    return text


def run(campaign, options):
    """A campaign's rows, its messages and its status; its messages are shown as they come."""
    command = [sys.executable, os.path.join(HERE, f"{campaign}.py"), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    rows, notes = [], []
    for line in process.stdout:
        print(line, end="", flush=True)
        cells = line.rstrip("\n").split("\t")
        if len(cells) == 3:
            rows.append(cells)
        else:
            notes.append(line.rstrip("\n"))
    return rows, notes, process.wait()


def commit():
    def git(*words):
        outcome = subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True, check=False)
        return outcome.stdout.strip() if outcome.returncode == 0 else ""

    changed = " with changes" if git("status", "--porcelain", "Sources", "Tests/Faults", "pipelines") else ""
    return (git("rev-parse", "--short", "HEAD") or "unknown") + changed


def file_system(folder):
    outcome = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, text=True, check=False)
    return outcome.stdout.strip() or "unknown"


def computer():
    processor, memory = fields("/proc/cpuinfo"), fields("/proc/meminfo")
    size = int(memory.get("MemTotal", "0 kB").split()[0]) / 1024**2
    name = processor.get("model name", platform.machine())
    return [
        f"- processor: {name}; {os.cpu_count()} cores; {size:.1f} GiB",
        f"- system: {platform.system()} {platform.release()}, {file_system(tempfile.gettempdir())} for temporary files",
    ]


def write_pages(folder):
    """What all campaigns have found, those of earlier runs too."""
    table = ["| promise | test | tried | lost |", "| --- | --- | ---: | ---: |"]
    runs = computer() + ["", "| test | date | commit | seed | load before | minutes |"]
    runs.append("| --- | --- | --- | ---: | ---: | ---: |")
    notes = []
    for campaign in CAMPAIGNS:
        path = os.path.join(folder, f"{campaign}.json")
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
        table += [f"| {words} | `{campaign}.py` | {int(tried):,} | {lost} |" for words, tried, lost in found["rows"]]
        cells = [f"`{campaign}.py`", found["date"], found["commit"], found["seed"]]
        cells += [f"{found['load']:.1f}", f"{found['minutes']:.1f}"]
        runs.append(f"| {' | '.join(cells)} |")
        notes += [f"- {line.strip()}" for line in found["notes"]]
    for name, lines in (("table", table), ("runs", runs), ("notes", notes or ["- nothing"])):
        with open(os.path.join(folder, f"{name}.md"), "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser(
        prog="faults.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", default=os.path.join(ROOT, "build/faults"))
    parser.add_argument("campaigns", nargs="*", metavar="CAMPAIGN")
    options = parser.parse_args()
    for name in options.campaigns:
        if name not in CAMPAIGNS:
            print(f"faults.py: found '{name}', expected some of {' '.join(CAMPAIGNS)}", file=sys.stderr)
            return 64
    tries, seed = whole("FAULT_TRIES", ""), whole("FAULT_SEED", "1")
    passed = ["--seed", seed] + (["--tries", tries] if tries else [])
    os.makedirs(options.folder, exist_ok=True)
    worst = 0
    for campaign in options.campaigns or CAMPAIGNS:
        result = {"commit": commit(), "date": str(datetime.date.today()), "seed": seed, "load": os.getloadavg()[0]}
        begun = time.monotonic()
        result["rows"], result["notes"], status = run(campaign, passed)
        result["minutes"] = (time.monotonic() - begun) / 60
        with open(os.path.join(options.folder, f"{campaign}.json"), "w", encoding="utf-8") as file:
            json.dump(result, file, indent=1)
        worst = max(worst, status)
        # After each, so that a run that is ended half-way has not been for nothing.
        write_pages(options.folder)
    return worst


sys.exit(main())
