#!/usr/bin/env python3
"""Plants the bugs of hw/rtl/formal/mutants.yaml in copies of the RTL and sees that each is caught, by
the proof or the bench named there. A bench that fails without a bug catches nothing: it is run as it is
first. A bug that does not compile is an error, not a catch.

examples:
  tools/mutants.py                        # all of them, build/reports/mutants.json
  tools/mutants.py --only merge_mixes     # one
"""

import argparse
import concurrent.futures
import pathlib
import shutil
import subprocess
import sys
import types

import yaml

import formal
import report
import yosys

MUTANTS = formal.FORMAL / "mutants.yaml"
TESTS = yosys.RTL / "test"


class BuildError(Exception):
    """A bench did not build; the text is the end of what the compiler said."""


def call(command, cwd=None, timeout=600):
    done = subprocess.run([str(c) for c in command], cwd=cwd, timeout=timeout, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def must(command, cwd=None):
    code, said = call(command, cwd)
    if code != 0:
        raise BuildError(f"{command[0]} failed:\n" + "\n".join(said.splitlines()[-8:]))


def verilate(bench, rtl, folder, build):
    """Verilates a bench's module into one object, with the header's folder."""
    top = bench["top"]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    files = [yosys.RTL / "lint.vlt", yosys.registers(build), rtl / "farrier_pkg.sv"]
    files += [rtl / f"{m}.sv" for m in bench["with"]]
    must(["verilator", "--cc", "-sv", "-O3", "--x-assign", "fast", "--x-initial", "fast", "--no-timing",
          "--top-module", top, "--prefix", f"V{top}", "--Mdir", folder, "-Wno-fatal", "-Wno-lint",
          *[f"-G{k}={v}" for k, v in bench.get("parameters", {}).items()], *files])
    must([sys.executable, yosys.ROOT / "tools" / "include_all.py", folder / f"V{top}__all.cpp", folder,
          f"V{top}"])
    must(["g++", "-std=c++20", "-O1", "-w", "-c", "-I", folder, *verilator_includes(),
          folder / f"V{top}__all.cpp", "-o", folder / "module.o"])


def verilator_includes():
    root = call(["verilator", "--getenv", "VERILATOR_ROOT"])[1].strip()
    return ["-I", f"{root}/include", "-I", f"{root}/include/vltstd"]


def build_common(out):
    """Verilator's runtime."""
    objects = []
    root = call(["verilator", "--getenv", "VERILATOR_ROOT"])[1].strip()
    for name in ("verilated", "verilated_threads"):
        target = out / f"{name}.o"
        if not target.exists():
            must(["g++", "-std=c++20", "-O1", "-w", "-c", *verilator_includes(),
                  f"{root}/include/{name}.cpp", "-o", target])
        objects.append(target)
    return objects


def run_bench(folder, test, common):
    """Links a bench's objects with the module in `folder`, and runs it."""
    must(["g++", "-o", folder / "bench", *test, folder / "module.o", *common, "-lgmock_main", "-lgmock",
          "-lgtest", "-lpthread"])
    try:
        return call([folder / "bench", "--gtest_brief=1"], timeout=300)
    except subprocess.TimeoutExpired:
        return 1, "hangs"


def prepare_benches(mutants, options):
    """Builds each bench as it is, and runs it: {test file: objects}, which fit every mutant."""
    common = build_common(options.out) + [options.build / "hw" / "model" / "libfarrier_model.a"]
    tests = {}
    for mutant in mutants.values():
        bench = mutant["caught_by"]
        if "bench" not in bench or bench["bench"] in tests:
            continue
        folder = options.out / f"original_{bench['top']}"
        verilate(bench, yosys.RTL, folder, options.build)
        flags = []
        if "packages" in bench:
            flags = call(["pkg-config", "--cflags", *bench["packages"]])[1].split()
        test = []
        for source in [bench["bench"], *bench.get("sources", [])]:
            test.append(options.out / (source + ".o"))
            must(["g++", "-std=c++20", "-O1", "-w", "-c", "-I", yosys.ROOT, "-I",
                  options.build / "generated", "-I", folder, *verilator_includes(), *flags,
                  TESTS / source, "-o", test[-1]])
        code, said = run_bench(folder, test, common)
        if code != 0:
            raise BuildError(f"{bench['bench']} fails without any bug:\n" +
                             "\n".join(said.splitlines()[-8:]))
        tests[bench["bench"]] = test
    return tests, common


def plant(name, mutant, out):
    """A copy of the RTL with the bug in it; its folder."""
    folder = out / name / "rtl"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for source in yosys.RTL.glob("*.sv"):
        shutil.copy(source, folder)
    victim = folder / mutant["file"]
    before, after = mutant["change"]
    text = victim.read_text()
    if text.count(before) != 1:
        raise BuildError(f"{mutant['file']} has not exactly one `{before}`; mend {MUTANTS}")
    victim.write_text(text.replace(before, after))
    return folder


def hunt(name, mutant, tests, common, options):
    """(caught, by what)."""
    rtl = plant(name, mutant, options.out)
    by = mutant["caught_by"]
    if "proof" in by:
        proof = yaml.safe_load((formal.FORMAL / "proofs.yaml").read_text())[by["proof"]]
        settings = types.SimpleNamespace(build=options.build, rtl=rtl, out=options.out / name,
                                         no_cover=True, timeout=options.timeout)
        results = formal.prove(by["proof"], proof, settings)
        kind, _, passed, _, what = results[-1]
        if kind == "compile" or "not done" in what:
            raise BuildError(f"{name}: {what}")
        return not passed, f"proof {by['proof']} ({kind})"
    folder = options.out / name / "bench"
    verilate(by, rtl, folder, options.build)
    code, _ = run_bench(folder, tests[by["bench"]], common)
    return code != 0, f"bench {by['bench']}"


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=yosys.ROOT / "build" / "release",
                        help="configured build folder, for the generated files")
    parser.add_argument("--out", type=pathlib.Path, default=yosys.ROOT / "build" / "mutants")
    parser.add_argument("--report", type=pathlib.Path,
                        default=yosys.ROOT / "build" / "reports" / "mutants.json")
    parser.add_argument("--only", default="", help="comma-separated bugs; then there is no report")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--timeout", type=int, default=600, help="seconds for one search of a proof")
    options = parser.parse_args()
    yosys.need("yosys", "yosys-smtbmc", "z3", "verilator")

    mutants = yaml.safe_load(MUTANTS.read_text())
    if options.only:
        unknown = set(options.only.split(",")) - set(mutants)
        if unknown:
            sys.exit(f"no bug named {', '.join(sorted(unknown))}; there are: {', '.join(mutants)}")
        mutants = {name: mutants[name] for name in options.only.split(",")}
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        tests, common = prepare_benches(mutants, options)
    except BuildError as error:
        sys.exit(str(error))

    figures = []
    print(f"  {'bug':<28}{'caught':<9}by")
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        jobs = {n: pool.submit(hunt, n, m, tests, common, options) for n, m in mutants.items()}
        for name, job in jobs.items():
            try:
                caught, by = job.result()
            except BuildError as error:
                caught, by = False, f"nothing: {error}"
            print(f"  {name:<28}{'yes' if caught else 'NO':<9}{by}", flush=True)
            figures.append(report.Figure(f"{name}.caught", int(caught), by, "== 1"))
    caught = sum(f.met() for f in figures)
    print(f"  {caught} of {len(figures)} bugs caught")
    if not options.only:
        report.write(options.report, [report.Figure("caught", caught, f"of {len(figures)} bugs",
                                                    f"== {len(figures)}"), *figures])
    sys.exit(0 if caught == len(figures) else 1)


if __name__ == "__main__":
    main()
