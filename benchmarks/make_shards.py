"""Makes a dataset of a given size in many files: pictures made up at random, in the shape of Fashion-MNIST.

usage: make_shards.py FOLDER BYTES SHARDS [LEVEL]

Writes FOLDER/00000.safetensors … of BYTES pixels together, or with LEVEL (1 to 9) .safetensors.gz. Half of every picture
is its class's, half noise that does not compress. Memory does not grow with BYTES.
Exit: 0 done, 64 usage.
"""

import gzip
import json
import os
import random
import struct
import sys

PIXELS = 784


def shard(file, rows, source, patterns):
    """One dataset: the class ids lie in front of the pictures, as their type is wider."""
    header = {
        "target": {"dtype": "I64", "shape": [rows], "data_offsets": [0, 8 * rows]},
        "input": {
            "dtype": "U8",
            "shape": [rows, 28, 28],
            "data_offsets": [8 * rows, (8 + PIXELS) * rows],
        },
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    classes = source.choices(range(10), k=rows)
    file.write(struct.pack("<Q", len(text)) + text + struct.pack(f"<{rows}q", *classes))
    for number in classes:
        file.write(patterns[number] + source.randbytes(PIXELS // 2))


def main():
    words = sys.argv[1:]
    if len(words) not in (3, 4) or not all(word.isdecimal() for word in words[1:]):
        print(__doc__, file=sys.stderr)
        return 64
    folder, numbers = words[0], [int(word) for word in words[1:]]
    rows, shards, level = numbers[0] // PIXELS, numbers[1], (numbers + [0])[2]
    if not 0 < shards <= rows or level > 9:
        print("make_shards.py: expected from 1 shard to one per picture, and a level up to 9", file=sys.stderr)
        return 64
    os.makedirs(folder, exist_ok=True)
    source = random.Random(1)
    patterns = [source.randbytes(PIXELS // 2) for _ in range(10)]
    for number in range(shards):
        count = rows * (number + 1) // shards - rows * number // shards
        path = f"{folder}/{number:05}.safetensors" + (".gz" if level else "")
        with gzip.open(path, "wb", level) if level else open(path, "wb", 1 << 20) as file:
            shard(file, count, source, patterns)
    return 0


if __name__ == "__main__":
    sys.exit(main())
