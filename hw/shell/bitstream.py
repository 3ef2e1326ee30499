#!/usr/bin/python3 -B
"""Builds the FPGA's bitstream: OpenNIC's shell, from a checkout of yours, with the card as its plugin.

Checks first for what is needed and says what is missing. Takes hours. Leaves the .bit and .mcs in
SHELL_DIR/build/BOARD_farrier/open_nic_shell/open_nic_shell.runs/impl_1.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys

import vivado as tool

ROOT = pathlib.Path(__file__).resolve().parents[2]
PHYS_FUNCTIONS = 3  # A, B, management
MAX_PACKET = 9600
TAG = "farrier"
# What the plugin relies on, by file: text that must be there.
SHAPE = {
    "script/build.tcl": ["-user_plugin", "-num_phys_func", "-max_pkt_len", "-post_impl"],
    "src/box_250mhz/box_250mhz.sv": [
        '`include "user_plugin_250mhz_inst.vh"',
        '`include "box_250mhz_address_map_inst.vh"',
        "s_axis_qdma_h2c_tuser_size",
        "m_axis_adap_tx_250mhz_tuser_dst",
        "mod_rst_done",
    ],
    "src/qdma_subsystem/qdma_subsystem_hash.sv": ["hash_key"],
    "plugin/p2p/build_box_322mhz.tcl": [],
}
KNOWN_COMMIT = "940907fc99fc8d73dbea0028b3a23095a660a42a"  # January 2025


def check_shell(shell, board, missing):
    if not str(shell) or not shell.is_dir():
        missing(f"SHELL_DIR {str(shell)!r} is not a directory", f"{tool.GET_SHELL}; SHELL_DIR= where it is")
        return
    for name, texts in SHAPE.items():
        path = shell / name
        if not path.is_file():
            missing(f"{path} is not there: no checkout of OpenNIC's shell", tool.GET_SHELL)
            return
        content = path.read_text(errors="replace")
        for text in texts:
            if text not in content:
                missing(
                    f"{path} has no {text!r}: not the shell of January 2025 or one like it",
                    f"git -C {shell} checkout {KNOWN_COMMIT}",
                )
    if board in tool.BOARDS and not (shell / f"script/board_settings/{board}.tcl").is_file():
        missing(f"this checkout does not know the board {board}", f"git -C {shell} checkout {KNOWN_COMMIT}")
    if not os.access(shell, os.W_OK):
        missing(f"{shell} cannot be written to; the build goes into its build/", f"sudo chown -R $USER {shell}")
    head = subprocess.run(["git", "-C", shell, "rev-parse", "HEAD"], capture_output=True, text=True)
    if head.returncode != 0 or head.stdout.strip() != KNOWN_COMMIT:
        missing.note(
            f"the shell is at {head.stdout.strip() or 'no known commit'}; what is known of it is known of {KNOWN_COMMIT}"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    tool.add_board(parser)
    parser.add_argument("--shell-dir", default="", help="a checkout of github.com/Xilinx/open-nic-shell")
    parser.add_argument("--mac", default="", help="MAC address to build in, e.g. 02:00:00:00:00:01")
    parser.add_argument("--jobs", type=int, default=8, help="of Vivado at a time, 1-32")
    parser.add_argument("--dry-run", action="store_true", help="only print every command")
    options = parser.parse_args()

    missing = tool.Missing()
    tool.check_board(options.board, missing)
    shell = pathlib.Path(options.shell_dir).absolute() if options.shell_dir else pathlib.Path("")
    if options.shell_dir:
        check_shell(shell, options.board, missing)
    else:
        missing("no SHELL_DIR given", f"{tool.GET_SHELL}; SHELL_DIR= where it is")
    program = tool.find_vivado(missing)
    mac = options.mac.replace(":", "").lower()
    if mac and (not re.fullmatch("[0-9a-f]{12}", mac) or int(mac[:2], 16) & 1):
        missing(f"{options.mac!r} is no unicast MAC address", "MAC= like 02:00:00:00:00:01, or none")
    if not 1 <= options.jobs <= 32:
        missing(f"--jobs {options.jobs} is out of range", "1 to 32")
    if not missing.report("make bitstream", options.dry_run) and not options.dry_run:
        return 1

    run = tool.Runner(options.dry_run)
    package = ROOT / "build/bitstream/farrier_regs_pkg.sv"
    run(["mkdir", "-p", package.parent])
    run([
        "/usr/bin/python3", ROOT / "tools/generate_registers.py", ROOT / "hw/regs/registers.yaml", "--sv", package,
    ])
    env = {"FARRIER_REGS_PKG": str(package)}
    if mac:
        env["FARRIER_MAC"] = mac
    # -rebuild 1: do not ask what to do about an earlier build; IPs that were built are kept.
    arguments = {
        "board": options.board, "tag": TAG, "jobs": options.jobs, "rebuild": 1,
        "user_plugin": ROOT / "hw/shell", "num_phys_func": PHYS_FUNCTIONS, "max_pkt_len": MAX_PACKET,
        "num_cmac_port": 1, "impl": 1, "post_impl": 1,
    }
    flat = [text for name, value in arguments.items() for text in (f"-{name}", value)]
    run([program, "-mode", "batch", "-source", "build.tcl", "-tclargs", *flat], inside=shell / "script", env=env)

    results = shell / f"build/{options.board}_{TAG}/open_nic_shell/open_nic_shell.runs/impl_1"
    if options.dry_run:
        print(f"would leave {results}/open_nic_shell.bit and .mcs")
        return 0
    for suffix in ("bit", "mcs"):
        if not (results / f"open_nic_shell.{suffix}").is_file():
            print(f"make bitstream: Vivado made no {results}/open_nic_shell.{suffix}; see its log above", file=sys.stderr)
            return 1
    timing = results / "open_nic_shell_timing_summary_routed.rpt"
    if not timing.is_file() or "All user specified timing constraints are met" not in timing.read_text(errors="replace"):
        print(f"make bitstream: the timing is not met: see {timing}; do not use this bitstream", file=sys.stderr)
        return 1
    print(f"{results}/open_nic_shell.bit")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as failed:
        sys.exit(f"make bitstream: {failed.cmd[0]} failed with status {failed.returncode}")
