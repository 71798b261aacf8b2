#!/usr/bin/env python3
"""What the codes of the small floating-point formats mean, by PyTorch and by the OCP's own tables.

    pip install torch==2.13.0 numpy
    python3 Tests/Oracles/small_floats.py > Tests/Oracles/small_floats.txt

A line holds the name of the type, a code in hexadecimal, and its value. All codes of the formats of
at most 8 bits, chosen ones of those of 16.
"""

import numpy
import torch

EIGHT_BITS = {
    "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2, "F8_E8M0": torch.float8_e8m0fnu,
    "F8_E4M3FNUZ": torch.float8_e4m3fnuz, "F8_E5M2FNUZ": torch.float8_e5m2fnuz,
}

# Zero, the smallest and largest subnormal and normal numbers, one and its neighbours, infinity, NaN;
# then some in between. Each also with the sign.
SIXTEEN_BITS = {
    "F16": (torch.float16, [
        0x0000, 0x0001, 0x03FF, 0x0400, 0x3BFF, 0x3C00, 0x3C01, 0x7BFF, 0x7C00, 0x7C01, 0x7E00,
        0x7FFF, 0x2E66, 0x3555, 0x4248, 0x5640, 0x01A5]),
    "BF16": (torch.bfloat16, [
        0x0000, 0x0001, 0x007F, 0x0080, 0x3F7F, 0x3F80, 0x3F81, 0x7F7F, 0x7F80, 0x7F81, 0x7FC0,
        0x7FFF, 0x3DCD, 0x3EAB, 0x4049, 0x42C8, 0x0035]),
}

# The magnitudes in the order of their codes; PyTorch computes with none of these.
# Source: Open Compute Project, OCP Microscaling Formats (MX) Specification 1.0, 2023, section 5.3.
HAND_TABLES = {
    "F4": [0, 0.5, 1, 1.5, 2, 3, 4, 6],
    "F6_E2M3": [
        0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875,
        1, 1.125, 1.25, 1.375, 1.5, 1.625, 1.75, 1.875,
        2, 2.25, 2.5, 2.75, 3, 3.25, 3.5, 3.75,
        4, 4.5, 5, 5.5, 6, 6.5, 7, 7.5],
    "F6_E3M2": [
        0, 0.0625, 0.125, 0.1875, 0.25, 0.3125, 0.375, 0.4375,
        0.5, 0.625, 0.75, 0.875, 1, 1.25, 1.5, 1.75,
        2, 2.5, 3, 3.5, 4, 5, 6, 7,
        8, 10, 12, 14, 16, 20, 24, 28],
}


def report(name, codes, digits, values):
    for code, value in zip(codes, values, strict=True):
        print(name, f"{code:0{digits}x}", repr(float(value)))


print("# made by Tests/Oracles/small_floats.py with torch", torch.__version__)
for name, magnitudes in HAND_TABLES.items():
    values = magnitudes + [-float(value) for value in magnitudes]
    report(name, range(len(values)), 2, values)
for name, dtype in EIGHT_BITS.items():
    codes = torch.arange(256, dtype=torch.uint8)
    report(name, codes.tolist(), 2, codes.view(dtype).to(torch.float32).tolist())
for name, (dtype, chosen) in SIXTEEN_BITS.items():
    codes = numpy.array(chosen + [code | 0x8000 for code in chosen], dtype=numpy.uint16)
    values = torch.from_numpy(codes.view(numpy.int16)).view(dtype).to(torch.float64)
    report(name, codes.tolist(), 4, values.tolist())
