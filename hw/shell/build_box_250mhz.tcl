# Sourced by the shell's build.tcl, in this folder: reads the card's sources into the project. The
# environment tells where the generated register package is (FARRIER_REGS_PKG) and may give the port's MAC
# address as 12 hex digits (FARRIER_MAC). hw/shell/shell.py sets both.
if {[info exists ::env(FARRIER_REGS_PKG)]} {
    set farrier_regs_pkg $::env(FARRIER_REGS_PKG)
} else {
    set farrier_regs_pkg [file normalize ../../build/release/generated/hw/regs/farrier_regs_pkg.sv]
}
if {![file exists $farrier_regs_pkg]} {
    error "$farrier_regs_pkg is not there; make build generates it, FARRIER_REGS_PKG may name another place"
}
read_verilog -quiet -sv $farrier_regs_pkg
read_verilog -quiet -sv [file normalize ../rtl/farrier_pkg.sv]
foreach farrier_file [lsort [glob ../rtl/*.sv]] {
    if {[file tail $farrier_file] ne "farrier_pkg.sv"} {
        read_verilog -quiet -sv [file normalize $farrier_file]
    }
}
foreach farrier_file [lsort [glob *.sv]] {
    read_verilog -quiet -sv [file normalize $farrier_file]
}
if {[info exists ::env(FARRIER_MAC)]} {
    set farrier_defines [get_property verilog_define [current_fileset]]
    lappend farrier_defines "FARRIER_MAC=48'h$::env(FARRIER_MAC)"
    set_property verilog_define $farrier_defines [current_fileset]
}
