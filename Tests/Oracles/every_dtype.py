#!/usr/bin/env python3
"""Files of every dtype that the reference library writes, and their numbers as Python knows them.

    pip install -r Tests/requirements.txt
    python3 Tests/Oracles/every_dtype.py

For each dtype NAME, which is printed: NAME.safetensors, the same as NAME.safetensors.gz, and NAME.txt, what
`nn-inspect --values --name x` is expected to print of them. The numbers are numpy's where it has the type, otherwise
computed here from the type's definition.
"""

import ctypes
import gzip
import math

import numpy
import safetensors


def small_float(exponent_bits, mantissa_bits, bias, code):
    """A number of sign, exponent and mantissa, after the Open Compute Project's OFP8 and MX specifications."""
    sign = -1.0 if code >> (exponent_bits + mantissa_bits) else 1.0
    exponent = code >> mantissa_bits & (1 << exponent_bits) - 1
    mantissa = (code & (1 << mantissa_bits) - 1) / (1 << mantissa_bits)
    if exponent == 0:
        return sign * math.ldexp(mantissa, 1 - bias)
    return sign * math.ldexp(1 + mantissa, exponent - bias)


def nibbles(data):
    return [nibble for byte in data for nibble in (byte & 15, byte >> 4)]


def from_numpy(dtype):
    return lambda data: numpy.frombuffer(data, dtype).tolist()


def from_codes(*layout):
    return lambda data: [small_float(*layout, code) for code in data]


# The name that the library's writer takes, the bytes, and how they read. All bytes stand for finite numbers.
WHOLE = bytes(range(0, 48))
CASES = {
    "BOOL": ("bool", bytes([0, 1, 1, 0]), lambda data: [int(byte) for byte in data]),
    "U8": ("uint8", WHOLE, from_numpy("<u1")),
    "I8": ("int8", bytes([0, 127, 128, 255]), from_numpy("<i1")),
    "U16": ("uint16", bytes(range(208, 256)), from_numpy("<u2")),
    "I16": ("int16", bytes(range(208, 256)), from_numpy("<i2")),
    "U32": ("uint32", bytes(range(208, 256)), from_numpy("<u4")),
    "I32": ("int32", bytes(range(208, 256)), from_numpy("<i4")),
    "U64": ("uint64", bytes(range(208, 256)), from_numpy("<u8")),
    "I64": ("int64", bytes(range(208, 256)), from_numpy("<i8")),
    "F16": ("float16", numpy.float16([0.5, -2.25, 1024, 6e-8]).tobytes(), from_numpy("<f2")),
    "BF16": ("bfloat16", bytes([0x80, 0x3F, 0x20, 0xC0, 0x00, 0x47, 1, 0]),
             lambda data: [struct_bf16(data[i:i + 2]) for i in range(0, len(data), 2)]),
    "F32": ("float32", numpy.float32([0.5, -2.25, 1024, 3]).tobytes(), from_numpy("<f4")),
    "F64": ("float64", numpy.float64([0.1, -1 / 3, 1e10, 2]).tobytes(), from_numpy("<f8")),
    "C64": ("complex64", numpy.complex64([0.5 - 2j, 3 + 0.25j]).tobytes(), from_numpy("<c8")),
    "F8_E5M2": ("float8_e5m2", bytes([0x01, 0x3C, 0x7B, 0xC1]), from_codes(5, 2, 15)),
    "F8_E4M3": ("float8_e4m3fn", bytes([0x01, 0x38, 0x7E, 0xC2]), from_codes(4, 3, 7)),
    "F8_E8M0": ("float8_e8m0fnu", bytes([0x70, 0x7F, 0x80, 0x90]),
                lambda data: [math.ldexp(1.0, byte - 127) for byte in data]),
    "F8_E4M3FNUZ": ("float8_e4m3fnuz", bytes([0x01, 0x40, 0x7F, 0xCA]), from_codes(4, 3, 8)),
    "F8_E5M2FNUZ": ("float8_e5m2fnuz", bytes([0x01, 0x40, 0x7F, 0xC5]), from_codes(5, 2, 16)),
    "F4": ("float4_e2m1fn_x2", bytes([0x10, 0x32, 0x54, 0x76, 0x98, 0xBA, 0xDC, 0xFE]),
           lambda data: [small_float(2, 1, 1, code) for code in nibbles(data)]),
}


def struct_bf16(data):
    return float(numpy.frombuffer(b"\0\0" + data, "<f4")[0])


def shown(number):
    if isinstance(number, complex):
        imaginary = shown(abs(number.imag))
        return shown(number.real) + ("-" if number.imag < 0 else "+") + imaginary + "i"
    return repr(number).removesuffix(".0")


for name, (writer, data, read) in CASES.items():
    numbers = read(data)
    buffer = (ctypes.c_uint8 * len(data)).from_buffer_copy(data)
    columns = len(numbers) // 2
    # The writer counts pairs of F4 along the last axis.
    shape = [2, columns // 2 if name == "F4" else columns]
    spec = safetensors.TensorSpec(
        dtype=writer, shape=shape, data_ptr=ctypes.addressof(buffer), data_len=len(data))
    safetensors.serialize_file({"x": spec}, f"{name}.safetensors", metadata={"from": "python"})
    with open(f"{name}.safetensors", "rb") as plain:
        with gzip.open(f"{name}.safetensors.gz", "wb") as file:
            file.write(plain.read())
    with open(f"{name}.txt", "w") as file:
        print("#", "x", name, [2, columns], file=file)
        for row in (numbers[:columns], numbers[columns:]):
            print("\t".join(map(shown, row)), file=file)
    print(name)
