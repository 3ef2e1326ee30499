# The shell's build.tcl sources this to make the box's AXI crossbar. There is none: all of the box's
# window is the card's (box_250mhz_address_map.v).
