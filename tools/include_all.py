#!/usr/bin/env python3
"""Writes one C++ file that includes all those Verilator made for a model.

usage: include_all.py OUT.cpp DIRECTORY PREFIX
"""

import pathlib
import sys

if len(sys.argv) != 4:
    sys.exit(__doc__.strip().splitlines()[-1])
out, directory, prefix = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
# What this run of Verilator made; a run before may have left files of other names.
made = (directory / f"{prefix}_classes.mk").read_text().split()
names = sorted({name for name in made if name.startswith(prefix) and not name.startswith(f"{prefix}_classes")})
files = [f"{name}.cpp" for name in names if (directory / f"{name}.cpp").exists()]
if not files:
    sys.exit(f"{directory}: no C++ files named {prefix}*; did verilator fail?")
out.write_text("".join(f'#include "{name}"\n' for name in files))
