"""What the tools that call Yosys share: finding it, the RTL's files, and running a script."""

import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
RTL = ROOT / "hw" / "rtl"
REGS = pathlib.Path("generated") / "hw" / "regs" / "farrier_regs_pkg.sv"  # in a build folder


def need(*programs):
    """Ends the program if one of `programs` is not installed, saying how to get it."""
    packages = {"yosys": "yosys", "yosys-smtbmc": "yosys", "yosys-abc": "yosys", "z3": "z3", "verilator": "verilator",
                "verilator_coverage": "verilator"}
    missing = sorted({packages[p] for p in programs if shutil.which(p) is None})
    if missing:
        sys.exit(f"missing: {', '.join(missing)}. Run: make setup (or apt-get install "
                 f"{' '.join(missing)})")


def registers(build):
    """The generated package of register definitions in a build folder."""
    path = pathlib.Path(build) / REGS
    if not path.exists():
        sys.exit(f"{path} is not there. Run: cmake --preset release && "
                 f"cmake --build --preset release --target farrier_regs_files")
    return path


def sources(build, rtl=RTL):
    """Every file of the RTL, packages first."""
    files = sorted(pathlib.Path(rtl).glob("*.sv"))
    packages = [f for f in files if f.stem.endswith("_pkg")]
    return [registers(build)] + packages + [f for f in files if f not in packages]


class YosysError(Exception):
    """Yosys refused; the text is the end of what it said."""


def run(script, log, timeout=None):
    """Runs a Yosys script (a list of commands), leaving script and output beside `log`."""
    log = pathlib.Path(log)
    log.parent.mkdir(parents=True, exist_ok=True)
    script_file = log.with_suffix(".ys")
    script_file.write_text("\n".join(script) + "\n")
    with log.open("w") as out:
        try:
            done = subprocess.run(["yosys", "-q", str(script_file)], stdout=out,
                                  stderr=subprocess.STDOUT, timeout=timeout, check=False)
        except subprocess.TimeoutExpired:
            raise YosysError(f"{script_file}: not done after {timeout} s") from None
    if done.returncode != 0:
        tail = "\n".join(log.read_text().splitlines()[-5:])
        raise YosysError(f"yosys {script_file} failed:\n{tail}")
