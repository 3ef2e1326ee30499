#!/usr/bin/python3 -B
"""Puts a bitstream on the card, over JTAG.

Volatile (the default): gone at the next power cycle; the PCI functions are taken away, the FPGA loaded and the
functions found anew. --persistent: into the configuration memory, from which the card boots after a
cold reboot. Checks first for what is needed and says what is missing. As root. Stop farrierd first.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import vivado as tool

HERE = pathlib.Path(__file__).resolve().parent
TAG = "farrier"
VENDOR = "0x10ee"  # AMD, formerly Xilinx
PHYS_FUNCTIONS = 3
SERR = 0x0100  # of the PCI command register
FATAL_ERRORS = 0x0004  # of PCI Express' device control register


def full_bdf(text):
    """0000:81:00.0, also from 81:00.0; None if it is no PCI address."""
    match = re.fullmatch(r"(?:([0-9a-f]{4}):)?([0-9a-f]{2}:[01][0-9a-f]\.)([0-7])", text.lower())
    return f"{match[1] or '0000'}:{match[2]}{match[3]}" if match else None


def holders(proc, sysfs, function):
    """Processes that have the function's vfio group open: {pid: program}."""
    group = sysfs / "bus/pci/devices" / function / "iommu_group"
    if not group.exists():
        return {}
    device = f"/dev/vfio/{group.resolve().name}"
    found = {}
    for descriptor in proc.glob("[0-9]*/fd/*"):
        try:
            if os.readlink(descriptor) == device:
                process = descriptor.parents[1]
                found[process.name] = (process / "comm").read_text().strip()
        except OSError:  # it has ended, or closed it
            continue
    return found


class Card:
    """The card's functions and the bridge above them, as sysfs shows them."""

    def __init__(self, sysfs, bdf):
        self.devices = sysfs / "bus/pci/devices"
        device = self.devices / bdf
        self.functions = sorted(path.name for path in self.devices.glob(f"{bdf[:-1]}?"))
        self.there = device.exists()
        self.vendor = (device / "vendor").read_text().strip() if self.there else ""
        parent = device.resolve().parent.name if self.there else ""
        self.bridge = parent if full_bdf(parent) else ""


def check(options, bdf, image, missing):
    tool.check_board(options.board, missing)
    program = tool.find_vivado(missing)
    if not image.is_file():
        missing(f"{image} is not there", "make bitstream first; or BITSTREAM= the file")
    if not shutil.which("setpci"):
        missing("setpci is not in PATH", "apt-get install pciutils")
    if os.geteuid() != 0 and not options.unprivileged:
        missing("this is not root, and PCI functions are to be removed", "sudo make flash ...")
    if bdf is None:
        missing(f"{options.bdf!r} is no PCI address", "BDF= like 0000:81:00.0, see lspci -d 10ee:")
        return program, None
    card = Card(options.sysfs, bdf)
    if not card.there:
        what = f"no PCI device {bdf}: a card without a PCI Express design in it has none"
        if options.persistent:
            missing.note(what)
        else:
            missing(what, "see lspci -d 10ee:. Into an empty card: PERSISTENT=1, then a cold reboot")
        return program, card
    if card.vendor != VENDOR:
        missing(f"{bdf} is of vendor {card.vendor}, not {VENDOR}", "BDF= one that lspci -d 10ee: shows")
    if not card.bridge:
        missing(f"{bdf} has no bridge above it whose errors could be masked", "program the card from another machine")
    for function in card.functions:
        for pid, comm in holders(options.proc, options.sysfs, function).items():
            missing(f"process {pid} ({comm}) uses {function}", f"stop it first: kill {pid}")
    return program, card


def read_register(run, bridge, register):
    """The value now, as hex text, to put back later."""
    if run.dry_run:
        return "<as before>"
    said = subprocess.run(["setpci", "-s", bridge, register], capture_output=True, text=True, check=True)
    return said.stdout.strip()


def load(run, card, programming, options):
    """Takes the functions away, programs, and finds them again if the design has them."""
    command = read_register(run, card.bridge, "COMMAND")
    control = read_register(run, card.bridge, "CAP_EXP+8.w")
    # A link that goes down is fatal to some machines unless the bridge keeps it to itself.
    run(["setpci", "-s", card.bridge, f"COMMAND=0000:{SERR:04x}"])
    run(["setpci", "-s", card.bridge, f"CAP_EXP+8.w=0000:{FATAL_ERRORS:04x}"])
    try:
        for function in card.functions:
            run.write(card.devices / function / "remove", "1")
        if options.persistent:
            run(programming)  # leaves a design without PCI Express in the FPGA
            return 0
        try:
            run(programming)
        finally:  # whatever is in the FPGA now
            run.write(card.devices / card.bridge / "rescan", "1")
        return enable(run, card, options.wait_s)
    finally:
        run(["setpci", "-s", card.bridge, f"COMMAND={command}"])
        run(["setpci", "-s", card.bridge, f"CAP_EXP+8.w={control}"])


def enable(run, card, wait_s):
    """Waits for the functions and lets them answer to memory accesses."""
    base = card.functions[0][:-1]
    expected = [f"{base}{number}" for number in range(PHYS_FUNCTIONS)]
    deadline = time.monotonic() + wait_s
    while not run.dry_run:
        gone = [function for function in expected if not (card.devices / function).exists()]
        if not gone:
            break
        if time.monotonic() > deadline:
            print(
                f"make flash: {', '.join(gone)} did not come back in {wait_s:g} s. After the first load of a new "
                "design the machine must be rebooted warm; is it a bitstream of make bitstream?",
                file=sys.stderr,
            )
            return 1
        time.sleep(0.1)
    for function in expected:
        run(["setpci", "-s", function, "COMMAND=0002:0002"])  # memory space
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    tool.add_board(parser)
    parser.add_argument("--bdf", default="", help="PCI address of a function of the card, e.g. 0000:81:00.0")
    parser.add_argument("--shell-dir", default="", help="where make bitstream built")
    parser.add_argument("--bitstream", default="", help="the .bit (or .mcs) if it is elsewhere")
    parser.add_argument("--persistent", action="store_true", help="into the configuration memory")
    parser.add_argument("--target", default="", help="JTAG cable, if several cards are alike")
    parser.add_argument("--dry-run", action="store_true", help="only print every command")
    parser.add_argument("--sysfs", type=pathlib.Path, default=pathlib.Path("/sys"), help=argparse.SUPPRESS)
    parser.add_argument("--proc", type=pathlib.Path, default=pathlib.Path("/proc"), help=argparse.SUPPRESS)
    parser.add_argument("--unprivileged", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--wait-s", type=float, default=10, help=argparse.SUPPRESS)
    options = parser.parse_args()

    suffix = "mcs" if options.persistent else "bit"
    built = pathlib.Path(options.shell_dir) / f"build/{options.board}_{TAG}/open_nic_shell/open_nic_shell.runs/impl_1"
    image = pathlib.Path(options.bitstream or built / f"open_nic_shell.{suffix}").absolute()
    missing = tool.Missing()
    if not options.bitstream and not options.shell_dir:
        missing("neither SHELL_DIR nor BITSTREAM given", "SHELL_DIR= where make bitstream built")
    bdf = full_bdf(options.bdf)
    program, card = check(options, bdf, image, missing)
    if not missing.report("make flash", options.dry_run) and not options.dry_run:
        return 1

    run = tool.Runner(options.dry_run)
    mode = "flash" if options.persistent else "volatile"
    programming = [
        program, "-mode", "batch", "-source", HERE / "program.tcl", "-tclargs", tool.BOARDS.get(options.board, "*"),
        mode, image,
    ] + ([options.target] if options.target else [])
    if card is None or not card.there:
        run(programming)
        status = 0
    else:
        status = load(run, card, programming, options)
    if status == 0 and options.persistent:
        print("The card boots the new bitstream after a cold reboot: power off, not just reset.")
    return status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as failed:
        sys.exit(f"make flash: {failed.cmd[0]} failed with status {failed.returncode}")
    except OSError as failed:
        sys.exit(f"make flash: {failed}")
