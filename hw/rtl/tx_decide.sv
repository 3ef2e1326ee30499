// Decides what becomes of each packet, in order, one per cycle: function enabled, prefix and length valid,
// owner and generation those of the row, the guard content, and room left. Three cycles.
module tx_decide (
  input  logic                        clk_i,
  input  logic                        rst_ni,
  input  logic                        clear_i,        // after reset: row clear_owner_i
  input  farrier_pkg::owner_t         clear_owner_i,
  // Packets. Cycle 0.
  input  logic                        valid_i,
  output logic                        ready_o,
  input  farrier_pkg::tx_packet_t  packet_i,
  // The account of cells: asked in cycle 0, answers in cycle 2.
  output logic                        ask_o,
  output farrier_pkg::tx_release_t ask_cells_o,
  input  logic                        fits_i,
  output logic                        take_o,
  // The owner table's news.
  input  farrier_pkg::switched_t      switched_i,
  // TX_SEEN of an owner, in the cycle after.
  input  farrier_pkg::owner_t         seen_owner_i,
  output logic [31:0]                 seen_o,
  // Cycle 2: the verdict, and the cells of what is dropped.
  output logic                        valid_o,
  output farrier_pkg::tx_verdict_t verdict_o,
  output logic                        reclaim_valid_o,
  output farrier_pkg::reclaim_t       reclaim_o,
  // Counting.
  output logic                        bad_prefix_o,
  output logic                        disabled_o,
  output logic                        guard_o,
  output logic                        full_o,
  output logic                        idle_o
);

  // The rows as TX sees them. A packet waits while there is news.
  logic                       take, one_q, two_q, sends_q, sends;
  farrier_pkg::tx_packet_t one_packet_q, packet_q;
  logic [13:0]                row;

  ram_1r1w #(
    .Width(14),
    .Depth(farrier_regs_pkg::Owners)
  ) u_rows (
    .clk_i,
    .write_i(clear_i || switched_i.valid),
    .waddr_i(clear_i ? clear_owner_i : switched_i.owner),
    .wdata_i(clear_i ? 14'd0 : {switched_i.state, switched_i.generation}),
    .read_i (take),
    .raddr_i(packet_i.owner),
    .rdata_o(row)
  );

  always_comb begin
    ready_o           = !switched_i.valid;
    take              = valid_i && ready_o;
    ask_o             = take;
    ask_cells_o.raw   = packet_i.raw;
    ask_cells_o.func  = packet_i.func;
    ask_cells_o.owner = packet_i.owner;
    ask_cells_o.cells = packet_i.cells;

    sends = (row[13:12] == farrier_regs_pkg::OwnerStateAttached ||
             row[13:12] == farrier_regs_pkg::OwnerStateHeld) &&
            one_packet_q.generation == {4'd0, row[11:0]};
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      one_q <= 1'b0;
      two_q <= 1'b0;
    end else begin
      one_q <= take;
      two_q <= one_q;
    end
    if (take) one_packet_q <= packet_i;
    if (one_q) begin
      packet_q <= one_packet_q;
      sends_q  <= sends;
    end
  end

  // The verdict.
  logic known, reached, stale, full, accept;

  always_comb begin
    known   = !packet_q.disabled && !packet_q.bad;
    reached = known && (packet_q.raw || sends_q);
    stale   = known && !packet_q.raw && !sends_q;
    accept  = reached && !packet_q.violation && packet_q.stored && fits_i;
    full    = reached && !packet_q.violation && !accept;

    valid_o      = two_q;
    take_o       = two_q && accept;
    disabled_o   = two_q && packet_q.disabled;
    bad_prefix_o = two_q && !packet_q.disabled && packet_q.bad;
    guard_o      = two_q && reached && packet_q.violation;
    full_o       = two_q && full;

    verdict_o.accept       = accept;
    verdict_o.head         = packet_q.head;
    verdict_o.size         = packet_q.size;
    verdict_o.slot         = packet_q.departure[63:6];
    verdict_o.at_once      = packet_q.departure == 64'd0;
    verdict_o.pacing_class = packet_q.pacing_class;
    verdict_o.owner        = packet_q.owner;
    verdict_o.count        = '0;
    verdict_o.count[farrier_pkg::TxCountSent]  = accept && !packet_q.raw;
    verdict_o.count[farrier_pkg::TxCountStale] = stale;
    verdict_o.count[farrier_pkg::TxCountFull]  = full && !packet_q.raw;

    reclaim_valid_o   = two_q && !accept && (packet_q.stored || packet_q.partial);
    reclaim_o.single  = packet_q.stored && packet_q.cells == 5'd1;
    reclaim_o.packets = {{farrier_pkg::CellBits{1'b0}}, 1'b1};
    reclaim_o.head    = (farrier_pkg::CellBits)'(packet_q.head);
  end

  // TX_SEEN, of what reached the card, whatever became of it. A new generation begins at 0: two cycles
  // after the news, when no packet is here that saw the row as it was.
  logic                seen_write, reached_owner, news_q, attached_q;
  farrier_pkg::owner_t seen_owner, news_owner_q, attached_owner_q;
  logic [31:0]         seen_data;

  ram_1r1w #(
    .Width(32),
    .Depth(farrier_regs_pkg::Owners)
  ) u_seen (
    .clk_i,
    .write_i(seen_write),
    .waddr_i(seen_owner),
    .wdata_i(seen_data),
    .read_i (1'b1),
    .raddr_i(seen_owner_i),
    .rdata_o(seen_o)
  );

  always_comb begin
    reached_owner = two_q && reached && !packet_q.raw;
    seen_write    = clear_i || attached_q || reached_owner;
    seen_owner    = packet_q.owner;
    seen_data     = packet_q.sequence_number;
    if (clear_i || attached_q) begin
      seen_owner = clear_i ? clear_owner_i : attached_owner_q;
      seen_data  = '0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      news_q     <= 1'b0;
      attached_q <= 1'b0;
    end else begin
      news_q     <= switched_i.valid && switched_i.state == farrier_regs_pkg::OwnerStateAttached;
      attached_q <= news_q;
    end
    news_owner_q     <= switched_i.owner;
    attached_owner_q <= news_owner_q;
  end

  assign idle_o = !valid_i && !one_q && !two_q && !news_q && !attached_q;

  // What is of use only to others.
  logic unused;
  assign unused = ^packet_q;

endmodule
