#!/usr/bin/env python3
"""Full pipes and slow readers.

A ring whose pipes hold one page (F_SETPIPE_SZ; the shim makes the tools' own wish for a larger one a wish for this), with
a relay behind every stage and on the way back that reads and writes a byte at a time, or at random places reads nothing
for a while, until whoever writes to it stands still, and then goes on. The model must be that of a ring without, byte for
byte, and nothing may hang.
"""

import fcntl
import os
import random
import sys
import time

from campaign import Campaign, Lost, examples

RELAY = f"'{sys.executable}' '{os.path.abspath(__file__)}' relay"
F_SETPIPE_SZ = 1031
PAGE = os.sysconf("SC_PAGE_SIZE")


def relay(way, seed, stops):
    """Standard input to standard output, slowly: `bytes`, one at a time, or `pauses`, of which so many."""
    chance = random.Random(int(seed))
    for number in (0, 1):
        fcntl.fcntl(number, F_SETPIPE_SZ, PAGE)
    stops = int(stops)
    while piece := os.read(0, 1 if way == "bytes" else chance.randint(1, PAGE)):
        while piece:
            piece = piece[os.write(1, piece) :]
        if way == "pauses" and stops > 0 and chance.random() < 0.1:
            stops -= 1
            time.sleep(chance.random() * 0.4)


class Ring:
    def __init__(self, campaign):
        self.files = files = campaign.once()
        examples(files, rows=48, columns=8)
        files.write("net", b"input 8\ndense 60 tanh\ndense 3 softmax\nloss cross-entropy\n")
        files.run("nn-import table.csv --class-column class -o train; nn-init net -o start").need()
        files.run(self.script(files, "cat", "cat", "cat", "cat")).need()
        self.expected = files.read("next")

    def script(self, trial, *relays):
        train, start = self.files.path("train"), self.files.path("start")
        return f"""
        mkfifo weights filtered
        {relays[3]} <weights >filtered &
        nn-batch {train} --size 4 | {relays[0]} | nn-forward -m {start} --follow filtered --trace | {relays[1]} \\
        | nn-backprop | {relays[2]} | nn-update -m {start} --rate 0.1 --feedback weights -o next
        status=$?; wait; exit $status
        """

    def attempt(self, way):
        def attempt(trial):
            relays = [f"{RELAY} {way} {trial.random.getrandbits(32)} 4" for _ in range(4)]
            trial.run(self.script(trial, *relays), {"only": "nn-", "pipe": PAGE}).need()
            trial.expect_same("next", self.expected)

        return attempt

    def reader(self, trial):
        """One stage alone, into a reader that waits, takes a byte at a time, and then the rest."""
        script = f"nn-forward -m {self.files.path('start')} --trace {self.files.path('train')}"
        expected = trial.run(script).need().output
        outlet, inlet = os.pipe()
        fcntl.fcntl(inlet, F_SETPIPE_SZ, PAGE)
        process = trial.start(script, {"only": "nn-", "pipe": PAGE}, stdout=inlet)
        os.close(inlet)
        time.sleep(trial.random.random() * 0.6)
        found = b"".join(iter(lambda: os.read(outlet, trial.random.choice([1, 1, 1, 100, PAGE])), b""))
        os.close(outlet)
        trial.outcome(process).need()
        if found != expected:
            raise Lost("found other bytes than a fast reader gets")


def main():
    with Campaign(__doc__, tries=50, jobs=3) as campaign:
        ring = Ring(campaign)
        promise = "a ring with pipes of one page, every relay a byte at a time: the same bytes, no hang"
        campaign.row("bytes", promise, ring.attempt("bytes"))
        promise = "a ring with pipes of one page, every relay stopping at random: the same bytes, no hang"
        campaign.row("pauses", promise, ring.attempt("pauses"))
        promise = "a full pipe, its reader slow: the same bytes, no hang"
        campaign.row("reader", promise, ring.reader)


if sys.argv[1:2] == ["relay"]:
    relay(*sys.argv[2:])
else:
    main()
