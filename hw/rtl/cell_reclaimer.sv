// Gives back the cells of dropped packets and of discarded lists, in the background.
module cell_reclaimer #(
  parameter int unsigned Cells = 1 << farrier_pkg::CellBits  // that there are, at least 2
) (
  input  logic                    clk_i,
  input  logic                    rst_ni,
  input  logic                    push_i,          // always taken
  input  farrier_pkg::reclaim_t   reclaim_i,
  output logic                    idle_o,
  input  farrier_pkg::arriving_t  arriving_i,      // of this packet not all links are there yet
  // Links between cells and between parked packets; the answer comes with the next cycle and stays
  // until the next question.
  output logic                    link_read_o,
  output farrier_pkg::cell_t      link_address_o,
  input  farrier_pkg::cell_link_t link_i,
  output logic                    packet_read_o,
  output farrier_pkg::cell_t      packet_address_o,
  input  farrier_pkg::cell_t      packet_i,        // first cell of the packet behind
  // To the allocator.
  output logic                    free_o,
  output farrier_pkg::cell_t      free_cell_o,
  input  logic                    free_ready_i
);

  typedef enum logic [1:0] {
    StateIdle,    // look at the oldest entry
    StateLookUp,  // read what is behind `cell_q`
    StateFree     // give `cell_q` back
  } state_e;

  state_e                         state_q;
  logic                           valid, full, pop, first_q;
  logic [farrier_pkg::CellBits:0] packets_q;
  logic [$clog2(Cells):0]         level;
  farrier_pkg::reclaim_t          entry;
  farrier_pkg::cell_t             cell_q;
  logic                           waits;

  fifo #(
    .Width($bits(reclaim_i)),
    .Depth(1 << $clog2(Cells))
  ) u_entries (
    .clk_i,
    .rst_ni,
    .push_i,
    .data_i (reclaim_i),
    .full_o (full),
    .valid_o(valid),
    .data_o (entry),
    .pop_i  (pop),
    .level_o(level)
  );

  always_comb begin
    free_o           = 1'b0;
    free_cell_o      = cell_q;
    link_read_o      = state_q == StateLookUp;
    link_address_o   = cell_q;
    packet_read_o    = state_q == StateLookUp && first_q;
    packet_address_o = cell_q;
    pop              = 1'b0;
    if (state_q == StateIdle && valid) begin
      pop = !entry.single || free_ready_i;
      if (entry.single) begin
        free_o      = 1'b1;
        free_cell_o = entry.head;
      end
    end else if (state_q == StateFree) begin
      free_o = 1'b1;
    end
  end

  assign waits  = first_q && arriving_i.valid && arriving_i.head == cell_q;
  assign idle_o = state_q == StateIdle && !valid;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q <= StateIdle;
    end else begin
      unique case (state_q)
        StateIdle: if (valid && !entry.single) state_q <= StateLookUp;
        StateLookUp: if (!waits) state_q <= StateFree;
        StateFree: begin
          if (free_ready_i) begin
            state_q <= (link_i.last && packets_q == 1) ? StateIdle : StateLookUp;
          end
        end
        default: state_q <= StateIdle;
      endcase
    end
    if (state_q == StateIdle) begin
      cell_q    <= entry.head;
      packets_q <= entry.packets;
      first_q   <= 1'b1;
    end
    if (state_q == StateFree && free_ready_i) begin
      cell_q  <= link_i.last ? packet_i : link_i.next;
      first_q <= link_i.last;
      if (link_i.last) packets_q <= packets_q - 1'b1;
    end
  end

  // Each entry has a cell of its own, so the queue cannot overflow.
  logic unused;
  assign unused = ^{full, level, arriving_i.beats};

endmodule
