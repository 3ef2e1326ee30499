#!/usr/bin/env python3
"""Generates the SystemVerilog, C++ and Markdown forms of hw/regs/registers.yaml.

usage: generate_registers.py MAP.yaml --sv OUT.sv --cc OUT.h --md OUT.md  (any subset)
"""

import argparse
import pathlib
import random
import re
import sys

try:
    import jinja2
    import yaml
except ImportError as error:
    sys.exit(f"generate_registers.py: {error}; run: make setup")

KEY_BITS = 320
HASH_BITS = 16


def camel(name):
    return "k" + "".join(part.capitalize() for part in name.split("_"))


def snake(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def check(regs):
    """Refuses a map that contradicts itself."""
    used = {}
    for reg in regs["registers"]:
        for i in range(reg.get("count", 1)):
            at = reg["offset"] + i * reg.get("stride", 4)
            if at % 4 or at >= regs["window_bytes"]:
                sys.exit(f"{reg['name']}: offset {at:#x} is unaligned or outside the window")
            if at in used:
                sys.exit(f"{reg['name']}: offset {at:#x} is {used[at]}'s already")
            used[at] = reg["name"]
    for name, block in regs["counters"].items():
        for i in range(2 * len(block["values"])):
            at = block["offset"] + 4 * i
            if at in used:
                sys.exit(f"counters.{name}: offset {at:#x} is {used[at]}'s already")
            used[at] = f"counters.{name}"
    for name, word in regs["words"].items():
        taken = 0
        for field, spec in word["fields"].items():
            msb, lsb = spec["bits"]
            mask = ((1 << (msb - lsb + 1)) - 1) << lsb
            if msb < lsb or msb > 31 or taken & mask:
                sys.exit(f"{name}.{field}: bits {msb}:{lsb} overlap or are out of range")
            taken |= mask
    taken = set(regs["prefix"]["fixed"]) | set(regs["prefix"]["queue_bytes"])
    for field, spec in regs["prefix"]["fields"].items():
        for byte in range(spec["offset"], spec["offset"] + spec["bytes"]):
            if byte in taken or byte >= regs["constants"]["PREFIX_BYTES"]["value"]:
                sys.exit(f"prefix.{field}: byte {byte} is taken or out of range")
            taken.add(byte)


def hash_masks(ways):
    """Row b of way w selects the key bits whose parity is bit b of that way's hash (H3: Carter and
    Wegman, 1979). Drawn once from a fixed seed, so that card, model and driver agree for ever."""
    rng = random.Random(0x4641525249455200)
    return [[rng.getrandbits(KEY_BITS) for _ in range(HASH_BITS)] for _ in range(ways)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("map", type=pathlib.Path)
    for form in ("sv", "cc", "md"):
        parser.add_argument(f"--{form}", type=pathlib.Path)
    args = parser.parse_args()
    regs = yaml.safe_load(args.map.read_text())
    check(regs)

    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(args.map.parent),
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True)
    env.filters["camel"] = camel
    env.filters["snake"] = snake
    env.filters["oneline"] = lambda text: re.sub(r"\s+", " ", text).strip()
    env.filters["words32"] = lambda mask: [
        (mask >> (32 * i)) & 0xFFFFFFFF for i in range(KEY_BITS // 32)]
    for form in ("sv", "cc", "md"):
        out = getattr(args, form)
        if out is None:
            continue
        template = env.get_template(f"registers.{form}.j2")
        text = template.render(regs=regs, masks=hash_masks(regs["constants"]["FILTER_WAYS"]["value"]),
                               key_bits=KEY_BITS, hash_bits=HASH_BITS)
        out.parent.mkdir(parents=True, exist_ok=True)
        if not out.exists() or out.read_text() != text:
            out.write_text(text)
        else:
            out.touch()


if __name__ == "__main__":
    main()
