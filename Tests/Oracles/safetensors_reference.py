#!/usr/bin/env python3
"""Documents written, and documents judged, by the reference library (PyPI: safetensors).

    pip install safetensors==0.8.0
    python3 Tests/Oracles/safetensors_reference.py > Tests/Oracles/safetensors_reference.txt

Words of a line are separated by spaces; names, strings and bytes are hexadecimal, `-` when empty.

    case NAME                        a document that the library wrote follows
    metadata KEY VALUE
    tensor NAME DTYPE SHAPE DATA     SHAPE is 2x3, or - for a scalar
    document BYTES
    accepts NAME BYTES               the library reads this document
    refuses NAME BYTES               the library does not
"""

import ctypes
import struct

import safetensors

# The names that the library's writer takes for the dtypes of the format. It has none for F6.
WRITER = {
    "BOOL": "bool", "F4": "float4_e2m1fn_x2", "U8": "uint8", "I8": "int8",
    "F8_E5M2": "float8_e5m2", "F8_E4M3": "float8_e4m3fn", "F8_E8M0": "float8_e8m0fnu",
    "F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2FNUZ": "float8_e5m2fnuz", "I16": "int16",
    "U16": "uint16", "F16": "float16", "BF16": "bfloat16", "I32": "int32", "U32": "uint32",
    "F32": "float32", "C64": "complex64", "F64": "float64", "I64": "int64", "U64": "uint64",
}
BITS = {"F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
        "I32": 32, "U32": 32, "F32": 32, "C64": 64, "F64": 64, "I64": 64, "U64": 64}


def hexadecimal(value):
    return (value.encode() if isinstance(value, str) else bytes(value)).hex() or "-"


def data_of(dtype, shape, seed):
    count = 1
    for dimension in shape:
        count *= dimension
    return bytes((seed + 7 * i) % 256 for i in range(count * BITS.get(dtype, 8) // 8))


def case(name, tensors, metadata=None):
    """Writes the tensors, (name, dtype, shape) each, with the library."""
    print("case", name)
    for pair in (metadata or {}).items():
        print("metadata", *map(hexadecimal, pair))
    specs, alive = {}, []
    for seed, (tensor, dtype, shape) in enumerate(tensors):
        data = data_of(dtype, shape, seed)
        buffer = (ctypes.c_uint8 * len(data)).from_buffer_copy(data)
        alive.append(buffer)
        # The writer counts pairs of F4 along the last axis.
        given = shape[:-1] + [shape[-1] // 2] if dtype == "F4" else shape
        specs[tensor] = safetensors.TensorSpec(
            dtype=WRITER[dtype], shape=given, data_ptr=ctypes.addressof(buffer),
            data_len=len(data))
        print("tensor", hexadecimal(tensor), dtype, "x".join(map(str, shape)) or "-",
              hexadecimal(data))
    print("document", hexadecimal(safetensors.serialize(specs, metadata)))


def judge(name, header, data=b""):
    header = header if isinstance(header, bytes) else header.encode()
    document = struct.pack("<Q", len(header)) + header + data
    try:
        safetensors.deserialize(document)
        verdict = "accepts"
    except safetensors.SafetensorError:
        verdict = "refuses"
    print(verdict, name.replace(" ", "-"), hexadecimal(document))


def entry(dtype="U8", shape="[1]", offsets="[0,1]", more=""):
    return '{"dtype":"%s","shape":%s,"data_offsets":%s%s}' % (dtype, shape, offsets, more)


def a(**changes):
    return '{"a":%s}' % entry(**changes)


print("# safetensors", safetensors.__version__)

case("nothing", [])
case("one-metadata-key", [], {"nn.kind": "model"})
case("odd-metadata", [("x", "U8", [1])], {'\b\f\n\r\t\0\x1f\x7f"\\/': "\u0085\u2028é😀\x1b"})
case("empty-strings", [("", "U8", [2])], {"": ""})
for dtype in WRITER:
    case(dtype, [("weight", dtype, [3, 2])])
case("every-dtype", [(f"t{i}", dtype, [2]) for i, dtype in enumerate(WRITER)])
ORDER = ("b", "B", "é", "o\u0301", "z", "😀", "\ufb01", "b.")
case("order", [(name + dtype, dtype, [2]) for dtype in ("F32", "U8", "I64") for name in ORDER])
case("scalars", [("a", "F64", []), ("b", "U8", []), ("c", "BOOL", [])])
case("empty-tensors", [("a", "F32", [0]), ("b", "U8", [3, 0, 2]), ("c", "F32", [2]),
                       ("d", "I64", [0, 5])])
case("odd-names", [('"\\/\n\x01\x7f\u2028', "I16", [2]), ("😀é", "I16", [1]), (" ", "I16", [1])])
for length in range(9):
    case(f"padding-{length}", [("n" * length, "U8", [1])])
case("large-shape", [("a", "U8", [1, 1, 1, 1, 300, 1, 1, 1, 1, 1])])

for dtype in sorted(BITS.keys() | WRITER.keys()):
    count = 4 if dtype in BITS and BITS[dtype] < 8 else 1
    size = count * BITS.get(dtype, 8) // 8
    judge("dtype " + dtype, a(dtype=dtype, shape=f"[{count}]", offsets=f"[0,{size}]"),
          data_of(dtype, [count], 0))
judge("empty header", "")
judge("empty object", "{}")
judge("leading space", " {}")
judge("byte order mark", b"\xef\xbb\xbf{}")
judge("trailing newline", "{}\n")
judge("trailing space", "{}   ")
judge("trailing zero", "{}\0")
judge("trailing brace", "{}}")
judge("unpadded header", a(dtype="F32", offsets="[0,4]"), b"1234")
judge("white space", '{ "a" :\n\t\r %s }' % entry(shape="[ 1 ]", offsets="[0 , 1]"), b"1")
judge("keys in another order", '{"a":{"data_offsets":[0,1],"shape":[1],"dtype":"U8"}}', b"1")
judge("escaped key", '{"a":{"d\\u0074ype":"U8","shape":[1],"data_offsets":[0,1]}}', b"1")
judge("metadata last", '{"a":%s,"__metadata__":{"k":"v"}}' % entry(), b"1")
judge("tensors not in file order",
      '{"a":%s,"b":%s}' % (entry(offsets="[1,2]"), entry(offsets="[0,1]")), b"12")
judge("empty tensors between",
      '{"c":%s,"b":%s,"a":%s}' % (entry(shape="[0]", offsets="[1,1]"), entry(),
                                  entry(shape="[0]", offsets="[0,0]")), b"1")
judge("zero before overflow", a(shape="[0,4294967296,4294967296]", offsets="[0,0]"))
judge("overflow before zero", a(shape="[4294967296,4294967296,0]", offsets="[0,0]"))
judge("escapes", '{"__metadata__":{"\\"\\\\\\/\\b\\f\\n\\r\\t":"\\u0000\\uD83d\\uDe00"}}')
judge("delete character", '{"__metadata__":{"a":"\x7f"}}')
judge("duplicate tensor", '{"a":%s,"a":%s}' % (entry(), entry()), b"1")
judge("duplicate key", '{"a":{"dtype":"U8",%s}' % entry()[1:] + "}", b"1")
judge("duplicate metadata", '{"__metadata__":{"a":"1"},"__metadata__":{"b":"2"}}')
judge("duplicate metadata key", '{"__metadata__":{"a":"1","a":"2"}}')
judge("unknown key", a(more=',"x":1'), b"1")
judge("missing dtype", '{"a":{"shape":[1],"data_offsets":[0,1]}}', b"1")
judge("missing shape", '{"a":{"dtype":"U8","data_offsets":[0,1]}}', b"1")
judge("missing offsets", '{"a":{"dtype":"U8","shape":[1]}}', b"1")
judge("unknown dtype", a(dtype="u8"), b"1")
judge("dtype as object", '{"a":{"dtype":{"U8":null},"shape":[1],"data_offsets":[0,1]}}', b"1")
judge("entry as array", '{"a":["U8",[1],[0,1]]}', b"1")
judge("entry as number", '{"a":1}')
for name, number in {"negative": "-1", "negative zero": "-0", "fraction": "1.0", "exponent": "1e0",
                     "leading zero": "01", "string": '"1"', "2 to the 64": str(2**64),
                     "nested": "[1]", "null": "null"}.items():
    judge(name + " dimension", a(shape=f"[{number}]"), b"1")
judge("2 to the 63 dimension", a(shape=f"[{2**63},0]", offsets="[0,0]"))
judge("one offset", a(offsets="[0]"), b"1")
judge("three offsets", a(offsets="[0,1,1]"), b"1")
judge("reversed offsets", a(offsets="[1,0]"), b"1")
judge("wrong byte count", a(offsets="[0,2]"), b"12")
judge("hole at the start", a(offsets="[1,2]"), b"12")
judge("hole", '{"a":%s,"b":%s}' % (entry(), entry(offsets="[2,3]")), b"123")
judge("overlap", '{"a":%s,"b":%s}' % (entry(), entry()), b"1")
judge("part of a byte", a(dtype="F4"), b"1")
judge("metadata null", '{"__metadata__":null}')
judge("metadata empty", '{"__metadata__":{}}')
judge("metadata array", '{"__metadata__":[]}')
judge("metadata number", '{"__metadata__":{"a":1}}')
judge("lone high surrogate", '{"__metadata__":{"a":"\\ud800"}}')
judge("lone low surrogate", '{"__metadata__":{"a":"\\udc00"}}')
judge("two high surrogates", '{"__metadata__":{"a":"\\ud800\\ud800"}}')
judge("bad escape", '{"__metadata__":{"a":"\\x41"}}')
judge("bad hexadecimal", '{"__metadata__":{"a":"\\u00g0"}}')
judge("control character", '{"__metadata__":{"a":"\x01"}}')
judge("invalid UTF-8", b'{"__metadata__":{"a":"\xff"}}')
judge("overlong UTF-8", b'{"__metadata__":{"a":"\xc0\x80"}}')
judge("surrogate in UTF-8", b'{"__metadata__":{"a":"\xed\xa0\x80"}}')
judge("trailing comma", "{%s,}" % a()[1:-1], b"1")
judge("trailing comma in a shape", a(shape="[1,]"), b"1")
judge("missing comma", '{"a":%s"b":%s}' % (entry(), entry(offsets="[1,2]")), b"12")
judge("unclosed object", a()[:-1], b"1")
judge("unclosed string", '{"a')
judge("comment", "{/**/}")
judge("missing byte", a(offsets="[0,1]"))
