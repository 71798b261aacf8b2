"""Reads and writes the programs' files (docs/FORMAT.md) with Python's standard library."""

import gzip
import json
import math
import struct
from dataclasses import dataclass

BYTES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "U8": 1}
FORMATS = {"F64": "d", "I64": "q", "F32": "f", "I32": "i", "U8": "B"}


@dataclass
class Tensor:
    dtype: str
    shape: list
    data: bytes

    def rows(self, count):
        """The first rows, all if there are fewer."""
        count = min(count, self.shape[0])
        size = BYTES[self.dtype] * math.prod(self.shape[1:])
        return Tensor(self.dtype, [count] + self.shape[1:], self.data[: count * size])

    def numbers(self):
        """The numbers as a flat tuple."""
        return struct.unpack(f"<{math.prod(self.shape)}{FORMATS[self.dtype]}", self.data)

    def array(self):
        """The same as a NumPy array, without a copy."""
        import numpy

        name = {"F": "<f", "I": "<i", "U": "u"}[self.dtype[0]] + str(BYTES[self.dtype])
        return numpy.frombuffer(self.data, name).reshape(self.shape)


def documents(file):
    """Each document of an open file as (metadata, tensors by name)."""
    while length := file.read(8):
        header = json.loads(file.read(struct.unpack("<Q", length)[0]))
        metadata = header.pop("__metadata__", {})
        data = file.read(max((entry["data_offsets"][1] for entry in header.values()), default=0))
        yield metadata, {
            name: Tensor(entry["dtype"], entry["shape"], data[slice(*entry["data_offsets"])])
            for name, entry in header.items()
        }


def read(path):
    """The tensors of the only document of a file, compressed or plain."""
    return read_document(path)[1]


def read_metadata(path):
    return read_document(path)[0]


def read_document(path):
    """Metadata and tensors of the only document of a file, compressed or plain."""
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    with gzip.open(path) if packed else open(path, "rb") as file:
        return next(documents(file))


def write(path, tensors):
    """Writes a plain document; nn-batch and nn-train take it for a dataset if it has an input."""
    order = sorted(tensors, key=lambda name: (-BYTES[tensors[name].dtype], name))
    header, end = {}, 0
    for name in order:
        tensor = tensors[name]
        begin, end = end, end + len(tensor.data)
        header[name] = {"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name in order:
            file.write(tensors[name].data)
