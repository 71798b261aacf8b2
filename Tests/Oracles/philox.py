#!/usr/bin/env python3
"""Random numbers of NumPy's Philox, for the tests of Sources/Random.

Writes philox.json beside itself: `python3 philox.py`. NumPy 1.17 or newer; the numbers do not depend on its
version. NumPy steps its counter before it computes a block, so the counters here start one lower.
"""

import json
import pathlib

import numpy

MASK = (1 << 64) - 1


def fnv1a(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001B3) & MASK
    return value


def philox(counter, key):
    """The generator whose first block is the one at `counter`, both as lists of 64-bit words."""
    number = sum(word << (64 * place) for place, word in enumerate(counter))
    return numpy.random.Philox(
        counter=(number - 1) % (1 << 256), key=sum(word << (64 * place) for place, word in enumerate(key))
    )


def numbers(seed, purpose, stream, start, count):
    """`count` numbers from `start`, which is a multiple of four."""
    generator = philox([start // 4, stream, 0, 0], [seed, fnv1a(purpose)])
    return [int(word) for word in generator.random_raw(count)]


def permutation(seed, purpose, stream, count):
    """Durstenfeld's shuffle from the end, with Lemire's unbiased numbers below a bound."""
    source = iter(numbers(seed, purpose, stream, 0, 4 * count))
    order = list(range(count))
    for last in range(count - 1, 0, -1):
        bound = last + 1
        while True:
            product = next(source) * bound
            if product & MASK >= (1 << 64) % bound:
                break
        other = product >> 64
        order[last], order[other] = order[other], order[last]
    return order


def text(words):
    return [f"{word:016x}" for word in words]


ONES = [MASK] * 4
PI = [0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0, 0x082EFA98EC4E6C89]
PI_KEY = [0x452821E638D01377, 0xBE5466CF34E90C6C]
BLOCKS = [([0] * 4, [0] * 2), (ONES, [MASK] * 2), (PI, PI_KEY), ([7, 3, 0, 0], [42, 1])]
SEQUENCES = [
    (0, "", 0, 0),
    (1, "dense1.weight", 0, 0),
    (1, "dense1.weight", 0, 1_000_000),
    (1, "order", 3, 0),
    (MASK, "ä", MASK, 4 * ((1 << 62) - 2)),
]
PERMUTATIONS = [(1, "order", 1, 1), (1, "order", 1, 2), (1, "order", 1, 17), (2, "order", 9, 100)]

document = {
    "blocks": [
        {"counter": text(counter), "key": text(key),
         "block": text(int(word) for word in philox(counter, key).random_raw(4))}
        for counter, key in BLOCKS
    ],
    "sequences": [
        {"seed": f"{seed:016x}", "purpose": purpose, "stream": f"{stream:016x}", "start": f"{start:016x}",
         "bits": text(numbers(seed, purpose, stream, start, 8))}
        for seed, purpose, stream, start in SEQUENCES
    ],
    "permutations": [
        {"seed": f"{seed:016x}", "purpose": purpose, "stream": f"{stream:016x}",
         "order": permutation(seed, purpose, stream, count)}
        for seed, purpose, stream, count in PERMUTATIONS
    ],
}

lines = ",\n".join(
    f'"{name}": [\n' + ",\n".join("  " + json.dumps(item, ensure_ascii=False) for item in items) + "\n]"
    for name, items in document.items()
)
if __name__ == "__main__":
    pathlib.Path(__file__).with_suffix(".json").write_text("{\n" + lines + "\n}\n", encoding="utf-8")
