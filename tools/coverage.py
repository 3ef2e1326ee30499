#!/usr/bin/env python3
"""Measures what the benches and the conformance suite cover of the RTL: lines as Verilator counts them,
and the cover points of hw/rtl/checks, each in every instance of its module that the card has.
Builds the `coverage` preset in build/coverage, runs the programs with RTL in them, merges what
they wrote and lists what was never reached. What cannot be reached is left out by
hw/rtl/checks/unreachable.yaml, with a reason.

examples:
  tools/coverage.py                             # everything, build/reports/coverage.json
  tools/coverage.py --programs rtl_lookup_test  # some of it, in a hurry; no report
"""

import argparse
import collections
import concurrent.futures
import fnmatch
import os
import pathlib
import re
import shutil
import subprocess
import sys

import yaml

import report
import yosys

CHECKS = yosys.RTL / "checks"
UNREACHABLE = CHECKS / "unreachable.yaml"

# Programs that hold Verilated RTL, the arguments that leave out what is not about it, and in how
# many pieces they run.
PROGRAMS = {
    "rtl_random_test": ([], 8),
    "conformance_test": (["--gtest_filter=*rtl*"], 16),
    "rtl_test": ([], 4),
    "rtl_tx_test": ([], 4),
    "rtl_lookup_test": ([], 1),
}

# Where in the card a bench's module is. Benches of modules with parameters of their own (fifo,
# cell_allocator) reach lines, but no points of the card.
PLACES = {
    "farrier_card": "",
    "axil_slave": "u_axil",
    "calendar": "u_tx.u_calendar",
    "cell_reclaimer": "u_rx.u_reclaimer",
    "credits": "u_rx.u_credits",
    "filter_exact": "u_rx.u_filter.u_exact",
    "rss": "u_rx.u_filter.u_rss",
    "rules": "u_rx.u_filter.u_rules",
    "rx_front": "u_rx.u_front",
    "tx_path": "u_tx",
}

FIELD = re.compile(r"\x01([^\x02]*)\x02([^\x01]*)")
# A point, in one instance (a path in the card); and a block of lines or a branch, in all of them.
Point = collections.namedtuple("Point", "file line column instance")
Block = collections.namedtuple("Block", "file line column what lines")


class Counts:
    """How often each point and each block was passed, and which points the card has."""

    def __init__(self):
        self.points, self.blocks = collections.Counter(), collections.Counter()
        self.of_card = set()

    def add(self, fields, count):
        file = pathlib.Path(fields["f"])
        where = file.name, int(fields.get("l", 0)), int(fields.get("n", 0))
        if file.parent == CHECKS and fields["page"].startswith("v_user"):
            self._add_point(where, fields["o"].split()[0], count)
        elif file.parent == yosys.RTL and not fields["page"].startswith("v_user"):
            self.blocks[Block(*where, fields["o"], fields.get("S", ""))] += count

    def _add_point(self, where, path, count):
        top, _, inside = path.strip(".").partition(".")
        if top not in PLACES:
            return
        path = ".".join(part for part in (PLACES[top], inside) if part)
        point = Point(*where, re.sub(r"\.?\bu_checks\b", "", path).strip("."))
        self.points[point] += count
        if top == "farrier_card":
            self.of_card.add(point)

    def read(self, file):
        for line in file.read_text(errors="replace").splitlines():
            match = re.match(r"C '(.*)' (\d+)$", line)
            if match:
                self.add(dict(FIELD.findall(match.group(1))), int(match.group(2)))


class Source:
    """Lines of the RTL and its checks, as text."""

    def __init__(self):
        self._files = {}

    def line(self, name, number):
        if name not in self._files:
            path = next(p for p in (yosys.RTL / name, CHECKS / name) if p.exists())
            self._files[name] = path.read_text().splitlines()
        return self._files[name][number - 1].strip()


class Unreachable:
    """The checked-in list: entries of {file, text, reason} and for points {instance}, globs."""

    def __init__(self, path, source):
        self._entries = yaml.safe_load(path.read_text()) or []
        self._used = [False] * len(self._entries)
        self._source = source
        for entry in self._entries:
            if not {"file", "text", "reason"} <= entry.keys():
                sys.exit(f"{path}: an entry needs file, text and reason: {entry}")

    def has(self, item, instance=None):
        text = self._source.line(item.file, item.line)
        for i, entry in enumerate(self._entries):
            if (entry["file"] == item.file and entry["text"] in text and
                    (entry.get("instance") is None) == (instance is None) and
                    fnmatch.fnmatchcase(instance or "", entry.get("instance", "")) and
                    entry.get("what", getattr(item, "what", None)) == getattr(item, "what", None)):
                self._used[i] = True
                return True
        return False

    def unused(self):
        return [e for e, used in zip(self._entries, self._used) if not used]


def lines_of(text):
    """The line numbers of "3-5,9"."""
    numbers = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        numbers.update(range(int(first), int(last or first) + 1))
    return numbers


def build(options, programs):
    if not (options.build / "build.ninja").exists():
        subprocess.run(["cmake", "--preset", "coverage"], cwd=yosys.ROOT, check=True,
                       stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", options.build, "-j", str(options.jobs), "--target", *programs],
                   cwd=yosys.ROOT, check=True)


def run(options, programs):
    """Runs the programs; those that failed."""
    shutil.rmtree(options.data, ignore_errors=True)
    options.data.mkdir(parents=True)

    def run_piece(program, piece, pieces):
        path = options.build / "tests" / program
        done = subprocess.run(
            [path, "--gtest_brief=1", *PROGRAMS[program][0]], check=False, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "FARRIER_COVERAGE_DIR": str(options.data),
                 "GTEST_TOTAL_SHARDS": str(pieces), "GTEST_SHARD_INDEX": str(piece)})
        if done.returncode != 0:
            print(done.stdout)
        return program, done.returncode

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        pieces = [pool.submit(run_piece, program, piece, PROGRAMS[program][1])
                  for program in programs for piece in range(PROGRAMS[program][1])]
        return sorted({p.result()[0] for p in pieces if p.result()[1] != 0})


def merged(options):
    """What all programs covered."""
    files = sorted(str(f) for f in options.data.glob("*_*.dat"))
    if not files:
        sys.exit(f"nothing was written to {options.data}: the programs hold no RTL")
    path = options.data / "merged.dat"
    subprocess.run(["verilator_coverage", "--write", str(path), *files], check=True,
                   stdout=subprocess.DEVNULL)
    counts = Counts()
    counts.read(path)
    return counts


def percent(some, of):
    return 100.0 * some / of if of else 100.0


def point_figures(counts, source, unreachable):
    """Points by the module that they are bound to, and those that were never covered."""
    points = counts.of_card or set(counts.points)
    by_file = collections.defaultdict(lambda: [0, 0])
    missed, excluded, wrong = [], 0, []
    for point in sorted(points):
        hit = counts.points[point] > 0
        if unreachable.has(point, point.instance):
            if hit:
                wrong.append(point)
            else:
                excluded += 1
                continue
        entry = by_file[point.file.replace("_checks.sv", "").replace(".sv", "")]
        entry[0] += hit
        entry[1] += 1
        if not hit:
            missed.append(point)
    for point in missed:
        print(f"  never covered: {point.instance or 'farrier_card'}: {point.file}:{point.line} "
              f"{source.line(point.file, point.line)}")
    for point in wrong:
        print(f"  reached, though {UNREACHABLE.name} says it cannot be: {point.instance} "
              f"{point.file}:{point.line}")
    hits, total = (sum(e[i] for e in by_file.values()) for i in (0, 1))
    figures = [report.Figure("points", percent(hits, total), "%", "== 100"),
               report.Figure("points_hit", hits, f"of {total}"),
               report.Figure("points_excluded", excluded, "points"),
               report.Figure("points_wrongly_excluded", len(wrong), "points", "== 0")]
    return figures + [report.Figure(f"{name}.points", entry[0], f"of {entry[1]}")
                      for name, entry in sorted(by_file.items())]


def line_figures(counts, source, unreachable):
    """Lines by module; a line that several blocks share is covered if all of them are."""
    lines = collections.defaultdict(dict)
    branches, excluded, wrong = [0, 0], 0, 0
    for block, count in sorted(counts.blocks.items()):
        if unreachable.has(block):
            excluded += 1
            wrong += count > 0
            if count == 0:
                continue
        branches[0] += count > 0
        branches[1] += 1
        if count == 0:
            print(f"  never passed: {block.file}:{block.line} ({block.what}) "
                  f"{source.line(block.file, block.line)}")
        of_file = lines[block.file]
        for number in lines_of(block.lines):
            of_file[number] = of_file.get(number, True) and count > 0
    hits = sum(sum(of_file.values()) for of_file in lines.values())
    total = sum(len(of_file) for of_file in lines.values())
    figures = [report.Figure("lines", percent(hits, total), f"% of {total}", ">= 95"),
               report.Figure("branches", percent(*branches), f"% of {branches[1]}"),
               report.Figure("branches_excluded", excluded, "branches"),
               report.Figure("branches_wrongly_excluded", wrong, "branches", "== 0")]
    return figures + [
        report.Figure(f"{file.removesuffix('.sv')}.lines",
                      percent(sum(of_file.values()), len(of_file)), f"% of {len(of_file)}")
        for file, of_file in sorted(lines.items())]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=yosys.ROOT / "build" / "coverage")
    parser.add_argument("--data", type=pathlib.Path, default=yosys.ROOT / "build" / "coverage" / "data")
    parser.add_argument("--report", type=pathlib.Path,
                        default=yosys.ROOT / "build" / "reports" / "coverage.json")
    parser.add_argument("--programs", default="", help="comma-separated, of: " + ", ".join(PROGRAMS))
    parser.add_argument("--no-run", action="store_true", help="only read what is in --data")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    yosys.need("verilator", "verilator_coverage")
    programs = options.programs.split(",") if options.programs else list(PROGRAMS)
    unknown = set(programs) - set(PROGRAMS)
    if unknown:
        sys.exit(f"no program {', '.join(sorted(unknown))}; there are: {', '.join(PROGRAMS)}")

    failed = []
    if not options.no_run:
        try:
            build(options, programs)
        except subprocess.CalledProcessError as error:
            sys.exit(f"the coverage build failed: {error}")
        failed = run(options, programs)
    counts = merged(options)
    source = Source()
    unreachable = Unreachable(UNREACHABLE, source)
    figures = (point_figures(counts, source, unreachable) +
               line_figures(counts, source, unreachable) +
               [report.Figure("programs_failed", len(failed), "programs", "== 0")])
    for entry in unreachable.unused() if not options.programs else []:
        print(f"  {UNREACHABLE.name}: there is no {entry['file']}: {entry['text']}")
    print(report.table(figures))
    if failed:
        print(f"failed: {', '.join(failed)}")
    if not options.programs and not options.no_run:
        report.write(options.report, figures)
    sys.exit(0 if all(f.met() for f in figures) else 1)


if __name__ == "__main__":
    main()
