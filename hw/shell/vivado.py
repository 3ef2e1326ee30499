"""What bitstream.py and flash.py share: boards, finding Vivado, collecting what is missing, running commands."""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

# Name in the shell's checkout -> what the JTAG chain calls the FPGA, which some boards share.
BOARDS = {
    "au50": "xcu50_*",
    "au55c": "xcu280_*",
    "au55n": "xcu50_*",
    "au200": "xcu200_*",
    "au250": "xcu250_*",
    "au280": "xcu280_*",
}
GET_SHELL = "git clone https://github.com/Xilinx/open-nic-shell"
GET_VIVADO = (
    "install AMD Vivado 2020.1 to 2022.1 with UltraScale+ devices (www.xilinx.com/download), then "
    "source its settings64.sh"
)


def add_board(parser):
    parser.add_argument("--board", default="", help=f"one of {', '.join(BOARDS)}")


class Missing:
    """What stands in the way, each with what would mend it."""

    def __init__(self):
        self.problems = []
        self.notes = []

    def __call__(self, what, remedy):
        self.problems.append(f"{what}\n    -> {remedy}")

    def note(self, text):
        self.notes.append(text)

    def report(self, command, dry_run):
        """Prints it all. True if there is nothing that stops the command."""
        for note in self.notes:
            print(f"{command}: note: {note}", file=sys.stderr)
        for problem in self.problems:
            print(f"{command}: {problem}", file=sys.stderr)
        if self.problems and not dry_run:
            print(f"{command}: {len(self.problems)} things are missing, nothing was done", file=sys.stderr)
        return not self.problems


def check_board(board, missing):
    if board not in BOARDS:
        what = f"board {board!r} is not supported" if board else "no board given"
        missing(what, f"BOARD= one of {', '.join(BOARDS)}")


def find_vivado(missing):
    """The program, or just its name if it is not there."""
    home = os.environ.get("XILINX_VIVADO", "")
    vivado = shutil.which("vivado") or (shutil.which(f"{home}/bin/vivado") if home else None)
    if not vivado:
        missing("vivado is not in PATH, nor in $XILINX_VIVADO/bin", GET_VIVADO)
        return "vivado"
    try:
        said = subprocess.run([vivado, "-version"], capture_output=True, text=True, timeout=120).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        missing(f"{vivado} -version does not run: {error}", GET_VIVADO)
        return vivado
    version = re.search(r"v(\d{4})\.(\d)", said)
    if not version:
        missing(f"{vivado} -version says no version: {said.strip()[:80]!r}", GET_VIVADO)
    elif not (2020, 1) <= (int(version[1]), int(version[2])) <= (2022, 1):
        missing.note(
            f"Vivado {version[1]}.{version[2]}: OpenNIC's shell is made for 2020.x, 2021.x and 2022.1; later ones "
            "have another QDMA (5.0)"
        )
    return vivado


class Runner:
    """Runs commands, or only prints them. A command is a list; `inside` is its directory."""

    def __init__(self, dry_run):
        self.dry_run = dry_run

    def __call__(self, command, inside=None, env=None):
        shown = shlex.join(map(str, command))
        if env:
            shown = " ".join(f"{name}={shlex.quote(value)}" for name, value in env.items()) + " " + shown
        if inside:
            shown = f"(cd {shlex.quote(str(inside))} && {shown})"
        print(f"+ {shown}", flush=True)
        if self.dry_run:
            return
        subprocess.run(list(map(str, command)), cwd=inside, env={**os.environ, **(env or {})}, check=True)

    def write(self, path, text):
        print(f"+ echo {text} > {path}", flush=True)
        if not self.dry_run:
            pathlib.Path(path).write_text(text)
