// What happens to one packet, given its owner's row: delivered, parked or dropped. Combinational.
module owner_decision (
  input  logic                      valid_i,       // else nothing happens
  input  logic                      drop_i,        // a rule says so
  input  farrier_pkg::owner_row_t   row_i,
  input  farrier_pkg::rx_packet_t   packet_i,
  input  logic [3:0]                entry_i,       // the packet's, of the RSS table
  input  logic                      funded_i,      // the packet's queue can pay for it and a MARK
  input  logic                      room_i,        // the hold memory has room for it
  output logic                      deliver_o,
  output logic                      park_o,
  output logic                      reclaim_o,     // its cells go back
  output logic                      memory_full_o, // dropped, and not counted for the owner
  output logic [farrier_pkg::RxCounters-1:0] count_o, // the owner's counters that it increments
  output farrier_pkg::owner_row_t   row_o
);

  logic                              is_bad, parks, fits;
  logic [farrier_pkg::CellBits+1:0]  cells_after;
  logic [31:0]                       quota;

  always_comb begin
    is_bad = packet_i.malformed || packet_i.oversize || drop_i;
    quota  = row_i.quota_difference ^ farrier_pkg::QuotaAfterReset;
    cells_after = {1'b0, row_i.parked_cells} + {{farrier_pkg::CellBits - 3{1'b0}}, packet_i.cells};
    parks  = row_i.state == farrier_regs_pkg::OwnerStateHeld ||
             (row_i.state == farrier_regs_pkg::OwnerStateAttached && row_i.parked != '0);
    fits   = {{30 - farrier_pkg::CellBits{1'b0}}, cells_after} <= quota;

    deliver_o     = 1'b0;
    park_o        = 1'b0;
    memory_full_o = 1'b0;
    count_o       = '0;
    row_o         = row_i;
    if (valid_i && !is_bad) begin
      count_o[farrier_pkg::RxCountIn] = 1'b1;
      if (parks) begin
        if (!fits) begin
          count_o[farrier_pkg::RxCountDropQuota] = 1'b1;
        end else if (!packet_i.stored || !room_i) begin
          memory_full_o = 1'b1;
        end else begin
          park_o = 1'b1;
        end
      end else begin
        unique case (row_i.state)
          farrier_regs_pkg::OwnerStateDetached: begin
            count_o[farrier_pkg::RxCountDropDetached] = 1'b1;
          end
          farrier_regs_pkg::OwnerStateAttached: begin
            if (!funded_i) count_o[farrier_pkg::RxCountDropNoCredit] = 1'b1;
            else if (!packet_i.stored) memory_full_o = 1'b1;
            else deliver_o = 1'b1;
          end
          default: count_o[farrier_pkg::RxCountDropState] = 1'b1;
        endcase
      end
      if (memory_full_o) count_o = '0;
      if (deliver_o) begin
        count_o[farrier_pkg::RxCountSent] = 1'b1;
        row_o.rx_next = row_i.rx_next + 32'd1;
      end
      if (park_o) begin
        count_o[farrier_pkg::RxCountHeld] = 1'b1;
        row_o.rx_next      = row_i.rx_next + 32'd1;
        row_o.parked       = row_i.parked + 1'b1;
        row_o.parked_cells = cells_after[farrier_pkg::CellBits:0];
        row_o.park_tail    = packet_i.head;
        if (row_i.parked == '0) begin
          row_o.park_head  = packet_i.head;
          row_o.head_cells = packet_i.cells;
          row_o.head_entry = entry_i;
        end
      end
    end
    reclaim_o = valid_i && !deliver_o && !park_o && packet_i.stored;
  end

  logic unused;
  assign unused = ^{packet_i.size, packet_i.refused, cells_after[farrier_pkg::CellBits+1]};

endmodule
