# Programs a card over JTAG, in Vivado's batch mode:
#   vivado -mode batch -source program.tcl -tclargs PATTERN volatile|flash FILE [TARGET]
# PATTERN names the FPGA as the JTAG chain does; TARGET is a cable (a glob of get_hw_targets), needed when
# several cards match. `volatile` loads a .bit, `flash` writes a .mcs to the configuration memory.
lassign $argv pattern mode file target
if {$target eq ""} { set target "*" }

open_hw_manager
connect_hw_server -allow_non_jtag
set found {}
foreach cable [get_hw_targets $target] {
    open_hw_target $cable
    foreach device [get_hw_devices -quiet $pattern] { lappend found [list $cable $device] }
    close_hw_target $cable
}
if {[llength $found] != 1} {
    puts "ERROR: [llength $found] FPGAs like $pattern on the JTAG cables like $target: $found"
    puts "ERROR: one is needed; name its cable with TARGET"
    exit 1
}
lassign [lindex $found 0] cable device
puts "Programming $device on $cable with $file"
open_hw_target $cable
set device [get_hw_devices $device]
current_hw_device $device
refresh_hw_device -update_hw_probes false $device

if {$mode eq "volatile"} {
    set_property PROBES.FILE {} $device
    set_property PROGRAM.FILE $file $device
    program_hw_devices $device
} else {
    # The memory of every Alveo board here.
    set memory [create_hw_cfgmem -hw_device $device [lindex [get_cfgmem_parts mt25qu01g-spi-x1_x2_x4] 0]]
    set_property PROGRAM.FILES [list $file] $memory
    set_property PROGRAM.ADDRESS_RANGE use_file $memory
    set_property PROGRAM.BLANK_CHECK 0 $memory
    set_property PROGRAM.ERASE 1 $memory
    set_property PROGRAM.CFG_PROGRAM 1 $memory
    set_property PROGRAM.VERIFY 1 $memory
    # What writes the memory is a design of its own, loaded first.
    create_hw_bitstream -hw_device $device [get_property PROGRAM.HW_CFGMEM_BITFILE $device]
    program_hw_devices $device
    program_hw_cfgmem -hw_cfgmem $memory
}
close_hw_target $cable
exit 0
