// Binds what must hold to the modules where it must hold, and what should be seen to where it happens.
bind fifo fifo_checks #(.AddressBits(AddressBits)) u_checks (.*);
bind cell_allocator allocator_checks #(.Cells(Cells)) u_checks (.*);
bind axil_slave axil_checks #(.AddressBits(AddressBits)) u_checks (.*);
bind farrier_card card_checks #(.Functions(Functions)) u_checks (.*);
