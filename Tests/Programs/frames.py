#!/usr/bin/env python3
"""A filter between two stages, as somebody else would write one: needs nothing but Python.

usage: frames.py [--write pass|members|flush|plain] [--after FRAMES BYTES COMMAND]

Takes documents one by one from standard input and hands each on before it takes the next:
  pass     as the bytes it came in (the default)
  members  in a gzip member of its own, compressed
  flush    all in one gzip member, flushed behind each document
  plain    without gzip
A document that is cut is handed on as it came. After so many frames and so many bytes of the next it writes the time, in seconds since 1970, to the file `fault`, runs
COMMAND in a shell and goes on; a COMMAND of `kill -9 $PPID` ends the filter itself.
"""

import json
import os
import subprocess
import sys
import time
import zlib

# Until every stage has taken what it was handed; in seconds.
SETTLING = 0.05


def fail(message):
    """Ends with a message, whole in one write: others write to the same file."""
    os.write(2, f"frames.py: {message}\n".encode())
    sys.exit(1)


def put(data):
    while data:
        data = data[os.write(1, data) :]


def size(data):
    """How many bytes the document that begins so has; None while that is not known."""
    start = 8 + int.from_bytes(data[:8], "little")
    if len(data) < max(start, 8):
        return None
    header = json.loads(data[8:start])
    return start + max((v["data_offsets"][1] for k, v in header.items() if k != "__metadata__"), default=0)


def documents():
    """The documents of standard input, each with the compressed bytes that it came in."""
    data, raw, waiting, member = b"", b"", b"", None
    while piece := waiting or os.read(0, 1 << 20):
        member = member or zlib.decompressobj(31)
        data += member.decompress(piece)
        waiting = member.unused_data
        raw += piece[: len(piece) - len(waiting)]
        if member.eof:
            member = None
            if size(data) == len(data):
                yield data, raw
                data = raw = b""
    if raw:
        put(raw)
        fail("the input ends inside a document")


class Encoder:
    def __init__(self, form):
        self.form = form
        self.stream = zlib.compressobj(6, zlib.DEFLATED, 31)

    def encoded(self, data, raw):
        if self.form == "members":
            member = zlib.compressobj(6, zlib.DEFLATED, 31)
            return member.compress(data) + member.flush()
        if self.form == "flush":
            return self.stream.compress(data) + self.stream.flush(zlib.Z_SYNC_FLUSH)
        return data if self.form == "plain" else raw

    def end(self):
        return self.stream.flush() if self.form == "flush" else b""


def act(command):
    time.sleep(SETTLING)
    with open("fault", "w") as file:
        file.write(repr(time.time()))
    subprocess.run(command, shell=True)


def main():
    arguments = sys.argv[1:]
    form, after = "pass", (-1, 0, "")
    while arguments:
        option = arguments.pop(0)
        if option == "--write":
            form = arguments.pop(0)
        elif option == "--after":
            after = int(arguments.pop(0)), int(arguments.pop(0)), arguments.pop(0)
        else:
            sys.exit(__doc__)
    encoder = Encoder(form)
    frame = 0
    if after[:2] == (0, 0):
        act(after[2])
    for data, raw in documents():
        encoded = encoder.encoded(data, raw)
        if after[0] == frame and after[1] > 0:
            put(encoded[: after[1]])
            act(after[2])
            encoded = encoded[after[1] :]
        put(encoded)
        frame += 1
        if after[:2] == (frame, 0):
            act(after[2])
    put(encoder.end())


try:
    main()
except BrokenPipeError:
    fail("the reader has gone")
