#!/usr/bin/env python3
"""Synthesises the card for UltraScale+ with Yosys, unit by unit, and prints what each takes.

A unit is an instance in the card or in one of its two paths, flattened; what a path adds by itself is
its own row. Results are kept in the build folder by content: only units that changed are synthesised
again. LUTs are the device's: two small ones that share an input and have at most five between them are one.
Levels count LUTs, MUXF7-9, LUT RAM reads and every 32 bits of a carry chain between two registers, RAMs
or ports of the unit.

examples:
  tools/synth.py                                  # table and build/reports/synth.json
  tools/synth.py --update docs/resources.md       # also write the table into the page
  tools/synth.py --check docs/resources.md        # fail if the page is not of these sources, or beyond a
                                                  # ceiling (half a minute: three modules are mapped)
  tools/synth.py --elaborate                      # only see that Yosys can read the RTL (seconds)
  tools/synth.py --only rx_parser,credits         # those modules alone, in a hurry
"""

import argparse
import concurrent.futures
import hashlib
import json
import math
import os
import pathlib
import re
import sys
import time

import report
import synth_netlist
import yosys

TOP = "farrier_card"
CONTAINERS = {"farrier_card", "rx_path", "tx_path"}
COLUMNS = ["lut", "ff", "bram36", "uram", "dsp"]
CEILINGS = {"lut": 45000, "ff": 60000, "bram36": 120}
LEVELS = 12  # what may fit into 4 ns; said, but no reason to fail: only Vivado knows
# Modules that --check maps anew, to see that the figures of the page are of this flow.
QUICK = {"axil_slave", "cell_allocator", "tx_csr"}
KEY_DIGITS = 12  # of a unit's key, in the page
BEGIN, END = "<!-- synth: begin -->", "<!-- synth: end -->"
# Part of the cache key: raise it when what is measured changes.
FLOW = "5"
# synth_xilinx, but for the costs that ABC goes by: there, small LUTs are cheap, as if pairs of them always
# found room in one, and wide multiplexers too. Every LUT counts as one here, so it costs one.
SYNTH_XILINX = "synth_xilinx -family xcup -uram -flatten -noiopad -noclkbuf -top top"
FLOW_SCRIPT = [f"{SYNTH_XILINX} -run begin:map_luts",
               "opt_expr -mux_undef -noclkinv", "abc -luts 6:1", "clean",
               "techmap -map +/xilinx/ff_map.v", "xilinx_srl -fixed -minlen 3",
               "techmap -map +/xilinx/lut_map.v -map +/xilinx/cells_map.v -D LUT_WIDTH=6",
               "xilinx_dffopt", "opt_lut_ins -tech xilinx",
               f"{SYNTH_XILINX} -run finalize:edif"]


def elaborate(build, out, rtl):
    """The whole card as RTLIL text, in one file."""
    files = " ".join(str(f) for f in yosys.sources(build, rtl))
    il = out / "card.il"
    yosys.run([f"read_verilog -sv -DSYNTHESIS {files}", f"hierarchy -check -top {TOP}",
               f"write_rtlil {il}"], out / "elaborate.log")
    return il


class Module:
    """A module of elaborated RTLIL: its cells that are modules too, and what it looks like without
    the names that change whenever a line moves."""

    def __init__(self, name, text):
        self.name = name
        self.text = text
        self.cells = re.findall(r"^  cell (\S+) (\S+)$", text, re.MULTILINE)
        seen = {}

        def rename(match):
            token = match.group(0)
            if token.startswith("$paramod") or not re.search(r"\$\d+", token):
                return token
            return seen.setdefault(token, f"$n{len(seen)}")

        plain = re.sub(r"^\s*attribute \\src .*$", "", text, flags=re.MULTILINE)
        self.digest = hashlib.sha256(re.sub(r"\$[^\s\[\]]+", rename, plain).encode()).hexdigest()


def read_modules(il):
    modules = {}
    for match in re.finditer(r"^module (\S+)$(.*?)^end$", il.read_text(), re.MULTILINE | re.DOTALL):
        modules[match.group(1)] = Module(match.group(1), match.group(2))
    return modules


def base_name(name):
    """rx_egress of $paramod\\rx_egress\\Functions=..., $paramod$1234...\\rx_egress or \\rx_egress."""
    if name.startswith("$paramod$"):
        return name.split("\\")[-1]
    return name.split("\\")[1]


class Unit:
    """Something synthesised as one: a module type in all the places where it stands."""

    def __init__(self, modules, name, container):
        self.module, self.name, self.container = name, base_name(name), container
        self.places = []
        self.children = sorted({t for t, _ in modules[name].cells if t in modules})
        self.parts = self._reach(modules, name, set())  # and what stands in it
        digest = hashlib.sha256(f"{FLOW} {container}".encode())
        for part in self.parts:
            digest.update(modules[part].digest.encode())
        self.key = digest.hexdigest()[:24]

    def _reach(self, modules, name, seen):
        if name in seen:
            return []
        seen.add(name)
        found = [name]
        if not self.container:
            for cell_type in sorted({t for t, _ in modules[name].cells if t in modules}):
                found += self._reach(modules, cell_type, seen)
        return found


def find_units(modules):
    units = {}

    def visit(name, place):
        container = base_name(name) in CONTAINERS
        unit = units.setdefault(name, Unit(modules, name, container))
        unit.places.append(place or "itself")
        if container:
            for cell_type, cell in modules[name].cells:
                if cell_type in modules:
                    visit(cell_type, f"{place}.{cell[1:]}" if place else cell[1:])

    visit("\\" + TOP, "")
    return sorted(units.values(), key=lambda u: u.places[0])


def synthesise(unit, modules, out, timeout):
    """The unit's resources and longest path, from the cache if it has not changed."""
    result = out / f"{unit.name}.{unit.key}.json"
    if result.exists():
        return json.loads(result.read_text())
    il = out / f"{unit.name}.{unit.key}.il"
    netlist = out / f"{unit.name}.{unit.key}.netlist.json"
    parts = unit.parts + (unit.children if unit.container else [])
    # The numbers that new names begin from must be above those in use.
    il.write_text("autoidx 1000000\n" + "".join(f"module {part}{modules[part].text}end\n" for part in parts))
    script = [f"read_rtlil {il}"]
    if unit.container:
        script += [f"blackbox {child}" for child in unit.children]
    script += [f"hierarchy -top {unit.module}", f"rename {unit.module} \\top", *FLOW_SCRIPT,
               f"write_json {netlist}"]
    begun = time.monotonic()
    yosys.run(script, out / f"{unit.name}.{unit.key}.log", timeout)
    measured = synth_netlist.measure(json.loads(netlist.read_text())["modules"]["top"])
    measured["seconds"] = round(time.monotonic() - begun, 1)
    netlist.unlink()
    il.unlink()
    result.write_text(json.dumps(measured))
    return measured


def rows_of(units, results):
    rows = []
    for unit in units:
        r = results[unit.module]
        rows.append({"module": unit.name + (" (itself)" if unit.container else ""),
                     "places": unit.places, **{c: r[c] for c in COLUMNS}, "levels": r["levels"],
                     "key": unit.key[:KEY_DIGITS],
                     "path": f"{r['from']} -> {r['to']}"})
    total = {c: sum(row[c] * len(row["places"]) for row in rows) for c in COLUMNS}
    total["lut_cells"] = sum(results[u.module]["lut_cells"] * len(u.places) for u in units)
    total["levels"] = max(row["levels"] for row in rows)
    return rows, total


def markdown(rows, total):
    lines = ["| module | where | LUT | FF | BRAM36 | URAM | DSP | levels | RTL |",
             "|---|---|--:|--:|--:|--:|--:|--:|---|"]
    for row in rows:
        where = ", ".join(f"`{p}`" for p in row["places"])
        numbers = " | ".join(f"{row[c]:g}" for c in COLUMNS)
        lines.append(f"| {row['module']} | {where} | {numbers} | {row['levels']} | {row['key']} |")
    numbers = " | ".join(f"{total[c]:g}" for c in COLUMNS)
    lines += [f"| **whole card** | | {numbers} | {total['levels']} | |", "",
              f"That is {total['lut_cells']} LUTs as Yosys counts them, of which "
              f"{total['lut_cells'] - total['lut']} share one with another."]
    return "\n".join(lines)


def page_parts(page):
    text = page.read_text()
    if BEGIN not in text or END not in text:
        sys.exit(f"{page}: no lines `{BEGIN}` and `{END}` to put the table between")
    head, rest = text.split(BEGIN, 1)
    table, tail = rest.split(END, 1)
    return head, table, tail


def update(page, rows, total):
    head, _, tail = page_parts(page)
    page.write_text(f"{head}{BEGIN}\n{markdown(rows, total)}\n{END}{tail}")


def said_by(page):
    """The page's table: {(module, where): row}."""
    said = {}
    for line in page_parts(page)[1].splitlines():
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if len(cells) == 9 and re.fullmatch(r"[\d.]+", cells[2]):
            numbers = dict(zip(COLUMNS + ["levels"], map(float, cells[2:8])))
            said[cells[0], cells[1]] = {**numbers, "key": cells[8], "places": cells[1].split(", ")}
    return said


def check(page, units, measure):
    """What the page says that is not so: of other sources, beyond a ceiling, wrongly added up, or not what
    comes out for the modules that are mapped in a hurry."""
    said, complaints = said_by(page), []
    total = said.pop(("**whole card**", ""), None)
    if total is None:
        return ["there is no line for the whole card"]
    for unit in units:
        name = unit.name + (" (itself)" if unit.container else "")
        row = said.pop((name, ", ".join(f"`{p}`" for p in unit.places)), None)
        if row is None:
            complaints.append(f"{name} at {unit.places[0]}: not in the table")
            continue
        total = {c: total[c] - row[c] * len(unit.places) if c in COLUMNS else total[c] for c in total}
        if row["key"] != unit.key[:KEY_DIGITS]:
            complaints.append(f"{name} at {unit.places[0]}: has changed since")
        elif unit.name in QUICK:
            now = measure(unit)
            complaints += [f"{name}: {c} {row[c]:g}, but is {now[c]:g}" for c in COLUMNS
                           if abs(row[c] - now[c]) > 0.03 * now[c]]
    complaints += [f"{name} at {where}: no longer there" for name, where in said]
    complaints += [f"{c}: the rows do not add up" for c in COLUMNS if abs(total[c]) > 0.01]
    whole = said_by(page)["**whole card**", ""]
    complaints += [f"{c}: {whole[c]:g} is more than {most}" for c, most in CEILINGS.items()
                   if whole[c] > most]
    return complaints


def terminal_table(rows, total):
    lines = [f"{'module':<28}{'x':>3}{'LUT':>8}{'FF':>8}{'BRAM36':>8}{'URAM':>6}{'DSP':>5}{'levels':>8}"
             f"  longest path"]
    for row in rows + [{"module": "whole card", "places": [""], "path": "", **total}]:
        lines.append(f"{row['module']:<28}{len(row['places']):>3}{row['lut']:>8}{row['ff']:>8}"
                     f"{row['bram36']:>8g}{row['uram']:>6}{row['dsp']:>5}{row['levels']:>8}"
                     f"  {row['path'][:90]}")
    return "\n".join(lines)


def figures_of(rows, total):
    figures = []
    for column, unit in zip(COLUMNS, ["LUT", "FF", "BRAM36", "URAM", "DSP"]):
        ceiling = CEILINGS.get(column)
        figures.append(report.Figure(f"card.{column}", total[column], unit,
                                     f"<= {ceiling}" if ceiling else None))
    figures.append(report.Figure("card.levels", total["levels"], "levels",
                                 f"<= {LEVELS}"))
    figures.append(report.Figure("card.lut_cells", total["lut_cells"], "LUT cells, unpaired"))
    memory = sum(row["uram"] for row in rows if any("memory" in p for p in row["places"]))
    figures.append(report.Figure("packet_memory.uram", memory, "URAM", ">= 1"))
    for row in rows:
        name = row["module"].replace(" (itself)", "") + "." + row["places"][0]
        for column in COLUMNS + ["levels"]:
            figures.append(report.Figure(f"{name}.{column}", row[column], column))
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=yosys.ROOT / "build" / "release",
                        help="configured build folder, for the generated package")
    parser.add_argument("--rtl", type=pathlib.Path, default=yosys.RTL, help="folder of the RTL")
    parser.add_argument("--out", type=pathlib.Path, default=yosys.ROOT / "build" / "synth",
                        help="where results are kept")
    parser.add_argument("--report", type=pathlib.Path,
                        default=yosys.ROOT / "build" / "reports" / "synth.json")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--timeout", type=int, default=1800, help="seconds for one unit")
    parser.add_argument("--only", default="", help="comma-separated modules; no report, no ceilings")
    parser.add_argument("--elaborate", action="store_true",
                        help="only see that Yosys can read the card")
    parser.add_argument("--update", type=pathlib.Path, metavar="PAGE",
                        help="write the table into this page")
    parser.add_argument("--check", type=pathlib.Path, metavar="PAGE",
                        help="only see that this page's table is of these sources and below the ceilings")
    options = parser.parse_args()
    yosys.need("yosys")
    options.out.mkdir(parents=True, exist_ok=True)

    try:
        il = elaborate(options.build, options.out, options.rtl)
        modules = read_modules(il)
        units = find_units(modules)
        if options.elaborate:
            return
        if options.only:
            wanted = set(options.only.split(","))
            unknown = wanted - {u.name for u in units}
            if unknown:
                sys.exit(f"no unit named {', '.join(sorted(unknown))}; there are: "
                         f"{', '.join(sorted({u.name for u in units}))}")
            units = [u for u in units if u.name in wanted]
        if options.check:
            complaints = check(options.check, units, lambda unit: synthesise(unit, modules, options.out,
                                                                             options.timeout))
            if complaints:
                sys.exit("\n  ".join([f"{options.check} does not say the truth; run: make synth", *complaints]))
            return
        results = {}
        # The largest first, so that none is left for the end.
        units.sort(key=lambda u: -sum(len(modules[part].text) for part in u.parts))
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            jobs = {pool.submit(synthesise, u, modules, options.out, options.timeout): u for u in units}
            for job in concurrent.futures.as_completed(jobs):
                unit = jobs[job]
                results[unit.module] = job.result()
                print(f"  {unit.name:<24} {results[unit.module]['seconds']:>7} s", file=sys.stderr)
    except yosys.YosysError as error:
        sys.exit(str(error))

    rows, total = rows_of(sorted(units, key=lambda u: u.places[0]), results)
    print(terminal_table(rows, total))
    if options.only:
        return
    figures = figures_of(rows, total)
    report.write(options.report, figures)
    print(report.table(figures[:len(COLUMNS) + 3]))
    if options.update:
        update(options.update, rows, total)
    sys.exit(0 if all(f.met() for f in figures if f.name != "card.levels") else 1)


if __name__ == "__main__":
    main()
