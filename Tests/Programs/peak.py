#!/usr/bin/env python3
"""Runs a program and writes into a file the most memory that it had resident, in KiB.

usage: peak.py FILE PROGRAM [ARGUMENT…]

Exit: the program's status, or 128 + the signal that ended it.
"""

import resource
import subprocess
import sys

# A program begins as a copy of this one, which is small.
status = subprocess.call(sys.argv[2:])
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
if sys.platform == "darwin":
    peak //= 1024  # bytes there
with open(sys.argv[1], "w") as file:
    print(peak, file=file)
sys.exit(status if status >= 0 else 128 - status)
