#!/usr/bin/env python3
"""Files with a flipped bit, and files that are cut.

A small model with every single bit flipped in turn, a large one with flips at random, both cut: at every byte, at random.
nn-inspect must refuse each with exit 65 and one line, and write nothing; or, where the bit says nothing about the content
(in gzip's header: time, system, extra field; padding), read the very same document. Then the same small model without
gzip, which has no checksum: a flipped weight is another weight there, but nothing may crash.
"""

import os
import re

from campaign import Campaign, Lost, examples

# Statuses that say what was wrong with the data: bad data, not finite.
REFUSALS = (65, 80)


def need_refusal(trial, outcome):
    """Bad data, one line about it, nothing written."""
    outcome.need(65)
    if not re.fullmatch(r"nn-inspect: bad\.gz: [^\n]+\n", outcome.message):
        raise Lost(f"found message {outcome.message!r}, expected one line about bad.gz")
    if os.path.exists(trial.path("out.safetensors")):
        raise Lost("it was refused and written")


class Models:
    def __init__(self, campaign):
        self.files = files = campaign.once()
        files.write("net", b"input 3\ndense 2 tanh\ndense 1 sigmoid\nloss squared\n")
        files.write("wide", b"input 300\ndense 500 tanh\ndense 10 softmax\nloss cross-entropy\n")
        examples(files, rows=4, columns=3, classes=2)
        files.run(
            "set -e; nn-init net -o small.gz; nn-init wide -o large.gz; nn-init net -o small.safetensors; "
            "nn-import table.csv --class-column class -o data"
        ).need()
        for name in ("small", "large"):
            files.run(["nn-inspect", "--frame", "0", f"{name}.gz", "-o", f"{name}.plain.safetensors"]).need()
        self.bytes = {name: files.read(f"{name}.gz") for name in ("small", "large")}
        self.bytes["plain"] = files.read("small.safetensors")
        self.document = {name: files.read(f"{name}.plain.safetensors") for name in ("small", "large")}

    def expect_refused_or_same(self, trial, name, content):
        """nn-inspect's answer to a changed file."""
        trial.write("bad.gz", content)
        outcome = trial.run(["nn-inspect", "--frame", "0", "bad.gz", "-o", "out.safetensors"])
        if outcome.output:
            raise Lost(f"found {len(outcome.output)} bytes of output, expected none")
        if outcome.status == 0:
            if trial.read("out.safetensors") != self.document[name]:
                raise Lost("it was read as another model")
            if outcome.message:
                raise Lost(f"found message {outcome.message!r}, expected none")
        else:
            need_refusal(trial, outcome)

    def flip(self, name, places):
        """`places(trial)` is the bit to flip."""

        def attempt(trial):
            changed = bytearray(self.bytes[name])
            bit = places(trial)
            changed[bit // 8] ^= 1 << bit % 8
            try:
                self.expect_refused_or_same(trial, name, bytes(changed))
            except Lost as loss:
                raise Lost(f"bit {bit}: {loss}") from None

        return attempt

    def cut(self, name, places):
        def attempt(trial):
            length = places(trial)
            trial.write("bad.gz", self.bytes[name][:length])
            outcome = trial.run(["nn-inspect", "--frame", "0", "bad.gz", "-o", "out.safetensors"])
            try:
                need_refusal(trial, outcome)
            except Lost as loss:
                raise Lost(f"cut at {length}: {loss}") from None

        return attempt

    def plain(self, trial):
        changed = bytearray(self.bytes["plain"])
        changed[trial.number // 8] ^= 1 << trial.number % 8
        trial.write("bad.safetensors", bytes(changed))
        outcome = trial.run(["nn-forward", "-m", "bad.safetensors", self.files.path("data"), "-o", "out"])
        if outcome.status not in (0, *REFUSALS):
            raise Lost(f"bit {trial.number}: found status {outcome.status}: {outcome.message.strip()}")
        if (outcome.status == 0) != (outcome.message == "") or outcome.message.count("\n") > 1:
            raise Lost(f"bit {trial.number}: found status {outcome.status} and message {outcome.message!r}")

    def evenly(self, number, tries):
        """Every place in turn, or so many of them."""
        return lambda trial: trial.number * number // min(tries, number)


def main():
    with Campaign(__doc__, tries=10000) as campaign:
        models = Models(campaign)
        sizes = {name: len(content) for name, content in models.bytes.items()}

        def every(number):
            return models.evenly(number, campaign.options.tries or number)

        bits = sizes["small"] * 8
        promise = f"a bit flipped in a model of {sizes['small']} bytes, each in turn: refused (65), or the same document"
        campaign.row("small", promise, models.flip("small", every(bits)), tries=bits)
        promise = f"a bit flipped in a model of {sizes['large']:,} bytes, at random: the same"
        large = models.flip("large", lambda trial: trial.random.randrange(sizes["large"] * 8))
        campaign.row("large", promise, large)
        promise = f"a model of {sizes['small']} bytes cut behind each byte: refused (65)"
        campaign.row("cut", promise, models.cut("small", every(sizes["small"])), tries=sizes["small"])
        promise = f"a model of {sizes['large']:,} bytes cut at random: refused (65)"
        cut = models.cut("large", lambda trial: trial.random.randrange(sizes["large"]))
        campaign.row("cut-large", promise, cut, tries=1000)
        bits = sizes["plain"] * 8
        campaign.row("plain", "a bit flipped in a model without gzip, each in turn: no crash", models.plain, tries=bits)


main()
