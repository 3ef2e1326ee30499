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


# Ports, destination and source, and the last 16 bits of addresses that go with each, of IPv4 and IPv6.
COUNTED_BITS = {0: [32 * 2, 32 * 5], 16: [32 * 3, 32 * 9]}
DEPTH_BITS = [9, 10, 11]  # of tables as they are built
WAYS_BITS = 2


def spread(rng, row_masks, first_bit):
    """Sets the masks' 16 columns from `first_bit` on to a product L U of random triangular matrices
    with ones on the diagonal: then for every b the low b bits of the hash run through all values
    while the low b bits of the key do, so that consecutive keys collide as late as can be."""
    upper = [1 << row | rng.getrandbits(HASH_BITS - 1 - row) << row + 1 for row in range(HASH_BITS)]
    for row in range(HASH_BITS):
        columns = upper[row]
        for j in range(row):
            columns ^= upper[j] * rng.getrandbits(1)
        mask = (1 << HASH_BITS) - 1 << first_bit
        row_masks[row] = row_masks[row] & ~mask | columns << first_bit


def rank(vectors):
    basis = []
    for vector in vectors:
        for other in basis:
            vector = min(vector, vector ^ other)
        if vector:
            basis.append(vector)
    return len(basis)


def reaches_all(row_masks, port_bit, address_bit):
    """Whether as many keys as a table has places, of consecutive ports of consecutive addresses,
    have all places of the way among their hashes."""
    column = [sum((mask >> bit & 1) << row for row, mask in enumerate(row_masks))
              for bit in range(KEY_BITS)]
    for depth in DEPTH_BITS:
        for ports in range(depth + WAYS_BITS + 1):
            bits = [port_bit + i for i in range(ports)]
            bits += [address_bit + i for i in range(depth + WAYS_BITS - ports)]
            if rank(column[bit] & (1 << depth) - 1 for bit in bits) < depth:
                return False
    return True


def hash_masks(ways):
    """Row b of way w selects the key bits whose parity is bit b of that way's hash (H3: Carter and
    Wegman, 1979). Drawn once from a fixed seed, so that card, model and driver agree for ever."""
    rng = random.Random(0x4641525249455200)
    masks = [[rng.getrandbits(KEY_BITS) for _ in range(HASH_BITS)] for _ in range(ways)]
    for row_masks in masks:
        for port_bit, address_bits in COUNTED_BITS.items():
            spread(rng, row_masks, port_bit)
            for address_bit in address_bits:
                spread(rng, row_masks, address_bit)
                while not reaches_all(row_masks, port_bit, address_bit):
                    spread(rng, row_masks, address_bit)
    return masks


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
