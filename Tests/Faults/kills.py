#!/usr/bin/env python3
"""kill -9 of each program of the ring and of nn-train, at random moments.

Every try trains an epoch over an old model's name by pipelines/scripts/epoch.sh and kills one program: half of the tries after a
random time, half in a random one of its calls to the system, in the middle of the bytes where that is a write; half of
the tries with pipes of one page, so that no stage is ahead of the others and gone before its time. Then:
nothing that was started runs on for more than 2 seconds; the model on the disk opens and is, byte for byte, the old
one or the trained one; the same command once more ends in the bytes of a run that nobody disturbed, and leaves nothing
else in the folder.

The last row kills a whole `make train`, every process of it at once; make train once more must end in the same bytes.
"""

import os
import signal
import time

from campaign import EPOCH, Campaign, Lost, Missed, end_session, examples, of_session, wait_until
from make_train import Project

STAGES = ["nn-batch", "nn-forward", "nn-backprop", "nn-update"]
NEXT = "next.safetensors.gz"
PAGE = os.sysconf("SC_PAGE_SIZE")
# The limit on what may remain, in seconds.
REMAINING = 2


class Training:
    """An epoch of a small network, with all that is known of it when nobody disturbs."""

    def __init__(self, campaign):
        self.files = files = campaign.once()
        examples(files, rows=96, columns=8)
        files.write("net", b"input 8\ndense 24 tanh\ndense 3 softmax\nloss cross-entropy\n")
        files.run("nn-import table.csv --class-column class -o train.safetensors.gz").need()
        files.run("nn-init net --seed 1 -o start.safetensors.gz").need()
        files.run("nn-init net --seed 2 -o old.safetensors.gz").need()
        self.old = files.read("old.safetensors.gz")
        self.duration, self.calls = {}, {}
        for engine in ("ring", "fused"):
            files.run(self.command(engine), {"only": "nn-", "pipe": PAGE}).need()
        self.new = files.read(NEXT)
        begun = {}
        for entry in files.report():
            program = entry["program"]
            begun.setdefault(program, entry["time"])
            if entry["what"] == "end":
                self.calls[program], self.duration[program] = entry["calls"], entry["time"] - begun[program]

    def command(self, engine):
        return [
            EPOCH, "-m", self.files.path("start.safetensors.gz"), "-o", NEXT, "--epoch", "1", "--size", "4",
            "--rate", "0.01", "--learn", "--optimizer adam", "--engine", engine, self.files.path("train.safetensors.gz"),
        ]  # fmt: skip

    def kill(self, program, engine):
        """A function that kills the program once."""

        def attempt(trial):
            trial.write(NEXT, self.old)
            by_call = trial.random.random() < 0.5
            faults = {"only": "nn-", "victim": program, "seed": trial.seed}
            if trial.random.random() < 0.5:
                faults["pipe"] = PAGE
            if by_call:
                faults["kill"] = trial.random.randint(1, self.calls[program])
            process = trial.start(self.command(engine), faults)
            killed = None if by_call else kill_after(trial, process, program, self.duration[program])
            trial.outcome(process)
            left = wait_until(lambda: not of_session(process.pid), REMAINING + 1)
            ended = time.time()
            if by_call:
                kills = [entry["time"] for entry in trial.report() if entry["what"] == "kill"]
                killed = kills[0] if kills else None
            if not left:
                end_session(process.pid)
                raise Lost(f"{program} was killed and its ring runs on")
            if killed is None:
                raise Missed
            if ended - killed > REMAINING:
                raise Lost(f"the ring ended {ended - killed:.1f} s after {program} was killed")
            if trial.read(NEXT) not in (self.old, self.new):
                raise Lost(f"{NEXT} is neither the old model nor the new one")
            trial.run(["nn-inspect", NEXT]).need()
            trial.run(self.command(engine)).need()
            trial.expect_same(NEXT, self.new)
            trial.expect_no_temporaries()

        return attempt


def kill_after(trial, process, program, duration):
    """Kills the program that the shim reports, a random time after its start; the time, or None if it had ended."""
    moment = trial.random.random() * duration

    def started():
        return [entry for entry in trial.report() if entry["program"] == program]

    wait_until(lambda: started() or process.poll() is not None, 10)
    if not started():
        return None
    time.sleep(max(0, started()[0]["time"] + moment - time.time()))
    number = started()[0]["process"]
    # Only if it is still running: the number could be anybody's by now.
    if number not in of_session(process.pid):
        return None
    try:
        os.kill(number, signal.SIGKILL)
    except ProcessLookupError:
        return None
    return time.time()


def killed_make(project):
    def attempt(trial):
        project.lay_out(trial)
        process = trial.start(project.command(), env=project.environment(trial))
        time.sleep(trial.random.random() * project.duration)
        if process.poll() is not None:
            raise Missed
        end_session(process.pid)
        process.communicate()
        for name in project.models(trial):
            trial.run(["nn-inspect", name]).need()
        trial.run(project.command(), env=project.environment(trial)).need()
        project.expect_same(trial)

    return attempt


def main():
    with Campaign(__doc__, tries=300) as campaign:
        training = Training(campaign)
        for program in STAGES:
            promise = f"`kill -9` of `{program}`: the ring ends within {REMAINING} s, the model opens, again: the same bytes"
            campaign.row(program, promise, training.kill(program, "ring"))
        promise = "`kill -9` of `nn-train`: the model opens, again: the same bytes"
        campaign.row("nn-train", promise, training.kill("nn-train", "fused"))
        project = Project(campaign)
        promise = "`kill -9` of all of `make train`: every model opens, `make train` again: the same bytes"
        campaign.row("make", promise, killed_make(project), tries=max(1, campaign.tries // 10))


main()
