#!/usr/bin/env python3
"""read and write that move fewer bytes than asked for, and calls that fail with EINTR and EAGAIN.

The shim does it to every tool of a whole pipeline, at random: half of the reads and writes are short, down to one byte,
and up to a third of the calls fail first. Everything that the pipeline writes must be what it is without, byte for byte,
messages and exit status of a pipeline that fails too. At the end the campaign counts the faults by the shim's report,
and fails if one of the calls was never answered so: then nothing would have been tested.
"""

import os
import shutil
import sys

from campaign import EPOCH, Campaign, Lost, examples

PIPELINES = {
    "hand": (
        "one step by hand",
        """
        nn-import table.csv --class-column class -o data
        nn-split data --fraction 0.5 --seed 3 -o half --rest other
        nn-init net --seed 2 -o start
        nn-batch half other --size 8 --limit 1 -o batch
        nn-forward -m start --trace batch -o trace
        nn-backprop --deltas trace -o deltas
        nn-backprop trace -o gradient
        nn-sum gradient gradient -o sum
        nn-update -m start --rate 0.1 gradient -o next
        nn-inspect --values next >values
        """,
    ),
    "pipes": (
        "stages joined by pipes",
        """
        cat train | nn-batch --size 16 | nn-augment --noise 0.1 --shape 2x4 | nn-forward -m model --trace \\
        | nn-backprop | nn-sum -o sum
        nn-batch train --size 16 | nn-forward -m model | nn-eval -o table
        nn-batch train --size 16 | nn-forward -m model | nn-eval --append rows --set epoch=1
        nn-forward -m model train | nn-eval --append rows --set epoch=2
        nn-batch train --size 5 | nn-inspect --frame 3 -o frame
        nn-batch train --size 5 | nn-inspect >shown
        nn-gradcheck -m small one >gradients
        """,
    ),
    "ring": (
        "an epoch of the ring",
        f"{EPOCH} -m model -o next --epoch 1 --size 8 --rate 0.01 --learn '--optimizer adam' train",
    ),
    "fused": (
        "an epoch of nn-train",
        f"{EPOCH} -m model -o next --epoch 1 --size 8 --rate 0.01 --engine fused train",
    ),
    "large": (
        "documents larger than a pipe, and a ring that lends its tensors",
        f"""
        {EPOCH} -m wide -o next --epoch 1 --size 600 --rate 0.01 many
        nn-batch many --size all | nn-forward -m wide --trace | nn-backprop | nn-sum -o sum
        nn-batch many --size all | nn-forward -m wide -o prediction
        cat many | nn-batch --size all --limit 1 --level 9 | nn-inspect --frame 0 -o batch
        """,
    ),
    "failing": (
        "pipelines that fail",
        """
        set +e
        head -c 900 train | nn-batch 2>&1 | cat; nn-forward -m cut train -o never; echo $?
        nn-batch train | head -c 2000 | nn-forward -m model -o never; echo $?
        nn-update -m model --rate 0.1 train -o never; echo $?
        """,
    ),
}  # fmt: skip

# What must have been answered short, EINTR or EAGAIN at least once.
KINDS = {"short": "short", "eintr": "EINTR", "eagain": "EAGAIN"}
CALLS = ["read", "readv", "pread", "write", "writev", "vmsplice", "poll"]


class Pipelines:
    def __init__(self, campaign):
        self.files = files = campaign.once()
        examples(files, rows=80, columns=8)
        files.write("net", b"input 8\nscale 2 offset=-1\ndense 20 tanh\ndense 3 softmax\nloss cross-entropy\n")
        examples(files, rows=1200, columns=64, name="many.csv")
        files.write("net64", b"input 64\ndense 100 relu\ndense 3 softmax\nloss cross-entropy\n")
        files.write("thin", b"input 8\ndense 3 softmax\nloss cross-entropy\n")
        files.run(
            "set -e; nn-import table.csv --class-column class -o train; nn-init net -o model; head -c 800 model >cut; "
            "nn-import many.csv --class-column class -o many; nn-init net64 -o wide; "
            "nn-init thin --dtype f64 -o small; nn-batch train --size 2 --limit 1 -o one"
        ).need()
        self.expected = {}
        for name in PIPELINES:
            if campaign.options.only.partition("/")[0] in ("", name):
                trial = campaign.once(f"expected-{name}")
                self.expected[name] = self.result(trial, name, None)

    def result(self, trial, name, faults):
        """Every file that the pipeline leaves, and what it says."""
        for file in os.listdir(self.files.folder):
            shutil.copy(self.files.path(file), trial.path(file))
        script = f"set -e\n{PIPELINES[name][1]}"
        outcome = trial.run(script, faults)
        result = {"exit status": str(outcome.status), "messages": outcome.message, "output": outcome.output}
        for file in os.listdir(trial.folder):
            if file != "report":
                result[file] = trial.read(file)
        return result

    def attempt(self, name):
        def attempt(trial):
            chance = trial.random.choice([0, 0.1, 0.5])
            faults = {"only": "nn-", "seed": trial.seed, "short": 0.5, "eintr": chance / 3, "eagain": chance / 3}
            found = self.result(trial, name, faults)
            for key, content in self.expected[name].items():
                if found.get(key) != content:
                    how = "differs" if key in found else "is missing"
                    raise Lost(f"{key} {how}: status {found['exit status']}, {found['messages'].strip()}")
            new = found.keys() - self.expected[name].keys()
            if new:
                raise Lost(f"new: {' '.join(sorted(new))}")

        return attempt


def main():
    with Campaign(__doc__, tries=100) as campaign:
        pipelines = Pipelines(campaign)
        for name, (words, _) in PIPELINES.items():
            same = "the same messages" if name == "failing" else "the same bytes"
            campaign.row(name, f"short `read` and `write`, `EINTR`, `EAGAIN` under {words}: {same}", pipelines.attempt(name))
        counts = campaign.fault_counts
        calls = ", ".join(f"{counts.get(call, 0):,} {call}" for call in CALLS)
        faults = ", ".join(f"{counts.get('+' + kind, 0):,} {words}" for kind, words in KINDS.items())
        campaign.say(f"the shim saw {calls}; it made {faults}")
        if not campaign.options.only:
            never = [call for call in CALLS if not counts.get(call)]
            never += [words for kind, words in KINDS.items() if not counts.get("+" + kind)]
            if never and (campaign.options.tries or campaign.tries) > 3:
                campaign.say(f"the shim never met {', '.join(never)}: nothing was tested")
                sys.exit(70)


main()
