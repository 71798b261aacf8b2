"""`make train` in a copy of the project that is made of links, with runs and data of its own."""

import gzip
import os
import shutil
import time

from campaign import BIN, ROOT, Lost

SHARED = ["Makefile", "developers.mk", "Package.swift", "Sources", "pipelines"]


class Project:
    """The handwritten digits would take too long: a small table and a small network under their names."""

    def __init__(self, campaign, epochs=3):
        self.epochs = epochs
        self.files = files = campaign.once("project")
        self.rows = "\n".join(",".join(self.example(row)) for row in range(120)) + "\n"
        begun = time.monotonic()
        self.lay_out(files)
        files.run(self.command(), env=self.environment(files)).need()
        self.duration = time.monotonic() - begun
        self.expected = {name: files.read(name) for name in self.models(files)}
        if len(self.expected) != epochs + 1:
            raise Lost(f"make train made {len(self.expected)} models, expected {epochs + 1}")

    def example(self, row):
        """64 pixels and a class, as data/digits has them."""
        return [str((row * 31 + pixel * 17) % 17) for pixel in range(64)] + [str(row % 10)]

    def lay_out(self, trial):
        """Makes the folder a project, its tools built just now, so that none is built anew."""
        for name in SHARED:
            os.symlink(os.path.join(ROOT, name), trial.path(name))
        os.mkdir(trial.path("bin"))
        for name in os.listdir(BIN):
            if name.startswith("nn-"):
                os.symlink(os.path.join(BIN, name), trial.path(f"bin/{name}"))
        trial.write("bin/built", b"")
        os.makedirs(trial.path("data/digits"))
        with gzip.GzipFile(trial.path("data/digits/digits.csv.gz"), "wb", mtime=0) as file:
            file.write(self.rows.encode())
        trial.write("net", b"input 1x8x8\nscale 1/16\ndense 12 tanh\ndense 10 softmax\nloss cross-entropy\n")

    def environment(self, trial, **more):
        result = trial.environment(**more)
        for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
            result.pop(name, None)
        return result

    def command(self):
        knobs = ["BIN=bin", "NET=net", f"EPOCHS={self.epochs}", "RATE=0.1", "JOBS=1", "NAME=run", "SIZE=8"]
        return [shutil.which("make"), "--no-print-directory", "train", *knobs]

    def models(self, trial):
        """The models on the disk under their own names."""
        folder = trial.path("runs/run")
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        return [f"runs/run/{name}" for name in names if name.startswith("epoch-") and name.endswith(".safetensors.gz")]

    def expect_same(self, trial):
        for name, content in self.expected.items():
            if not os.path.exists(trial.path(name)):
                raise Lost(f"{name} is missing")
            trial.expect_same(name, content)
