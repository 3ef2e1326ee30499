"""Counts what a mapped UltraScale+ netlist (Yosys' JSON) takes, and finds its longest logic path."""

import collections
import math
import re

# LUTs that a LUT RAM or shift register takes.
RAM_LUTS = {"RAM32M": 4, "RAM64M": 4, "RAM32M16": 8, "RAM64M8": 8, "RAM32X1D": 2, "RAM64X1D": 2,
            "RAM128X1D": 4, "RAM256X1D": 8, "RAM32X1S": 1, "RAM64X1S": 1, "RAM128X1S": 2,
            "RAM256X1S": 4, "RAM512X1S": 8, "RAM32X16DR8": 8, "RAM64X8SW": 8}
SRL_LUTS = {"SRL16E": 1, "SRLC16E": 1, "SRLC32E": 1}
RAM_INPUTS_WRITTEN = re.compile(r"^(DI|D$|WE|WCLK|ADDRH|A\d*$|WADDR)")


class _Cell:
    def __init__(self, name, cell):
        self.name, self.type = name, cell["type"]
        directions = cell["port_directions"]
        self.inputs = [(port, bit) for port, bits in cell["connections"].items()
                       if directions[port] == "input" for bit in bits if isinstance(bit, int)]
        self.outputs = [(port, bit) for port, bits in cell["connections"].items()
                        if directions[port] == "output" for bit in bits if isinstance(bit, int)]


def _levels(cell_type):
    """Levels a signal crosses here; None where a path begins and ends."""
    if re.fullmatch(r"LUT[1-6]|LUT6_2|MUXF[789]", cell_type) or cell_type in RAM_LUTS:
        return 1.0
    if cell_type == "CARRY4":
        return 0.125  # much faster than a LUT: a level for 32 bits
    if cell_type == "CARRY8":
        return 0.25
    if cell_type == "INV":
        return 0.0  # goes into what it feeds
    return None


def _names(module):
    """For each bit, the shortest name somebody gave it."""
    names = {}
    for name, net in module["netnames"].items():
        if net.get("hide_name"):
            continue
        for i, bit in enumerate(net["bits"]):
            label = name if len(net["bits"]) == 1 else f"{name}[{i}]"
            if isinstance(bit, int) and (bit not in names or
                                         (name.count("."), len(label)) <
                                         (names[bit].count("."), len(names[bit]))):
                names[bit] = label
    return names


def _longest_path(module, cells):
    names = _names(module)
    inputs_of, driver = {}, {}
    for cell in cells:
        levels = _levels(cell.type)
        if levels is None:
            continue
        inputs = [bit for port, bit in cell.inputs
                  if not (cell.type in RAM_LUTS and RAM_INPUTS_WRITTEN.match(port))]
        inputs_of[cell.name] = (levels, inputs)
        for _, bit in cell.outputs:
            driver[bit] = cell.name

    depth, behind = {}, {}  # of a cell; the bit it waits for longest
    for root in inputs_of:
        stack = [(root, False)]
        while stack:
            name, ready = stack.pop()
            if name in depth and not (ready and depth[name] is None):
                continue
            levels, inputs = inputs_of[name]
            if not ready:
                depth[name] = None
                stack.append((name, True))
                stack += [(driver[b], False) for b in inputs
                          if b in driver and driver[b] not in depth]
                continue
            deepest, worst = 0.0, None
            for bit in inputs:
                before = depth.get(driver.get(bit)) or 0.0
                if worst is None or before > deepest:
                    deepest, worst = before, bit
            depth[name], behind[name] = deepest + levels, worst

    # A path ends where a bit goes into something that stores, or out of the module.
    best, end_bit, end_name = 0.0, None, "-"
    for cell in cells:
        stores = _levels(cell.type) is None
        for port, bit in cell.inputs:
            written = cell.type in RAM_LUTS and RAM_INPUTS_WRITTEN.match(port)
            if not (stores or written) or bit not in driver:
                continue
            if depth[driver[bit]] > best:
                outputs = [names.get(b) for _, b in cell.outputs]
                label = next((n for n in outputs if n), cell.name)
                if cell.type.startswith(("RAM", "URAM")):
                    label = re.sub(r"\.memory.*", "", cell.name)
                best, end_bit, end_name = depth[driver[bit]], bit, f"{label}.{port}"
    for name, port in module["ports"].items():
        if port["direction"] != "output":
            continue
        for bit in port["bits"]:
            if isinstance(bit, int) and bit in driver and depth[driver[bit]] > best:
                best, end_bit, end_name = depth[driver[bit]], bit, name
    begin = end_bit
    while begin in driver:
        begin = behind[driver[begin]]
        if begin is None:
            break
    return math.ceil(best), _start_name(begin, names, cells), end_name


def _start_name(bit, names, cells):
    for cell in cells:
        if cell.type.startswith(("RAMB", "URAM")) and any(b == bit for _, b in cell.outputs):
            return re.sub(r"\.memory.*", "", cell.name)
    return names.get(bit, "-")


def _pairs(cells):
    """How many pairs of LUTs the device puts into one LUT6 each: two that share an input and have five
    inputs at most between them (LUT6_2, outputs O5 and O6). Greedy, the largest first; each looks at a few
    dozen partners, so there may be more."""
    inputs = sorted((frozenset(bit for _, bit in cell.inputs) for cell in cells
                     if re.fullmatch(r"LUT[1-5]", cell.type)), key=len, reverse=True)
    users = collections.defaultdict(list)
    for i, bits in enumerate(inputs):
        for bit in bits:
            users[bit].append(i)
    paired, pairs = set(), 0
    for i, bits in enumerate(inputs):
        if i in paired:
            continue
        best, partner = -1, None
        for bit in sorted(bits):
            free = [j for j in users[bit] if j not in paired]
            users[bit] = free  # so that none is passed by again and again
            for j in [j for j in free if j > i][:40]:
                shared = len(bits & inputs[j])
                if len(bits | inputs[j]) <= 5 and shared > best:
                    best, partner = shared, j
        if partner is not None:
            paired |= {i, partner}
            pairs += 1
    return pairs


def measure(module):
    """lut, ff, bram36, uram, dsp, levels of the longest path, and its ends. `lut` is in LUT6s of the device,
    `lut_cells` what Yosys counts: each cell as one."""
    cells = [_Cell(name, cell) for name, cell in module["cells"].items()]
    counts = {"lut": 0, "ff": 0, "bram36": 0.0, "uram": 0, "dsp": 0}
    for cell in cells:
        if re.fullmatch(r"LUT[1-6]|LUT6_2", cell.type):
            counts["lut"] += 1
        elif cell.type in RAM_LUTS or cell.type in SRL_LUTS:
            counts["lut"] += {**RAM_LUTS, **SRL_LUTS}[cell.type]
        elif re.fullmatch(r"FD[RSCP]E(_1)?|LDCE|LDPE", cell.type):
            counts["ff"] += 1
        elif cell.type.startswith("RAMB36"):
            counts["bram36"] += 1
        elif cell.type.startswith("RAMB18"):
            counts["bram36"] += 0.5
        elif cell.type.startswith("URAM288"):
            counts["uram"] += 1
        elif cell.type.startswith("DSP48"):
            counts["dsp"] += 1
    counts["lut_cells"] = counts["lut"]
    counts["lut"] -= _pairs(cells)
    levels, begin, end = _longest_path(module, cells)
    return {**counts, "levels": levels, "from": begin, "to": end}
