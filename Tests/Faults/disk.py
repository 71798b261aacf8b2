#!/usr/bin/env python3
"""A disk that fills up while a tool writes, at a random byte.

Every tool that writes, in turn, over an old file. The disk is full in one of these ways, where the machine lets us:
  tmpfs     a real file system with so many pages left (needs a mount namespace: root, or user namespaces)
  limit     RLIMIT_FSIZE, the largest size of a file, with SIGXFSZ left as the shell leaves it
  shim      write fails with ENOSPC after so many bytes
  sync      fsync fails with ENOSPC, EIO or EDQUOT, as it does where bytes meet the disk only then
  rename    rename fails with ENOSPC or EIO
Then: exit 74 and one line that names the file, the old file is what it was, and nothing else is in the folder. The same
for standard output into a file, where the status alone counts, as the file is the shell's.
"""

import contextlib
import ctypes
import errno
import os
import re
import shutil
import subprocess
import sys

from campaign import BIN, EPOCH, Campaign, Lost, examples

NETWORK = b"input 24\ndense 96 tanh\ndense 3 softmax\nloss cross-entropy\n"

# What each tool is given so that it writes several pages; -o OUT comes behind it.
COMMANDS = {
    "nn-import": ["nn-import table.csv --class-column class"],
    "nn-split": ["nn-split data --fraction 0.5 --rest REST"],
    "nn-init": ["nn-init net"],
    "nn-batch": ["nn-batch data --size 50", "nn-batch data --size all --limit 1"],
    "nn-augment": ["nn-augment batch --noise 0.1 --shape 4x6"],
    "nn-forward": ["nn-forward -m model data", "nn-forward -m model --trace batch"],
    "nn-backprop": ["nn-backprop trace", "nn-backprop --deltas trace"],
    "nn-sum": ["nn-sum gradient gradient"],
    "nn-update": ["nn-update -m model --rate 0.1 --optimizer adam gradient"],
    "nn-train": ["nn-train data -m model --rate 0.1 --epochs 1 --size 100"],
    "nn-eval": ["nn-eval prediction", "nn-eval prediction --append OUT"],
    "nn-inspect": ["nn-inspect --frame 0 batch"],
    "nn-gate": ["nn-gate prediction prediction --margin=-1"],
    "nn-check": ["nn-check -m model data"],
}
# Standard output, of tools that write text.
TEXTS = {
    "nn-registry": "nn-registry settings",
    "nn-inspect": "nn-inspect --values data",
    "nn-gradcheck": "nn-gradcheck -m tiny one",
    "nn-eval": "nn-eval prediction",
}
WAYS = ["tmpfs", "limit", "shim", "sync", "rename"]
PAGE = os.sysconf("SC_PAGE_SIZE")
DISK = 4 << 20


def isolate():
    """Runs this script in a mount namespace of its own, where mounting a tmpfs disturbs nobody."""
    if os.environ.get("NN_FAULTS_ISOLATED"):
        return
    os.environ["NN_FAULTS_ISOLATED"] = "1"
    for options in (["--mount"], ["--user", "--map-root-user", "--mount"]):
        trial = ["unshare", *options, "sh", "-c", "mount -t tmpfs -o size=8192 tmpfs /mnt"]
        with contextlib.suppress(OSError):
            if subprocess.run(trial, capture_output=True, check=False).returncode == 0:
                os.execvp("unshare", ["unshare", *options, sys.executable, *sys.argv])
    os.environ["NN_FAULTS_ISOLATED"] = "without tmpfs"


class Disk:
    """The files that the tools are given, what they make of them, and a tmpfs to fill."""

    def __init__(self, campaign):
        self.campaign = campaign
        self.files = files = campaign.once()
        examples(files, rows=600, columns=24)
        files.write("net", NETWORK)
        files.write("small", b"input 24\ndense 3 softmax\nloss cross-entropy\n")
        files.run(
            "set -e; nn-import table.csv --class-column class -o data; nn-init net --dtype f64 -o model; "
            "nn-batch data --size all --limit 1 -o batch; nn-forward -m model --trace batch -o trace; "
            "nn-forward -m model data -o prediction; nn-backprop trace -o gradient; "
            "nn-init small --dtype f64 -o tiny; nn-batch data --size 2 --limit 1 -o one"
        ).need()
        self.has_tmpfs = os.environ["NN_FAULTS_ISOLATED"] == "1"
        programs = {name for name in os.listdir(BIN) if re.fullmatch(r"nn-[a-z]+", name)}
        self.tools = [tool for tool in COMMANDS if tool in programs]
        forgotten = programs - COMMANDS.keys() - TEXTS.keys()
        if forgotten:
            campaign.end(70, f"no command for {' '.join(sorted(forgotten))}: expected one in COMMANDS or TEXTS")

    def attempt(self, tool):
        """A function that lets a tool write over an old file."""

        def into_file(trial):
            command = trial.random.choice(COMMANDS[tool])
            outputs = ["OUT"] + (["REST"] if "REST" in command else [])
            if "OUT" not in command:
                command += " -o OUT"
            self.link_files(trial)
            old = {name: trial.random.randbytes(500) for name in outputs}
            if "--append" in command:
                # A table of one row.
                trial.run(command).need()
                old = {"OUT": trial.read("OUT")}
            for name, content in old.items():
                trial.write(name, content)
            trial.run(command).need()
            sizes = [len(trial.read(name)) for name in outputs]
            for name, content in old.items():
                trial.write(name, content)
            way = trial.random.choice(self.ways_for(command))
            try:
                self.expect_refusal(self.on_full_disk(trial, way, command, sizes, old), "OUT|REST")
                self.expect_old(trial, outputs, old)
            except Lost as loss:
                raise Lost(f"{way}: {command}: {loss}") from None

        return into_file

    def ways_for(self, command):
        """Of a row that is added to a table nothing is renamed, and it fits in the page of the one before."""
        ways = ["limit", "shim"] if "--append" in command else WAYS
        return [way for way in ways if way != "tmpfs" or self.has_tmpfs]

    def into_stdout(self, trial):
        command = TEXTS[trial.random.choice(sorted(TEXTS))]
        self.link_files(trial)
        size = len(trial.run(command).need().output)
        faults = {"only": "nn-", "full": trial.random.randrange(size)}
        self.expect_refusal(trial.run(f"{command} >OUT", faults), "<stdout>")

    def link_files(self, trial):
        for name in os.listdir(self.files.folder):
            os.symlink(self.files.path(name), trial.path(name))

    def on_full_disk(self, trial, way, command, sizes, old):
        """Runs a command that would write files of these sizes."""
        appended = len(old["OUT"]) if "--append" in command else 0
        whole = sum(sizes) - appended
        if way == "tmpfs":
            return self.on_tmpfs(trial, command, whole, old)
        if way == "limit":
            limit = appended + trial.random.randrange(max(sizes) - appended)
            return trial.run(["/usr/bin/env", "prlimit", f"--fsize={limit}", "sh", "-c", command])
        faults = {"only": "nn-"}
        if way == "shim":
            faults["full"] = trial.random.randrange(whole)
        else:
            faults["fail"] = "fsync" if way == "sync" else "rename"
            faults["errno"] = trial.random.choice([errno.ENOSPC, errno.EIO, errno.EDQUOT])
        outcome = trial.run(command, faults)
        if not any(entry["+full"] + entry["+fail"] for entry in trial.report() if entry["what"] == "end"):
            raise Lost("the fault never happened")
        return outcome

    def on_tmpfs(self, trial, command, whole, old):
        """Runs it in a tmpfs that has room for some of the bytes, and brings what is there afterwards."""
        disk = trial.path("disk")
        os.mkdir(disk)
        mount_tmpfs(disk, DISK)
        try:
            for name in os.listdir(self.files.folder):
                os.symlink(self.files.path(name), os.path.join(disk, name))
            for name, content in old.items():
                with open(os.path.join(disk, name), "wb") as file:
                    file.write(content)
            pages = trial.random.randrange(max(1, whole // PAGE))
            filler = os.path.join(disk, "filler")
            with open(filler, "wb", buffering=0) as file:
                file.write(bytes((os.statvfs(disk).f_bavail - pages) * PAGE))
            outcome = trial.run(f"cd disk && {command}")
            os.unlink(filler)
            for name in os.listdir(disk):
                if not os.path.islink(os.path.join(disk, name)):
                    shutil.copy(os.path.join(disk, name), trial.path(name))
        finally:
            # Lazily: a process that another try is just starting still shares our files.
            subprocess.run(["umount", "--lazy", disk], check=True)
            os.rmdir(disk)
        return outcome

    def expect_refusal(self, outcome, names):
        outcome.need(74)
        lines = outcome.message.splitlines()
        if len(lines) != 1 or not re.match(rf"nn-[a-z]+: ({names}): ", lines[0]):
            raise Lost(f"found message {outcome.message!r}, expected one line")

    def expect_old(self, trial, outputs, old):
        for name, content in old.items():
            if trial.read(name) != content:
                raise Lost(f"{name}: found {len(trial.read(name))} bytes, expected the {len(content)} old ones")
        strange = set(os.listdir(trial.folder)) - set(os.listdir(self.files.folder)) - set(outputs) - {"report"}
        if strange:
            raise Lost(f"left behind: {' '.join(sorted(strange))}")

    def make_epoch(self, trial):
        """pipelines/scripts/epoch.sh, whose last stage has no room."""
        command = [EPOCH, "-m", self.files.path("model"), "-o", "OUT", "--epoch", "1", "--size", "100", "--rate", "0.1"]
        command += ["--engine", trial.random.choice(["ring", "fused"]), self.files.path("data")]
        trial.write("OUT", b"old")
        size = len(self.files.read("model"))
        trial.run(command, {"only": "nn-", "full": trial.random.randrange(size // 2)}).need(74)
        self.expect_old(trial, ["OUT"], {"OUT": b"old"})


def mount_tmpfs(folder, size):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, f"size={size}".encode()) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), folder)


def main():
    isolate()
    with Campaign(__doc__, tries=100) as campaign:
        disk = Disk(campaign)
        if not disk.has_tmpfs:
            campaign.say("no tmpfs can be mounted here: the disk is full by RLIMIT_FSIZE and the shim only")
        for tool in disk.tools:
            campaign.row(tool, f"the disk is full under `{tool} -o`: exit 74, the old file intact", disk.attempt(tool))
        campaign.row("text", "the disk is full under text on standard output: exit 74", disk.into_stdout)
        campaign.row("epoch", "the disk is full under `epoch.sh`: exit 74, the old model intact", disk.make_epoch)


main()
