// All counters, and the snapshot that software reads: one owner's and the global ones.
module counters (
  input  logic                       clk_i,
  input  logic                       rst_ni,
  input  logic                       clear_i,          // after reset: owner clear_owner_i
  input  farrier_pkg::owner_t        clear_owner_i,
  input  farrier_pkg::rx_count_t     rx_i,
  input  farrier_pkg::tx_count_t     tx_i,
  // Global: how much each grows.
  input  logic [farrier_regs_pkg::GlobalCounters*32-1:0] global_i,
  // Snapshot.
  input  logic                       snapshot_i,       // of snapshot_owner_i
  input  farrier_pkg::owner_t        snapshot_owner_i,
  input  logic [farrier_pkg::CellBits:0] snapshot_parked_i, // packets that the owner has parked
  output logic                       snapshot_done_o,  // for one cycle: the words are there
  input  logic [5:0]                 word_i,           // owner block: LO, HI of each in turn
  input  logic                       word_global_i,    // global block instead
  output logic [31:0]                word_o
);

  // Sums per owner.
  logic [farrier_pkg::RxCounters*64-1:0] rx_values;
  logic [farrier_pkg::TxCounters*64-1:0] tx_values;
  logic [63:0]                           delivered_value;

  for (genvar i = 0; i < farrier_pkg::RxCounters; i++) begin : g_rx
    event_counter #(
      .Events    (farrier_regs_pkg::Owners),
      .AmountBits(farrier_pkg::CellBits + 1)
    ) u_counter (
      .clk_i,
      .rst_ni,
      .clear_i,
      .clear_event_i(clear_owner_i),
      .add_i       (rx_i.valid && rx_i.count[i]),
      .event_i     (rx_i.owner),
      .amount_i    (rx_i.amount),
      .read_i      (snapshot_i),
      .read_event_i(snapshot_owner_i),
      .value_o     (rx_values[64*i+:64])
    );
  end

  event_counter #(
    .Events(farrier_regs_pkg::Owners)
  ) u_delivered (
    .clk_i,
    .rst_ni,
    .clear_i,
    .clear_event_i(clear_owner_i),
    .add_i       (rx_i.delivered),
    .event_i     (rx_i.delivered_owner),
    .amount_i    (1'b1),
    .read_i      (snapshot_i),
    .read_event_i(snapshot_owner_i),
    .value_o     (delivered_value)
  );

  for (genvar i = 0; i < farrier_pkg::TxCounters; i++) begin : g_tx
    event_counter #(
      .Events(farrier_regs_pkg::Owners)
    ) u_counter (
      .clk_i,
      .rst_ni,
      .clear_i,
      .clear_event_i(clear_owner_i),
      .add_i       (tx_i.count[i]),
      .event_i     (tx_i.owner),
      .amount_i    (1'b1),
      .read_i      (snapshot_i),
      .read_event_i(snapshot_owner_i),
      .value_o     (tx_values[64*i+:64])
    );
  end

  // Global sums.
  localparam int Globals = farrier_regs_pkg::GlobalCounters;
  logic [Globals*64-1:0] global_q, global_snapshot_q;

  for (genvar i = 0; i < Globals; i++) begin : g_global
    logic [31:0] amount;
    assign amount = global_i[32*i+:32];

    always_ff @(posedge clk_i) begin
      if (!rst_ni) global_q[64*i+:64] <= '0;
      else if (amount != '0) global_q[64*i+:64] <= global_q[64*i+:64] + {32'd0, amount};
    end
  end

  // Snapshot. What was decided but has not gone out is queued; its sums come from two places, of which
  // the one of what went out is never ahead.
  logic [farrier_regs_pkg::OwnerCounters*64-1:0] owner_snapshot_q;
  logic [63:0]                                   parked_q;
  logic                                          snapshot_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      snapshot_q        <= 1'b0;
      snapshot_done_o   <= 1'b0;
      owner_snapshot_q  <= '0;
      global_snapshot_q <= '0;
    end else begin
      snapshot_q      <= snapshot_i;
      snapshot_done_o <= snapshot_q;
      if (snapshot_i) begin
        global_snapshot_q <= global_q;
        parked_q          <= {{63 - farrier_pkg::CellBits{1'b0}}, snapshot_parked_i};
      end
      if (snapshot_q) begin
        owner_snapshot_q[64*farrier_regs_pkg::OwnerCounterIn+:64] <=
            rx_values[64*farrier_pkg::RxCountIn+:64];
        owner_snapshot_q[64*farrier_regs_pkg::OwnerCounterDelivered+:64] <= delivered_value;
        owner_snapshot_q[64*farrier_regs_pkg::OwnerCounterParked+:64] <= parked_q;
        owner_snapshot_q[64*farrier_regs_pkg::OwnerCounterQueued+:64] <=
            rx_values[64*farrier_pkg::RxCountSent+:64] - delivered_value;
        owner_snapshot_q[64*farrier_regs_pkg::OwnerCounterDropQuota+:64] <=
            rx_values[64*farrier_pkg::RxCountDropQuota+:64];
        owner_snapshot_q[64*farrier_regs_pkg::OwnerCounterDropNoCredit+:64] <=
            rx_values[64*farrier_pkg::RxCountDropNoCredit+:64];
        owner_snapshot_q[64*farrier_regs_pkg::OwnerCounterDropDetached+:64] <=
            rx_values[64*farrier_pkg::RxCountDropDetached+:64];
        owner_snapshot_q[64*farrier_regs_pkg::OwnerCounterDropState+:64] <=
            rx_values[64*farrier_pkg::RxCountDropState+:64];
        owner_snapshot_q[64*farrier_regs_pkg::OwnerCounterDropDiscarded+:64] <=
            rx_values[64*farrier_pkg::RxCountDropDiscarded+:64];
        owner_snapshot_q[64*farrier_regs_pkg::OwnerCounterHeld+:64] <=
            rx_values[64*farrier_pkg::RxCountHeld+:64];
        owner_snapshot_q[64*farrier_regs_pkg::OwnerCounterTx+:64] <=
            tx_values[64*farrier_pkg::TxCountSent+:64];
        owner_snapshot_q[64*farrier_regs_pkg::OwnerCounterTxFull+:64] <=
            tx_values[64*farrier_pkg::TxCountFull+:64];
        owner_snapshot_q[64*farrier_regs_pkg::OwnerCounterTxClamped+:64] <=
            tx_values[64*farrier_pkg::TxCountClamped+:64];
        owner_snapshot_q[64*farrier_regs_pkg::OwnerCounterTxStale+:64] <=
            tx_values[64*farrier_pkg::TxCountStale+:64];
      end
    end
  end

  assign word_o = word_global_i ? global_snapshot_q[32*word_i[4:0]+:32]
                                : owner_snapshot_q[32*word_i[4:0]+:32];

  logic unused;
  assign unused = word_i[5];

endmodule
