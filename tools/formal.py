#!/usr/bin/env python3
"""Proves properties of RTL modules with Yosys, yosys-smtbmc and z3, as hw/rtl/formal/proofs.yaml says.

Each proof is a bounded search from reset, an induction where the list names one (then it holds for ever),
and a search for its `cover` statements, so that no proof holds because nothing can happen. That search, and
the bounded one where the list says `engine: abc`, are done bit by bit by Yosys' ABC, which is faster there.

examples:
  tools/formal.py                     # all of them, build/reports/formal.json
  tools/formal.py --only fifo         # one; a counterexample is left as a waveform in build/formal
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import yaml

import report
import yosys

FORMAL = yosys.RTL / "formal"
# To gates, for ABC.
TO_AIGER = ["setundef -undriven -zero", "techmap", "opt -fast", "dffunmap", "simplemap", "abc -g AND -fast",
            "dffunmap", "simplemap", "opt_clean", "aigmap"]
# A cover is reached if that it is not is violated.
COVER_MAP = """(* techmap_celltype = "$cover" *)
module cover_as_assert(input A, input EN);
  \\$assert _TECHMAP_REPLACE_ (.A(!(A && EN)), .EN(1'b1));
endmodule
"""


def shrink(text, constants, found):
    """A package with some of its constants replaced."""
    for name, value in constants.items():
        text, count = re.subn(rf"(localparam int unsigned {name}\s*=\s*)[^;]+;", rf"\g<1>{value};", text)
        found[name] = found.get(name, 0) + count
    return text


def prepare(name, proof, build, rtl, out):
    """Compiles a proof to SMT-LIB, and to gates for ABC: its assertions, its covers; the first file."""
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    packages, found = [], {}
    for source in [yosys.registers(build), rtl / "farrier_pkg.sv"]:
        copy = folder / source.name
        copy.write_text(shrink(source.read_text(), proof.get("constants", {}), found))
        packages.append(copy)
    for constant, count in found.items():
        if count != 1:
            raise yosys.YosysError(f"{name}: no single constant {constant} in the packages")
    files = packages + [rtl / f"{m}.sv" for m in proof["with"]]
    top = f"{proof.get('of', name)}_proof"
    files += [FORMAL / f"{m}.sv" for m in proof.get("models", [])] + [FORMAL / f"{top}.sv"]
    parameters = [f"chparam -set {k} {v} {top}" for k, v in proof.get("parameters", {}).items()]
    smt2 = folder / f"{name}.smt2"
    yosys.run([f"read_verilog -sv -formal -defer {' '.join(map(str, files))}",
               *parameters, f"hierarchy -check -top {top}", "proc", "opt_clean", "memory_collect",
               # Memories become registers before flattening, so that a proof can name their words.
               "memory_map", "flatten", "opt", "async2sync", "dffunmap", "opt_clean",
               "check -assert", f"write_smt2 -wires {smt2}", f"write_rtlil {folder / name}.il"],
              folder / f"{name}.log")
    (folder / "cover.v").write_text(COVER_MAP)
    for kind, script in (("bmc", ["chformal -cover -remove"]),
                         ("cover", ["chformal -assert -remove", f"techmap -map {folder}/cover.v"])):
        yosys.run([f"read_rtlil {folder / name}.il", *script, *TO_AIGER,
                   f"write_aiger -zinit {folder / name}.{kind}.aig"], folder / f"{name}.{kind}.aig.log")
    return smt2


def run(command, log, timeout):
    """Runs a solver in a session of its own, since z3 would outlive a yosys-smtbmc that is killed; its
    return code, None if it takes too long."""
    with log.open("w") as out, subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT,
                                                start_new_session=True) as process:
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return None


def search_gates(smt2, kind, depth, timeout):
    """A search by ABC: as solve()."""
    aig = smt2.with_name(f"{smt2.stem}.{kind}.aig")
    script = f"read_aiger {aig}; fold; strash; print_stats; bmc3 -F {depth}{' -a' if kind == 'cover' else ''}"
    begun = time.monotonic()
    log = smt2.with_name(f"{smt2.stem}.{kind}.log")
    code = run(["yosys-abc", "-c", script], log, timeout)
    seconds = time.monotonic() - begun
    if code is None:
        return False, seconds, f"not done after {timeout} s"
    said = log.read_text()
    if kind == "bmc":
        passed = f"No output asserted in {depth} frames" in said
        return passed, seconds, "holds" if passed else f"violated, or not searched (see {log})"
    covers = aig.read_bytes().split(b"\n", 1)[0].split()
    covers = int(covers[6]) if len(covers) > 6 else int(covers[4])
    reached = len(set(re.findall(r"Output (\d+) was asserted", said)))
    return reached == covers > 0, seconds, f"{reached} of {covers} covers reached (see {log})"


def solve(smt2, kind, depth, timeout):
    """A search by z3; (passed, seconds, what it said at the end)."""
    flags = {"bmc": ["-t", str(depth)], "induction": ["-i", "-t", str(depth)]}[kind]
    trace = smt2.with_name(f"{smt2.stem}.{kind}.vcd")
    trace.unlink(missing_ok=True)
    command = ["yosys-smtbmc", "-s", "z3", "--unroll", "--noprogress", "--dump-vcd", str(trace), *flags, str(smt2)]
    begun = time.monotonic()
    log = smt2.with_name(f"{smt2.stem}.{kind}.log")
    code = run(command, log, timeout)
    if code is None:
        return False, time.monotonic() - begun, f"not done after {timeout} s"
    said = [line for line in log.read_text().splitlines()
            if re.search(r"Assert failed|Unreached cover|Status:|[Ee]rror", line)]
    what = "; ".join(re.sub(r"^##\s+\S+\s+\S+\s+", "", line) for line in said[-4:])
    return code == 0, time.monotonic() - begun, what if code == 0 else f"{what} (see {log})"


def prove(name, proof, options):
    """All searches of one proof: [(kind, depth, passed, seconds, what)]."""
    try:
        smt2 = prepare(name, proof, options.build, options.rtl, options.out)
    except yosys.YosysError as error:
        return [("compile", 0, False, 0.0, str(error))]
    results = []
    for kind in ("bmc", "induction", "cover"):
        if kind not in proof or (options.no_cover and kind == "cover"):
            continue
        by_gates = kind == "cover" or (kind == "bmc" and proof.get("engine") == "abc")
        passed, seconds, what = (search_gates if by_gates else solve)(smt2, kind, proof[kind],
                                                                     options.timeout)
        results.append((kind, proof[kind], passed, seconds, what))
        if not passed:
            break
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=yosys.ROOT / "build" / "release",
                        help="configured build folder, for the generated package")
    parser.add_argument("--rtl", type=pathlib.Path, default=yosys.RTL,
                        help="folder of the RTL, if it is not the tree's (a mutant's)")
    parser.add_argument("--out", type=pathlib.Path, default=yosys.ROOT / "build" / "formal")
    parser.add_argument("--report", type=pathlib.Path,
                        default=yosys.ROOT / "build" / "reports" / "formal.json")
    parser.add_argument("--only", default="", help="comma-separated proofs; then there is no report")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--timeout", type=int, default=900, help="seconds for one search")
    parser.add_argument("--no-cover", action="store_true", help="skip the cover searches")
    options = parser.parse_args()
    yosys.need("yosys", "yosys-smtbmc", "yosys-abc", "z3")

    proofs = yaml.safe_load((FORMAL / "proofs.yaml").read_text())
    if options.only:
        unknown = set(options.only.split(",")) - set(proofs)
        if unknown:
            sys.exit(f"no proof named {', '.join(sorted(unknown))}; there are: {', '.join(proofs)}")
        proofs = {name: proofs[name] for name in options.only.split(",")}

    figures, failed = [], False
    print(f"  {'proof':<18}{'search':<11}{'depth':>6}{'seconds':>9}  verdict")
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        jobs = {name: pool.submit(prove, name, proof, options) for name, proof in proofs.items()}
        for name, job in jobs.items():
            results = job.result()
            for kind, depth, passed, seconds, what in results:
                print(f"  {name:<18}{kind:<11}{depth:>6}{seconds:>9.1f}  "
                      f"{'holds' if passed else 'FAILS: ' + what}", flush=True)
                failed = failed or not passed
            proven = all(r[2] for r in results)
            kind = "for ever" if "induction" in proofs[name] else f"{proofs[name]['bmc']} cycles"
            figures.append(report.Figure(f"{name}.holds", int(proven), kind, "== 1"))
            figures.append(report.Figure(f"{name}.seconds", round(sum(r[3] for r in results), 1), "s"))
    if not options.only:
        report.write(options.report, figures)
        unbounded = sum("induction" in p for p in proofs.values())
        print(f"  {sum(f.met() for f in figures[::2])} of {len(proofs)} proofs hold, {unbounded} of them "
              f"for ever, the others for the cycles named")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
