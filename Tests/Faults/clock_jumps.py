#!/usr/bin/env python3
"""A clock that jumps back.

The shim makes the time that programs ask for (clock_gettime, gettimeofday, time) jump back at random, by seconds up to ten
years, in the tools, the shell, Make and all that they call. The last row gives every file of a finished `make train` a
time at random, as a clock that jumped would have; another `make train` must end, and in the same bytes.
"""

import os
import time

from campaign import EPOCH, Campaign, Missed, examples
from make_train import Project


class Clock:
    def __init__(self, campaign):
        self.files = files = campaign.once()
        examples(files, rows=64, columns=8)
        files.write("net", b"input 8\ndense 12 tanh\ndense 3 softmax\nloss cross-entropy\n")
        files.run("nn-import table.csv --class-column class -o train; nn-init net -o start").need()
        files.run(self.command("fused")).need()
        self.expected = files.read("next")

    def command(self, engine):
        files = self.files
        return [
            EPOCH, "-m", files.path("start"), "-o", "next", "--epoch", "1", "--size", "8", "--rate", "0.1",
            "--seconds", "seconds", "--engine", engine, files.path("train"),
        ]  # fmt: skip

    def epoch(self, trial):
        engine = trial.random.choice(["ring", "fused"])
        trial.run(self.command(engine), {"seed": trial.seed, "clock": trial.random.choice([0.05, 0.5])}).need()
        need_jumps(trial)
        trial.expect_same("next", self.expected)


def need_jumps(trial):
    if not any(entry["+clock"] for entry in trial.report()):
        raise Missed


def under_make(project):
    def attempt(trial):
        project.lay_out(trial)
        faults = {"seed": trial.seed, "clock": trial.random.choice([0.05, 0.5])}
        trial.run(project.command(), env=project.environment(trial, faults=faults)).need()
        need_jumps(trial)
        project.expect_same(trial)

    return attempt


def file_times(project):
    def attempt(trial):
        project.lay_out(trial)
        trial.run(project.command(), env=project.environment(trial)).need()
        now = time.time()
        for folder in ("runs", "build"):
            for path, _, names in os.walk(trial.path(folder)):
                for name in names:
                    moment = now - trial.random.uniform(-3600, 3600)
                    os.utime(os.path.join(path, name), (moment, moment))
        trial.run(project.command(), env=project.environment(trial)).need()
        project.expect_same(trial)

    return attempt


def main():
    with Campaign(__doc__, tries=100) as campaign:
        clock = Clock(campaign)
        campaign.row("epoch", "the clock jumps back under an epoch of the ring or `nn-train`: the same bytes", clock.epoch)
        project = Project(campaign, epochs=2)
        tries = max(1, campaign.tries // 5)
        campaign.row("make", "the clock jumps back under `make train`: the same bytes", under_make(project), tries)
        promise = "every file of a run has a time at random: `make train` ends, the same bytes"
        campaign.row("files", promise, file_times(project), tries)


main()
