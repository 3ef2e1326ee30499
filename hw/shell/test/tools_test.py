"""bitstream.py and flash.py against a fake Vivado, a fake checkout and a fake sysfs."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
SHELL = pathlib.Path(__file__).resolve().parents[1]

# Says its version, writes down how it was called, and makes what the build would.
VIVADO = """#!/bin/sh
if [ "$1" = -version ]; then echo "Vivado v${FAKE_VERSION:-2021.2} (64-bit)"; exit 0; fi
echo "vivado $* in $PWD with $FARRIER_REGS_PKG $FARRIER_MAC" >> "$FAKE_LOG"
[ -z "$FAKE_FAIL" ] || exit 3
[ -z "$FAKE_RESULTS" ] || { mkdir -p "$FAKE_RESULTS"; cd "$FAKE_RESULTS"; touch open_nic_shell.bit open_nic_shell.mcs
  echo "${FAKE_TIMING:-All user specified timing constraints are met.}" > open_nic_shell_timing_summary_routed.rpt; }
"""
# Reads 0147 everywhere.
SETPCI = """#!/bin/sh
echo "setpci $*" >> "$FAKE_LOG"
case "$3" in *=*) ;; *) echo 0147 ;; esac
"""


class ToolTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.top = pathlib.Path(self.directory.name)
        self.log = self.top / "log"
        self.programs = self.top / "bin"
        self.programs.mkdir()
        self.env = {"PATH": f"{self.programs}:/usr/bin:/bin", "FAKE_LOG": str(self.log)}

    def program(self, name, text):
        (self.programs / name).write_text(text)
        (self.programs / name).chmod(0o755)

    def run_tool(self, tool, *arguments, **env):
        done = subprocess.run(
            [sys.executable, "-B", SHELL / tool, *map(str, arguments)],
            env={**self.env, **env}, capture_output=True, text=True, timeout=60,
        )
        self.assertNotIn("Traceback", done.stderr)
        return done

    def calls(self):
        return self.log.read_text().splitlines() if self.log.exists() else []


class BitstreamTest(ToolTest):
    def setUp(self):
        super().setUp()
        sys.path.insert(0, str(SHELL))
        import bitstream

        self.checkout = self.top / "open-nic-shell"
        for name, texts in bitstream.SHAPE.items():
            path = self.checkout / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(texts))
        (self.checkout / "script/board_settings").mkdir()
        (self.checkout / "script/board_settings/au250.tcl").touch()
        self.results = self.checkout / "build/au250_farrier/open_nic_shell/open_nic_shell.runs/impl_1"

    def build(self, *arguments, **env):
        return self.run_tool(
            "bitstream.py", "--board", "au250", "--shell-dir", self.checkout, *arguments, **env)

    def test_builds_with_three_functions_and_the_longest_packets(self):
        self.program("vivado", VIVADO)
        done = self.build("--mac", "02:00:00:00:00:0a", FAKE_RESULTS=str(self.results))
        self.assertEqual(done.returncode, 0, done.stderr)
        call = self.calls()[0]
        for text in [
            "-board au250", f"-user_plugin {SHELL} ", "-num_phys_func 3", "-max_pkt_len 9600", "-impl 1",
            "-post_impl 1", f"in {self.checkout}/script", "farrier_regs_pkg.sv 02000000000a",
        ]:
            self.assertIn(text, call)
        package = call.split(" with ")[1].split()[0]
        self.assertIn("package farrier_regs_pkg", pathlib.Path(package).read_text())
        self.assertIn(f"{self.results}/open_nic_shell.bit", done.stdout)

    def test_a_dry_run_prints_the_commands_and_runs_none(self):
        self.program("vivado", VIVADO)
        done = self.build("--dry-run")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(self.calls(), [])
        self.assertIn("generate_registers.py", done.stdout)
        self.assertIn("-num_phys_func 3", done.stdout)

    def test_a_dry_run_says_what_is_missing_and_goes_on(self):
        done = self.run_tool("bitstream.py", "--board", "au250", "--dry-run")
        self.assertEqual(done.returncode, 0)
        self.assertIn("vivado is not in PATH", done.stderr)
        self.assertIn("no SHELL_DIR given", done.stderr)
        self.assertIn("-source build.tcl", done.stdout)

    def test_everything_missing_is_said_at_once(self):
        done = self.run_tool("bitstream.py", "--board", "vcu118", "--mac", "01:00:00:00:00:00")
        self.assertEqual(done.returncode, 1)
        for text in ["'vcu118' is not supported", "no SHELL_DIR given", "git clone", "vivado is not in PATH",
                     "no unicast MAC", "nothing was done"]:
            self.assertIn(text, done.stderr)

    def test_another_shell_is_refused(self):
        self.program("vivado", VIVADO)
        (self.checkout / "src/box_250mhz/box_250mhz.sv").write_text("module box_250mhz; endmodule")
        done = self.build()
        self.assertEqual(done.returncode, 1)
        self.assertIn("s_axis_qdma_h2c_tuser_size", done.stderr)
        self.assertIn("checkout 940907fc", done.stderr)
        self.assertEqual(self.calls(), [])

    def test_a_board_that_the_checkout_does_not_know_is_refused(self):
        self.program("vivado", VIVADO)
        done = self.run_tool("bitstream.py", "--board", "au280", "--shell-dir", self.checkout)
        self.assertEqual(done.returncode, 1)
        self.assertIn("does not know the board au280", done.stderr)

    def test_a_later_vivado_is_noted(self):
        self.program("vivado", VIVADO)
        done = self.build(FAKE_RESULTS=str(self.results), FAKE_VERSION="2023.1")
        self.assertEqual(done.returncode, 0)
        self.assertIn("Vivado 2023.1", done.stderr)

    def test_a_build_that_misses_its_timing_fails(self):
        self.program("vivado", VIVADO)
        done = self.build(FAKE_RESULTS=str(self.results), FAKE_TIMING="Timing constraints are not met.")
        self.assertEqual(done.returncode, 1)
        self.assertIn("timing is not met", done.stderr)

    def test_a_vivado_that_fails_or_makes_nothing_fails(self):
        self.program("vivado", VIVADO)
        self.assertIn("failed with status 3", self.build(FAKE_FAIL="1").stderr)
        done = self.build()
        self.assertEqual(done.returncode, 1)
        self.assertIn("made no", done.stderr)


class FlashTest(ToolTest):
    def setUp(self):
        super().setUp()
        self.program("vivado", VIVADO)
        self.program("setpci", SETPCI)
        self.image = self.top / "card.bit"
        self.image.touch()
        # 0000:80:01.0 is the bridge above 0000:81:00.0-2.
        self.sysfs = self.top / "sys"
        self.devices = self.sysfs / "bus/pci/devices"
        self.devices.mkdir(parents=True)
        bridge = self.sysfs / "devices/pci0000:80/0000:80:01.0"
        for number in range(3):
            function = bridge / f"0000:81:00.{number}"
            function.mkdir(parents=True)
            (function / "vendor").write_text("0x10ee\n")
            (self.devices / function.name).symlink_to(function)
        (self.devices / bridge.name).symlink_to(bridge)
        self.proc = self.top / "proc"
        self.proc.mkdir()

    def flash(self, *arguments, bdf="81:00.0", **env):
        return self.run_tool(
            "flash.py", "--board", "au250", "--bdf", bdf, "--bitstream", self.image, "--sysfs", self.sysfs,
            "--proc", self.proc, "--unprivileged", "--wait-s", 0.1, *arguments, **env)

    def test_masks_removes_loads_rescans_enables_and_unmasks(self):
        done = self.flash()
        self.assertEqual(done.returncode, 0, done.stderr)
        steps = [line[2:] for line in done.stdout.splitlines() if line.startswith("+ ")]
        order = [
            "setpci -s 0000:80:01.0 COMMAND=0000:0100", "setpci -s 0000:80:01.0 CAP_EXP+8.w=0000:0004",
            f"echo 1 > {self.devices}/0000:81:00.0/remove", f"echo 1 > {self.devices}/0000:81:00.1/remove",
            f"echo 1 > {self.devices}/0000:81:00.2/remove", "vivado", f"echo 1 > {self.devices}/0000:80:01.0/rescan",
            "setpci -s 0000:81:00.0 COMMAND=0002:0002", "setpci -s 0000:81:00.1 COMMAND=0002:0002",
            "setpci -s 0000:81:00.2 COMMAND=0002:0002", "setpci -s 0000:80:01.0 COMMAND=0147",
            "setpci -s 0000:80:01.0 CAP_EXP+8.w=0147",
        ]
        self.assertEqual(len(steps), len(order))
        for step, expected in zip(steps, order):
            self.assertIn(expected, step)
        vivado = [call for call in self.calls() if call.startswith("vivado")][0]
        self.assertIn(f"xcu250_* volatile {self.image}", vivado)
        self.assertEqual((self.devices / "0000:80:01.0/rescan").read_text(), "1")

    def test_a_dry_run_touches_nothing(self):
        done = self.flash("--dry-run")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(self.calls(), [])
        self.assertIn("/rescan", done.stdout)
        self.assertFalse((self.devices / "0000:81:00.0/remove").exists())

    def test_a_load_that_fails_still_rescans_and_unmasks(self):
        done = self.flash(FAKE_FAIL="1")
        self.assertEqual(done.returncode, 1)
        self.assertIn("failed with status 3", done.stderr)
        self.assertEqual((self.devices / "0000:80:01.0/rescan").read_text(), "1")
        self.assertEqual(self.calls()[-1], "setpci -s 0000:80:01.0 CAP_EXP+8.w=0147")

    def test_functions_that_do_not_come_back_are_named(self):
        (self.devices / "0000:81:00.2").unlink()
        done = self.flash()
        self.assertEqual(done.returncode, 1)
        self.assertIn("0000:81:00.2 did not come back", done.stderr)
        self.assertIn("rebooted warm", done.stderr)

    def test_persistent_writes_the_memory_and_asks_for_a_cold_reboot(self):
        done = self.flash("--persistent")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"xcu250_* flash {self.image}", "".join(self.calls()))
        self.assertIn("cold reboot", done.stdout)
        self.assertFalse((self.devices / "0000:80:01.0/rescan").exists())

    def test_an_empty_card_can_be_written_persistently_only(self):
        done = self.flash(bdf="82:00.0")
        self.assertEqual(done.returncode, 1)
        self.assertIn("PERSISTENT=1", done.stderr)
        self.assertEqual(self.flash("--persistent", bdf="82:00.0").returncode, 0)

    def test_a_card_in_use_is_left_alone(self):
        group = self.sysfs / "kernel/iommu_groups/17"
        group.mkdir(parents=True)
        (self.devices / "0000:81:00.1/iommu_group").symlink_to(group)
        descriptors = self.proc / "4242/fd"
        descriptors.mkdir(parents=True)
        (descriptors / "9").symlink_to("/dev/vfio/17")
        (self.proc / "4242/comm").write_text("farrierd\n")
        done = self.flash()
        self.assertEqual(done.returncode, 1)
        self.assertIn("process 4242 (farrierd) uses 0000:81:00.1", done.stderr)
        self.assertEqual(self.calls(), [])

    def test_everything_missing_is_said_at_once(self):
        (self.programs / "vivado").unlink()
        (self.programs / "setpci").unlink()
        self.image.unlink()
        self.env["PATH"] = str(self.programs)
        (self.devices / "0000:81:00.0/vendor").write_text("0x8086\n")
        done = self.flash()
        self.assertEqual(done.returncode, 1)
        for text in ["vivado is not in PATH", "apt-get install pciutils", "card.bit is not there",
                     "vendor 0x8086", "nothing was done"]:
            self.assertIn(text, done.stderr)

    def test_an_address_that_is_none_is_refused(self):
        for bdf in ["", "81:00", "0000:81:00.8", "; reboot", "../.."]:
            done = self.flash(bdf=bdf)
            self.assertEqual(done.returncode, 1)
            self.assertIn("is no PCI address", done.stderr)


if __name__ == "__main__":
    unittest.main()
